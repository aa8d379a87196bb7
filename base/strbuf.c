/*
 * Growing bytes with a cap; see strbuf.h. That the cap was met is remembered:
 * who adds many pieces looks once, at the end, and what stands in the buffer
 * is then still a whole number of pieces, never half of one.
 */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/xalloc.h"

enum { STRBUF_FIRST_ROOM = 128 };

void
strbuf_init(struct strbuf *sb, size_t cap)
{
	*sb = (struct strbuf){.cap = cap};
}

char *
strbuf_reserve(struct strbuf *sb, size_t n)
{
	if (sb->full || n > sb->cap - sb->n) {
		sb->full = true;
		return NULL;
	}
	if (sb->n + n + 1 > sb->room) {
		size_t need = sb->n + n + 1;
		size_t room = sb->room == 0 ? STRBUF_FIRST_ROOM : sb->room * 2;

		if (room < need)
			room = need;
		if (room > sb->cap + 1)
			room = sb->cap + 1;
		sb->p = xreallocarray(sb->p, room, 1);
		sb->room = room;
	}
	return sb->p + sb->n;
}

int
strbuf_add(struct strbuf *sb, struct slice bytes)
{
	bool inside = sb->p != NULL && (uintptr_t)bytes.p >= (uintptr_t)sb->p &&
	    (uintptr_t)bytes.p < (uintptr_t)sb->p + sb->room;
	size_t offset = inside ? (size_t)(bytes.p - sb->p) : 0;
	char *to = strbuf_reserve(sb, bytes.n);

	if (to == NULL)
		return -1;
	if (bytes.n > 0)
		memmove(to, inside ? sb->p + offset : bytes.p, bytes.n);
	sb->n += bytes.n;
	sb->p[sb->n] = '\0';
	return 0;
}

int
strbuf_add_str(struct strbuf *sb, const char *s)
{
	return strbuf_add(sb, slice_str(s));
}

int
strbuf_add_char(struct strbuf *sb, char c)
{
	return strbuf_add(sb, slice_from(&c, 1));
}

/* Most often there is room: then it is printed once. */
int
strbuf_addv(struct strbuf *sb, const char *fmt, va_list ap)
{
	size_t left = sb->room - sb->n; /* the final NUL's too */
	va_list again;
	char *to;
	int n;

	if (sb->full)
		return -1;
	va_copy(again, ap);
	n = vsnprintf(left == 0 ? NULL : sb->p + sb->n, left, fmt, again);
	va_end(again);
	assert(n >= 0);
	if ((size_t)n >= left) {
		if (left > 0)
			sb->p[sb->n] = '\0';
		to = strbuf_reserve(sb, (size_t)n);
		if (to == NULL)
			return -1;
		(void)vsnprintf(to, (size_t)n + 1, fmt, ap);
	}
	sb->n += (size_t)n;
	return 0;
}

int
strbuf_fail(struct strbuf *reason, const char *fmt, ...)
{
	va_list ap;

	if (reason == NULL)
		return -1;
	va_start(ap, fmt);
	strbuf_addv(reason, fmt, ap);
	va_end(ap);
	return -1;
}

int
strbuf_addf(struct strbuf *sb, const char *fmt, ...)
{
	va_list ap;
	int result;

	va_start(ap, fmt);
	result = strbuf_addv(sb, fmt, ap);
	va_end(ap);
	return result;
}

struct slice
strbuf_slice(const struct strbuf *sb)
{
	return slice_from(sb->p, sb->n);
}

const char *
strbuf_text(const struct strbuf *sb)
{
	return sb->p == NULL ? "" : sb->p;
}

void
strbuf_truncate(struct strbuf *sb, size_t n)
{
	if (n >= sb->n)
		return;
	sb->n = n;
	sb->p[n] = '\0';
}

void
strbuf_consume(struct strbuf *sb, size_t n)
{
	if (n > sb->n)
		n = sb->n;
	if (n == 0)
		return;
	sb->n -= n;
	memmove(sb->p, sb->p + n, sb->n + 1);
}

void
strbuf_reset(struct strbuf *sb)
{
	strbuf_truncate(sb, 0);
	sb->full = false;
}

char *
strbuf_detach(struct strbuf *sb)
{
	char *bytes = sb->p == NULL ? xstrdup("") : sb->p;

	strbuf_init(sb, sb->cap);
	return bytes;
}

void
strbuf_clear(struct strbuf *sb)
{
	free(sb->p);
	strbuf_init(sb, sb->cap);
}

void
strbuf_wipe(struct strbuf *sb)
{
	if (sb->p != NULL)
		explicit_bzero(sb->p, sb->room);
	strbuf_clear(sb);
}

static void
sink_write(struct sink *sink, struct slice bytes)
{
	struct strbuf_sink *self = (struct strbuf_sink *)sink;

	strbuf_add(self->to, bytes);
}

void
strbuf_sink_init(struct strbuf_sink *self, struct strbuf *to)
{
	self->sink.write = sink_write;
	self->to = to;
}
