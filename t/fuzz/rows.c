/*
 * record/report: rows of a database that somebody else may have written. Each
 * line of the input is one text of a row, of which NUL stands for a line's end;
 * the XML that comes out is one: tags and entities whole, no other controls than
 * XML has.
 */
#include <stdlib.h>

#include "record/report.h"
#include "t/fuzz/must.h"
#include "t/fuzz/replay.h"

enum { TEXTS = 14 };

struct out {
	struct sink sink;
	struct strbuf xml;
};

static void
on_write(struct sink *sink, struct slice bytes)
{
	(void)strbuf_add(&((struct out *)sink)->xml, bytes);
}

/* Entities that XML has without a declaration, by name or by number. */
static bool
is_entity(struct slice at)
{
	struct slice name = slice_first(at, slice_find(at, ';'));

	return name.n < at.n && name.n > 1 && name.n < 8 &&
	    slice_find(name, '<') == name.n;
}

static void
check_xml(struct slice xml)
{
	size_t open = 0;
	bool tag = false;

	for (size_t i = 0; i < xml.n; i++) {
		unsigned char c = (unsigned char)xml.p[i];

		must(c >= ' ' || c == '\n' || c == '\t' || c == '\r');
		must(c != '&' || is_entity(slice_after(xml, i + 1)));
		must(c != '<' || !tag);
		must(c != '>' || tag);
		tag = c == '<' || (tag && c != '>');
		open += c == '<' && xml.p[i + 1] != '/' && xml.p[i + 1] != '?';
		open -= c == '<' && xml.p[i + 1] == '/';
	}
	must(!tag && open == 0);
}

static struct slice
take_text(struct slice *rest, char *copy)
{
	struct slice text = {0};

	(void)slice_cut(rest, '\n', &text);
	for (size_t i = 0; i < text.n; i++)
		copy[i] = text.p[i] == '\0' ? '\n' : text.p[i];
	return slice_from(copy, text.n);
}

static void
print(const struct slice text[TEXTS], enum record_report_format format)
{
	const struct record_report report = {.reporter = SLICE("mx.example"),
	    .email = text[0],
	    .contact = text[1],
	    .domain = text[2],
	    .policy = text[3],
	    .begin = 1700000000,
	    .end = 1700086399,
	    .part = 1,
	    .generator = SLICE("signpost 0.1.0"),
	    .format = format};
	const struct record_row row = {.client = text[4],
	    .disposition = text[5],
	    .dkim = text[6],
	    .spf = text[7],
	    .overrides = text[8],
	    .author = text[9],
	    .sender = text[10],
	    .recipient = text[11],
	    .results = text[12],
	    .count = (int64_t)text[13].n};
	struct out out = {.sink = {on_write}};

	strbuf_init(&out.xml, 1 << 22);
	record_report_begin(&out.sink, &report);
	record_report_row(&out.sink, &report, &row);
	record_report_row(&out.sink, &report, &row);
	record_report_end(&out.sink);
	check_xml(strbuf_slice(&out.xml));
	strbuf_clear(&out.xml);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice rest = slice_from((const char *)bytes, n);
	struct slice text[TEXTS];
	char *copy = malloc(n + 1);
	size_t used = 0;

	must(copy != NULL);
	for (size_t i = 0; i < TEXTS; i++) {
		text[i] = take_text(&rest, copy + used);
		used += text[i].n;
	}
	print(text, RECORD_RFC9990);
	print(text, RECORD_RFC7489);
	free(copy);
	return 0;
}
