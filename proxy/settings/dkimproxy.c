/* The table of DKIMproxy's options; see dkimproxy.h. */
#include <stddef.h>

#include "proxy/settings/dkimproxy.h"

#define SERVERS \
	"nothing: each worker takes many clients (`workers`, `max_sessions`)"

static const struct proxy_dkimproxy_option options[] = {
    {"listen", "[out] listen", "[in] listen", "listen = ADDRESS:PORT"},
    {"relay", "[out] relay", "[in] relay", "relay = ADDRESS:PORT"},
    {"relay_host", "[out] relay", "[in] relay",
	"relay = ADDRESS:PORT, which has the port too"},
    {"relay_port", "[out] relay", "[in] relay",
	"relay = ADDRESS:PORT, which has the address too"},
    {"domain", "[out] domain", NULL,
	"domain = NAME, NAME in [out], and sign_all = yes where one alone is "
	"to sign all mail"},
    {"selector", "[out] selector", NULL, "selector = NAME in [out]"},
    {"keyfile", "[out] keyfile", NULL, "keyfile = /PATH in [out]"},
    {"method", "[out] signature", NULL, "signature = dkim(c=relaxed) in [out]"},
    {"signature", "[out] signature", NULL,
	"signature = dkim(c=relaxed/relaxed) in [out]"},
    {"sender_map", "[out] sender_map", NULL,
	"sender_map = /PATH in [out]; the file stays as it is"},
    {"listid_map", "[out] listid_map", NULL,
	"listid_map = /PATH in [out]; the file stays as it is"},
    {"reject_error", "[out] on_error", "[in] on_dns_error",
	"on_error = tempfail in [out], on_dns_error = tempfail in [in]"},
    {"reject_fail", NULL, "[in] reject", "reject = dmarc in [in]"},
    {"hostname", NULL, "[in] authserv_id",
	"authserv_id = NAME in [in]; hostname of [signpost] is for the "
	"greeting"},
    {"user", "[signpost] user", "[in] user",
	"user = NAME in [signpost] for what signs, in [in] for what checks"},
    {"group", NULL, NULL, "nothing: the groups are those of `user`"},
    {"pidfile", "[signpost] pidfile", "[signpost] pidfile",
	"pidfile = /PATH in [signpost]"},
    {"pid_file", "[signpost] pidfile", "[signpost] pidfile",
	"pidfile = /PATH in [signpost]"},
    {"daemonize", NULL, NULL, "nothing: signpost serve -D does it"},
    {"setsid", NULL, NULL, "nothing: signpost serve -D does it"},
    {"conf_file", NULL, NULL, "nothing: signpost serve -c FILE names it"},
    {"debugtrace", "[signpost] log_level", "[signpost] log_level",
	"log_level = debug in [signpost]"},
    {"word_wrap", NULL, NULL, "nothing: fields are folded at 78 columns"},
    {"min_servers", NULL, NULL, SERVERS},
    {"max_servers", "[signpost] workers", "[signpost] workers", SERVERS},
    {"min_spare_servers", NULL, NULL, SERVERS},
    {"max_spare_servers", NULL, NULL, SERVERS},
    {"max_requests", NULL, NULL, "nothing: workers are not replaced"},
};

#define OPTIONS (sizeof(options) / sizeof(options[0]))

static bool
is_same(struct slice name, const char *option)
{
	struct slice other = slice_str(option);

	if (name.n != other.n)
		return false;
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i] == '-' ? '_' : ascii_lower(name.p[i]);

		if (c != other.p[i])
			return false;
	}
	return true;
}

const struct proxy_dkimproxy_option *
proxy_dkimproxy_option_find(struct slice name)
{
	if (slice_starts_nocase(name, SLICE("--")))
		name = slice_after(name, 2);
	for (size_t i = 0; i < OPTIONS; i++)
		if (is_same(name, options[i].name))
			return &options[i];
	return NULL;
}
