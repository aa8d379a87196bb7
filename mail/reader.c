/*
 * One header and a body out of any cuts; see reader.h. Where the header ends
 * decides what is signed and what is shown, and programs differ about the odd
 * cases; a message that one of them reads otherwise than we do is a forger's
 * way in. We end it where Postfix does, and say how it ended.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/xalloc.h"
#include "mail/mail_private.h"
#include "mail/reader.h"

/* A line is known for what it is at its end, or once this much is here. */
enum { READER_LINE_START = MAIL_HEADER_NAME_MAX + 1 };
/* Fields that nearly all mail has fewer of. */
enum { FIELDS_FIRST_ROOM = 64 };

struct mail_reader {
	const struct mail_reader_ops *ops;
	void *ctx;
	size_t cap;
	struct strbuf bytes; /* the header so far */
	size_t line;	     /* where its last, unfinished line begins */
	bool known;	     /* that line belongs to a field */
	struct mail_header_plan plan;
	struct mail_header *header;  /* once it is complete */
	char reason[64];	     /* not empty: failed */
	struct mail_header *partial; /* then: the fields that were whole */
	struct slice rest;	     /* then: what came behind them */
};

struct mail_reader *
mail_reader_new(size_t header_cap, const struct mail_reader_ops *ops, void *ctx)
{
	struct mail_reader *r = xcalloc(1, sizeof(*r));

	if (header_cap > UINT32_MAX / 2)
		header_cap = UINT32_MAX / 2;
	r->ops = ops;
	r->ctx = ctx;
	r->cap = header_cap;
	strbuf_init(&r->bytes, header_cap + READER_LINE_START + 2);
	return r;
}

void
mail_reader_free(struct mail_reader *r)
{
	if (r == NULL)
		return;
	strbuf_clear(&r->bytes);
	mail_header_free(r->header);
	mail_header_free(r->partial);
	free(r->plan.starts);
	free(r);
}

const char *
mail_reader_reason(const struct mail_reader *r)
{
	return r->reason[0] == '\0' ? NULL : r->reason;
}

const struct mail_header *
mail_reader_partial(const struct mail_reader *r, struct slice *rest)
{
	*rest = r->rest;
	return r->partial;
}

const struct mail_header *
mail_reader_header(const struct mail_reader *r)
{
	return r->header;
}

static int
fail_reader(
    struct mail_reader *r, const char *what, size_t bound, const char *unit)
{
	size_t total = r->bytes.n;

	(void)snprintf(
	    r->reason, sizeof(r->reason), "%s %zu %s", what, bound, unit);
	/* The running line is the first of a field too many, or is of the
	 * last one, which is not whole. */
	r->plan.size = r->line;
	if (r->known)
		r->plan.size = r->plan.starts[--r->plan.count];
	r->plan.ending = MAIL_HEADER_END_MESSAGE;
	r->partial = mail_header_take(&r->bytes, &r->plan);
	r->rest = slice_from(
	    mail_header_bytes(r->partial) + r->plan.size, total - r->plan.size);
	return -1;
}

static void
give_body(struct mail_reader *r, struct slice chunk)
{
	if (chunk.n > 0 && r->ops->body != NULL)
		r->ops->body(r->ctx, chunk);
}

/* The header is what stands before the running line. The bytes of a line
 * that is none of its go on to the body. */
static int
finish_header(struct mail_reader *r, enum mail_header_end ending)
{
	struct slice rest = slice_after(strbuf_slice(&r->bytes), r->line);

	r->plan.size = r->line;
	r->plan.ending = ending;
	r->header = mail_header_take(&r->bytes, &r->plan);
	free(r->plan.starts);
	r->plan.starts = NULL;
	if (r->ops->header != NULL)
		r->ops->header(r->ctx, r->header);
	if (ending == MAIL_HEADER_END_LINE)
		give_body(r, rest);
	return 0;
}

/* A field begins with the running line. */
static int
add_field(struct mail_reader *r)
{
	struct mail_header_plan *plan = &r->plan;

	if (plan->count == MAIL_HEADER_FIELDS_MAX)
		return fail_reader(
		    r, "more than", MAIL_HEADER_FIELDS_MAX, "header fields");
	if (plan->count == plan->room) {
		plan->room =
		    plan->room == 0 ? FIELDS_FIRST_ROOM : 2 * plan->room;
		plan->starts = xreallocarray(
		    plan->starts, plan->room, sizeof(*plan->starts));
	}
	plan->starts[plan->count++] = (uint32_t)r->line;
	return 0;
}

/* Enough of the running line is here to say what it is. */
static int
judge_header_line(struct mail_reader *r)
{
	struct slice line = slice_after(strbuf_slice(&r->bytes), r->line);
	size_t name;

	switch (mail_header_line(line, &name)) {
	case MAIL_HEADER_LINE_FIELD:
		if (add_field(r) != 0)
			return -1;
		break;
	case MAIL_HEADER_LINE_FOLD:
		if (r->plan.count == 0)
			return finish_header(r, MAIL_HEADER_END_LINE);
		break;
	case MAIL_HEADER_LINE_OTHER:
		return finish_header(r, MAIL_HEADER_END_LINE);
	}
	r->known = true;
	return 0;
}

/* How many bytes of the chunk to add next: to the LF, but no further than
 * the line's kind, or the cap's being passed, can be told. */
static size_t
next_portion(const struct mail_reader *r, struct slice chunk)
{
	size_t want = r->known ? r->cap + 1 - r->bytes.n
			       : READER_LINE_START - (r->bytes.n - r->line);
	size_t lf;

	chunk = slice_first(chunk, want);
	lf = slice_find(chunk, '\n');
	return lf < chunk.n ? lf + 1 : chunk.n;
}

static int
take_portion(struct mail_reader *r, struct slice portion)
{
	const char *end;

	strbuf_add(&r->bytes, portion);
	end = r->bytes.p + r->bytes.n;
	if (r->bytes.n - r->line >= 2 && end[-2] == '\r' && end[-1] == '\n') {
		/* The running line has its CRLF. */
		if (r->bytes.n - r->line == 2)
			return finish_header(r, MAIL_HEADER_END_BLANK);
		if (!r->known && judge_header_line(r) != 0)
			return -1;
		if (r->header != NULL)
			return 0;
		if (r->bytes.n > r->cap)
			return fail_reader(r, "header over", r->cap, "bytes");
		r->line = r->bytes.n;
		r->known = false;
		return 0;
	}
	if (!r->known && r->bytes.n - r->line == READER_LINE_START &&
	    judge_header_line(r) != 0)
		return -1;
	if (r->known && r->bytes.n > r->cap)
		return fail_reader(r, "header over", r->cap, "bytes");
	return 0;
}

int
mail_reader_write(struct mail_reader *r, struct slice chunk)
{
	if (r->reason[0] != '\0')
		return -1;
	while (r->header == NULL && chunk.n > 0) {
		size_t n = next_portion(r, chunk);

		if (take_portion(r, slice_first(chunk, n)) != 0)
			return -1;
		chunk = slice_after(chunk, n);
	}
	give_body(r, chunk);
	return 0;
}

/* The message ends in a line without CRLF, within the header. */
static int
end_cut_line(struct mail_reader *r)
{
	if (!r->known && judge_header_line(r) != 0)
		return -1;
	if (r->header != NULL)
		return 0;
	if (r->bytes.n > r->cap)
		return fail_reader(r, "header over", r->cap, "bytes");
	if (r->bytes.p[r->bytes.n - 1] != '\r')
		strbuf_add_char(&r->bytes, '\r');
	strbuf_add_char(&r->bytes, '\n');
	r->line = r->bytes.n;
	return 0;
}

int
mail_reader_end(struct mail_reader *r)
{
	if (r->reason[0] != '\0')
		return -1;
	if (r->header == NULL && r->bytes.n > r->line && end_cut_line(r) != 0)
		return -1;
	if (r->header == NULL)
		return finish_header(r, MAIL_HEADER_END_MESSAGE);
	return 0;
}

struct mail_header *
mail_header_parse(struct slice bytes, size_t cap)
{
	static const struct mail_reader_ops no_ops = {NULL, NULL};
	struct mail_reader *r = mail_reader_new(cap, &no_ops, NULL);
	struct mail_header *header;

	(void)mail_reader_write(r, bytes);
	(void)mail_reader_end(r);
	header = r->header;
	r->header = NULL;
	mail_reader_free(r);
	return header;
}
