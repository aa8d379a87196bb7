/*
 * Fields put on top and fields left out; see edit.h. A filter says which
 * field, and not which octets: it need not know where the message lies, and a
 * front that has no spool, as a milter's, can do the same.
 */
#include <stdlib.h>

#include "base/strbuf.h"
#include "base/xalloc.h"
#include "proxy/message/edit.h"

struct proxy_edit {
	struct strbuf top;
	struct proxy_removed *removed;
	size_t count, room;
};

struct proxy_edit *
proxy_edit_new(void)
{
	struct proxy_edit *e = xcalloc(1, sizeof(*e));

	strbuf_init(&e->top, PROXY_EDIT_TOP_MAX);
	return e;
}

void
proxy_edit_free(struct proxy_edit *e)
{
	if (e == NULL)
		return;
	strbuf_clear(&e->top);
	free(e->removed);
	free(e);
}

int
proxy_edit_top(struct proxy_edit *e, struct slice fields)
{
	return strbuf_add(&e->top, fields);
}

/* Counted on from the last one of that name that was left out, so that a header
 * of nothing else is gone through once, not once for each. */
static uint32_t
number_of(
    const struct proxy_edit *e, const struct mail_header *header, size_t index)
{
	struct slice name = mail_header_at(header, index)->name;
	size_t from = 0, i = e->count;
	uint32_t number = 1;

	while (i > 0 && !slice_equal_nocase(e->removed[i - 1].name, name))
		i--;
	if (i > 0) {
		from = e->removed[i - 1].index;
		number = e->removed[i - 1].number;
	}
	for (; from < index; from++)
		number += slice_equal_nocase(
		    mail_header_at(header, from)->name, name);
	return number;
}

int
proxy_edit_remove(
    struct proxy_edit *e, const struct mail_header *header, size_t index)
{
	if (index >= mail_header_count(header) ||
	    e->count == PROXY_EDIT_REMOVED_MAX ||
	    (e->count > 0 && index <= e->removed[e->count - 1].index))
		return -1;
	if (e->count == e->room) {
		e->room = e->room == 0 ? 8 : e->room * 2;
		e->removed =
		    xreallocarray(e->removed, e->room, sizeof(*e->removed));
	}
	e->removed[e->count] = (struct proxy_removed){
	    .name = mail_header_at(header, index)->name,
	    .index = (uint32_t)index,
	    .number = number_of(e, header, index),
	};
	e->count++;
	return 0;
}

struct slice
proxy_edit_top_fields(const struct proxy_edit *e)
{
	return strbuf_slice(&e->top);
}

size_t
proxy_edit_removed(
    const struct proxy_edit *e, const struct proxy_removed **list)
{
	*list = e->removed;
	return e->count;
}
