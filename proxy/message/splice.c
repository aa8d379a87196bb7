/* Playing an edited message; see splice.h. */
#include <string.h>

#include "proxy/message/splice.h"

static const struct slice empty_line = SLICE_INIT("\r\n");

void
proxy_splice_begin(struct proxy_splice *s, const struct proxy_spool *spool,
    const struct mail_header *header, const struct proxy_edit *edit)
{
	*s = (struct proxy_splice){
	    .edit = edit, .header = header, .spool = spool};
	s->blank = mail_header_ending(header) == MAIL_HEADER_END_LINE;
	s->blank_at = mail_header_size(header);
}

static size_t
next_of_top(struct proxy_splice *s, char *to, size_t room)
{
	struct slice rest;

	if (s->edit == NULL)
		return 0;
	rest = slice_first(
	    slice_after(proxy_edit_top_fields(s->edit), s->top_done), room);
	if (rest.n > 0)
		memcpy(to, rest.p, rest.n);
	s->top_done += rest.n;
	return rest.n;
}

/* Steps over the fields left out that begin here; how far it is to the next. */
static uint64_t
skip_removed(struct proxy_splice *s)
{
	const struct proxy_removed *removed;
	size_t count =
	    s->edit == NULL ? 0 : proxy_edit_removed(s->edit, &removed);

	while (s->removed_done < count) {
		const struct mail_field *field =
		    mail_header_at(s->header, removed[s->removed_done].index);

		if (field->offset > s->offset)
			return field->offset - s->offset;
		s->offset = field->offset + field->raw.n;
		s->removed_done++;
	}
	return UINT64_MAX;
}

static bool
blank_is_ahead(const struct proxy_splice *s)
{
	return s->blank && s->blank_done < empty_line.n;
}

ssize_t
proxy_splice_next(struct proxy_splice *s, char *to, size_t room)
{
	size_t filled = next_of_top(s, to, room);
	uint64_t until;
	ssize_t n;

	while (filled < room) {
		uint64_t b;

		until = skip_removed(s);
		if (blank_is_ahead(s) && s->offset >= s->blank_at) {
			to[filled++] = empty_line.p[s->blank_done++];
			continue;
		}
		b = blank_is_ahead(s) ? s->blank_at - s->offset : UINT64_MAX;
		until = until < b ? until : b;
		n = proxy_spool_read(s->spool, s->offset, to + filled,
		    until < room - filled ? (size_t)until : room - filled);
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		filled += (size_t)n;
		s->offset += (uint64_t)n;
	}
	return (ssize_t)filled;
}
