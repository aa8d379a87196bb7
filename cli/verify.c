/*
 * signpost verify: all checks of the message on standard input, as one
 * Authentication-Results field, as JSON, or as a summary for a person.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "auth/summary.h"
#include "base/clock.h"
#include "base/xalloc.h"
#include "cli/kit/checking.h"
#include "cli/kit/cli.h"
#include "cli/kit/message.h"
#include "cli/kit/options.h"
#include "cli/kit/resolve.h"
#include "cli/kit/settings.h"
#include "cli/spam.h"
#include "cli/verify_json.h"

static const char help[] =
    "usage: signpost verify [OPTION]... <message\n"
    "\n"
    "Checks the signatures of the message on standard input and, where the\n"
    "client is told, SPF, Sender-ID and the rest. Ends 0 where at least one\n"
    "DKIM or DomainKeys signature passes, 75 where none does and one could\n"
    "not be checked now, else 1.\n"
    "\n"
    "  -c, --config FILE          what it checks and asks: [in], [dns] and, "
    "for\n"
    "                             the summary, [reflector] spamd\n"
    "  --nameserver ADDR[:PORT]   the name server to ask\n"
    "  --dns-timeout TIME         for one question (5s)\n"
    "  --authserv-id HOST         whose field this is (the host name)\n"
    "  --client-ip IP             who handed the message over\n"
    "  --helo NAME                what it said in HELO\n"
    "  --mail-from ADDR           the envelope sender; may be empty\n"
    "  --time UNIX                as if at that time\n"
    "  --weak                     let rsa-sha1 and short RSA keys pass, to\n"
    "                             study old mail\n"
    "  --json                     print one JSON object\n"
    "  --summary                  print a report for a person\n";

#define SPAM_TEXT_MAX  1024
#define SPAM_RULES_MAX 8192

struct wishes {
	const char *config, *authserv_id;
	struct cli_client client;
	struct cli_dns dns;
	uint64_t time;
	bool weak, json, summary;
};

static int
read_options(int argc, char **argv, struct wishes *w)
{
	const struct cli_option options[] = {
	    {'c', "config", .text = &w->config},
	    {0, "nameserver", .text = &w->dns.nameserver},
	    {0, "dns-timeout", .seconds = &w->dns.timeout,
		.max = CLI_DNS_TIMEOUT_MAX},
	    {0, "authserv-id", .text = &w->authserv_id},
	    {0, "client-ip", .text = &w->client.ip},
	    {0, "helo", .text = &w->client.helo},
	    {0, "mail-from", .text = &w->client.mail_from},
	    {0, "time", .number = &w->time, .max = CLI_OPTION_UNIX_MAX},
	    {0, "weak", .flag = &w->weak},
	    {0, "json", .flag = &w->json},
	    {0, "summary", .flag = &w->summary},
	    {0},
	};

	w->time = (uint64_t)clock_wall_s();
	if (cli_options_read(options, argc, argv, NULL) != 0)
		return -1;
	if (cli_client_check(&w->client, "verify") != 0)
		return -1;
	if (w->authserv_id != NULL &&
	    !auth_results_is_id(slice_str(w->authserv_id)))
		return cli_usage_error("verify",
		    "--authserv-id: not between 1 and %d octets of text",
		    AUTH_RESULTS_ID_MAX);
	if (w->json && w->summary)
		return cli_usage_error(
		    "verify", "--json: does not go with --summary");
	return 0;
}

/* What is checked, from the options and, with -c, the configuration. */
struct setting {
	struct proxy_config *config; /* NULL: none */
	struct cli_resolver *resolver;
	struct auth_rules rules;
	struct auth_client client;
	struct slice *arc_trusted;
	char host[CLI_HOST_MAX];
	struct slice authserv_id;
};

static int
setting_open(struct setting *s, const struct wishes *w)
{
	static const enum auth_method methods[] = {AUTH_DKIM, AUTH_DOMAINKEYS,
	    AUTH_SPF, AUTH_SENDERID, AUTH_DMARC, AUTH_ARC, AUTH_IPREV};
	const struct proxy_checking_rules *in;

	if (w->config != NULL) {
		int status = cli_config_load(w->config, &s->config);

		if (status != CLI_OK)
			return status;
	}
	cli_host_name(s->host);
	s->authserv_id = slice_str(s->host);
	s->rules.dkim.weak = w->weak;
	s->rules.receiver = slice_str(s->host);
	for (unsigned i = 0; i < AUTH_METHODS; i++)
		s->rules.checks |= 1u << i;
	if (s->config != NULL &&
	    proxy_fronts_have(s->config, PROXY_FILTER_VERIFY)) {
		in = &s->config->checking;
		s->rules.receiver = slice_str(s->config->hostname);
		s->rules.dkim.partial_body =
		    in->partial_body == PROXY_PARTIAL_BODY_PASS;
		s->rules.dkim.signatures = in->max_signatures;
		s->rules.dkim.hashes = in->max_body_hashes;
		s->rules.questions = in->max_questions;
		s->rules.checks = 0;
		for (unsigned i = 0; i < AUTH_METHODS; i++)
			if (in->check & 1u << i)
				s->rules.checks |= 1u << methods[i];
		s->arc_trusted =
		    xcalloc(in->arc_trusted.count, sizeof(*s->arc_trusted));
		for (size_t i = 0; i < in->arc_trusted.count; i++)
			s->arc_trusted[i] = slice_str(in->arc_trusted.list[i]);
		s->rules.arc_trusted = s->arc_trusted;
		s->rules.arc_trusted_count = in->arc_trusted.count;
		if (in->authserv_ids.count > 0)
			s->authserv_id = slice_str(in->authserv_ids.list[0]);
	}
	if (w->authserv_id != NULL)
		s->authserv_id = slice_str(w->authserv_id);
	s->client = cli_client_of(&w->client);
	s->resolver = cli_resolver_new(&w->dns,
	    s->config == NULL ? NULL : &s->config->dns, "verify: --nameserver");
	return s->resolver == NULL ? CLI_USAGE : CLI_OK;
}

/* RFC 2369, RFC 2919. */
static bool
is_of_list(const struct mail_header *header)
{
	const struct mail_field *field;

	for (size_t i = 0; (field = mail_header_at(header, i)) != NULL; i++)
		if (slice_starts_nocase(field->name, SLICE("List-")))
			return true;
	return false;
}

static int
report_findings(const struct setting *s, const struct wishes *w,
    const struct auth_evaluation *evaluation, const struct cli_message *message)
{
	struct auth_results *results = xcalloc(1, sizeof(*results));
	int status;

	auth_evaluation_results(evaluation, results);
	if (auth_results_has(results, AUTH_DKIM, MAIL_VERDICT_PASS) ||
	    auth_results_has(results, AUTH_DOMAINKEYS, MAIL_VERDICT_PASS))
		status = CLI_OK;
	else if (auth_results_has(results, AUTH_DKIM, MAIL_VERDICT_TEMPERROR) ||
	    auth_results_has(results, AUTH_DOMAINKEYS, MAIL_VERDICT_TEMPERROR))
		status = CLI_TEMPORARY;
	else
		status = CLI_FAILED;
	if (w->json)
		cli_verify_print_json(results, cli_message_header(message));
	else if (w->summary) {
		struct strbuf spam, rules, text;
		struct auth_summary summary = {
		    .results = results,
		    .client = s->client.address,
		    .helo = s->client.helo,
		    .mail_from = s->client.mail_from,
		    .listed = is_of_list(cli_message_header(message)),
		};

		strbuf_init(&spam, SPAM_TEXT_MAX);
		strbuf_init(&rules, SPAM_RULES_MAX);
		cli_spam_ask(s->config, message, &spam, &rules);
		summary.spam = strbuf_slice(&spam);
		summary.rules = strbuf_slice(&rules);
		strbuf_init(&text, AUTH_SUMMARY_MAX);
		(void)auth_summary_print(&summary, &text);
		cli_print(strbuf_slice(&text));
		strbuf_clear(&text);
		strbuf_clear(&spam);
		strbuf_clear(&rules);
	} else {
		struct strbuf field;

		strbuf_init(&field, AUTH_RESULTS_MOST);
		if (auth_results_print_field(results, s->authserv_id, &field) !=
		    0)
			cli_error("verify: the results make too long a field");
		cli_message_print_fields(message, strbuf_slice(&field));
		strbuf_clear(&field);
	}
	free(results);
	return cli_stdout_close(status);
}

static int
run(int argc, char **argv)
{
	struct wishes w = {0};
	struct setting s = {0};
	int status;

	if (read_options(argc, argv, &w) != 0)
		return CLI_USAGE;
	status = setting_open(&s, &w);
	if (status == CLI_OK) {
		static const struct mail_reader_ops ops = {
		    cli_checking_header, cli_checking_body};
		struct auth_evaluation *evaluation =
		    auth_evaluation_new(&s.rules, &s.client, (int64_t)w.time);
		struct cli_message *message =
		    cli_message_new(&ops, evaluation, w.summary);
		int outcome = cli_message_read(message, STDIN_FILENO);

		if (outcome == CLI_OK) {
			auth_evaluation_end(evaluation);
			cli_checking_resolve(s.resolver, evaluation);
			outcome = report_findings(&s, &w, evaluation, message);
		}
		auth_evaluation_free(evaluation);
		cli_message_free(message);
		status = outcome;
	}
	cli_resolver_free(s.resolver);
	free(s.arc_trusted);
	proxy_config_free(s.config);
	return status;
}

const struct cli_command cli_verify = {
    "verify", run, "check the message on standard input", help};
