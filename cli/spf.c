/*
 * signpost spf: may a host use a domain in MAIL FROM or HELO (RFC 7208).
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "auth/evaluation.h"
#include "base/escape.h"
#include "base/xalloc.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "cli/resolve.h"
#include "cli/verify_json.h"

enum { HOST_MAX = 256, VALUE_MAX = 4096, DNS_TIMEOUT_MAX = 600 };

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
	const char *client_ip, *helo, *mail_from, *nameserver;
	uint64_t dns_timeout;
	bool json;
};

static int
check_wishes(const struct wishes *w)
{
	unsigned char address[16];

	if (w->client_ip == NULL)
		return cli_usage_error("spf", "--client-ip: is needed");
	if (inet_pton(AF_INET, w->client_ip, address) != 1 &&
	    inet_pton(AF_INET6, w->client_ip, address) != 1)
		return cli_usage_error("spf", "--client-ip: no IP address");
	if (w->mail_from == NULL && w->helo == NULL)
		return cli_usage_error(
		    "spf", "--mail-from, --helo: one of them is needed");
	return 0;
}

static int
read_options(int argc, char **argv, struct wishes *w)
{
	const struct cli_option options[] = {
	    {0, "client-ip", .text = &w->client_ip},
	    {0, "helo", .text = &w->helo},
	    {0, "mail-from", .text = &w->mail_from},
	    {0, "nameserver", .text = &w->nameserver},
	    {0, "dns-timeout", .seconds = &w->dns_timeout,
		.max = DNS_TIMEOUT_MAX},
	    {0, "json", .flag = &w->json},
	    {0},
	};

	if (cli_options_read(options, argc, argv, NULL) != 0)
		return -1;
	return check_wishes(w);
}

static void
print_fact(const char *name, struct slice value)
{
	struct strbuf safe;

	if (value.n == 0)
		return;
	strbuf_init(&safe, (size_t)4 * VALUE_MAX);
	(void)escape_log(slice_first(value, VALUE_MAX), &safe);
	printf("%-12s%s\n", name, strbuf_text(&safe));
	strbuf_clear(&safe);
}

static void
print_text(const struct auth_result *result)
{
	print_fact("result", slice_str(mail_verdict_word(result->verdict)));
	print_fact("domain", result->domain);
	print_fact("scope", slice_str(result->scope));
	print_fact("mechanism", slice_str(result->mechanism));
	print_fact("record", result->record);
	print_fact("record at", result->record_name);
	print_fact("explanation", result->explanation);
	print_fact("reason", slice_str(result->reason));
}

static int
report(const struct auth_evaluation *evaluation, bool json)
{
	struct auth_results *results = xcalloc(1, sizeof(*results));
	const struct auth_result *result;
	int status = CLI_BROKEN;

	auth_evaluation_results(evaluation, results);
	result = auth_results_find(results, AUTH_SPF);
	if (result != NULL) {
		if (json)
			cli_spf_print_json(result);
		else
			print_text(result);
		status = result->verdict == MAIL_VERDICT_TEMPERROR
		    ? CLI_TEMPORARY
		    : CLI_OK;
	}
	free(results);
	return cli_stdout_close(status);
}

static bool
ask(void *subject, struct dns_question *question)
{
	return auth_evaluation_ask(subject, question);
}

static void
answer(void *subject, const struct dns_question *question,
    const struct dns_answer *what)
{
	auth_evaluation_answer(subject, question, what);
}

static int
check(const struct wishes *w, struct cli_resolver *resolver)
{
	static const struct proxy_asking_ops asking = {ask, answer};
	char host[HOST_MAX] = "localhost";
	struct auth_rules rules = {.checks = 1u << AUTH_SPF};
	struct auth_client client = {
	    .address = slice_str(w->client_ip),
	    .helo = slice_str(w->helo),
	    .mail_from = slice_str(w->mail_from),
	};
	struct auth_evaluation *evaluation;
	int status;

	(void)gethostname(host, sizeof(host) - 1);
	rules.receiver = slice_str(host);
	if (client.mail_from.n >= 2 && client.mail_from.p[0] == '<' &&
	    slice_ends_nocase(client.mail_from, SLICE(">")))
		client.mail_from =
		    slice_from(client.mail_from.p + 1, client.mail_from.n - 2);
	evaluation = auth_evaluation_new(&rules, &client, (int64_t)time(NULL));
	cli_resolve(resolver, &asking, evaluation);
	auth_evaluation_end(evaluation);
	cli_resolve(resolver, &asking, evaluation);
	status = report(evaluation, w->json);
	auth_evaluation_free(evaluation);
	return status;
}

static int
run(int argc, char **argv)
{
	struct wishes w = {0};
	struct cli_resolver *resolver;
	struct strbuf reason;
	int status = CLI_USAGE;

	if (read_options(argc, argv, &w) != 0)
		return CLI_USAGE;
	strbuf_init(&reason, 1000);
	resolver = cli_resolver_new(
	    w.nameserver, (unsigned)w.dns_timeout * 1000, &reason);
	if (resolver == NULL)
		cli_error("spf: --nameserver: %s", strbuf_text(&reason));
	else
		status = check(&w, resolver);
	cli_resolver_free(resolver);
	strbuf_clear(&reason);
	return status;
}

const struct cli_command cli_spf = {
    "spf", run, "what SPF says of a client", help};
