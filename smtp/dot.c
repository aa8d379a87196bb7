/*
 * The body on its way out; see dot.h. A dot at the beginning of a line gets
 * another before it, wherever the chunks are cut: the state is where in a line
 * the last chunk ended, and nothing is copied that need not be.
 */
#include "smtp/dot.h"
#include "smtp/line_private.h"

void
smtp_dot_init(struct smtp_dot *dot, struct sink *out)
{
	dot->state = SMTP_LINE_BEGIN;
	dot->out = out;
}

void
smtp_dot_write(struct smtp_dot *dot, struct slice in)
{
	unsigned char *state = &dot->state;
	size_t at = 0, from = 0; /* in[from..at) is to go out */

	while (at < in.n) {
		if (*state == SMTP_LINE_INSIDE) {
			at = smtp_line_pass(in, at, state);
		} else if (*state == SMTP_LINE_CR) {
			at = smtp_line_after_cr(in, at, state);
		} else {
			*state = SMTP_LINE_INSIDE;
			if (in.p[at] != '.')
				continue;
			/* Out goes the dot, and it stays in the way: twice. */
			sink_write_to(
			    dot->out, slice_from(in.p + from, at + 1 - from));
			from = at++;
		}
	}
	sink_write_to(dot->out, slice_after(in, from));
}

void
smtp_dot_end(struct smtp_dot *dot)
{
	struct slice end =
	    dot->state == SMTP_LINE_BEGIN ? SLICE(".\r\n") : SLICE("\r\n.\r\n");

	sink_write_to(dot->out, end);
}
