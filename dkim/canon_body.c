/*
 * Canonical bodies, near memory speed: what needs no change goes to the sink
 * as it lies in the chunk, found 16 bytes at a time.
 *
 * Two stages. The first is nothing for simple, squeezes white space for
 * relaxed, and drops it for nofws. The second holds back line ends until
 * something follows them: *CRLF at the end of the body becomes one CRLF
 * (RFC 6376 sections 3.4.3 and 3.4.4, RFC 4870 section 3.4.2). Neither is
 * ever given the two bytes of a CRLF in two pieces.
 */
#include "dkim/canon_body.h"
#include "base/bytes16.h"

/* nofws works on so many bytes at a time. */
#define DENSE 256

static bool
is_wsp(char c)
{
	return c == ' ' || c == '\t';
}

static void
flush_body(struct dkim_canon_body *c)
{
	sink_write_to(c->out, slice_from(c->gather, c->gathered));
	c->gathered = 0;
}

static void
pass(struct dkim_canon_body *c, struct slice piece)
{
	if (piece.n > sizeof(c->gather) - c->gathered)
		flush_body(c);
	if (piece.n > sizeof(c->gather) / 4) {
		flush_body(c);
		sink_write_to(c->out, piece);
		return;
	}
	if (piece.n > 0)
		memcpy(c->gather + c->gathered, piece.p, piece.n);
	c->gathered += piece.n;
}

/* The second stage. */
static void
lines(struct dkim_canon_body *c, struct slice piece)
{
	uint64_t line_ends = 0;

	while (piece.n >= 2 && piece.p[piece.n - 1] == '\n' &&
	    piece.p[piece.n - 2] == '\r') {
		piece.n -= 2;
		line_ends++;
	}
	if (piece.n > 0) {
		for (; c->line_ends > 0; c->line_ends--)
			pass(c, SLICE("\r\n"));
		c->any = true;
		pass(c, piece);
	}
	c->line_ends += line_ends;
}

/* True where relaxed must change p[i]: a tab, or a space that is not alone
 * between two other bytes of the same line. */
static bool
is_loose(struct slice s, size_t i)
{
	if (s.p[i] == '\t')
		return true;
	if (s.p[i] != ' ')
		return false;
	return i + 1 == s.n || is_wsp(s.p[i + 1]) || s.p[i + 1] == '\r';
}

static bytes16
wsp16(const char *p)
{
	bytes16 here = bytes16_load(p);

	return (bytes16)(here == ' ') | (bytes16)(here == '\t');
}

static bytes16
loose16(const char *p)
{
	bytes16 here = bytes16_load(p), next = bytes16_load(p + 1);

	return (bytes16)(here == '\t') |
	    ((bytes16)(here == ' ') &
		((bytes16)(next == ' ') | (bytes16)(next == '\t') |
		    (bytes16)(next == '\r')));
}

static bool
at_line_end(struct slice s, size_t i)
{
	return i + 1 < s.n && s.p[i] == '\r' && s.p[i + 1] == '\n';
}

static void
relaxed(struct dkim_canon_body *c, struct slice s)
{
	size_t i = 0, loose;

	while (i < s.n) {
		if (c->space) {
			while (i < s.n && is_wsp(s.p[i]))
				i++;
			if (i == s.n)
				return;
			if (!at_line_end(s, i))
				lines(c, SLICE(" "));
			c->space = false;
		}
		loose = bytes16_pass(s, i, wsp16, loose16);
		while (loose < s.n && !is_loose(s, loose))
			loose++;
		lines(c, slice_from(s.p + i, loose - i));
		c->space = loose < s.n;
		i = loose + 1;
	}
}

/* True where nofws drops p[i]: white space, and CR or LF by itself. */
static bool
is_body_folding(struct slice s, size_t i)
{
	switch (s.p[i]) {
	case ' ':
	case '\t':
		return true;
	case '\r':
		return !at_line_end(s, i);
	case '\n':
		return i == 0 || s.p[i - 1] != '\r';
	default:
		return false;
	}
}

/* White space, a CR without an LF behind it or an LF without a CR before. */
static bytes16
folding16(const char *p)
{
	bytes16 here = bytes16_load(p), next = bytes16_load(p + 1);

	return (bytes16)(here == ' ') | (bytes16)(here == '\t') |
	    ((bytes16)(here == '\r') ^ (bytes16)(next == '\n'));
}

/* Drops what folds from the next DENSE bytes; where those end. */
static size_t
squeeze(struct dkim_canon_body *c, struct slice s, size_t i)
{
	char kept[DENSE + 1];
	size_t end = s.n - i > DENSE ? i + DENSE : s.n, n = 0;

	if (at_line_end(s, end - 1))
		end++;
	for (; i < end; i++) {
		kept[n] = s.p[i];
		n += !is_body_folding(s, i);
	}
	lines(c, slice_from(kept, n));
	return end;
}

static void
nofws(struct dkim_canon_body *c, struct slice s)
{
	size_t i = 0, folding;

	while (i < s.n) {
		folding = i;
		if (!is_body_folding(s, i))
			folding = bytes16_pass(s, i, folding16, folding16);
		while (folding < s.n && !is_body_folding(s, folding))
			folding++;
		lines(c, slice_from(s.p + i, folding - i));
		i = folding < s.n ? squeeze(c, s, folding) : s.n;
	}
}

/* The first stage. A CR that ends the piece has no LF behind it. */
static void
settled(struct dkim_canon_body *c, struct slice piece)
{
	switch (c->canon) {
	case DKIM_CANON_SIMPLE:
		lines(c, piece);
		break;
	case DKIM_CANON_RELAXED:
		relaxed(c, piece);
		break;
	case DKIM_CANON_NOFWS:
		nofws(c, piece);
		break;
	}
}

void
dkim_canon_body_init(
    struct dkim_canon_body *c, enum dkim_canon canon, struct sink *out)
{
	c->canon = canon;
	c->out = out;
	c->line_ends = 0;
	c->space = c->cr = c->any = c->ended = false;
	c->gathered = 0;
}

void
dkim_canon_body_write(struct dkim_canon_body *c, struct slice chunk)
{
	if (chunk.n == 0)
		return;
	if (c->cr) {
		c->cr = false;
		if (chunk.p[0] == '\n') {
			settled(c, SLICE("\r\n"));
			chunk = slice_after(chunk, 1);
		} else {
			settled(c, SLICE("\r"));
		}
	}
	if (chunk.n > 0 && chunk.p[chunk.n - 1] == '\r') {
		c->cr = true;
		chunk.n--;
	}
	settled(c, chunk);
}

void
dkim_canon_body_end(struct dkim_canon_body *c)
{
	if (c->cr)
		settled(c, SLICE("\r"));
	c->cr = false;
	c->ended = true;
	if (c->any || c->canon == DKIM_CANON_SIMPLE)
		pass(c, SLICE("\r\n"));
	flush_body(c);
}
