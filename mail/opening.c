/*
 * How a message opens; see opening.h. Postfix makes a field of a line "From "
 * that came out of a mailbox, and ends a header that begins with white space,
 * after we have signed. What it would change then is changed here, before.
 */
#include "mail/opening.h"

/* Postfix looks for "From " within so many octets of a line. */
enum { LINE_START_MAX = 2048 };

static const struct slice from_line = SLICE_INIT("From ");

void
mail_opening_init(struct mail_opening *o, struct sink *out)
{
	*o = (struct mail_opening){.out = out};
}

static void
write_held(struct mail_opening *o)
{
	for (; o->angles > 0; o->angles--)
		sink_write_to(o->out, SLICE(">"));
	sink_write_to(o->out, slice_first(from_line, o->matched));
	o->matched = 0;
}

/* The first octets of a line, one by one; true where `c` was used up. */
static bool
look_at_octet(struct mail_opening *o, char c)
{
	bool goes_on = c == '>' && o->matched == 0
	    ? o->angles < LINE_START_MAX - from_line.n
	    : c == from_line.p[o->matched];

	if (!goes_on) {
		if (o->angles + o->matched == 0 && (c == ' ' || c == '\t'))
			sink_write_to(o->out, SLICE("\r\n"));
		write_held(o);
		o->state = MAIL_OPENING_OVER;
		return false;
	}
	if (c == '>')
		o->angles++;
	else
		o->matched++;
	if (o->matched == from_line.n) {
		sink_write_to(o->out, SLICE("X-Mailbox-Line: "));
		write_held(o);
		o->state = MAIL_OPENING_IN_LINE;
	}
	return true;
}

/* Passes the line on; how many octets of the chunk belong to it. */
static size_t
pass_line(struct mail_opening *o, struct slice chunk)
{
	size_t n = 0;
	bool ended = false;

	while (n < chunk.n && !ended) {
		ended = o->after_cr && chunk.p[n] == '\n';
		o->after_cr = chunk.p[n] == '\r';
		n++;
	}
	sink_write_to(o->out, slice_first(chunk, n));
	if (ended)
		o->state = ++o->lines == MAIL_OPENING_LINES_MAX
		    ? MAIL_OPENING_OVER
		    : MAIL_OPENING_AT_LINE;
	return n;
}

void
mail_opening_write(struct mail_opening *o, struct slice chunk)
{
	while (chunk.n > 0 && o->state != MAIL_OPENING_OVER) {
		size_t n = o->state == MAIL_OPENING_IN_LINE
		    ? pass_line(o, chunk)
		    : look_at_octet(o, chunk.p[0]);

		chunk = slice_after(chunk, n);
	}
	if (chunk.n > 0)
		sink_write_to(o->out, chunk);
}

void
mail_opening_end(struct mail_opening *o)
{
	write_held(o);
}
