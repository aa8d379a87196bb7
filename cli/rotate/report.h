/*
 * What became of each key, for people as it comes, or for programs at the end;
 * and how the program ends.
 */
#ifndef CLI_ROTATE_REPORT_H
#define CLI_ROTATE_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/strbuf.h"
#include "cli/kit/records.h"
#include "proxy/keys/selectors.h"

/* From the mildest to the worst: the worst says how the program ends. */
enum rotate_outcome {
	ROTATE_DONE,
	ROTATE_NOTHING, /* there is nothing to do */
	ROTATE_WAITING, /* not yet */
	ROTATE_PERSON,	/* somebody has to do something */
	ROTATE_WRONG,	/* a file is wrong */
	ROTATE_OUTCOMES
};

struct json_t;
struct rotate_told;

struct rotate_report {
	bool json;
	struct json_t *list;
	bool happened[ROTATE_OUTCOMES];
	/* By it the same complaint is told once; NULL: each time. */
	struct rotate_told *once;
	/* Told to people in this run: what notify sends. */
	struct strbuf told;
};

/* What is told of one; zeroed where it is not known. */
struct rotate_about {
	const char *domain, *selector; /* NULL: of no key */
	const struct proxy_selector *row;
	int64_t until;			 /* ROTATE_WAITING: up to when */
	const struct cli_record *record; /* to be published */
	const struct cli_record *remove; /* to be taken down */
	bool noted; /* with the key: the caller does not tell it again */
};

void rotate_report_init(struct rotate_report *, bool json);
void rotate_report_clear(struct rotate_report *);

/* To stdout; what a person must do, and what is wrong, to stderr. What he has
 * been told before is no news: it goes to stdout, and what he must do is waited
 * for; a file that is wrong is so until it is mended. */
void rotate_report_add(struct rotate_report *, const struct rotate_about *,
    enum rotate_outcome, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Prints what is left to print. How to end; with `waiting` where only waiting
 * is left (`auto' ends 0 there). */
int rotate_report_end(struct rotate_report *, int waiting);

/* "2026-11-29T10:00:00Z" of a time. */
struct rotate_moment {
	char text[40];
};
struct rotate_moment rotate_moment_of(int64_t when);

#endif
