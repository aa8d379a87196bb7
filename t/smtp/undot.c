/*
 * smtp/undot: CRLF dot CRLF and nothing else ends a message (the endings of
 * SMTP smuggling among what does not), one dot comes off, nothing else
 * changes.
 */
#include "smtp/undot.h"
#include "t/lib/trickle.h"
#include "t/lib/unit.h"

/* The result is the body, then "|" and what came behind its end. */
struct reading {
	struct smtp_undot undot;
	struct strbuf body, rest;
	struct strbuf_sink out;
	bool done;
};

static void *
reading_begin(void *arg)
{
	struct reading *r = test_calloc(1, sizeof(*r));

	(void)arg;
	strbuf_init(&r->body, 1 << 20);
	strbuf_init(&r->rest, 1 << 20);
	strbuf_sink_init(&r->out, &r->body);
	smtp_undot_init(&r->undot, &r->out.sink);
	return r;
}

static void
reading_write(void *state, struct slice chunk)
{
	struct reading *r = state;
	size_t used = 0;

	if (!r->done) {
		r->done =
		    smtp_undot_write(&r->undot, chunk, &used) == SMTP_DONE;
		if (!r->done)
			assert_int_equal(used, chunk.n);
	}
	if (r->done)
		(void)strbuf_add(&r->rest, slice_after(chunk, used));
}

static void
reading_end(void *state, struct strbuf *result)
{
	struct reading *r = state;

	(void)strbuf_add(result, strbuf_slice(&r->body));
	if (r->done)
		(void)strbuf_add_char(result, '|');
	(void)strbuf_add(result, strbuf_slice(&r->rest));
	strbuf_clear(&r->body);
	strbuf_clear(&r->rest);
	test_free(r);
}

static const struct trickle reading = {
    reading_begin, reading_write, reading_end};

static const struct {
	struct slice wire, result;
} cases[] = {
    {SLICE_INIT("a\r\n.\r\n"), SLICE_INIT("a\r\n|")},
    {SLICE_INIT(".\r\n"), SLICE_INIT("|")},
    {SLICE_INIT(".\r\nQUIT\r\n"), SLICE_INIT("|QUIT\r\n")},
    {SLICE_INIT("a\r\n.\r\nMAIL\r\n.\r\n"), SLICE_INIT("a\r\n|MAIL\r\n.\r\n")},
    {SLICE_INIT("..\r\n.\r\n"), SLICE_INIT(".\r\n|")},
    {SLICE_INIT("..a\r\n...b\r\n.c\r\n.\r\n"),
	SLICE_INIT(".a\r\n..b\r\nc\r\n|")},
    {SLICE_INIT("a.\r\n.\r\n"), SLICE_INIT("a.\r\n|")},
    {SLICE_INIT("a\r\n\r\n.\r\n"), SLICE_INIT("a\r\n\r\n|")},
    {SLICE_INIT("\0\xff\r\n.\r\n"), SLICE_INIT("\0\xff\r\n|")},
    /* Endings that other servers take for one. */
    {SLICE_INIT("a\n.\nb"), SLICE_INIT("a\n.\nb")},
    {SLICE_INIT("a\n.\r\nb"), SLICE_INIT("a\n.\r\nb")},
    {SLICE_INIT("a\r\n.\nb"), SLICE_INIT("a\r\n\nb")},
    {SLICE_INIT("a\r\n.\rb"), SLICE_INIT("a\r\n\rb")},
    {SLICE_INIT("a\r.\rb"), SLICE_INIT("a\r.\rb")},
    {SLICE_INIT("a\r.\r\nb"), SLICE_INIT("a\r.\r\nb")},
    {SLICE_INIT("a\n\r.\r\nb"), SLICE_INIT("a\n\r.\r\nb")},
    {SLICE_INIT("a\r\n.\r\r\nb"), SLICE_INIT("a\r\n\r\r\nb")},
    {SLICE_INIT("a\r\r\n.\r\nb"), SLICE_INIT("a\r\r\n|b")},
    {SLICE_INIT("a\r\n.\r.\r\nb"), SLICE_INIT("a\r\n\r.\r\nb")},
    {SLICE_INIT("a\r\n.\r\r.\r\nb"), SLICE_INIT("a\r\n\r\r.\r\nb")},
    {SLICE_INIT("a\r\n. \r\nb"), SLICE_INIT("a\r\n \r\nb")},
    {SLICE_INIT("a\r\n.\0\r\nb"), SLICE_INIT("a\r\n\0\r\nb")},
    {SLICE_INIT("a\r\0\n.\r\nb"), SLICE_INIT("a\r\0\n.\r\nb")},
    {SLICE_INIT("\n.\r\n"), SLICE_INIT("\n.\r\n")},
    {SLICE_INIT(".\n"), SLICE_INIT("\n")},
    {SLICE_INIT("a\r\n.\r\n\r\n.\r\n"), SLICE_INIT("a\r\n|\r\n.\r\n")},
    /* Cut off. */
    {SLICE_INIT(""), SLICE_INIT("")},
    {SLICE_INIT("a\r\n."), SLICE_INIT("a\r\n")},
    {SLICE_INIT("a\r\n.\r"), SLICE_INIT("a\r\n")},
};

static void
test_endings(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		trickle_check(&reading, NULL, cases[i].wire, cases[i].result);
}

/* What RFC 5321 says, byte by byte and slowly: the oracle. */
static void
plain_undot(struct slice in, struct strbuf *result)
{
	bool begins = true;

	for (size_t i = 0; i < in.n; i++) {
		if (begins && in.p[i] == '.') {
			if (slice_starts_nocase(
				slice_after(in, i), SLICE(".\r\n"))) {
				(void)strbuf_add_char(result, '|');
				(void)strbuf_add(
				    result, slice_after(in, i + 3));
				return;
			}
			/* Held back at the end of what is there. */
			if (i + 2 == in.n && in.p[i + 1] == '\r')
				return;
			begins = false;
			continue;
		}
		(void)strbuf_add_char(result, in.p[i]);
		begins = i > 0 && in.p[i] == '\n' && in.p[i - 1] == '\r';
	}
}

/* All words of up to eight letters over the four that matter. */
static void
test_every_word_of_dots_and_line_ends(void **state)
{
	static const char letters[] = "\r\n.x";
	char word[8];

	(void)state;
	for (unsigned w = 0; w < 1U << 16; w++) {
		struct strbuf want, got;
		struct reading *r = reading_begin(NULL);

		for (unsigned i = 0; i < 8; i++)
			word[i] = letters[w >> 2 * i & 3];
		strbuf_init(&want, 100);
		strbuf_init(&got, 100);
		plain_undot(slice_from(word, 8), &want);
		reading_write(r, slice_from(word, w % 9));
		reading_write(r, slice_from(word + w % 9, 8 - w % 9));
		reading_end(r, &got);
		assert_slice_equal(strbuf_slice(&got), strbuf_slice(&want));
		strbuf_clear(&want);
		strbuf_clear(&got);
	}
}

/* Long chunks are looked at 16 bytes at a time: wherever a line ends. */
static void
test_long_chunks_by_the_same_oracle(void **state)
{
	static const char *const pieces[] = {
	    "xxxxx", "x", "\r\n", "\r\n.", "\r\n..", ".", "\r", "\n."};
	unsigned seed = 1;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct reading *r = reading_begin(NULL);
		struct strbuf in, want, got;
		size_t cut;

		strbuf_init(&in, 1000);
		strbuf_init(&want, 1000);
		strbuf_init(&got, 1000);
		while (in.n < 100) {
			seed = seed * 1103515245 + 12345;
			(void)strbuf_add_str(&in, pieces[(seed >> 16) % 8]);
		}
		plain_undot(strbuf_slice(&in), &want);
		cut = (seed >> 20) % in.n;
		reading_write(r, slice_first(strbuf_slice(&in), cut));
		reading_write(r, slice_after(strbuf_slice(&in), cut));
		reading_end(r, &got);
		assert_slice_equal(strbuf_slice(&got), strbuf_slice(&want));
		strbuf_clear(&in);
		strbuf_clear(&want);
		strbuf_clear(&got);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_endings),
	    cmocka_unit_test(test_every_word_of_dots_and_line_ends),
	    cmocka_unit_test(test_long_chunks_by_the_same_oracle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
