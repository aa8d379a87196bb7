/* Line ends settled before hashing; see newline.h. */
#include <string.h>

#include "base/bytes16.h"
#include "mail/newline.h"

/* A CR without its LF begins at `i`, or a LF without its CR behind it. */
static bool
is_odd(struct slice in, size_t i)
{
	return (in.p[i] == '\r') != (in.p[i + 1] == '\n');
}

static bytes16
odd16(const char *p)
{
	return (bytes16)(bytes16_load(p) == '\r') ^
	    (bytes16)(bytes16_load(p + 1) == '\n');
}

/* From `at`, the end of the bytes that need no change: whole CRLFs and what
 * is neither CR nor LF. */
static size_t
clean_end(struct slice in, size_t at)
{
	size_t i;

	if (in.p[at] == '\n')
		return at;
	i = bytes16_pass(in, at, odd16, odd16);
	while (i + 1 < in.n && !is_odd(in, i))
		i++;
	if (in.p[i] == '\r')
		return i;
	return i + 1;
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
	size_t at = 0;

	while (at < chunk.n) {
		size_t end;

		if (n->pending > 0) {
			at += take_after_crs(n, chunk.p[at]);
			continue;
		}
		end = clean_end(chunk, at);
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
