/*
 * Line ends settled before hashing; see newline.h. What is signed must be what
 * the next hop gets, and mail servers repair a bare CR or LF each in its own
 * way; so it is done here, once, before anything else looks. Sixteen octets at
 * a time are looked at together, because nearly all are fine.
 */
#include <string.h>

#include "base/bytes16.h"
#include "mail/newline.h"

enum {
	GATHERED_MAX = 4096,
	PASSED_LEAST = 512, /* so many bytes are not worth copying */
	ONE_BY_ONE = 64,
	FEW = 4
};

static bytes16
odd16(const char *p)
{
	return (bytes16)(bytes16_load(p) == '\r') ^
	    (bytes16)(bytes16_load(p + 1) == '\n');
}

/*
 * What is written while one chunk is taken. A body may be nothing but bare
 * LFs: each would be two writes of a byte or two, and whoever stands behind us
 * would pay for each what a line costs.
 */
struct gathered {
	struct sink *out;
	size_t n;
	char bytes[GATHERED_MAX];
};

static void
flush_gathered(struct gathered *g)
{
	if (g->n > 0)
		sink_write_to(g->out, slice_from(g->bytes, g->n));
	g->n = 0;
}

static void
add_gathered(struct gathered *g, struct slice bytes)
{
	if (bytes.n > GATHERED_MAX - g->n)
		flush_gathered(g);
	if (bytes.n >= PASSED_LEAST) {
		flush_gathered(g);
		sink_write_to(g->out, bytes);
		return;
	}
	memcpy(g->bytes + g->n, bytes.p, bytes.n);
	g->n += bytes.n;
}

/* `count` CRs that end no line, as the mode has them. */
static void
add_bare_crs(const struct mail_newline *n, uint64_t count, struct gathered *to)
{
	static const char spaces[] = "                ";
	static const char crs[] = "\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r";
	bool space = n->mode == MAIL_NEWLINE_NORMALIZE;

	while (count > 0) {
		size_t some =
		    count < sizeof(crs) - 1 ? (size_t)count : sizeof(crs) - 1;

		add_gathered(to, slice_from(space ? spaces : crs, some));
		count -= some;
	}
}

/* A run of CRs has ended, `ends` where a LF is behind it: its last one is of a
 * line end then, and the others are lost with normalizing. How many of them are
 * written, each as the mode has a bare CR. */
static uint64_t
settle_crs(struct mail_newline *n, uint64_t run, bool ends)
{
	uint64_t bare = ends ? run - 1 : run;

	n->bare_cr += bare;
	return ends && n->mode == MAIL_NEWLINE_NORMALIZE ? 0 : bare;
}

/* The byte after a run of CRs: the run is a line end, or is not, or goes
 * on. Returns how many bytes were used. */
static size_t
take_after_crs(struct mail_newline *n, char c, struct gathered *to)
{
	uint64_t run = n->pending;

	if (c == '\r') {
		n->pending++;
		return 1;
	}
	n->pending = 0;
	add_bare_crs(n, settle_crs(n, run, c == '\n'), to);
	if (c != '\n')
		return 0;
	add_gathered(to, SLICE("\r\n"));
	return 1;
}

/* A few CRs and the byte behind them, where all of that is here. How many bytes
 * were used; 0: it needs a closer look. */
static size_t
take_few_crs(struct mail_newline *n, struct slice in, char **out)
{
	size_t run = 1, kept;
	bool ends;

	while (run < in.n && run < FEW && in.p[run] == '\r')
		run++;
	if (run == in.n || in.p[run] == '\r')
		return 0;
	ends = in.p[run] == '\n';
	kept = (size_t)settle_crs(n, run, ends);
	while (kept-- > 0)
		*(*out)++ = n->mode == MAIL_NEWLINE_NORMALIZE ? ' ' : '\r';
	if (!ends)
		return run;
	*(*out)++ = '\r';
	*(*out)++ = '\n';
	return run + 1;
}

/*
 * From a bare CR or LF on: where one is there are more. As many bytes as are
 * soon copied one by one, up to a run of many CRs, or of those at the chunk's
 * end; how many those were.
 */
static size_t
take_one_by_one(struct mail_newline *n, struct slice in, struct gathered *to)
{
	size_t most = in.n < ONE_BY_ONE ? in.n : ONE_BY_ONE, at = 0, used = 1;
	char *out;

	if (GATHERED_MAX - to->n < 2 * ONE_BY_ONE + FEW + 2)
		flush_gathered(to);
	out = to->bytes + to->n;
	while (at < most && used > 0) {
		if (in.p[at] == '\r') {
			used = take_few_crs(n, slice_after(in, at), &out);
			at += used;
			continue;
		}
		if (in.p[at] == '\n') {
			n->bare_lf++;
			if (n->mode == MAIL_NEWLINE_NORMALIZE ||
			    n->mode == MAIL_NEWLINE_TEXT)
				*out++ = '\r';
		}
		*out++ = in.p[at++];
	}
	to->n = (size_t)(out - to->bytes);
	return at;
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
	struct gathered to;
	size_t at = 0;

	to.out = n->out;
	to.n = 0;
	while (at < chunk.n) {
		size_t end, i;

		if (n->pending > 0) {
			at += take_after_crs(n, chunk.p[at], &to);
			continue;
		}
		/* From `at`, the end of the bytes that need no change: whole
		 * CRLFs and what is neither CR nor LF. */
		if (chunk.p[at] == '\n')
			end = at;
		else {
			i = bytes16_pass(chunk, at, odd16, odd16);
			/* A CR without its LF begins at `i`, or a LF without
			 * its CR behind it. */
			while (i + 1 < chunk.n &&
			    (chunk.p[i] == '\r') == (chunk.p[i + 1] == '\n'))
				i++;
			if (chunk.p[i] == '\r')
				end = i;
			else
				end = i + 1;
		}
		add_gathered(&to, slice_from(chunk.p + at, end - at));
		if (end == chunk.n)
			break;
		at = end + take_one_by_one(n, slice_after(chunk, end), &to);
		if (at < chunk.n && chunk.p[at] == '\r') {
			n->pending = 1;
			at++;
		}
	}
	flush_gathered(&to);
}

void
mail_newline_end(struct mail_newline *n)
{
	struct gathered to;
	uint64_t run = n->pending;

	to.out = n->out;
	to.n = 0;
	n->pending = 0;
	add_bare_crs(n, settle_crs(n, run, false), &to);
	flush_gathered(&to);
}

bool
mail_newline_is_bare(const struct mail_newline *n)
{
	return n->bare_lf > 0 || n->bare_cr > 0;
}
