/* The body on its way in; see undot.h. What lies between two removed dots goes
 * out as one piece. */
#include "smtp/undot.h"
#include "smtp/line_private.h"

void
smtp_undot_init(struct smtp_undot *undot, struct sink *out)
{
	undot->state = SMTP_LINE_BEGIN;
	undot->out = out;
}

enum smtp_parse
smtp_undot_write(struct smtp_undot *undot, struct slice in, size_t *used)
{
	unsigned char *state = &undot->state;
	size_t at = 0, from = 0; /* in[from..at) is to go out */

	while (at < in.n) {
		char c = in.p[at];

		switch ((enum smtp_line) * state) {
		case SMTP_LINE_BEGIN:
			*state = c == '.' ? SMTP_LINE_DOT : SMTP_LINE_INSIDE;
			if (c != '.')
				break;
			sink_write_to(
			    undot->out, slice_from(in.p + from, at - from));
			from = ++at;
			break;
		case SMTP_LINE_INSIDE:
			at = smtp_line_pass(in, at, state);
			break;
		case SMTP_LINE_CR:
			at = smtp_line_after_cr(in, at, state);
			break;
		case SMTP_LINE_DOT:
			*state =
			    c == '\r' ? SMTP_LINE_DOT_CR : SMTP_LINE_INSIDE;
			if (c == '\r')
				from = ++at;
			break;
		case SMTP_LINE_DOT_CR:
			if (c == '\n') {
				*used = at + 1;
				return SMTP_DONE;
			}
			sink_write_to(undot->out, SLICE("\r"));
			*state = SMTP_LINE_CR;
			break;
		}
	}
	sink_write_to(undot->out, slice_after(in, from));
	*used = in.n;
	return SMTP_MORE;
}
