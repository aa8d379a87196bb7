/*
 * signpost dmarc-report: the aggregate reports (RFC 9990) of one day, one
 * file for each domain and policy; with --send, mailed to where the domain
 * and the destination's own DNS want them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>

#include "auth/dmarc_record.h"
#include "base/xalloc.h"
#include "cli/cli.h"
#include "cli/files.h"
#include "cli/options.h"
#include "cli/resolve.h"
#include "cli/settings.h"
#include "proxy/config.h"
#include "record/mailer.h"
#include "record/report.h"
#include "record/rua.h"

enum {
	DAY = 86400,
	GZIP_MAX = 32 << 20, /* of one report, compressed */
	MAIL_MAX = 48 << 20, /* in base64 */
	PATH_LENGTH_MAX = 4000,
	REASON_MAX = 1000
};

static const char help[] =
    "usage: signpost dmarc-report [-c FILE] [--day DATE] [-d DOMAIN]\n"
    "           [-o DIR] [--send] [--nameserver ADDR[:PORT]]\n"
    "\n"
    "Writes the DMARC aggregate reports of one day from the results that\n"
    "[results] database holds, gzip'd XML, one file for each domain.\n"
    "\n"
    "  -c, --config FILE     the configuration\n"
    "                        (/etc/signpost/signpost.conf)\n"
    "      --day DATE        YYYY-MM-DD, in UTC; yesterday by default\n"
    "  -d, --domain DOMAIN   the report about that policy domain alone\n"
    "  -o, --output DIR      where the files go; here by default\n"
    "      --send            mail them too, to the addresses that the\n"
    "                        domain's rua= names and that want them\n"
    "      --nameserver ADDR[:PORT]\n"
    "                        asks there who wants them, not where\n"
    "                        resolv.conf says\n";

struct wishes {
	const char *config, *domain, *directory;
	struct cli_dns dns;
	int64_t day; /* its first second */
	bool send;
};

/* The work: one report is open at a time. */
struct work {
	const struct wishes *wishes;
	const struct proxy_config *config;
	struct record_report report;
	char *domain, *policy; /* what the report's slices show */
	struct strbuf packed;
	struct record_gzip *gzip; /* NULL: no report is open */
	size_t reports;
	int status;
};

/* --- options --- */

/* "2026-11-22"; -1 where it is no day. */
static int
parse_day(const char *text, int64_t *day)
{
	struct tm tm = {0}, back;
	const char *end = strptime(text, "%Y-%m-%d", &tm);
	time_t seconds;
	int month_day = tm.tm_mday;

	if (end == NULL || *end != '\0' || strlen(text) != 10)
		return -1;
	seconds = timegm(&tm);
	if (seconds < 0 || gmtime_r(&seconds, &back) == NULL ||
	    back.tm_mday != month_day)
		return -1;
	*day = (int64_t)seconds;
	return 0;
}

static int
set_day(void *to, const char *text)
{
	struct wishes *w = to;

	if (parse_day(text, &w->day) == 0)
		return 0;
	cli_error("--day: %s: not a day such as 2026-11-22", text);
	return -1;
}

static int
read_options(int argc, char **argv, struct wishes *w)
{
	const struct cli_option options[] = {
	    {'c', "config", .text = &w->config},
	    {'d', "domain", .text = &w->domain},
	    {'o', "output", .text = &w->directory},
	    {0, "day", .take = set_day, .to = w},
	    {0, "send", .flag = &w->send},
	    {0, "nameserver", .text = &w->dns.nameserver},
	    {0},
	};

	return cli_options_read(options, argc, argv, NULL);
}

/* --- sending --- */

struct sending {
	bool done;
	enum record_delivery how;
	struct strbuf text;
};

static void
on_sent(void *ctx, enum record_delivery how, struct slice text)
{
	struct sending *s = ctx;

	s->done = true;
	s->how = how;
	(void)strbuf_add(&s->text, slice_first(text, REASON_MAX / 2));
}

static struct smtp_target
target_of(const struct proxy_config *config)
{
	const struct proxy_endpoint *at = &config->reflector.relay;

	return (struct smtp_target){
	    .address = at->address, .address_length = at->length};
}

static void
send_mail(struct work *w, struct slice to, struct slice message)
{
	const struct record_mail mail = {
	    .helo = slice_str(w->config->hostname),
	    .from = w->report.email,
	    .to = to,
	    .message = message,
	};
	struct event_base *base = event_base_new();
	struct smtp_target target = target_of(w->config);
	struct sending sending = {.how = RECORD_REFUSED};

	strbuf_init(&sending.text, REASON_MAX);
	if (record_mailer_send(base, &target, &mail, on_sent, &sending) == NULL)
		cli_error("%.*s: no address to send to", (int)to.n, to.p);
	else
		while (!sending.done && event_base_loop(base, EVLOOP_ONCE) == 0)
			continue;
	if (sending.how == RECORD_DELIVERED) {
		printf("sent to %.*s\n", (int)to.n, to.p);
	} else {
		cli_error("%.*s: not sent: %s", (int)to.n, to.p,
		    strbuf_text(&sending.text));
		w->status = CLI_TEMPORARY;
	}
	strbuf_clear(&sending.text);
	event_base_free(base);
}

static bool
ask_rua(void *rua, struct dns_question *question)
{
	return record_rua_ask(rua, question);
}

static void
answer_rua(void *rua, const struct dns_question *question,
    const struct dns_answer *answer)
{
	record_rua_answer(rua, question, answer);
}

static void
send_to_each(struct work *w, const struct record_rua *rua)
{
	struct strbuf mail;

	for (size_t i = 0; i < record_rua_count(rua); i++) {
		struct slice to;
		enum record_rua_status status = record_rua_at(rua, i, &to);

		if (status != RECORD_RUA_APPROVED) {
			cli_warn("%s: not sent to %.*s: %s", w->domain,
			    (int)to.n, to.p,
			    status == RECORD_RUA_LATER
				? "the DNS does not answer whether it wants it"
				: "not an address that wants it");
			if (status == RECORD_RUA_LATER)
				w->status = CLI_TEMPORARY;
			continue;
		}
		strbuf_init(&mail, MAIL_MAX);
		if (record_report_mail(&w->report, to, strbuf_slice(&w->packed),
			(int64_t)time(NULL), &mail) == 0)
			send_mail(w, to, strbuf_slice(&mail));
		strbuf_clear(&mail);
	}
}

static void
send_report(struct work *w)
{
	static const struct proxy_asking_ops ops = {ask_rua, answer_rua};
	struct auth_dmarc_record record;
	struct cli_resolver *resolver;
	struct record_rua *rua;

	auth_dmarc_record_parse(w->report.policy, &record);
	if (record.rua.n == 0) {
		printf("%s: wants no reports\n", w->domain);
		return;
	}
	resolver = cli_resolver_new(&w->wishes->dns, NULL, "--nameserver");
	if (resolver == NULL) {
		w->status = CLI_USAGE;
		return;
	}
	rua = record_rua_new(w->report.domain, record.rua);
	cli_resolve(resolver, &ops, rua);
	send_to_each(w, rua);
	record_rua_free(rua);
	cli_resolver_free(resolver);
}

/* --- making --- */

static void
write_file(struct work *w)
{
	struct strbuf path;

	strbuf_init(&path, PATH_LENGTH_MAX);
	(void)strbuf_addf(&path, "%s/", w->wishes->directory);
	if (record_report_filename(&w->report, &path) != 0) {
		cli_error("%s: path too long", w->wishes->directory);
		w->status = CLI_UNWRITABLE;
	} else if (cli_file_replace(
		       strbuf_text(&path), strbuf_slice(&w->packed)) != 0) {
		w->status = CLI_UNWRITABLE;
	} else {
		printf("%s\n", strbuf_text(&path));
		w->reports++;
	}
	strbuf_clear(&path);
}

static void
end_report(struct work *w)
{
	if (w->gzip == NULL)
		return;
	record_report_end(record_gzip_sink(w->gzip));
	if (record_gzip_end(w->gzip) != 0) {
		cli_error(
		    "%s: its report is over %d bytes", w->domain, GZIP_MAX);
		w->status = CLI_UNWRITABLE;
	} else {
		write_file(w);
		if (w->wishes->send)
			send_report(w);
	}
	w->gzip = NULL;
	strbuf_clear(&w->packed);
}

/* Names in a path and a subject: of what a domain is made, nothing else. */
static bool
is_name(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_is_alnum(s.p[i]) && s.p[i] != '-' && s.p[i] != '_' &&
		    s.p[i] != '.')
			return false;
	return s.n > 0 && s.p[0] != '.';
}

static void
begin_report(struct work *w, const struct record_row *row)
{
	const struct proxy_results_settings *results = &w->config->results;
	bool same = w->domain != NULL &&
	    slice_equal(row->policy_domain, slice_str(w->domain));

	free(w->policy);
	w->policy = xslicedup(row->policy);
	if (!same) {
		free(w->domain);
		w->domain = xslicedup(row->policy_domain);
	}
	w->report = (struct record_report){
	    .reporter = slice_str(results->reporter),
	    .email = slice_str(results->email),
	    .contact = slice_str(results->contact),
	    .domain = slice_str(w->domain),
	    .policy = slice_str(w->policy),
	    .begin = w->wishes->day,
	    .end = w->wishes->day + DAY - 1,
	    .part = same ? w->report.part + 1 : 1,
	};
	strbuf_init(&w->packed, GZIP_MAX);
	w->gzip = record_gzip_new(&w->packed);
	record_report_begin(record_gzip_sink(w->gzip), &w->report);
}

/* Rows come with those of a domain together, and of its policies. */
static void
on_row(void *ctx, const struct record_row *row)
{
	struct work *w = ctx;

	if (!is_name(row->policy_domain))
		return;
	if (w->gzip == NULL ||
	    !slice_equal(row->policy_domain, w->report.domain) ||
	    !slice_equal(row->policy, w->report.policy)) {
		end_report(w);
		begin_report(w, row);
	}
	record_report_row(record_gzip_sink(w->gzip), row);
}

static int
make_reports(struct work *w, struct strbuf *reason)
{
	struct record_store *store =
	    record_store_open_reader(w->config->results.database, reason);

	if (store == NULL) {
		cli_error("%s", strbuf_text(reason));
		return CLI_UNREADABLE;
	}
	if (record_store_rows(store, w->wishes->day,
		slice_str(w->wishes->domain), on_row, w) != 0) {
		cli_error("%s: cannot be read", w->config->results.database);
		w->status = CLI_UNREADABLE;
	}
	end_report(w);
	record_store_close(store);
	if (w->reports == 0 && w->status == CLI_OK)
		cli_warn("dmarc-report: no results of that day");
	free(w->domain);
	free(w->policy);
	return w->status;
}

static int
report(const struct wishes *wishes, const struct proxy_config *config)
{
	struct work w = {.wishes = wishes, .config = config};
	struct strbuf reason;
	int status;

	if (config->results.database == NULL) {
		cli_error("%s: [results] database is not set: nothing is kept",
		    wishes->config);
		return CLI_CONFIG;
	}
	if (wishes->send && config->reflector.relay.length == 0) {
		cli_error("%s: --send needs [out] listen, or [reflector] relay",
		    wishes->config);
		return CLI_CONFIG;
	}
	strbuf_init(&reason, REASON_MAX);
	status = make_reports(&w, &reason);
	strbuf_clear(&reason);
	return cli_stdout_close(status);
}

static int
run(int argc, char **argv)
{
	int64_t now = (int64_t)time(NULL);
	struct wishes w = {.config = PROXY_CONFIG_PATH,
	    .directory = ".",
	    .day = now - now % DAY - DAY};
	struct proxy_config *config;
	int status;

	if (read_options(argc, argv, &w) != 0)
		return CLI_USAGE;
	status = cli_config_load(w.config, &config);
	if (status == CLI_OK)
		status = report(&w, config);
	proxy_config_free(config);
	return status;
}

const struct cli_command cli_dmarc_report = {
    "dmarc-report", run, "write and send DMARC aggregate reports", help};
