/*
 * signpost check: what is still missing for mail to be signed and for its
 * signatures to be believed, in the order in which one sets it up:
 * configuration, keys, DNS, wiring.
 */
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "cli/check/daemon.h"
#include "cli/check/disk.h"
#include "cli/check/dns.h"
#include "cli/check/keys.h"
#include "cli/check/leaving.h"
#include "cli/check/reflector.h"
#include "cli/check/report.h"
#include "cli/check/results.h"
#include "cli/check/rotation.h"
#include "cli/check/send.h"
#include "cli/check/servers.h"
#include "cli/check/wiring.h"
#include "cli/kit/cli.h"
#include "cli/kit/domains.h"
#include "cli/kit/options.h"
#include "cli/kit/postfix.h"
#include "cli/kit/resolve.h"
#include "cli/kit/settings.h"
#include "mail/address.h"
#include "mail/idn.h"
#include "proxy/keys/key_check.h"

enum { SEND_WAIT_DEFAULT = 60, SEND_WAIT_MAX = 86400 };

static const char help[] =
    "usage: signpost check [-c FILE] [-d DOMAIN] [--nameserver ADDR[:PORT]]\n"
    "           [--json] [--send ADDRESS [--mailbox PATH] [--wait TIME]]\n"
    "\n"
    "Says what is still missing: looks at the configuration, the keys, the\n"
    "DNS records of keys and domains (DKIM, DomainKeys, SPF, DMARC), and who\n"
    "answers at the listeners and next hops; asks postconf how Postfix is\n"
    "wired, and whether the reflector can answer. No mail is sent without\n"
    "--send. Ends 0 where nothing failed, 1 where something did, 75 where the\n"
    "DNS did not answer.\n"
    "\n"
    "  -c, --config FILE         the configuration\n"
    "                            (/etc/signpost/signpost.conf)\n"
    "  -d, --domain DOMAIN       this domain only\n"
    "  --nameserver ADDR[:PORT]  the name server to ask\n"
    "  --json                    print one JSON object\n"
    "  --send ADDRESS            send it a message as this host sends mail, "
    "and\n"
    "                            verify it where it comes out\n"
    "  --mailbox PATH            there, an mbox or (with a / at its end) a\n"
    "                            Maildir; Postfix's own are found\n"
    "  --wait TIME               for it (60s)\n";

struct wishes {
	const char *config, *domain;
	struct cli_dns dns;
	struct check_send send; /* to: NULL where none is sent */
	bool json;
};

static int
read_options(int argc, char **argv, struct wishes *w)
{
	const struct cli_option options[] = {
	    {'c', "config", .text = &w->config},
	    {'d', "domain", .text = &w->domain},
	    {0, "nameserver", .text = &w->dns.nameserver},
	    {0, "json", .flag = &w->json},
	    {0, "send", .text = &w->send.to},
	    {0, "mailbox", .text = &w->send.mailbox},
	    {0, "wait", .seconds = &w->send.wait, .max = SEND_WAIT_MAX},
	    {0},
	};

	if (cli_options_read(options, argc, argv, NULL) != 0)
		return -1;
	if (w->send.to != NULL &&
	    (mail_address_domain(slice_str(w->send.to)).n == 0 ||
		w->send.to[0] == '@' || w->send.to[0] == '-' ||
		strpbrk(w->send.to, " \t\r\n<>") != NULL))
		return cli_usage_error(
		    "check", "--send %s: no address", w->send.to);
	if (w->send.to == NULL && w->send.mailbox != NULL)
		return cli_usage_error("check", "--mailbox: only with --send");
	return 0;
}

static void
tell_lines(const struct strbuf *lines, enum check_result result,
    const struct check_keys *keys, struct check_report *report)
{
	struct slice rest = strbuf_slice(lines), line;

	while (rest.n > 0 && slice_cut(&rest, '\n', &line)) {
		/* "file:line: text". What is wrong with a key is told with
		 * the key. */
		size_t colon = slice_search(line, SLICE(": "));
		struct slice text = slice_after(line, colon + 2);
		char *where;

		if (line.n != 0 && !check_keys_tell(keys, line)) {
			where = xslicedup(slice_first(line, colon));
			check_report_add(report,
			    &(struct check_about){"configuration", where},
			    result, "%.*s", (int)text.n, text.p);
			check_report_todo(report,
			    "correct it (man signpost.conf), and try signpost "
			    "serve -t");
			free(where);
		}
	}
}

/* What `serve -t` says. With a domain the keys of others are left alone. */
static void
check_configuration(const struct proxy_config *config, bool all_keys,
    const struct check_keys *keys, struct proxy_report *found,
    struct check_report *report)
{
	const struct check_about about = {"configuration", config->path};
	size_t before = report->count;
	struct proxy_report of_keys;

	(void)proxy_config_check_machine(config, found);
	tell_lines(&found->errors, CHECK_FAIL, keys, report);
	tell_lines(&found->warnings, CHECK_WARNING, keys, report);
	if (all_keys) {
		proxy_report_init(&of_keys);
		(void)proxy_key_check_run(
		    config, PROXY_KEY_CHECK_ALL, &of_keys);
		tell_lines(&of_keys.errors, CHECK_FAIL, keys, report);
		tell_lines(&of_keys.warnings, CHECK_WARNING, keys, report);
		proxy_report_clear(&of_keys);
	}
	if (report->count == before)
		check_report_add(report, &about, CHECK_OK,
		    "well formed, and this machine is fit for it");
}

/* All that is asked of the DNS. Who names a server wants to hear that one
 * alone. */
static void
ask_dns(const struct wishes *w, const struct proxy_config *config,
    const struct check_keys *keys, struct cli_resolver *resolver,
    const struct cli_postfix *postfix, struct check_report *report)
{
	struct cli_leaving leaving = {0};
	struct cli_leaving_machine machine;
	struct check_names *names = check_names_new();
	const struct check_dns what = {keys, &leaving, names};

	if (proxy_fronts_have(config, PROXY_FILTER_SIGN)) {
		cli_leaving_look(&machine);
		cli_leaving_find(&leaving,
		    postfix->status == CLI_POSTFIX_READ ? &postfix->master
							: NULL,
		    &machine);
		check_leaving(&leaving, resolver, report);
	}
	check_dns(&what, resolver, report);
	if (w->dns.nameserver == NULL)
		check_servers(names, resolver, report);
	check_names_free(names);
	cli_leaving_clear(&leaving);
}

static int
check_domain(const struct wishes *w, struct slice domain,
    const struct proxy_config *config, struct proxy_report *found)
{
	struct check_report report = {0};
	struct strbuf servers;
	struct check_keys *keys;
	struct cli_resolver *resolver =
	    cli_resolver_new(&w->dns, &config->dns, "check: --nameserver");
	struct cli_postfix *postfix;
	int status;
	int outcome;

	if (resolver == NULL)
		return CLI_USAGE;
	postfix = cli_postfix_new();
	strbuf_init(&servers, 2048);
	cli_resolver_print(resolver, &servers);
	report.servers = strbuf_detach(&servers);
	keys = xcalloc(1, sizeof(*keys));
	check_keys_collect(keys, config, domain);
	report.config = keys->config;
	check_configuration(config, domain.n == 0, keys, found, &report);
	check_keys_report(keys, config, domain, &report);
	ask_dns(w, config, keys, resolver, postfix, &report);
	check_disk(config, &report);
	check_peers(config, &report);
	check_milter_peers(config, &report);
	check_daemon(config, &report);
	check_rotation(keys, config, postfix, &report);
	check_postfix(config, postfix, &report);
	check_reflector(config, &report);
	check_results(config, &report);
	if (w->send.to != NULL) {
		struct check_send send = w->send;

		send.domain = domain;
		check_send(&send, config, resolver, &report);
	}
	outcome = CLI_OK;
	if (w->json)
		check_report_print_json(&report);
	else
		check_report_print(&report);
	if (report.worst == CHECK_FAIL)
		outcome = CLI_FAILED;
	else if (report.worst == CHECK_UNKNOWN)
		outcome = CLI_TEMPORARY;
	status = cli_stdout_close(outcome);
	cli_postfix_free(postfix);
	check_keys_clear(keys);
	free(keys);
	check_report_clear(&report);
	cli_resolver_free(resolver);
	return status;
}

static int
load_and_check(const struct wishes *w, struct slice domain)
{
	struct proxy_config *config;
	struct proxy_report found;
	int status;

	proxy_report_init(&found);
	status = cli_config_read(w->config, &config, &found);
	if (status == CLI_OK) {
		status = check_domain(w, domain, config, &found);
	} else {
		cli_config_tell(&found.warnings, cli_warn);
		cli_config_tell(&found.errors, cli_error);
	}
	proxy_config_free(config);
	proxy_report_clear(&found);
	return status;
}

static int
run(int argc, char **argv)
{
	struct wishes w = {
	    .config = PROXY_CONFIG_PATH, .send = {.wait = SEND_WAIT_DEFAULT}};
	struct strbuf domain;
	int status;

	if (read_options(argc, argv, &w) != 0)
		return CLI_USAGE;
	strbuf_init(&domain, MAIL_IDN_NAME_MAX);
	if (w.domain != NULL &&
	    cli_domain_read(slice_str(w.domain), &domain) != 0) {
		cli_error("check: -d %s: no domain name", w.domain);
		return CLI_USAGE;
	}
	status = load_and_check(&w, strbuf_slice(&domain));
	strbuf_clear(&domain);
	return status;
}

const struct cli_command cli_check = {
    "check", run, "say what is still missing", help};
