/*
 * Fields let through one by one; see skim.h. A header that is too large to be
 * kept cannot be signed or judged, but fields that claim to be ours must not
 * get through for that: nobody shall be able to smuggle in a result behind a
 * megabyte of others.
 */
#include <stdlib.h>

#include "base/xalloc.h"
#include "mail/mail_private.h"
#include "mail/skim.h"

/* A line is known for what it is at its end, or once this much is here. */
enum { LINE_START = MAIL_HEADER_NAME_MAX + 1 };

/* What becomes of the bytes of the running field. */
enum mode {
	NO_FIELD,
	HOLDING, /* not decided yet */
	KEEPING,
	DROPPING,
	IN_BODY
};

struct mail_skim {
	const struct mail_skim_ops *ops;
	void *ctx;
	enum mode mode;
	struct strbuf held; /* of the field, while HOLDING */
	struct strbuf line; /* the running line, until it is known */
	bool known;	    /* that line belongs to the field */
	char last;	    /* its last octet */
};

struct mail_skim *
mail_skim_new(const struct mail_skim_ops *ops, void *ctx)
{
	struct mail_skim *s = xcalloc(1, sizeof(*s));

	s->ops = ops;
	s->ctx = ctx;
	strbuf_init(&s->held, (size_t)2 * MAIL_SKIM_FIELD_MAX);
	strbuf_init(&s->line, LINE_START + 2);
	return s;
}

void
mail_skim_free(struct mail_skim *s)
{
	if (s == NULL)
		return;
	strbuf_clear(&s->held);
	strbuf_clear(&s->line);
	free(s);
}

static void
keep_skimmed(struct mail_skim *s, struct slice bytes)
{
	if (bytes.n > 0)
		s->ops->keep(s->ctx, bytes);
}

static bool
drops(struct mail_skim *s, bool whole)
{
	struct slice raw = strbuf_slice(&s->held);
	struct mail_field field = {.raw = raw};
	size_t name, colon = slice_find(raw, ':');

	if (s->ops->drops == NULL ||
	    mail_header_line(raw, &name) != MAIL_HEADER_LINE_FIELD)
		return false;
	field.name = slice_first(raw, name);
	field.value = slice_after(raw, colon + 1);
	if (slice_ends_nocase(field.value, SLICE("\r\n")))
		field.value.n -= 2;
	return s->ops->drops(s->ctx, &field, whole);
}

/* The held field is over, or longer than can be held. */
static void
decide(struct mail_skim *s, bool whole)
{
	if (s->mode != HOLDING)
		return;
	s->mode = drops(s, whole) ? DROPPING : KEEPING;
	if (s->mode == KEEPING)
		keep_skimmed(s, strbuf_slice(&s->held));
	strbuf_reset(&s->held);
}

static void
to_field(struct mail_skim *s, struct slice bytes)
{
	while (bytes.n > 0 && s->mode == HOLDING) {
		struct slice some =
		    slice_first(bytes, MAIL_SKIM_FIELD_MAX - s->held.n);

		strbuf_add(&s->held, some);
		bytes = slice_after(bytes, some.n);
		if (bytes.n > 0)
			decide(s, false);
	}
	if (s->mode == KEEPING)
		keep_skimmed(s, bytes);
}

/* The rest is the body's. */
static void
end_header(struct mail_skim *s, bool blank)
{
	decide(s, true);
	s->mode = IN_BODY;
	if (!blank)
		keep_skimmed(s, SLICE("\r\n"));
	keep_skimmed(s, strbuf_slice(&s->line));
}

/* Enough of the running line is here to say what it is. */
static void
judge_skimmed_line(struct mail_skim *s)
{
	struct slice line = strbuf_slice(&s->line);
	size_t name;

	s->known = true;
	switch (mail_header_line(line, &name)) {
	case MAIL_HEADER_LINE_FIELD:
		decide(s, true);
		s->mode = HOLDING;
		to_field(s, line);
		break;
	case MAIL_HEADER_LINE_FOLD:
		if (s->mode == NO_FIELD)
			end_header(s, false);
		else
			to_field(s, line);
		break;
	case MAIL_HEADER_LINE_OTHER:
		end_header(s, false);
		break;
	}
	strbuf_reset(&s->line);
}

void
mail_skim_write(struct mail_skim *s, struct slice chunk)
{
	while (chunk.n > 0 && s->mode != IN_BODY) {
		struct slice portion = chunk;
		size_t lf;
		char last, before;
		bool ends;

		if (!s->known)
			portion = slice_first(chunk, LINE_START - s->line.n);
		lf = slice_find(portion, '\n');
		if (lf < portion.n)
			portion = slice_first(portion, lf + 1);
		chunk = slice_after(chunk, portion.n);
		/* The next bytes of the running line, which end with it at
		 * the latest. */
		last = portion.p[portion.n - 1];
		before = portion.n > 1 ? portion.p[portion.n - 2] : s->last;
		ends = before == '\r' && last == '\n';
		s->last = last;
		if (s->known) {
			to_field(s, portion);
		} else {
			strbuf_add(&s->line, portion);
			if (ends && s->line.n == 2)
				end_header(s, true);
			else if (ends || s->line.n >= LINE_START)
				judge_skimmed_line(s);
		}
		if (ends) {
			s->known = false;
			s->last = '\0';
		}
	}
	if (s->mode == IN_BODY)
		keep_skimmed(s, chunk);
}

void
mail_skim_end(struct mail_skim *s)
{
	if (s->mode != IN_BODY && s->line.n > 0)
		judge_skimmed_line(s);
	decide(s, true);
}
