/*
 * signpost dmarc-report: the aggregate reports (RFC 9990) of one day, one
 * for each domain and policy: as files; with --send, mailed to where the
 * domain and the destination's own DNS want them, once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/xalloc.h"
#include "cli/kit/cli.h"
#include "cli/kit/database.h"
#include "cli/kit/days.h"
#include "cli/kit/domains.h"
#include "cli/kit/options.h"
#include "cli/kit/settings.h"
#include "cli/report_files.h"
#include "cli/report_send.h"
#include "mail/idn.h"

enum {
	GZIP_MAX = 32 << 20, /* of one report, compressed */
	NAME_LENGTH_MAX = 1024,
	LINE_MAX_OCTETS = 4000,
	POLICIES_MAX = 1000000, /* of one day */
	DAYS_BEFORE = 3 /* yesterday: what of them was not sent is sent, too */
};

static const char help[] =
    "usage: signpost dmarc-report [-c FILE] [--day DATE] [-d DOMAIN]\n"
    "           [-o DIR] [--send] [--again] [--format rfc9990|rfc7489]\n"
    "           [--quiet] [--nameserver ADDR[:PORT]]\n"
    "       signpost dmarc-report --list [-c FILE] [--day DATE] [-d DOMAIN]\n"
    "\n"
    "Makes the DMARC aggregate reports of one day from the results that\n"
    "[results] database holds: gzip'd XML, one for each domain and policy,\n"
    "into files, or, with --send, into mail.\n"
    "\n"
    "  -c, --config FILE     the configuration\n"
    "                        (/etc/signpost/signpost.conf)\n"
    "      --day DATE        YYYY-MM-DD, in UTC; yesterday by default, with\n"
    "                        --send what is missing of the three days before\n"
    "  -d, --domain DOMAIN   about that policy domain alone\n"
    "  -o, --output DIR      where the files go; here by default, and with\n"
    "                        --send nowhere unless asked for\n"
    "      --send            mail them to the addresses that the domain's\n"
    "                        rua= names and that want them; what was sent\n"
    "                        before is not sent again\n"
    "      --again           with --send: also what was sent or refused\n"
    "      --list            print what was sent, where, and the answer\n"
    "      --format FORMAT   rfc9990, or rfc7489 for receivers of older\n"
    "                        software; as [results] says by default\n"
    "      --quiet           print failures alone; nothing at all where no\n"
    "                        database is set\n"
    "      --nameserver ADDR[:PORT]\n"
    "                        asks there who wants them\n";

struct wishes {
	const char *config, *domain, *directory;
	struct cli_dns dns;
	int64_t day; /* its first second */
	bool day_named;
	bool send, again, list, quiet, format_named;
	enum record_report_format format;
	struct strbuf name; /* the domain, in A-labels */
};

/* --- options --- */

static int
set_day(void *to, const char *text)
{
	struct wishes *w = to;

	w->day_named = true;
	if (cli_day_parse(text, &w->day) == 0)
		return 0;
	cli_error("--day: %s: not a day such as 2026-11-22", text);
	return -1;
}

static int
set_format(void *to, const char *text)
{
	struct wishes *w = to;

	w->format_named = true;
	w->format =
	    strcmp(text, "rfc7489") == 0 ? RECORD_RFC7489 : RECORD_RFC9990;
	if (w->format == RECORD_RFC7489 || strcmp(text, "rfc9990") == 0)
		return 0;
	cli_error("--format: %s: neither rfc9990 nor rfc7489", text);
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
	    {0, "again", .flag = &w->again},
	    {0, "list", .flag = &w->list},
	    {0, "quiet", .flag = &w->quiet},
	    {0, "format", .take = set_format, .to = w},
	    {0, "nameserver", .text = &w->dns.nameserver},
	    {0},
	};

	if (cli_options_read(options, argc, argv, NULL) != 0)
		return -1;
	if (w->again && !w->send)
		return cli_usage_error("dmarc-report", "--again is for --send");
	if (w->list && (w->send || w->directory != NULL))
		return cli_usage_error(
		    "dmarc-report", "--list makes no reports");
	if (w->domain != NULL &&
	    cli_domain_read(slice_str(w->domain), &w->name) != 0)
		return cli_usage_error(
		    "dmarc-report", "-d %s: no domain name", w->domain);
	if (!w->send && w->directory == NULL)
		w->directory = ".";
	return 0;
}

/* --- what there is to report --- */

struct policy {
	char *domain, *record;
	unsigned part;
};

struct policies {
	struct policy *list;
	size_t count, room;
};

/* Names in a path and a subject: of what a domain is made, nothing else. */
static bool
is_file_name(struct slice s)
{
	return mail_idn_is_ascii_name(s) && s.p[0] != '.' && s.p[0] != '-';
}

/* They come with a domain's together. */
static void
on_policy(void *ctx, const struct record_policy *policy)
{
	struct policies *p = ctx;
	bool same;

	if (!is_file_name(policy->domain) || p->count == POLICIES_MAX)
		return;
	if (p->count == p->room) {
		p->room = p->room == 0 ? 64 : 2 * p->room;
		p->list = xreallocarray(p->list, p->room, sizeof(*p->list));
	}
	same = p->count > 0 &&
	    slice_equal(
		policy->domain, slice_str(p->list[p->count - 1].domain));
	p->list[p->count] = (struct policy){
	    .domain = xslicedup(policy->domain),
	    .record = xslicedup(policy->policy),
	    .part = same ? p->list[p->count - 1].part + 1 : 1,
	};
	p->count++;
}

/* --- making one --- */

struct work {
	const struct wishes *wishes;
	const struct proxy_config *config;
	struct record_store *store;
	struct report_files files;
	struct report_send send;
	int64_t day, end; /* the first and last second that is told of */
	int64_t last_end; /* of the last day */
	bool stopped;	  /* what stops one stops all */
	int status;
};

struct making {
	const struct record_report *report;
	struct record_gzip *gzip;
};

static void
on_row(void *ctx, const struct record_row *row)
{
	struct making *m = ctx;

	record_report_row(record_gzip_sink(m->gzip), m->report, row);
}

static int
pack(struct work *w, const struct record_report *report, struct strbuf *packed)
{
	struct making m = {report, record_gzip_new(packed)};
	const struct record_policy policy = {
	    .domain = report->domain, .policy = report->policy};
	int result;

	record_report_begin(record_gzip_sink(m.gzip), report);
	result = record_store_rows(w->store, w->day, &policy, on_row, &m);
	record_report_end(record_gzip_sink(m.gzip));
	if (record_gzip_end(m.gzip) != 0) {
		cli_error("%.*s: its report is over %d bytes",
		    (int)report->domain.n, report->domain.p, GZIP_MAX);
		return CLI_UNWRITABLE;
	}
	if (result != 0)
		cli_database_complain(w->config, w->store, "", "");
	return result == 0 ? CLI_OK : CLI_UNREADABLE;
}

static int
put_file(
    struct work *w, const struct record_report *report, struct slice packed)
{
	struct strbuf name;
	int status = CLI_UNWRITABLE;

	strbuf_init(&name, NAME_LENGTH_MAX);
	(void)record_report_filename(report, &name);
	if (report_files_put(&w->files, strbuf_slice(&name), packed) == 0) {
		status = CLI_OK;
		if (!w->wishes->quiet)
			printf("%s/%s\n", w->wishes->directory,
			    strbuf_text(&name));
	}
	strbuf_clear(&name);
	return status;
}

/* A report that cannot be made or written does not stop the others. */
static void
make_one(struct work *w, const struct policy *policy)
{
	const struct proxy_results_settings *results = &w->config->results;
	const struct record_report report = {
	    .reporter = slice_str(results->reporter),
	    .email = slice_str(results->email),
	    .contact = slice_str(results->contact),
	    .domain = slice_str(policy->domain),
	    .policy = slice_str(policy->record),
	    .begin = w->day,
	    .end = w->end,
	    .part = policy->part,
	    .generator = SLICE("signpost " SIGNPOST_VERSION),
	    .format = w->wishes->format,
	};
	struct strbuf packed;
	int status;

	strbuf_init(&packed, GZIP_MAX);
	status = pack(w, &report, &packed);
	if (status == CLI_OK && w->wishes->directory != NULL &&
	    w->day == w->wishes->day)
		status = put_file(w, &report, strbuf_slice(&packed));
	if (status == CLI_OK && w->wishes->send) {
		status = report_send_report(
		    &w->send, w->day, &report, strbuf_slice(&packed));
		w->stopped = status != CLI_OK;
	}
	if (status != CLI_OK)
		w->status = status;
	strbuf_clear(&packed);
}

static void
make_all(struct work *w)
{
	struct policies policies = {NULL, 0, 0};

	if (record_store_policies(w->store, w->day,
		strbuf_slice(&w->wishes->name), on_policy, &policies) != 0) {
		cli_database_complain(
		    w->config, w->store, "; ask for one domain (-d)", "");
		w->status = CLI_UNREADABLE;
	} else if (policies.count == 0 && !w->wishes->quiet &&
	    w->day == w->wishes->day) {
		cli_warn("dmarc-report: no results of that day");
	}
	for (size_t i = 0; i < policies.count && !w->stopped; i++)
		make_one(w, &policies.list[i]);
	for (size_t i = 0; i < policies.count; i++) {
		free(policies.list[i].domain);
		free(policies.list[i].record);
	}
	free(policies.list);
}

static void
make_days(struct work *w)
{
	int64_t last = w->wishes->day;
	int64_t before =
	    w->wishes->send && !w->wishes->day_named ? DAYS_BEFORE : 0;

	for (int64_t n = before; n > 0 && !w->stopped; n--) {
		w->day = last - n * CLI_DAY;
		w->end = w->day + CLI_DAY - 1;
		make_all(w);
	}
	if (w->stopped)
		return;
	w->day = last;
	w->end = w->last_end;
	make_all(w);
}

static int
send_all(struct work *w)
{
	int status;

	w->send = (struct report_send){
	    .config = w->config,
	    .dns = &w->wishes->dns,
	    .store = w->store,
	    .again = w->wishes->again,
	    .quiet = w->wishes->quiet,
	};
	status = report_send_begin(&w->send);
	if (status == CLI_OK)
		make_days(w);
	else
		w->status = status;
	status = report_send_end(&w->send);
	return w->status == CLI_OK ? status : w->status;
}

static int
make_reports(struct work *w)
{
	int status = CLI_OK;

	if (report_files_begin(&w->files, w->wishes->directory) != 0)
		return CLI_OS;
	status = cli_database_descend(w->config);
	if (status == CLI_OK) {
		w->store = cli_database_open(w->config, w->wishes->send);
		status = w->store == NULL ? CLI_UNREADABLE : CLI_OK;
	}
	if (status == CLI_OK && w->wishes->send) {
		status = send_all(w);
	} else if (status == CLI_OK) {
		make_days(w);
		status = w->status;
	}
	record_store_close(w->store);
	report_files_end(&w->files);
	return status;
}

/* --- what was sent --- */

static void
print_sent(void *ctx, const struct record_sent *sent)
{
	struct strbuf line;

	(void)ctx;
	strbuf_init(&line, LINE_MAX_OCTETS);
	cli_day_print(sent->day, &line);
	strbuf_add_char(&line, ' ');
	escape_log(sent->domain, &line);
	strbuf_addf(&line, " %s to ",
	    sent->state == RECORD_SENT_UNWANTED
		? "not sent"
		: record_sent_word(sent->state));
	escape_log(sent->address, &line);
	strbuf_add_str(&line, " at ");
	cli_time_print(sent->at, &line);
	strbuf_add_str(&line, " UTC: ");
	escape_log(sent->reply, &line);
	strbuf_add_char(&line, '\n');
	cli_print(strbuf_slice(&line));
	strbuf_clear(&line);
}

static int
list_sent(const struct wishes *w, const struct proxy_config *config)
{
	struct record_store *store;
	int status = cli_database_descend(config);

	if (status != CLI_OK)
		return status;
	store = cli_database_open(config, false);
	if (store == NULL)
		return CLI_UNREADABLE;
	if (record_store_list_sent(store, w->day_named ? w->day : 0,
		w->day_named ? w->day : INT64_MAX, strbuf_slice(&w->name),
		print_sent, NULL) != 0) {
		cli_database_complain(config, store,
		    "; ask for one day (--day) or one domain (-d)",
		    "; or nothing was ever sent");
		status = CLI_UNREADABLE;
	}
	record_store_close(store);
	return status;
}

/* --- */

/* What is sent is sent once: it must be all of the day. */
static int
settle_end(const struct wishes *wishes, struct work *w)
{
	int64_t now = clock_wall_s();
	struct strbuf day;

	w->last_end = wishes->day + CLI_DAY - 1;
	if (now > w->last_end)
		return CLI_OK;
	if (!wishes->send && now >= wishes->day) {
		w->last_end = now;
		return CLI_OK;
	}
	strbuf_init(&day, LINE_MAX_OCTETS);
	cli_day_print(wishes->day, &day);
	cli_error("dmarc-report: %s has not %s yet, in UTC", strbuf_text(&day),
	    now < wishes->day ? "begun" : "ended");
	strbuf_clear(&day);
	return CLI_NO_MESSAGE;
}

static int
report_domains(struct wishes *wishes, const struct proxy_config *config)
{
	struct work w = {.wishes = wishes, .config = config};
	int status;

	if (config->results.database == NULL) {
		if (wishes->quiet)
			return CLI_OK;
		cli_error("%s: [results] database is not set: nothing is kept",
		    wishes->config);
		return CLI_CONFIG;
	}
	if (wishes->list)
		return list_sent(wishes, config);
	if (wishes->send && config->reflector.relay.length == 0) {
		cli_error("%s: --send needs [out] listen, or [reflector] relay",
		    wishes->config);
		return CLI_CONFIG;
	}
	if (!wishes->format_named)
		wishes->format = config->results.format;
	status = settle_end(wishes, &w);
	return status == CLI_OK ? make_reports(&w) : status;
}

static int
run(int argc, char **argv)
{
	int64_t now = clock_wall_s();
	struct wishes w = {
	    .config = PROXY_CONFIG_PATH, .day = now - now % CLI_DAY - CLI_DAY};
	struct proxy_config *config;
	int status = CLI_USAGE;

	strbuf_init(&w.name, MAIL_IDN_NAME_MAX);
	if (read_options(argc, argv, &w) == 0) {
		status = cli_config_load(w.config, &config);
		if (status == CLI_OK)
			status = report_domains(&w, config);
		proxy_config_free(config);
		status = cli_stdout_close(status);
	}
	strbuf_clear(&w.name);
	return status;
}

const struct cli_command cli_dmarc_report = {
    "dmarc-report", run, "write and send DMARC aggregate reports", help};
