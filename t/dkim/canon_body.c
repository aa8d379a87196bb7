/* Canonical bodies: RFC 6376 sections 3.4.3, 3.4.4; RFC 4870 section 3.4.2. */
#include <stdlib.h>

#include "base/strbuf.h"
#include "dkim/canon_body.h"
#include "t/lib/trickle.h"
#include "t/lib/unit.h"

struct stage {
	struct dkim_canon_body canon;
	struct strbuf_sink sink;
	struct strbuf out;
};

static void *
begin(void *arg)
{
	struct stage *s = malloc(sizeof(*s));

	assert_non_null(s);
	strbuf_init(&s->out, 1 << 22);
	strbuf_sink_init(&s->sink, &s->out);
	dkim_canon_body_init(&s->canon, *(enum dkim_canon *)arg, &s->sink.sink);
	return s;
}

static void
write_chunk(void *state, struct slice chunk)
{
	dkim_canon_body_write(&((struct stage *)state)->canon, chunk);
}

static void
end(void *state, struct strbuf *result)
{
	struct stage *s = state;

	dkim_canon_body_end(&s->canon);
	strbuf_add(result, strbuf_slice(&s->out));
	strbuf_clear(&s->out);
	free(s);
}

static const struct trickle trickle = {begin, write_chunk, end};

#define THIRTY "123456789012345678901234567890"

static const struct {
	const char *promise, *body, *simple, *relaxed, *nofws;
} cases[] = {
    {"an empty body is one CRLF for simple alone", "", "\r\n", "", ""},
    {"so is one of blank lines", "\r\n\r\n\r\n", "\r\n", "", ""},
    {"one line stays", "a\r\n", "a\r\n", "a\r\n", "a\r\n"},
    {"a missing last CRLF is added", "a", "a\r\n", "a\r\n", "a\r\n"},
    {"blank lines at the end are dropped", "a\r\n\r\n\r\n", "a\r\n", "a\r\n",
	"a\r\n"},
    {"blank lines in the middle and on top stay", "\r\n\r\na\r\n\r\nb\r\n",
	"\r\n\r\na\r\n\r\nb\r\n", "\r\n\r\na\r\n\r\nb\r\n",
	"\r\n\r\na\r\n\r\nb\r\n"},
    {"RFC 6376 section 3.4.5", " C \r\nD \t E\r\n\r\n\r\n", " C \r\nD \t E\r\n",
	" C\r\nD E\r\n", "C\r\nDE\r\n"},
    {"a line of white space is blank but for simple", "a\r\n \t \r\n",
	"a\r\n \t \r\n", "a\r\n", "a\r\n"},
    {"white space alone is an empty body", " \t\r\n \r\n", " \t\r\n \r\n", "",
	""},
    {"white space without a line end", "a\r\n  ", "a\r\n  \r\n", "a\r\n",
	"a\r\n"},
    {"white space before more", "  a\t b  c", "  a\t b  c\r\n", " a b c\r\n",
	"abc\r\n"},
    {"a tab is a space", "a\tb\r\n", "a\tb\r\n", "a b\r\n", "ab\r\n"},
    {"a lone CR is a byte", "a\rb \r c\r\n", "a\rb \r c\r\n", "a\rb \r c\r\n",
	"abc\r\n"},
    {"a lone LF is a byte", "a\nb \n c\r\n", "a\nb \n c\r\n", "a\nb \n c\r\n",
	"abc\r\n"},
    {"CR CR LF", "a\r\r\nb\r\n", "a\r\r\nb\r\n", "a\r\r\nb\r\n", "a\r\nb\r\n"},
    {"a last CR", "a\r\n\r", "a\r\n\r\r\n", "a\r\n\r\r\n", "a\r\n"},
    {"a last CR after white space", "a \r", "a \r\r\n", "a \r\r\n", "a\r\n"},
    {"CR space LF is no line end", "a\r \nb\r\n", "a\r \nb\r\n", "a\r \nb\r\n",
	"ab\r\n"},
    {"LF on top", "\na\r\n", "\na\r\n", "\na\r\n", "a\r\n"},
    {"long lines", THIRTY THIRTY " \t " THIRTY "\r\n" THIRTY "  \r\n",
	THIRTY THIRTY " \t " THIRTY "\r\n" THIRTY "  \r\n",
	THIRTY THIRTY " " THIRTY "\r\n" THIRTY "\r\n",
	THIRTY THIRTY THIRTY "\r\n" THIRTY "\r\n"},
    {"an LF behind what was squeezed",
	THIRTY " " THIRTY THIRTY "\n" THIRTY "\r\r\n",
	THIRTY " " THIRTY THIRTY "\n" THIRTY "\r\r\n",
	THIRTY " " THIRTY THIRTY "\n" THIRTY "\r\r\n",
	THIRTY THIRTY THIRTY THIRTY "\r\n"},
};

static void
test_bodies_however_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *const want[] = {
		    cases[i].simple, cases[i].relaxed, cases[i].nofws};

		for (int c = 0; c <= DKIM_CANON_NOFWS; c++) {
			enum dkim_canon canon = (enum dkim_canon)c;

			print_message("%s: %s\n", dkim_canon_name(canon),
			    cases[i].promise);
			trickle_check(&trickle, &canon,
			    slice_str(cases[i].body), slice_str(want[c]));
		}
	}
}

/* The definitions, a byte at a time and with all of the body at hand. */
static bool
at_line_end(struct slice s, size_t i)
{
	return i + 1 < s.n && s.p[i] == '\r' && s.p[i + 1] == '\n';
}

static void
relaxed_slowly(struct slice body, struct strbuf *out)
{
	for (size_t i = 0; i < body.n; i++) {
		size_t next = i;

		while (next < body.n &&
		    (body.p[next] == ' ' || body.p[next] == '\t'))
			next++;
		if (next == i)
			strbuf_add_char(out, body.p[i]);
		else if (next < body.n && !at_line_end(body, next))
			strbuf_add_char(out, ' ');
		i = next == i ? i : next - 1;
	}
}

static void
nofws_slowly(struct slice body, struct strbuf *out)
{
	for (size_t i = 0; i < body.n; i++) {
		if (at_line_end(body, i)) {
			strbuf_add_str(out, "\r\n");
			i++;
		} else if (strchr(" \t\r\n", body.p[i]) == NULL) {
			strbuf_add_char(out, body.p[i]);
		}
	}
}

static void
slowly(enum dkim_canon canon, struct slice body, struct strbuf *out)
{
	if (canon == DKIM_CANON_SIMPLE)
		strbuf_add(out, body);
	else if (canon == DKIM_CANON_RELAXED)
		relaxed_slowly(body, out);
	else
		nofws_slowly(body, out);
	while (slice_ends_nocase(strbuf_slice(out), SLICE("\r\n")))
		strbuf_truncate(out, out->n - 2);
	if (out->n > 0 || canon == DKIM_CANON_SIMPLE)
		strbuf_add_str(out, "\r\n");
}

/* The same bytes at every run. */
static unsigned
next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005U + 1442695040888963407U;
	return (unsigned)(*seed >> 33);
}

static void
random_body(uint64_t *seed, struct strbuf *body)
{
	static const char *const pieces[] = {" ", "\t", "\r", "\n", "\r\n",
	    "\r\n\r\n", "x", "yz", THIRTY, THIRTY "=", "  ", "word "};
	size_t count = next_random(seed) % 60;

	while (count-- > 0)
		strbuf_add_str(body,
		    pieces[next_random(seed) %
			(sizeof(pieces) / sizeof(pieces[0]))]);
}

static void
test_random_bodies_are_as_by_the_definition(void **state)
{
	uint64_t seed = 6376;

	(void)state;
	for (int i = 0; i < 1500; i++) {
		enum dkim_canon canon =
		    (enum dkim_canon)(i % (DKIM_CANON_NOFWS + 1));
		struct strbuf body, want;

		strbuf_init(&body, 1 << 16);
		strbuf_init(&want, 1 << 16);
		random_body(&seed, &body);
		slowly(canon, strbuf_slice(&body), &want);
		trickle_check(
		    &trickle, &canon, strbuf_slice(&body), strbuf_slice(&want));
		strbuf_clear(&body);
		strbuf_clear(&want);
	}
}

static void
test_a_chunk_of_nothing_changes_nothing(void **state)
{
	(void)state;
	for (int c = 0; c <= DKIM_CANON_NOFWS; c++) {
		enum dkim_canon canon = (enum dkim_canon)c;
		struct stage *s = begin(&canon);
		struct strbuf out;

		strbuf_init(&out, 100);
		write_chunk(s, SLICE(""));
		write_chunk(s, SLICE("a\r"));
		write_chunk(s, SLICE(""));
		write_chunk(s, SLICE("\nb"));
		end(s, &out);
		assert_string_equal(strbuf_text(&out), "a\r\nb\r\n");
		strbuf_clear(&out);
	}
}

/* More than is gathered before the sink sees it, in pieces of every size. */
static void
test_bodies_of_many_small_pieces_come_whole(void **state)
{
	(void)state;
	for (size_t length = 1; length < 100000; length += 1 + length / 7) {
		enum dkim_canon canon = DKIM_CANON_RELAXED;
		struct stage *s = begin(&canon);
		struct strbuf body, want, out;

		strbuf_init(&body, 1 << 20);
		strbuf_init(&want, 1 << 20);
		strbuf_init(&out, 1 << 20);
		for (size_t i = 0; i < 50000; i++)
			strbuf_add_str(
			    &body, i % (length + 1) < length ? "w" : "  ");
		slowly(canon, strbuf_slice(&body), &want);
		write_chunk(s, strbuf_slice(&body));
		end(s, &out);
		assert_slice_equal(strbuf_slice(&out), strbuf_slice(&want));
		strbuf_clear(&body);
		strbuf_clear(&want);
		strbuf_clear(&out);
	}
}

static void
test_blank_lines_are_counted_not_kept(void **state)
{
	enum dkim_canon canon = DKIM_CANON_RELAXED;
	struct stage *s = begin(&canon);
	char blank[4096];
	struct strbuf out;

	(void)state;
	for (size_t i = 0; i < sizeof(blank); i += 2)
		memcpy(blank + i, "\r\n", 2);
	for (int i = 0; i < 100000; i++)
		write_chunk(s, slice_from(blank, sizeof(blank)));
	assert_int_equal(s->out.n, 0);
	strbuf_init(&out, 100);
	end(s, &out);
	assert_int_equal(out.n, 0);
	strbuf_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bodies_however_cut),
	    cmocka_unit_test(test_random_bodies_are_as_by_the_definition),
	    cmocka_unit_test(test_a_chunk_of_nothing_changes_nothing),
	    cmocka_unit_test(test_bodies_of_many_small_pieces_come_whole),
	    cmocka_unit_test(test_blank_lines_are_counted_not_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
