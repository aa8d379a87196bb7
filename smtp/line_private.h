/* Where in a line a body's bytes are, for dot and undot. */
#ifndef SMTP_LINE_PRIVATE_H
#define SMTP_LINE_PRIVATE_H

#include <string.h>

#include "base/slice.h"

enum smtp_line {
	SMTP_LINE_BEGIN,
	SMTP_LINE_INSIDE,
	SMTP_LINE_CR,	  /* inside, and the last byte was a CR */
	SMTP_LINE_DOT,	  /* undot: the first byte was a dot, held back */
	SMTP_LINE_DOT_CR, /* undot: dot and CR at the begin, held back */
};

/* From inside a line at `at` to behind its LF, or to the end. Only CRLF
 * begins a new line. `at` must be below in.n. */
static inline size_t
smtp_line_pass(struct slice in, size_t at, unsigned char *state)
{
	const char *lf = memchr(in.p + at, '\n', in.n - at);
	size_t end;

	if (lf == NULL) {
		*state =
		    in.p[in.n - 1] == '\r' ? SMTP_LINE_CR : SMTP_LINE_INSIDE;
		return in.n;
	}
	end = (size_t)(lf - in.p);
	*state =
	    end > at && lf[-1] == '\r' ? SMTP_LINE_BEGIN : SMTP_LINE_INSIDE;
	return end + 1;
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
