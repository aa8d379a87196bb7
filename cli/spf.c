/*
 * signpost spf: may a host use a domain in MAIL FROM or HELO (RFC 7208).
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/xalloc.h"
#include "cli/kit/checking.h"
#include "cli/kit/cli.h"
#include "cli/kit/options.h"
#include "cli/kit/resolve.h"
#include "cli/verify_json.h"

enum { VALUE_MAX = 4096 };

static const char help[] =
    "usage: signpost spf --client-ip IP [--helo NAME] [--mail-from ADDR]\n"
    "           [--nameserver ADDR[:PORT]] [--json]\n"
    "\n"
    "Says what SPF (RFC 7208) makes of a client: of its MAIL FROM where one\n"
    "is given, of its HELO where that is empty. Ends 0 whatever the result\n"
    "is, but 75 for temperror.\n"
    "\n"
    "  --client-ip IP            the client's address\n"
    "  --helo NAME               what it said in HELO\n"
    "  --mail-from ADDR          the envelope sender; may be empty\n"
    "  --nameserver ADDR[:PORT]  the name server to ask\n"
    "  --dns-timeout TIME        for one question (5s)\n"
    "  --json                    print one JSON object\n";

struct wishes {
	struct cli_client client;
	struct cli_dns dns;
	bool json;
};

static int
read_options(int argc, char **argv, struct wishes *w)
{
	const struct cli_option options[] = {
	    {0, "client-ip", .text = &w->client.ip},
	    {0, "helo", .text = &w->client.helo},
	    {0, "mail-from", .text = &w->client.mail_from},
	    {0, "nameserver", .text = &w->dns.nameserver},
	    {0, "dns-timeout", .seconds = &w->dns.timeout,
		.max = CLI_DNS_TIMEOUT_MAX},
	    {0, "json", .flag = &w->json},
	    {0},
	};

	if (cli_options_read(options, argc, argv, NULL) != 0)
		return -1;
	if (w->client.ip == NULL)
		return cli_usage_error("spf", "--client-ip: is needed");
	if (cli_client_check(&w->client, "spf") != 0)
		return -1;
	if (w->client.mail_from == NULL && w->client.helo == NULL)
		return cli_usage_error(
		    "spf", "--mail-from, --helo: one of them is needed");
	return 0;
}

static void
print_fact(const char *name, struct slice value)
{
	struct strbuf safe;

	if (value.n == 0)
		return;
	strbuf_init(&safe, (size_t)4 * VALUE_MAX);
	escape_log(slice_first(value, VALUE_MAX), &safe);
	printf("%-12s%s\n", name, strbuf_text(&safe));
	strbuf_clear(&safe);
}

static int
check_host(const struct wishes *w, struct cli_resolver *resolver)
{
	char host[CLI_HOST_MAX];
	struct auth_rules rules = {.checks = 1u << AUTH_SPF};
	struct auth_client client = cli_client_of(&w->client);
	struct auth_evaluation *evaluation;
	int status;
	bool json;
	struct auth_results *results;
	const struct auth_result *result;
	int outcome;

	cli_host_name(host);
	rules.receiver = slice_str(host);
	evaluation = auth_evaluation_new(&rules, &client, clock_wall_s());
	cli_checking_resolve(resolver, evaluation);
	auth_evaluation_end(evaluation);
	cli_checking_resolve(resolver, evaluation);
	json = w->json;
	results = xcalloc(1, sizeof(*results));
	auth_evaluation_results(evaluation, results);
	result = auth_results_find(results, AUTH_SPF);
	if (result != NULL) {
		if (json)
			cli_spf_print_json(result);
		else {
			print_fact("result",
			    slice_str(mail_verdict_word(result->verdict)));
			print_fact("domain", result->domain);
			print_fact("scope", slice_str(result->scope));
			print_fact("mechanism", slice_str(result->mechanism));
			print_fact("record", result->record);
			print_fact("record at", result->record_name);
			print_fact("explanation", result->explanation);
			print_fact("reason", slice_str(result->reason));
		}
		outcome = result->verdict == MAIL_VERDICT_TEMPERROR
		    ? CLI_TEMPORARY
		    : CLI_OK;
	} else {
		cli_error("spf: an empty sender is --helo's, and that has no "
			  "name either");
		outcome = CLI_USAGE;
	}
	free(results);
	status = cli_stdout_close(outcome);
	auth_evaluation_free(evaluation);
	return status;
}

static int
run(int argc, char **argv)
{
	struct wishes w = {0};
	struct cli_resolver *resolver;
	int status;

	if (read_options(argc, argv, &w) != 0)
		return CLI_USAGE;
	resolver = cli_resolver_new(&w.dns, NULL, "spf: --nameserver");
	if (resolver == NULL)
		return CLI_USAGE;
	status = check_host(&w, resolver);
	cli_resolver_free(resolver);
	return status;
}

const struct cli_command cli_spf = {
    "spf", run, "what SPF says of a client", help};
