/* Canonical header fields: RFC 6376 section 3.4, RFC 4870 section 3.4.2.2. */
#include "dkim/canon_field.h"

#include "base/strbuf.h"

static bool
is_field_folding(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* What relaxed makes one space of: WSP, and the line ends of folding. A CR that
 * ends no line is neither (RFC 6376 section 3.4.2). */
static bool
is_space_at(struct slice value, size_t i)
{
	return value.p[i] == ' ' || value.p[i] == '\t' || value.p[i] == '\n' ||
	    (value.p[i] == '\r' && i + 1 < value.n && value.p[i + 1] == '\n');
}

/* Small pieces put together, so that a hash is not fed bytewise. */
struct gather {
	struct sink *out;
	size_t n;
	char bytes[512];
};

static void
flush_gather(struct gather *g)
{
	sink_write_to(g->out, slice_from(g->bytes, g->n));
	g->n = 0;
}

static void
add_char(struct gather *g, char c)
{
	if (g->n == sizeof(g->bytes))
		flush_gather(g);
	g->bytes[g->n++] = c;
}

/* The name in small letters, no white space around the colon; in the value
 * folding undone and each run of white space one space, none at the ends. */
static void
relaxed(struct slice raw, struct gather *g)
{
	size_t colon = slice_find(raw, ':'), i = 0, from;
	struct slice name = slice_trim(slice_first(raw, colon));
	struct slice value = slice_after(raw, colon + 1);

	for (size_t k = 0; k < name.n; k++)
		add_char(g, ascii_lower(name.p[k]));
	add_char(g, ':');
	while (i < value.n && is_space_at(value, i))
		i++;
	while (i < value.n) {
		struct slice run;

		for (from = i; i < value.n && !is_space_at(value, i);)
			i++;
		run = slice_from(value.p + from, i - from);
		if (run.n > sizeof(g->bytes) - g->n)
			flush_gather(g);
		if (run.n > sizeof(g->bytes)) {
			sink_write_to(g->out, run);
		} else {
			if (run.n > 0)
				memcpy(g->bytes + g->n, run.p, run.n);
			g->n += run.n;
		}
		while (i < value.n && is_space_at(value, i))
			i++;
		if (i < value.n)
			add_char(g, ' ');
	}
}

void
dkim_canon_field_open(enum dkim_canon canon, struct slice raw, struct sink *out)
{
	struct gather g = {.out = out, .n = 0};

	/* Without its last CRLF (or LF). */
	if (raw.n > 0 && raw.p[raw.n - 1] == '\n')
		raw.n--;
	if (raw.n > 0 && raw.p[raw.n - 1] == '\r')
		raw.n--;
	switch (canon) {
	case DKIM_CANON_SIMPLE:
		sink_write_to(out, raw);
		return;
	case DKIM_CANON_RELAXED:
		relaxed(raw, &g);
		break;
	case DKIM_CANON_NOFWS:
		for (size_t i = 0; i < raw.n; i++)
			if (!is_field_folding(raw.p[i]))
				add_char(&g, raw.p[i]);
		break;
	}
	flush_gather(&g);
}

void
dkim_canon_field(enum dkim_canon canon, struct slice raw, struct sink *out)
{
	dkim_canon_field_open(canon, raw, out);
	sink_write_to(out, SLICE("\r\n"));
}

void
dkim_canon_field_without(
    enum dkim_canon canon, struct slice raw, struct slice gap, struct sink *out)
{
	size_t begin = (size_t)(gap.p - raw.p);
	struct strbuf text;

	strbuf_init(&text, raw.n);
	strbuf_add(&text, slice_first(raw, begin));
	strbuf_add(&text, slice_after(raw, begin + gap.n));
	dkim_canon_field_open(canon, strbuf_slice(&text), out);
	strbuf_clear(&text);
}
