/*
 * The status page: what was signed and checked over the last day, for a
 * person. HTML with its plots as SVG drawn here; nothing is loaded from
 * elsewhere and nothing runs.
 */
#ifndef RECORD_PAGE_H
#define RECORD_PAGE_H

#include <stdint.h>

#include "base/strbuf.h"
#include "record/store.h"

/* One figure at the top of the page; all text is escaped by the page. */
struct record_figure {
	const char *label;
	uint64_t value;
	const char *note; /* may be NULL */
};

struct record_page {
	struct record_store *store; /* NULL: nothing is kept */
	const char *store_trouble;  /* why nothing can be kept; NULL: it can */
	int64_t now;
	const char *version, *host;
	const char *trouble; /* NULL: all is well */
	const struct record_figure *figures;
	size_t figure_count;
};

/* 0; -1 where the strbuf is full or the store does not answer. */
int record_page_print(const struct record_page *, struct strbuf *);

#endif
