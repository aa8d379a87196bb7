/* The table of DKIMproxy's options; see dkimproxy.h. */
#include <stddef.h>

#include "proxy/settings/dkimproxy.h"

#define SERVERS \
	"nothing: each worker takes many clients (`workers`, `max_sessions`)"

static const struct proxy_dkimproxy_option options[] = {
    {"listen", "[out] listen", "[in] listen", "listen = ADDRESS:PORT"},
    {"relay", "[out] relay", "[in] relay", "relay = ADDRESS:PORT"},
    {"host", "[out] listen", "[in] listen",
	"listen = ADDRESS:PORT, which has the port too"},
    {"port", "[out] listen", "[in] listen",
	"listen = ADDRESS:PORT, which has the address too"},
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
    {"dkim_method", "[out] signature", NULL,
	"signature = dkim(c=relaxed) in [out]"},
    {"domainkeys_method", "[out] signature", NULL,
	"signature = domainkeys(c=nofws) in [out]"},
    {"identity", "[out] signature", NULL,
	"signature = dkim(i=IDENTITY) in [out]"},
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
    {"background", NULL, NULL, "nothing: signpost serve -D does it"},
    {"help", NULL, NULL, "nothing: signpost COMMAND --help says it"},
    {"server_type", NULL, NULL, SERVERS},
    {"spare_servers", NULL, NULL, SERVERS},
    {"min_child_ttl", NULL, NULL, SERVERS},
    {"max_dequeue", NULL, NULL, SERVERS},
    {"check_for_dead", NULL, NULL, SERVERS},
    {"check_for_dequeue", NULL, NULL, SERVERS},
    {"check_for_spawn", NULL, NULL, SERVERS},
    {"check_for_waiting", NULL, NULL, SERVERS},
    {"child_communication", NULL, NULL, SERVERS},
    {"lock_file", NULL, NULL, SERVERS},
    {"serialize", NULL, NULL, SERVERS},
    {"leave_children_open_on_hup", NULL, NULL,
	"nothing: no message is cut by a reload"},
    {"sig_passthrough", NULL, NULL, "nothing: the master tells its workers"},
    {"allow", "[out] allow", "[in] allow",
	"allow = NETWORK, NETWORK: numbers, no expressions"},
    {"cidr_allow", "[out] allow", "[in] allow", "allow = NETWORK, NETWORK"},
    {"deny", NULL, NULL, "nothing: allow = NETWORK names all who may"},
    {"cidr_deny", NULL, NULL, "nothing: allow = NETWORK names all who may"},
    {"chroot", NULL, NULL, "nothing: the unit shuts it in"},
    {"log_level", "[signpost] log_level", "[signpost] log_level",
	"log_level = info in [signpost]"},
    {"log_file", "[signpost] log", "[signpost] log",
	"log = syslog or stderr in [signpost]"},
    {"log_function", "[signpost] log", "[signpost] log",
	"log = syslog or stderr in [signpost]"},
    {"syslog_facility", "[signpost] log", "[signpost] log",
	"log = syslog in [signpost]; its facility is mail"},
    {"syslog_ident", "[signpost] log", "[signpost] log",
	"log = syslog in [signpost]; names are signpost/out and signpost/in"},
    {"syslog_logopt", "[signpost] log", "[signpost] log",
	"log = syslog in [signpost]"},
    {"syslog_logsock", "[signpost] log", "[signpost] log",
	"log = syslog in [signpost]"},
    {"proto", NULL, NULL, "nothing: listen = unix:/PATH is the other one"},
    {"ipv", NULL, NULL, "nothing: listen = [ADDRESS6]:PORT is the other one"},
    {"ipv6_package", NULL, NULL, "nothing: IPv6 needs none"},
    {"reverse_lookups", NULL, NULL, "nothing: no names are looked up"},
    {"double_reverse_lookups", NULL, NULL, "nothing: no names are looked up"},
    {"no_close_by_child", NULL, NULL, SERVERS},
    {"no_client_stdout", NULL, NULL, SERVERS},
    {"tie_client_stdout", NULL, NULL, SERVERS},
    {"tied_stdout_callback", NULL, NULL, SERVERS},
    {"tied_stdin_callback", NULL, NULL, SERVERS},
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
