/*
 * What `signpost check` has found; see report.h. A finding has a word that
 * programs may rely on and text that people read, and what is to be done
 * stands beside what is wrong: a finding that leaves somebody to search is
 * half of one.
 */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/escape.h"
#include "base/xalloc.h"
#include "cli/check/report.h"
#include "cli/kit/cli.h"

enum { TEXT_MAX = 16384, SHOWN_OCTETS = 250 };

static const struct {
	const char *word, *shown;
} results[] = {
    [CHECK_OK] = {"ok", "ok"},
    [CHECK_NOTE] = {"note", "note"},
    [CHECK_WARNING] = {"warning", "warning"},
    [CHECK_UNKNOWN] = {"unknown", "unknown"},
    [CHECK_FAIL] = {"fail", "FAIL"},
};

void
check_report_clear(struct check_report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		free(report->list[i].subject);
		free(report->list[i].reason);
		free(report->list[i].todo);
	}
	free(report->list);
	free(report->servers);
	*report = (struct check_report){0};
}

static char *format(const char *fmt, va_list)
    __attribute__((format(printf, 1, 0)));

static char *
format(const char *fmt, va_list ap)
{
	struct strbuf text;

	strbuf_init(&text, TEXT_MAX);
	if (strbuf_addv(&text, fmt, ap) != 0)
		strbuf_add_str(&text, "(too long to be shown)");
	return text.n == 0 ? xstrdup("") : strbuf_detach(&text);
}

void
check_report_add(struct check_report *report, const struct check_about *about,
    enum check_result result, const char *fmt, ...)
{
	struct check_finding *finding;
	va_list ap;

	if (report->count == report->room) {
		report->room = report->room == 0 ? 16 : 2 * report->room;
		report->list = xreallocarray(
		    report->list, report->room, sizeof(*report->list));
	}
	finding = &report->list[report->count++];
	*finding = (struct check_finding){.what = about->what,
	    .result = result,
	    .subject = xstrdup(about->subject)};
	va_start(ap, fmt);
	finding->reason = format(fmt, ap);
	va_end(ap);
	if (result > report->worst)
		report->worst = result;
}

void
check_report_no_answer(
    struct check_report *report, const struct check_about *about)
{
	check_report_add(report, about, CHECK_UNKNOWN, "no answer from %s",
	    report->servers != NULL ? report->servers : "the name server");
	check_report_todo(
	    report, "try again, or another name server (--nameserver)");
}

void
check_report_todo(struct check_report *report, const char *fmt, ...)
{
	struct check_finding *last;
	va_list ap;

	assert(report->count > 0);
	last = &report->list[report->count - 1];
	assert(last->todo == NULL);
	va_start(ap, fmt);
	last->todo = format(fmt, ap);
	va_end(ap);
}

const char *
check_shown(struct strbuf *out, struct slice foreign)
{
	strbuf_reset(out);
	escape_log(slice_first(foreign, SHOWN_OCTETS), out);
	if (foreign.n > SHOWN_OCTETS)
		strbuf_add_str(out, "...");
	return strbuf_text(out);
}

const char *
check_shown_reason(struct strbuf *out, struct slice text)
{
	strbuf_reset(out);
	escape_text(slice_first(text, SHOWN_OCTETS), out);
	return strbuf_text(out);
}

void
check_report_print(const struct check_report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		const struct check_finding *f = &report->list[i];

		printf("%-8s %s %s: %s\n", results[f->result].shown, f->what,
		    f->subject, f->reason);
		if (f->todo != NULL)
			printf("         %s\n", f->todo);
	}
}

/* `"name":"value"`, what separates it from the next behind it. */
static void
print_member(const char *name, const char *value, const char *behind)
{
	struct slice text = slice_str(value);
	struct strbuf json;

	strbuf_init(&json, 6 * text.n + 3); /* \uHHHH at most */
	escape_json(text, &json);
	printf("\"%s\":%s%s", name, strbuf_text(&json), behind);
	strbuf_clear(&json);
}

void
check_report_print_json(const struct check_report *report)
{
	fputs("{\"checks\":[", stdout);
	for (size_t i = 0; i < report->count; i++) {
		const struct check_finding *f = &report->list[i];

		fputs(i == 0 ? "{" : ",{", stdout);
		print_member("what", f->what, ",");
		print_member("subject", f->subject, ",");
		print_member("result", results[f->result].word, ",");
		print_member("reason", f->reason, ",");
		print_member("todo", f->todo == NULL ? "" : f->todo, "}");
	}
	fputs("],", stdout);
	print_member("result", results[report->worst].word, "}\n");
}
