/* Where in a line a body's bytes are, for dot and undot. */
#ifndef SMTP_LINE_PRIVATE_H
#define SMTP_LINE_PRIVATE_H

#include <string.h>

#include "base/bytes16.h"
#include "base/slice.h"

enum smtp_line {
	SMTP_LINE_BEGIN,
	SMTP_LINE_INSIDE,
	SMTP_LINE_CR,	  /* inside, and the last byte was a CR */
	SMTP_LINE_DOT,	  /* undot: the first byte was a dot, held back */
	SMTP_LINE_DOT_CR, /* undot: dot and CR at the begin, held back */
};

/* Only CRLF begins a new line. */
static inline unsigned char
smtp_line_after(struct slice in)
{
	if (in.p[in.n - 1] == '\r')
		return SMTP_LINE_CR;
	if (in.n >= 2 && in.p[in.n - 1] == '\n' && in.p[in.n - 2] == '\r')
		return SMTP_LINE_BEGIN;
	return SMTP_LINE_INSIDE;
}

static inline bytes16
smtp_any_dot16(const char *p)
{
	return (bytes16)(bytes16_load(p) == '.');
}

/* A dot behind an LF. */
static inline bytes16
smtp_line_dot16(const char *p)
{
	return (bytes16)(bytes16_load(p) == '.') &
	    (bytes16)(bytes16_load(p - 1) == '\n');
}

/*
 * From inside a line at `at` to the next dot that begins one, or to the end.
 * Such dots are rarer than lines, so they are what is looked for; the two
 * bytes before one tell. A CRLF that the last chunk's end cut in two is not
 * for here: then the state is CR or BEGIN. `at` must be below in.n.
 */
static inline size_t
smtp_line_pass(struct slice in, size_t at, unsigned char *state)
{
	size_t i = at < 2 ? 2 : at;

	while (i < in.n) {
		size_t begin =
		    bytes16_pass(in, i, smtp_any_dot16, smtp_line_dot16);
		size_t stop = in.n - begin < BYTES16 ? in.n : begin + BYTES16;

		for (i = begin; i < stop; i++) {
			if (in.p[i] == '.' && in.p[i - 1] == '\n' &&
			    in.p[i - 2] == '\r') {
				*state = SMTP_LINE_BEGIN;
				return i;
			}
		}
	}
	*state = smtp_line_after(in);
	return in.n;
}

/* The byte after a CR that ended the last chunk: an LF is taken. */
static inline size_t
smtp_line_after_cr(struct slice in, size_t at, unsigned char *state)
{
	bool lf = in.p[at] == '\n';

	*state = lf ? SMTP_LINE_BEGIN : SMTP_LINE_INSIDE;
	return lf ? at + 1 : at;
}

#endif
