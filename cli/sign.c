/*
 * signpost sign: puts signatures on top of the message on standard input,
 * with the key that is named, or as the configuration's rules say.
 */
#include <string.h>
#include <time.h>

#include "auth/results.h"
#include "base/clock.h"
#include "cli/kit/cli.h"
#include "cli/kit/options.h"
#include "cli/kit/settings.h"
#include "cli/sign.h"
#include "dkim/signature.h"
#include "mail/address.h"
#include "mail/idn.h"

enum { TTL_MAX = 3650 * 86400 };

static const char help[] =
    "usage: signpost sign -d DOMAIN -s SELECTOR -k KEYFILE [OPTION]... "
    "<message\n"
    "       signpost sign [-c FILE] [--time UNIX] [--header-only] <message\n"
    "\n"
    "Prints the message on standard input with signatures on top: with the\n"
    "key named, or as the rules of the configuration say.\n"
    "\n"
    "  -d, --domain DOMAIN      d=, the domain that signs\n"
    "  -s, --selector SELECTOR  s=, under which its key is published\n"
    "  -k, --key KEYFILE        the private key, PEM\n"
    "  -c, --config FILE        whose rules sign "
    "(/etc/signpost/signpost.conf)\n"
    "  --type TYPE              dkim (default), domainkeys or arc; may be\n"
    "                           given more than once\n"
    "  --canon CANON            relaxed/relaxed (default) and its kin for\n"
    "                           dkim; nofws (default) or simple for\n"
    "                           domainkeys\n"
    "  --headers LIST           fields to sign, between colons; +NAME is\n"
    "                           oversigned, `default' the built-in list\n"
    "  --algorithm NAME         rsa-sha256, ed25519-sha256 or rsa-sha1; the\n"
    "                           key's own where left out\n"
    "  --identity ADDRESS       i=, an address in or below the domain\n"
    "  --ttl TIME               how long it is valid: 7d, 12h, 3600\n"
    "  --time UNIX              sign as if at that time\n"
    "  --header-only            print the new fields alone\n"
    "  --authserv-id HOST       arc: whose results are sealed (host name)\n"
    "  --nameserver ADDR[:PORT] arc: the name server to ask\n"
    "  --dns-timeout TIME       arc: for one question (5s)\n";

int
cli_sign_refuse(const char *option, const char *value, const char *why)
{
	return cli_usage_error("sign", "%s %s: %s", option, value, why);
}

static int
add_type(void *to, const char *type)
{
	struct cli_sign_wishes *w = to;
	const struct dkim_kind *kind = dkim_kind_find(slice_str(type));

	if (strcmp(type, "arc") == 0) {
		if (w->arc)
			return cli_sign_refuse(
			    "--type", type, "one set at a time");
		w->arc = true;
		return 0;
	}
	if (kind == NULL || strcmp(type, kind->name) != 0)
		return cli_sign_refuse(
		    "--type", type, "not dkim, domainkeys or arc");
	if (w->type_count == DKIM_SIGNING_SET_MAX)
		return cli_sign_refuse("--type", type, "too many");
	w->types[w->type_count++] = kind;
	return 0;
}

static int
add_canon(void *to, const char *canon)
{
	struct cli_sign_wishes *w = to;

	if (w->canon_count == CLI_SIGN_CANONS_MAX)
		return cli_sign_refuse("--canon", canon, "too many");
	w->canons[w->canon_count++] = canon;
	return 0;
}

static bool
is_option_name(const char *text)
{
	struct strbuf ascii;
	bool is;

	strbuf_init(&ascii, MAIL_IDN_NAME_MAX);
	is = mail_idn_to_ascii(slice_str(text), &ascii) == 0;
	strbuf_clear(&ascii);
	return is;
}

/* i= lies in d= or below: RFC 6376 section 3.5. */
static bool
is_identity_of(const char *identity, const char *domain)
{
	struct strbuf inner, outer;
	bool is;

	strbuf_init(&inner, MAIL_IDN_NAME_MAX);
	strbuf_init(&outer, MAIL_IDN_NAME_MAX);
	is = mail_idn_to_ascii(
		 mail_address_domain(slice_str(identity)), &inner) >= 0 &&
	    mail_idn_to_ascii(slice_str(domain), &outer) >= 0 &&
	    mail_domain_is_within(strbuf_slice(&inner), strbuf_slice(&outer));
	strbuf_clear(&inner);
	strbuf_clear(&outer);
	return is;
}

static int
read_options(int argc, char **argv, struct cli_sign_wishes *w)
{
	const struct cli_option options[] = {
	    {'c', "config", .text = &w->config},
	    {'d', "domain", .text = &w->domain},
	    {'s', "selector", .text = &w->selector},
	    {'k', "key", .text = &w->keyfile},
	    {0, "type", .take = add_type, .to = w},
	    {0, "canon", .take = add_canon, .to = w},
	    {0, "headers", .text = &w->headers},
	    {0, "algorithm", .text = &w->algorithm},
	    {0, "identity", .text = &w->identity},
	    {0, "ttl", .seconds = &w->ttl, .max = TTL_MAX},
	    {0, "time", .number = &w->time, .max = CLI_OPTION_UNIX_MAX},
	    {0, "header-only", .flag = &w->header_only},
	    {0, "authserv-id", .text = &w->authserv_id},
	    {0, "nameserver", .text = &w->dns.nameserver},
	    {0, "dns-timeout", .seconds = &w->dns.timeout,
		.max = CLI_DNS_TIMEOUT_MAX},
	    {0},
	};
	bool some, all;
	bool more;

	w->time = (uint64_t)clock_wall_s();
	if (cli_options_read(options, argc, argv, NULL) != 0)
		return -1;
	/* Whoever names a key names all of it; the rules take nothing of it. */
	some = w->domain != NULL || w->selector != NULL || w->keyfile != NULL;
	all = w->domain != NULL && w->selector != NULL && w->keyfile != NULL;
	more = w->headers != NULL || w->algorithm != NULL ||
	    w->identity != NULL || w->type_count > 0 || w->arc ||
	    w->canon_count > 0 || w->ttl > 0 || w->dns.nameserver != NULL ||
	    w->authserv_id != NULL || w->dns.timeout > 0;
	if (some && !all)
		return cli_usage_error("sign", "-d, -s and -k go together");
	if (all && !is_option_name(w->domain))
		return cli_sign_refuse("-d", w->domain, "no domain name");
	if (all && !is_option_name(w->selector))
		return cli_sign_refuse("-s", w->selector, "no selector");
	if (all && w->identity != NULL &&
	    !is_identity_of(w->identity, w->domain))
		return cli_sign_refuse(
		    "--identity", w->identity, "is outside of the domain");
	if (w->authserv_id != NULL &&
	    !auth_results_is_id(slice_str(w->authserv_id)))
		return cli_sign_refuse("--authserv-id", w->authserv_id,
		    "empty, too long or no text");
	if (!all && more)
		return cli_sign_refuse("options", "of a signature",
		    "need -d, -s and -k; the configuration has its own");
	return 0;
}

/* Of a configuration beside a key: the name server and the name of who
 * checks, for ARC, where no option says them. */
static int
sign_beside_config(struct cli_sign_wishes *w)
{
	struct proxy_config *config;
	int status = cli_config_load(w->config, &config);

	if (status != CLI_OK)
		return status;
	if (w->dns.nameserver == NULL && config->dns.nameservers.count > 0)
		w->dns.nameserver = config->dns.nameservers.list[0];
	if (w->authserv_id == NULL && config->checking.authserv_ids.count > 0)
		w->authserv_id = config->checking.authserv_ids.list[0];
	status = cli_sign_directly(w);
	proxy_config_free(config);
	return status;
}

static int
run(int argc, char **argv)
{
	struct cli_sign_wishes w = {0};

	if (read_options(argc, argv, &w) != 0)
		return CLI_USAGE;
	if (w.keyfile == NULL)
		return cli_sign_by_config(
		    w.config, (int64_t)w.time, w.header_only);
	return w.config == NULL ? cli_sign_directly(&w)
				: sign_beside_config(&w);
}

const struct cli_command cli_sign = {
    "sign", run, "sign the message on standard input", help};
