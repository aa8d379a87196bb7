/* Shared by the files of the status page. */
#ifndef RECORD_PAGE_PRIVATE_H
#define RECORD_PAGE_PRIVATE_H

#include "record/page.h"

enum { RECORD_PAGE_NAME_SHOWN = 34 }; /* characters of a name */

/* A stranger's text: escaped, without what turns the direction of writing. */
void record_page_text(struct slice, struct strbuf *);

/* The same for a name: a long one is cut in the middle and stands whole in a
 * title; an empty one is shown as `nameless`. */
void record_page_name(struct slice name, const char *nameless, struct strbuf *);

/* A bar of two shares of a whole, with what they are in its title. */
void record_page_bar(int64_t good, int64_t bad, int64_t all, struct strbuf *);

/* Whose mail fails, to `looks`, and the list of all; since `from`. 0, or -1
 * where the store does not answer. */
int record_page_domains(const struct record_page *, int64_t from,
    struct strbuf *looks, struct strbuf *list);

#endif
