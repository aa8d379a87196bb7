/* Line ends settled before hashing; see newline.h. */
#include <string.h>

#include "mail/newline.h"

/* A chunk and where, at or after the place looked at, the next CR and the
 * next LF stand; `n` where there is none. Each byte is searched once. */
struct scan {
	struct slice in;
	size_t cr, lf;
};

static size_t
find_from(struct slice in, size_t at, char c)
{
	return at >= in.n ? in.n : at + slice_find(slice_after(in, at), c);
}

/* From `at`, the end of the bytes that need no change: whole CRLFs and what
 * is neither CR nor LF. */
static size_t
clean_end(struct scan *s, size_t at)
{
	for (;;) {
		if (s->cr < at)
			s->cr = find_from(s->in, at, '\r');
		if (s->lf < at)
			s->lf = find_from(s->in, at, '\n');
		if (s->cr >= s->lf)
			return s->lf;
		if (s->lf == s->in.n || s->cr + 1 != s->lf)
			return s->cr;
		at = s->lf + 1;
	}
}

/* `count` CRs that end no line, as the mode has them. */
static void
write_bare_crs(struct mail_newline *n, uint64_t count)
{
	static const char spaces[] = "                ";
	static const char crs[] = "\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r";
	bool space = n->mode == MAIL_NEWLINE_NORMALIZE;

	while (count > 0) {
		size_t some =
		    count < sizeof(crs) - 1 ? (size_t)count : sizeof(crs) - 1;

		sink_write_to(n->out, slice_from(space ? spaces : crs, some));
		count -= some;
	}
}

/* The byte after a run of CRs: the run is a line end, or is not, or goes
 * on. Returns how many bytes were used. */
static size_t
take_after_crs(struct mail_newline *n, char c)
{
	uint64_t run = n->pending;

	if (c == '\r') {
		n->pending++;
		return 1;
	}
	n->pending = 0;
	if (c != '\n') {
		n->bare_cr += run;
		write_bare_crs(n, run);
		return 0;
	}
	n->bare_cr += run - 1;
	if (n->mode != MAIL_NEWLINE_NORMALIZE)
		write_bare_crs(n, run - 1);
	sink_write_to(n->out, SLICE("\r\n"));
	return 1;
}

static void
take_bare_lf(struct mail_newline *n)
{
	bool repair =
	    n->mode == MAIL_NEWLINE_NORMALIZE || n->mode == MAIL_NEWLINE_TEXT;

	n->bare_lf++;
	sink_write_to(n->out, repair ? SLICE("\r\n") : SLICE("\n"));
}

void
mail_newline_init(
    struct mail_newline *n, enum mail_newline_mode mode, struct sink *out)
{
	*n = (struct mail_newline){.mode = mode, .out = out};
}

void
mail_newline_write(struct mail_newline *n, struct slice chunk)
{
	struct scan scan = {
	    chunk, slice_find(chunk, '\r'), slice_find(chunk, '\n')};
	size_t at = 0;

	while (at < chunk.n) {
		size_t end;

		if (n->pending > 0) {
			at += take_after_crs(n, chunk.p[at]);
			continue;
		}
		end = clean_end(&scan, at);
		sink_write_to(n->out, slice_from(chunk.p + at, end - at));
		if (end == chunk.n)
			return;
		if (chunk.p[end] == '\r')
			n->pending = 1;
		else
			take_bare_lf(n);
		at = end + 1;
	}
}

void
mail_newline_end(struct mail_newline *n)
{
	uint64_t run = n->pending;

	n->pending = 0;
	n->bare_cr += run;
	write_bare_crs(n, run);
}

bool
mail_newline_is_bare(const struct mail_newline *n)
{
	return n->bare_lf > 0 || n->bare_cr > 0;
}
