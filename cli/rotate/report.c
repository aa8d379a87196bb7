/* What became of each key; see report.h. */
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "cli/kit/cli.h"
#include "cli/kit/records_print.h"
#include "cli/rotate/report.h"
#include "cli/rotate/told.h"

enum { LINE_MAX_BYTES = 16384, TOLD_MAX = 1 << 20 };

static const char *const outcome_words[ROTATE_OUTCOMES] = {
    "done", "nothing", "waiting", "person", "wrong"};

void
rotate_report_init(struct rotate_report *report, bool json)
{
	*report = (struct rotate_report){.json = json};
	report->list = json_array();
	strbuf_init(&report->told, TOLD_MAX);
}

void
rotate_report_clear(struct rotate_report *report)
{
	json_decref(report->list);
	strbuf_clear(&report->told);
}

struct rotate_moment
rotate_moment_of(int64_t when)
{
	struct rotate_moment moment = {""};
	struct strbuf text;

	strbuf_init(&text, sizeof(moment.text) - 1);
	proxy_selector_time_print(when, &text);
	memcpy(moment.text, strbuf_text(&text), text.n + 1);
	strbuf_clear(&text);
	return moment;
}

static void
set_record(json_t *object, const char *name, const struct cli_record *record)
{
	if (record != NULL)
		(void)json_object_set_new(object, name,
		    json_pack("{s:s, s:s, s:s}", "name", record->name, "type",
			"TXT", "value", record->value));
}

static void
add_json(struct rotate_report *report, const struct rotate_about *about,
    enum rotate_outcome outcome, const char *text)
{
	json_t *object = json_pack("{s:s, s:s?, s:s*, s:s*, s:s, s:s}",
	    "domain", about->domain, "selector", about->selector, "kind",
	    about->row == NULL ? NULL : dkim_key_type_name(about->row->type),
	    "state",
	    about->row == NULL ? NULL
			       : proxy_selector_state_name(about->row->state),
	    "outcome", outcome_words[outcome], "text", text);

	if (about->until != 0)
		(void)json_object_set_new(object, "until",
		    json_string(rotate_moment_of(about->until).text));
	set_record(object, "publish", about->record);
	set_record(object, "remove", about->remove);
	(void)json_array_append_new(report->list, object);
}

void
rotate_report_add(struct rotate_report *report,
    const struct rotate_about *about, enum rotate_outcome outcome,
    const char *fmt, ...)
{
	struct strbuf text, line;
	va_list args;
	bool news;

	strbuf_init(&text, LINE_MAX_BYTES);
	strbuf_init(&line, 2 * LINE_MAX_BYTES);
	va_start(args, fmt);
	strbuf_addv(&text, fmt, args);
	va_end(args);
	strbuf_addf(&line, "%s%s%s: %s", about->domain,
	    about->selector == NULL ? "" : " ",
	    about->selector == NULL ? "" : about->selector, strbuf_text(&text));
	news = outcome >= ROTATE_PERSON &&
	    (report->once == NULL || about->noted ||
		!rotate_told_again(
		    report->once, about->domain, strbuf_slice(&line)));
	if (!news && outcome == ROTATE_PERSON)
		outcome = ROTATE_WAITING;
	report->happened[outcome] = true;
	if (news)
		strbuf_addf(&report->told, "%s\n", strbuf_text(&line));
	if (report->json)
		add_json(report, about, outcome, strbuf_text(&text));
	else if (news)
		cli_error("%s", strbuf_text(&line));
	else
		printf("%s\n", strbuf_text(&line));
	if (about->record != NULL) {
		strbuf_reset(&line);
		cli_record_zone(about->record, "\n\t", &line);
		if (news)
			strbuf_addf(&report->told, "%s\n", strbuf_text(&line));
		if (!report->json)
			printf("%s\n", strbuf_text(&line));
	}
	strbuf_clear(&text);
	strbuf_clear(&line);
}

int
rotate_report_end(struct rotate_report *report, int waiting)
{
	int status = CLI_OK;

	if (report->json) {
		(void)json_dumpf(report->list, stdout, JSON_INDENT(1));
		putchar('\n');
	}
	if (report->happened[ROTATE_WRONG])
		status = CLI_CONFIG;
	else if (report->happened[ROTATE_PERSON])
		status = CLI_FAILED;
	else if (report->happened[ROTATE_WAITING])
		status = waiting;
	return cli_stdout_close(status);
}
