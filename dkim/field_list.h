/*
 * Which fields are signed (RFC 6376 section 5.4). From always is.
 *
 * As text: names between commas, colons or white space. `+Name` is oversigned:
 * named once more than it is present, so that none can be added later, whatever
 * names it again behind that. `-Name` takes a name away, `default` adds the
 * built-in list: section 5.4.1's fields plus Message-ID, MIME-Version,
 * Content-Type, Content-Transfer-Encoding and List-Unsubscribe-Post; From, To,
 * Cc and Subject oversigned. Date and Message-ID are not: Postfix may add them
 * after us.
 */
#ifndef DKIM_FIELD_LIST_H
#define DKIM_FIELD_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"
#include "base/strbuf.h"

/* Names in a list; longest name. */
#define DKIM_FIELD_LIST_MAX 128
#define DKIM_FIELD_NAME_MAX 76

struct mail_header;
struct dkim_field_list;

struct dkim_field_list *dkim_field_list_new(void); /* the built-in list */

/* NULL and a reason where the text is not such a list; oversigning a field
 * that hosts on the way put on top is a fault too. */
struct dkim_field_list *dkim_field_list_parse(
    struct slice, struct strbuf *reason);
void dkim_field_list_free(struct dkim_field_list *);

bool dkim_field_list_has(const struct dkim_field_list *, struct slice name);

/*
 * Puts into `names` what h= says for this header, in the list's order, a
 * colon between: each name as often as it is present, once more where it is
 * oversigned. 0, or -1 where that is longer than the strbuf may be.
 */
int dkim_field_list_pick(const struct dkim_field_list *,
    const struct mail_header *, struct strbuf *names);

#endif
