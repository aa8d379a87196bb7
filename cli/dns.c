/*
 * signpost dns: the records to publish for the keys that a configuration
 * signs with.
 */
#include <string.h>

#include "cli/kit/cli.h"
#include "cli/kit/key_places.h"
#include "cli/kit/options.h"
#include "cli/kit/records.h"
#include "cli/kit/settings.h"
#include "dkim/key.h"
#include "mail/idn.h"
#include "proxy/keys/key_files.h"

static const char help[] =
    "usage: signpost dns [-c FILE] [-d DOMAIN] [--format zone|raw|form|json]\n"
    "\n"
    "Prints the DNS records to publish: of each key that the configuration\n"
    "signs or seals with, under SELECTOR._domainkey.DOMAIN.\n"
    "\n"
    "  -c, --config FILE    the configuration "
    "(/etc/signpost/signpost.conf)\n"
    "  -d, --domain DOMAIN  of this domain only; needed for `domain = *'\n"
    "  --format FORMAT      zone: lines of a zone file (default); raw: name\n"
    "                       and value, one record a line; form: the fields\n"
    "                       of a provider's form; json\n";

struct wishes {
	const char *config, *domain;
	enum cli_records_format format;
};

static int
set_format(void *to, const char *format)
{
	struct wishes *w = to;

	if (cli_records_format_parse(slice_str(format), &w->format) == 0)
		return 0;
	cli_error("dns: --format %s: neither zone, raw, form nor json", format);
	return -1;
}

static int
read_options(int argc, char **argv, struct wishes *w)
{
	const struct cli_option options[] = {
	    {'c', "config", .text = &w->config},
	    {'d', "domain", .text = &w->domain},
	    {0, "format", .take = set_format, .to = w},
	    {0},
	};

	return cli_options_read(options, argc, argv, NULL);
}

struct collecting {
	const struct proxy_config *config;
	struct cli_records records;
	bool trouble;
};

static void
complain_of_place(struct collecting *c, const struct cli_key_place *place,
    const struct strbuf *reason)
{
	cli_error("no record for %.*s: %s", (int)place->domain.n,
	    place->domain.p, strbuf_text(reason));
	c->trouble = true;
}

/* A place that another rule named already costs no second look. */
static bool
is_place_known(const struct collecting *c, const struct cli_key_place *place)
{
	struct strbuf name, ignored;
	bool known = false;

	strbuf_init(&name, (size_t)3 * MAIL_IDN_NAME_MAX);
	strbuf_init(&ignored, 1000);
	if (cli_records_key_name(
		place->domain, place->selector, &name, &ignored) == 0)
		known = cli_records_has(&c->records, strbuf_slice(&name));
	strbuf_clear(&name);
	strbuf_clear(&ignored);
	return known;
}

static void
on_place(void *ctx, const struct cli_key_place *place)
{
	struct collecting *c = ctx;
	enum proxy_key_status status;
	struct strbuf reason;
	struct dkim_key *key;
	size_t from = 0;

	/* d= is a macro: no record before there is a message */
	if (place->domain.n == 0 || is_place_known(c, place))
		return;
	strbuf_init(&reason, PROXY_KEY_REASON_MAX);
	key = proxy_key_file_load(
	    c->config, place->rule, place->domain, &from, &status, &reason);
	if (key == NULL ||
	    cli_records_add_key(&c->records, slice_after(place->domain, from),
		place->selector, key, &reason) != 0)
		complain_of_place(c, place, &reason);
	dkim_key_free(key);
	strbuf_clear(&reason);
}

static int
print_records(const struct wishes *w, struct slice domain,
    const struct proxy_config *config)
{
	struct collecting c = {.config = config};
	int status = CLI_OK;

	cli_key_places(config, domain, on_place, &c);
	if (c.trouble)
		status = CLI_CONFIG;
	else if (c.records.count == 0) {
		if (domain.n > 0)
			cli_error("dns: the configuration does not sign for "
				  "%.*s",
			    (int)domain.n, domain.p);
		else
			cli_error("dns: the configuration signs for no "
				  "domain%s",
			    config->signing.any_domain
				? " by name: say which (-d)"
				: "");
		status = CLI_NO_MESSAGE;
	}
	if (c.records.count > 0)
		cli_records_print(&c.records, w->format);
	cli_records_clear(&c.records);
	return cli_stdout_close(status);
}

static int
run(int argc, char **argv)
{
	struct wishes w = {.config = PROXY_CONFIG_PATH};
	struct proxy_config *config;
	struct strbuf domain;
	int status;

	if (read_options(argc, argv, &w) != 0)
		return CLI_USAGE;
	strbuf_init(&domain, MAIL_IDN_NAME_MAX);
	if (w.domain != NULL &&
	    mail_idn_to_ascii(slice_str(w.domain), &domain) != 0) {
		cli_error("dns: -d %s: no domain name", w.domain);
		return CLI_USAGE;
	}
	status = cli_config_load(w.config, &config);
	if (status == CLI_OK)
		status = print_records(&w, strbuf_slice(&domain), config);
	proxy_config_free(config);
	strbuf_clear(&domain);
	return status;
}

const struct cli_command cli_dns = {
    "dns", run, "print the DNS records to publish", help};
