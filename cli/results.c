/*
 * signpost results: who fails for a domain, from where and why, out of the
 * results database; and how all that is kept of a domain is deleted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/xalloc.h"
#include "cli/kit/cli.h"
#include "cli/kit/database.h"
#include "cli/kit/days.h"
#include "cli/kit/domains.h"
#include "cli/kit/options.h"
#include "cli/kit/settings.h"
#include "mail/idn.h"

enum {
	HOUR = 3600,
	HOURS_DEFAULT = 24,
	HOURS_MAX = 24 * 366,
	LINES_MAX = 200,     /* of the table */
	OBJECTS_MAX = 10000, /* of the JSON */
	TEXT_MAX = 1200,     /* of a column, escaped */
	KEY_WIDTH = 39	     /* of the table: an IPv6 address fits */
};

static const char help[] =
    "usage: signpost results [-c FILE] [-d DOMAIN] [--day DATE | --hours N]\n"
    "           [--failed] [--by client|domain|reason] [--json]\n"
    "       signpost results [-c FILE] --forget DOMAIN\n"
    "\n"
    "Says who failed, from where and why, from what [results] database\n"
    "keeps: messages, how many of them failed, how many passed by DKIM, SPF\n"
    "and DMARC, and the most frequent reason. Those that fail most come "
    "first.\n"
    "\n"
    "  -c, --config FILE    the configuration\n"
    "                       (/etc/signpost/signpost.conf)\n"
    "  -d, --domain DOMAIN  mail of that author domain and those below it\n"
    "      --day DATE       YYYY-MM-DD, in UTC\n"
    "      --hours N        the last N hours; 24 by default\n"
    "      --failed         only mail that failed\n"
    "      --by WHAT        a line for each client, domain or reason; domain\n"
    "                       by default, client with -d\n"
    "      --json           print one JSON object\n"
    "      --forget DOMAIN  delete all that is kept of that domain and those\n"
    "                       below it\n";

struct wishes {
	const char *config, *domain, *forget;
	uint64_t hours; /* 0: not given */
	int64_t day;	/* -1: not given */
	bool failed, json, by_named;
	enum record_found_by by;
	struct strbuf name; /* the domain, in A-labels */
};

static const char *const by_words[] = {
    [RECORD_FOUND_BY_CLIENT] = "client",
    [RECORD_FOUND_BY_DOMAIN] = "domain",
    [RECORD_FOUND_BY_REASON] = "reason",
};

/* --- options --- */

static int
set_day(void *to, const char *text)
{
	struct wishes *w = to;

	if (cli_day_parse(text, &w->day) == 0)
		return 0;
	cli_error("--day: %s: not a day such as 2026-11-22", text);
	return -1;
}

static int
set_by(void *to, const char *text)
{
	struct wishes *w = to;

	w->by_named = true;
	for (size_t i = 0; i < sizeof(by_words) / sizeof(by_words[0]); i++)
		if (strcmp(text, by_words[i]) == 0) {
			w->by = (enum record_found_by)i;
			return 0;
		}
	cli_error("--by: %s: neither client, domain nor reason", text);
	return -1;
}

static int
read_options(int argc, char **argv, struct wishes *w)
{
	const struct cli_option options[] = {
	    {'c', "config", .text = &w->config},
	    {'d', "domain", .text = &w->domain},
	    {0, "day", .take = set_day, .to = w},
	    {0, "hours", .number = &w->hours, .max = HOURS_MAX},
	    {0, "failed", .flag = &w->failed},
	    {0, "by", .take = set_by, .to = w},
	    {0, "json", .flag = &w->json},
	    {0, "forget", .text = &w->forget},
	    {0},
	};
	const char *domain;

	if (cli_options_read(options, argc, argv, NULL) != 0)
		return -1;
	domain = w->forget != NULL ? w->forget : w->domain;
	if (w->day >= 0 && w->hours > 0)
		return cli_usage_error(
		    "results", "--day and --hours exclude each other");
	if (w->forget != NULL &&
	    (w->domain != NULL || w->day >= 0 || w->hours > 0 || w->failed ||
		w->by_named || w->json))
		return cli_usage_error(
		    "results", "--forget stands alone: it deletes all");
	if (domain != NULL && cli_domain_read(slice_str(domain), &w->name) != 0)
		return cli_usage_error("results", "%s: no domain name", domain);
	if (!w->by_named)
		w->by = w->domain != NULL ? RECORD_FOUND_BY_CLIENT
					  : RECORD_FOUND_BY_DOMAIN;
	return 0;
}

/* --- the answer --- */

struct line {
	char *direction, *key, *why;
	int64_t count, failed, dkim, spf, dmarc;
};

struct answer {
	struct line *list;
	size_t count, room;
};

/* Copied: printing may take longer than a question may. */
static void
on_found(void *ctx, const struct record_found *found)
{
	struct answer *a = ctx;

	if (a->count == a->room) {
		a->room = a->room == 0 ? 64 : 2 * a->room;
		a->list = xreallocarray(a->list, a->room, sizeof(*a->list));
	}
	a->list[a->count++] = (struct line){
	    .direction = xslicedup(found->direction),
	    .key = xslicedup(found->key),
	    .why = xslicedup(found->why),
	    .count = found->count,
	    .failed = found->failed,
	    .dkim = found->dkim,
	    .spf = found->spf,
	    .dmarc = found->dmarc,
	};
}

/* What stands for a key that is empty. */
static const char *
key_of(const struct line *line, enum record_found_by by)
{
	if (line->key[0] != '\0')
		return line->key;
	if (by == RECORD_FOUND_BY_REASON)
		return "(did not fail)";
	if (by == RECORD_FOUND_BY_DOMAIN)
		return "(no domain)";
	return strcmp(line->direction, "out") == 0 ? "(our own users)"
						   : "(not told)";
}

/* --- for people --- */

static void
print_table(const struct answer *a, const struct wishes *w,
    const struct record_question *q)
{
	struct strbuf words;

	strbuf_init(&words, TEXT_MAX);
	strbuf_addf(&words, "%s%s%s, ", w->failed ? "failed" : "all mail",
	    q->domain.n > 0 ? " of " : "",
	    q->domain.n > 0 ? strbuf_text(&w->name) : "");
	cli_time_print(q->from, &words);
	strbuf_add_str(&words, " to ");
	cli_time_print(q->to, &words);
	strbuf_addf(&words, " UTC\n\n    %8s %8s %8s %8s %8s  ", "messages",
	    "failed", "dkim ok", "spf ok", "dmarc ok");
	if (w->by == RECORD_FOUND_BY_REASON)
		strbuf_add_str(&words, "why\n");
	else
		strbuf_addf(&words, "%-*s  why most often\n", KEY_WIDTH,
		    by_words[w->by]);
	cli_print(strbuf_slice(&words));
	strbuf_clear(&words);
	for (size_t i = 0; i < a->count && i < LINES_MAX; i++) {
		const struct line *line = &a->list[i];
		struct strbuf text;

		strbuf_init(&text, 2 * TEXT_MAX);
		escape_log(slice_first(slice_str(line->direction), 3), &text);
		while (text.n < 3)
			strbuf_add_char(&text, ' ');
		strbuf_addf(&text, " %8lld %8lld %8lld %8lld %8lld  ",
		    (long long)line->count, (long long)line->failed,
		    (long long)line->dkim, (long long)line->spf,
		    (long long)line->dmarc);
		if (w->by == RECORD_FOUND_BY_REASON) {
			escape_log(slice_str(key_of(line, w->by)), &text);
		} else {
			const char *key = key_of(line, w->by);
			struct strbuf shown;
			size_t tail = KEY_WIDTH / 2 - 1,
			       head = KEY_WIDTH - 2 - tail;

			/* Longer ones are cut in the middle, where names
			 * differ least. */
			strbuf_init(&shown, TEXT_MAX);
			escape_log(slice_str(key), &shown);
			if (shown.n <= KEY_WIDTH)
				strbuf_addf(&text, "%-*s", KEY_WIDTH,
				    strbuf_text(&shown));
			else
				strbuf_addf(&text, "%.*s..%s", (int)head,
				    strbuf_text(&shown),
				    shown.p + shown.n - tail);
			strbuf_clear(&shown);
			strbuf_add_str(&text, "  ");
			escape_log(slice_str(line->why), &text);
		}
		while (text.n > 0 && text.p[text.n - 1] == ' ')
			strbuf_truncate(&text, text.n - 1);
		strbuf_add_char(&text, '\n');
		cli_print(strbuf_slice(&text));
		strbuf_clear(&text);
	}
	if (a->count == 0)
		printf("    nothing %s\n",
		    w->failed ? "failed" : "is kept of that time");
	if (a->count > LINES_MAX)
		printf("    and others; --json has more of them\n");
}

/* --- for programs --- */

static json_t *
json_text(const char *text)
{
	json_t *string = json_string(text);

	return string != NULL ? string : json_string("");
}

static json_t *
json_line(const struct line *line, enum record_found_by by)
{
	return json_pack("{s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:o}",
	    "direction", json_text(line->direction), by_words[by],
	    json_text(line->key), "messages", (json_int_t)line->count, "failed",
	    (json_int_t)line->failed, "dkim_pass", (json_int_t)line->dkim,
	    "spf_pass", (json_int_t)line->spf, "dmarc_pass",
	    (json_int_t)line->dmarc, "most_frequent_reason",
	    json_text(line->why));
}

/* --- */

static int
show_results(const struct wishes *w, const struct proxy_config *config)
{
	struct record_store *store = cli_database_open(config, false);
	int64_t now = clock_wall_s();
	int64_t hours = w->hours > 0 ? (int64_t)w->hours : HOURS_DEFAULT;
	struct record_question q = {
	    .domain = w->domain != NULL ? strbuf_slice(&w->name) : SLICE(""),
	    .failed = w->failed,
	    .most = w->json ? OBJECTS_MAX : LINES_MAX + 1,
	    .by = w->by,
	};
	struct answer answer = {NULL, 0, 0};
	int status = CLI_OK;

	if (store == NULL)
		return CLI_UNREADABLE;
	q.to = w->day >= 0 ? w->day + CLI_DAY : now - now % HOUR + HOUR;
	q.from = w->day >= 0 ? w->day : q.to - hours * HOUR;
	if (record_store_found(store, &q, on_found, &answer) != 0) {
		cli_database_complain(config, store,
		    "; ask for less (--hours, --day, -d)",
		    "; the recorder of an older version may have made it");
		status = CLI_UNREADABLE;
	} else if (w->json) {
		json_t *list = json_array();
		json_t *all = json_pack("{s:I, s:I, s:s, s:o}", "from",
		    (json_int_t)q.from, "to", (json_int_t)q.to, "by",
		    by_words[w->by], "results", list);

		for (size_t i = 0; i < answer.count; i++)
			(void)json_array_append_new(
			    list, json_line(&answer.list[i], w->by));
		(void)json_dumpf(
		    all, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
		putchar('\n');
		json_decref(all);
	} else {
		print_table(&answer, w, &q);
	}
	for (size_t i = 0; i < answer.count; i++) {
		free(answer.list[i].direction);
		free(answer.list[i].key);
		free(answer.list[i].why);
	}
	free(answer.list);
	record_store_close(store);
	return status;
}

static int
forget(const struct wishes *w, const struct proxy_config *config)
{
	struct record_store *store = cli_database_open(config, true);
	struct strbuf reason;
	int64_t count;
	int status = CLI_OK;

	if (store == NULL)
		return CLI_UNREADABLE;
	strbuf_init(&reason, TEXT_MAX);
	if (record_store_forget(
		store, strbuf_slice(&w->name), &count, &reason) == 0) {
		printf("%s: %lld rows deleted\n", strbuf_text(&w->name),
		    (long long)count);
	} else {
		cli_error("%s: %s; try again", config->results.database,
		    strbuf_text(&reason));
		status = CLI_TEMPORARY;
	}
	strbuf_clear(&reason);
	record_store_close(store);
	return status;
}

static int
answer_to(const struct wishes *w, const struct proxy_config *config)
{
	int status;

	if (config->results.database == NULL) {
		cli_error("%s: [results] database is not set: nothing is kept",
		    w->config);
		return CLI_CONFIG;
	}
	status = cli_database_descend(config);
	if (status != CLI_OK)
		return status;
	return w->forget != NULL ? forget(w, config) : show_results(w, config);
}

static int
run(int argc, char **argv)
{
	struct wishes w = {.config = PROXY_CONFIG_PATH, .day = -1};
	struct proxy_config *config;
	int status = CLI_USAGE;

	strbuf_init(&w.name, MAIL_IDN_NAME_MAX);
	if (read_options(argc, argv, &w) == 0) {
		status = cli_config_load(w.config, &config);
		if (status == CLI_OK)
			status = answer_to(&w, config);
		proxy_config_free(config);
		status = cli_stdout_close(status);
	}
	strbuf_clear(&w.name);
	return status;
}

const struct cli_command cli_results = {
    "results", run, "who fails, from where and why", help};
