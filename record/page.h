/*
 * The status page, for a person who wants to know what needs him: the state
 * and its causes, what went and came in a period beside the one before, whose
 * mail fails and why. HTML with its plots as SVG drawn here; nothing is loaded
 * from elsewhere and nothing runs.
 */
#ifndef RECORD_PAGE_H
#define RECORD_PAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "base/strbuf.h"
#include "record/store.h"

/* Of a period, hours; its default. */
enum { RECORD_PAGE_HOURS = 24, RECORD_PAGE_HOURS_MAX = 24 * 31 };

/* Domains by name: in sight at first, and with `?all`. */
enum { RECORD_PAGE_DOMAINS = 100, RECORD_PAGE_DOMAINS_MAX = 5000 };

/* What the page's query asks for: "hours=48&sort=fail&all". */
struct record_page_wish {
	unsigned hours;
	bool by_failures, all;
};

/* Whatever is no such word, or no such number, is passed over. */
struct record_page_wish record_page_wish(struct slice query);

enum record_page_state {
	RECORD_PAGE_WELL,
	RECORD_PAGE_ATTENTION, /* mail goes on */
	RECORD_PAGE_TROUBLE    /* mail stops */
};

/* What is wrong: a line; all text is escaped by the page. */
struct record_page_cause {
	bool stops; /* mail */
	const char *part, *text;
};

struct record_page {
	struct record_store *store; /* NULL: nothing is kept */
	bool wanted;		    /* though it should be */
	int64_t now, started;	    /* seconds since 1970 */
	const char *version, *host;
	bool out, in; /* which proxies there are */
	enum record_page_state state;
	const struct record_page_cause *causes;
	size_t cause_count;
	/* Our own domains: the first of them by name, and whether one is ours
	 * or lies below one. */
	const struct slice *own;
	size_t own_count;
	bool (*is_own)(void *ctx, struct slice domain);
	void *ctx;
	struct record_page_wish wish;
};

/* The part that the database is asked for, which may take its time: the caller
 * bounds that (record_store_bound()). -1 where it does not answer; what is to
 * be said of that is printed. */
int record_page_results(const struct record_page *, struct strbuf *);

/* The page around that part; -1 where the strbuf is full. */
int record_page_print(
    const struct record_page *, struct slice results, struct strbuf *);

#endif
