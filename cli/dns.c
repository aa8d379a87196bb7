/*
 * signpost dns: the records to publish, of keys and of policies. What is in the
 * DNS already is kept and extended.
 */
#include <string.h>

#include "cli/kit/cli.h"
#include "cli/kit/domains.h"
#include "cli/kit/options.h"
#include "cli/kit/records_print.h"
#include "cli/kit/settings.h"
#include "cli/publish/delegation.h"
#include "cli/publish/dmarc_plan.h"
#include "cli/publish/wizard.h"
#include "mail/idn.h"

static const char help[] =
    "usage: signpost dns [-c FILE] [-d DOMAIN]\n"
    "           [--for dkim|spf|dmarc|senderid|all] [--spf TERMS]\n"
    "           [--dmarc p=none|quarantine|reject] [--rua ADDRESS]\n"
    "           [--nameserver ADDR[:PORT]]\n"
    "           [--format zone|raw|form|json|nsupdate]\n"
    "       signpost dns --cname PROVIDER [-c FILE] [-d DOMAIN]\n"
    "           [--format FORMAT]\n"
    "\n"
    "Prints the DNS records to publish: of each key that the configuration\n"
    "signs or seals with, and SPF, DMARC and what else belongs to the\n"
    "domains. What is in the DNS now is asked for, kept and extended.\n"
    "\n"
    "  -c, --config FILE    the configuration "
    "(/etc/signpost/signpost.conf)\n"
    "  -d, --domain DOMAIN  of this domain only\n"
    "  --for WHAT           these records only; with dkim nothing is asked\n"
    "  --spf TERMS          who may send, as \"mx include:example.net\";\n"
    "                       the addresses of this machine where left out\n"
    "  --dmarc p=POLICY     what receivers shall do with forged mail;\n"
    "                       where there is no record yet, none\n"
    "  --rua ADDRESS        who gets DMARC's reports (postmaster@DOMAIN)\n"
    "  --nameserver ADDR[:PORT]  the name server to ask\n"
    "  --cname PROVIDER     what customers publish who delegate their keys'\n"
    "                       names (of [rotate] name = a, b) to PROVIDER's\n"
    "                       domain; nothing is asked\n"
    "  --format FORMAT      zone: lines of a zone file (default); raw: name\n"
    "                       and value, one record a line; form: the fields\n"
    "                       of a provider's form; json; nsupdate: commands\n"
    "                       for nsupdate(1)\n";

enum { OPTION_MAX = 8192 };

struct wishes {
	const char *config, *domain, *provider;
	struct cli_wizard wizard;
	enum cli_records_format format;
};

static int
set_format(void *to, const char *format)
{
	struct wishes *w = to;

	if (cli_records_format_parse(slice_str(format), &w->format) == 0)
		return 0;
	cli_error("dns: --format %s: neither zone, raw, form, json nor "
		  "nsupdate",
	    format);
	return -1;
}

static int
set_what(void *to, const char *word)
{
	static const struct {
		const char *word;
		unsigned what;
	} words[] = {
	    {"dkim", CLI_PUBLISH_DKIM},
	    {"spf", CLI_PUBLISH_SPF},
	    {"dmarc", CLI_PUBLISH_DMARC},
	    {"senderid", CLI_PUBLISH_SENDERID},
	    {"all", CLI_PUBLISH_ALL},
	};
	struct wishes *w = to;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(word, words[i].word) == 0) {
			w->wizard.wishes.what = words[i].what;
			return 0;
		}
	cli_error(
	    "dns: --for %s: neither dkim, spf, dmarc, senderid nor all", word);
	return -1;
}

static int
set_policy(void *to, const char *text)
{
	static const char *const words[] = {"none", "quarantine", "reject"};
	struct wishes *w = to;
	const char *word = strncmp(text, "p=", 2) == 0 ? text + 2 : text;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(word, words[i]) == 0) {
			w->wizard.wishes.policy = words[i];
			return 0;
		}
	cli_error(
	    "dns: --dmarc %s: neither p=none, p=quarantine nor p=reject", text);
	return -1;
}

static int
set_rua(void *to, const char *text)
{
	struct wishes *w = to;

	if (slice_starts_nocase(slice_str(text), SLICE("mailto:")))
		text += strlen("mailto:");
	w->wizard.wishes.rua = text;
	if (cli_dmarc_plan_takes(slice_str(text)))
		return 0;
	cli_error("dns: --rua %s: no address that can stand there", text);
	return -1;
}

static void
print_domain(void *ctx, struct cli_records *records)
{
	cli_records_print(ctx, records);
}

static int
print_records(struct wishes *w, const struct proxy_config *config)
{
	struct cli_records_printer printer = {.format = w->format};
	struct strbuf config_option;
	int outcome;

	strbuf_init(&config_option, OPTION_MAX);
	cli_config_option(w->config, &config_option);
	w->wizard.wishes.config = strbuf_text(&config_option);
	w->wizard.wishes.ask = w->wizard.wishes.what != CLI_PUBLISH_DKIM;
	w->wizard.config = config;
	w->wizard.take = print_domain;
	w->wizard.ctx = &printer;
	outcome = cli_wizard_run(&w->wizard);
	if (printer.count > 0 || outcome == CLI_OK)
		cli_records_print_end(&printer);
	strbuf_clear(&config_option);
	return cli_stdout_close(outcome);
}

static int
print_delegation(const struct wishes *w, struct slice provider,
    const struct proxy_config *config)
{
	struct cli_records_printer printer = {.format = w->format};
	const struct cli_delegation delegation = {.config = config,
	    .domain = w->wizard.domain,
	    .provider = provider,
	    .take = print_domain,
	    .ctx = &printer};
	int outcome = cli_delegation_run(&delegation);

	if (printer.count > 0)
		cli_records_print_end(&printer);
	return cli_stdout_close(outcome);
}

/* Into A-labels; 0, or -1 with a message. */
static int
take_name(const char *option, const char *text, struct strbuf *ascii)
{
	if (text == NULL || cli_domain_read(slice_str(text), ascii) == 0)
		return 0;
	cli_error("dns: %s %s: no domain name", option, text);
	return -1;
}

static int
run(int argc, char **argv)
{
	struct wishes w = {
	    .config = PROXY_CONFIG_PATH, .wizard.wishes.what = CLI_PUBLISH_ALL};
	const struct cli_publish_wishes *wishes = &w.wizard.wishes;
	struct proxy_config *config = NULL;
	struct strbuf domain, provider;
	int status = CLI_USAGE;
	const struct cli_option options[] = {
	    {'c', "config", .text = &w.config},
	    {'d', "domain", .text = &w.domain},
	    {0, "for", .take = set_what, .to = &w},
	    {0, "spf", .text = &w.wizard.wishes.terms},
	    {0, "dmarc", .take = set_policy, .to = &w},
	    {0, "rua", .take = set_rua, .to = &w},
	    {0, "nameserver", .text = &w.wizard.nameserver},
	    {0, "cname", .text = &w.provider},
	    {0, "format", .take = set_format, .to = &w},
	    {0},
	};

	if (cli_options_read(options, argc, argv, NULL) != 0)
		return CLI_USAGE;
	if (w.provider != NULL &&
	    (wishes->what != CLI_PUBLISH_ALL || wishes->terms != NULL ||
		wishes->policy != NULL || wishes->rua != NULL)) {
		cli_error("dns: --cname goes with -c, -d and --format alone");
		return CLI_USAGE;
	}
	strbuf_init(&domain, MAIL_IDN_NAME_MAX);
	strbuf_init(&provider, MAIL_IDN_NAME_MAX);
	if (take_name("-d", w.domain, &domain) == 0 &&
	    take_name("--cname", w.provider, &provider) == 0) {
		w.wizard.domain = strbuf_slice(&domain);
		status = cli_config_load(w.config, &config);
		if (status == CLI_OK && w.provider != NULL)
			status = print_delegation(
			    &w, strbuf_slice(&provider), config);
		else if (status == CLI_OK)
			status = print_records(&w, config);
	}
	proxy_config_free(config);
	strbuf_clear(&domain);
	strbuf_clear(&provider);
	return status;
}

const struct cli_command cli_dns = {
    "dns", run, "print the DNS records to publish", help};
