/*
 * What `signpost check` has found, one finding a line, in order: for people
 * or as JSON (signpost-check(1)).
 */
#ifndef CLI_CHECK_REPORT_H
#define CLI_CHECK_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"
#include "base/strbuf.h"

/* From good to bad: the last one found decides about all. */
enum check_result {
	CHECK_OK,
	CHECK_NOTE,
	CHECK_WARNING,
	CHECK_UNKNOWN, /* a question of the DNS without an answer */
	CHECK_FAIL
};

struct check_finding {
	const char *what; /* static: "dkim", "spf" */
	enum check_result result;
	char *subject, *reason;
	char *todo; /* NULL: nothing, as for CHECK_OK */
};

struct check_report {
	struct check_finding *list;
	size_t count, room;
	enum check_result worst;
	char *servers; /* who was asked, for "no answer from"; NULL: unknown */
	const char *config; /* " -c FILE" for commands; may be empty */
	bool running;	    /* a listener of ours has answered */
};

/* What a finding is about; borrowed. */
struct check_about {
	const char *what, *subject;
};

/* Zeroed: empty. */
void check_report_clear(struct check_report *);

/* Adds a finding. Whatever others sent must be harmless by now: see
 * check_shown(). */
void check_report_add(struct check_report *, const struct check_about *,
    enum check_result, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* No name server answered. */
void check_report_no_answer(struct check_report *, const struct check_about *);

/* What to do about the finding added last. */
void check_report_todo(struct check_report *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The beginning of what the DNS, a peer or Postfix sent, escaped; a view of
 * the strbuf, which is emptied first. */
#define CHECK_SHOWN_MAX 1200 /* the cap that a strbuf for it needs */
const char *check_shown(struct strbuf *, struct slice foreign);

/* The same for a text of ours that may quote others: only what is no printable
 * ASCII is escaped. */
const char *check_shown_reason(struct strbuf *, struct slice text);

/* To stdout. */
void check_report_print(const struct check_report *);
void check_report_print_json(const struct check_report *);

#endif
