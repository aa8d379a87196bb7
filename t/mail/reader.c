/* mail/reader: where a header ends, in any cuts, and its bounds. */
#include <stdlib.h>

#include "mail/reader.h"
#include "t/lib/trickle.h"
#include "t/lib/unit.h"

enum { CAP = 4000 };

struct run {
	struct mail_reader *reader;
	struct strbuf shown;
	unsigned headers;
	size_t cap;
};

static const char *const ends[] = {"blank", "line", "message"};

/* "name[raw]" a field, then how the header ended. */
static void
on_header(void *ctx, const struct mail_header *header)
{
	struct run *run = ctx;

	run->headers++;
	for (size_t i = 0; i < mail_header_count(header); i++) {
		const struct mail_field *field = mail_header_at(header, i);

		(void)strbuf_add(&run->shown, field->name);
		(void)strbuf_add_char(&run->shown, '[');
		(void)strbuf_add(&run->shown, field->raw);
		(void)strbuf_add_char(&run->shown, ']');
	}
	(void)strbuf_addf(&run->shown,
	    "%s %d:", ends[mail_header_ending(header)],
	    (int)mail_header_size(header));
}

static void
on_body(void *ctx, struct slice chunk)
{
	struct run *run = ctx;

	assert_true(chunk.n > 0);
	assert_int_equal(run->headers, 1);
	(void)strbuf_add(&run->shown, chunk);
}

static const struct mail_reader_ops ops = {on_header, on_body};

static void *
begin(void *cap)
{
	struct run *run = calloc(1, sizeof(*run));

	assert_non_null(run);
	run->cap = *(size_t *)cap;
	strbuf_init(&run->shown, 4 << 20);
	run->reader = mail_reader_new(run->cap, &ops, run);
	return run;
}

static void
feed(void *state, struct slice chunk)
{
	struct run *run = state;

	(void)mail_reader_write(run->reader, chunk);
}

static void
finish(void *state, struct strbuf *result)
{
	struct run *run = state;
	int outcome = mail_reader_end(run->reader);

	(void)strbuf_add(result, strbuf_slice(&run->shown));
	if (outcome != 0) {
		assert_int_equal(run->headers, 0);
		assert_null(mail_reader_header(run->reader));
		assert_int_equal(
		    mail_reader_write(run->reader, SLICE("x")), -1);
		(void)strbuf_addf(
		    result, "!%s", mail_reader_reason(run->reader));
	} else {
		assert_int_equal(run->headers, 1);
		assert_null(mail_reader_reason(run->reader));
	}
	mail_reader_free(run->reader);
	strbuf_clear(&run->shown);
	free(run);
}

static const struct trickle trickle = {begin, feed, finish};

static void
check(size_t cap, struct slice in, struct slice want)
{
	trickle_check(&trickle, &cap, in, want);
}

static void
test_where_the_header_ends(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
	    {"A: b\r\n\r\nbody\r\n", "A[A: b\r\n]blank 6:body\r\n"},
	    {"A:b\r\n c\r\n\td\r\nE:\r\n\r\n",
		"A[A:b\r\n c\r\n\td\r\n]E[E:\r\n]blank 17:"},
	    /* no body, with and without the empty line */
	    {"A: b\r\n\r\n", "A[A: b\r\n]blank 6:"},
	    {"A: b\r\n", "A[A: b\r\n]message 6:"},
	    /* the last line lacks its end */
	    {"A: b", "A[A: b\r\n]message 6:"},
	    {"A: b\r", "A[A: b\r\n]message 6:"},
	    {"A: b\r\n c", "A[A: b\r\n c\r\n]message 10:"},
	    {"A: b\r\nno field", "A[A: b\r\n]line 6:no field"},
	    /* no header at all */
	    {"", "message 0:"},
	    {"\r\n", "blank 0:"},
	    {"\r\nA: b\r\n", "blank 0:A: b\r\n"},
	    {"hello\r\nA: b\r\n\r\n", "line 0:hello\r\nA: b\r\n\r\n"},
	    /* nothing to continue: Postfix puts an empty line before it */
	    {" A: b\r\n\r\n", "line 0: A: b\r\n\r\n"},
	    {"\tx\r\nA: b\r\n", "line 0:\tx\r\nA: b\r\n"},
	    {"From me Sun\r\nA: b\r\n", "line 0:From me Sun\r\nA: b\r\n"},
	    {">From: x\r\n\r\n", ">From[>From: x\r\n]blank 10:"},
	    /* a line that is no field begins the body */
	    {"A: b\r\nhello world\r\nC: d\r\n",
		"A[A: b\r\n]line 6:hello world\r\nC: d\r\n"},
	    {"A: b\r\n: c\r\n\r\n", "A[A: b\r\n]line 6:: c\r\n\r\n"},
	    {"A: b\r\nC d: e\r\n", "A[A: b\r\n]line 6:C d: e\r\n"},
	    {"A: b\r\nC\x01: e\r\n", "A[A: b\r\n]line 6:C\x01: e\r\n"},
	    {"A: b\r\nC\xc3\xa4: e\r\n", "A[A: b\r\n]line 6:C\xc3\xa4: e\r\n"},
	    /* a line of white space continues */
	    {"A: b\r\n \r\nC: d\r\n\r\n",
		"A[A: b\r\n \r\n]C[C: d\r\n]blank 15:"},
	    /* white space before the colon, RFC 5322 section 4.5 */
	    {"A \t: b\r\n\r\n", "A[A \t: b\r\n]blank 8:"},
	    /* only CRLF ends a line */
	    {"A: b\nB: c\r\n\r\n", "A[A: b\nB: c\r\n]blank 11:"},
	    {"A: b\rB: c\r\n\r\n", "A[A: b\rB: c\r\n]blank 11:"},
	    {"A: b\r\r\n\r\n", "A[A: b\r\r\n]blank 7:"},
	    {"A: b\r\n\n\r\n", "A[A: b\r\n]line 6:\n\r\n"},
	    {"A: b\r\n\r\r\nx", "A[A: b\r\n]line 6:\r\r\nx"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check(CAP, slice_str(cases[i].in), slice_str(cases[i].out));
}

static void
test_nuls_are_bytes(void **state)
{
	(void)state;
	check(CAP, SLICE("A: \0b\r\n\0\r\n\r\n"),
	    SLICE("A[A: \0b\r\n]line 7:\0\r\n\r\n"));
	check(CAP, SLICE("A: b\r\n\r\n\0\0"), SLICE("A[A: b\r\n]blank 6:\0\0"));
}

/* A header of exactly `size` bytes in two fields. */
static void
make_header(struct strbuf *out, size_t size)
{
	(void)strbuf_add_str(out, "A: b\r\nLong: ");
	while (out->n < size - 2)
		(void)strbuf_add_char(out, 'x');
	(void)strbuf_add_str(out, "\r\n");
	assert_int_equal(out->n, size);
}

static void
check_cap(size_t size, const char *behind, bool fits)
{
	struct strbuf in, want;

	strbuf_init(&in, 1 << 20);
	strbuf_init(&want, 1 << 20);
	make_header(&in, size);
	if (fits) {
		(void)strbuf_add_str(&want, "A[A: b\r\n]Long[");
		(void)strbuf_add(&want, slice_after(strbuf_slice(&in), 6));
		(void)strbuf_addf(&want, "]blank %zu:body", size);
	} else {
		(void)strbuf_addf(&want, "!header over %d bytes", CAP);
	}
	(void)strbuf_add_str(&in, behind);
	check(CAP, strbuf_slice(&in), strbuf_slice(&want));
	strbuf_clear(&in);
	strbuf_clear(&want);
}

static void
test_the_cap_is_of_the_fields_bytes(void **state)
{
	(void)state;
	check_cap(CAP - 1, "\r\nbody", true);
	check_cap(CAP, "\r\nbody", true);
	check_cap(CAP + 1, "\r\nbody", false);
	check_cap(CAP + 2, "\r\nbody", false);
	check_cap(CAP, " \r\n\r\nbody", false);
	check_cap(CAP, "B: c\r\n\r\nbody", false);
	check_cap(3 * CAP, "\r\nbody", false);
}

static void
test_the_cap_does_not_count_a_body_without_header(void **state)
{
	struct strbuf in, want;

	(void)state;
	strbuf_init(&in, 1 << 20);
	strbuf_init(&want, 1 << 20);
	(void)strbuf_add_str(&want, "line 0:");
	for (size_t i = 0; i < 3 * (size_t)CAP; i++) {
		(void)strbuf_add_char(&in, 'x');
		(void)strbuf_add_char(&want, 'x');
	}
	check(CAP, strbuf_slice(&in), strbuf_slice(&want));
	strbuf_clear(&in);
	strbuf_clear(&want);
}

/* A name with its colon is looked for in so many bytes. */
static void
check_name(size_t length, bool field)
{
	struct strbuf in, want;

	strbuf_init(&in, 1 << 20);
	strbuf_init(&want, 1 << 20);
	for (size_t i = 0; i < length; i++)
		(void)strbuf_add_char(&in, 'n');
	if (field) {
		(void)strbuf_add(&want, strbuf_slice(&in));
		(void)strbuf_addf(&want,
		    "[%s: v\r\n]blank %zu:", strbuf_text(&in), length + 5);
	} else {
		(void)strbuf_addf(
		    &want, "line 0:%s: v\r\n\r\n", strbuf_text(&in));
	}
	(void)strbuf_add_str(&in, ": v\r\n\r\n");
	check(CAP, strbuf_slice(&in), strbuf_slice(&want));
	strbuf_clear(&in);
	strbuf_clear(&want);
}

static void
test_how_long_a_name_may_be(void **state)
{
	(void)state;
	check_name(MAIL_HEADER_NAME_MAX, true);
	check_name(MAIL_HEADER_NAME_MAX + 1, false);
}

static void
check_fields(size_t count, bool fits)
{
	struct strbuf in;
	struct mail_header *header;

	strbuf_init(&in, 1 << 20);
	for (size_t i = 0; i < count; i++)
		(void)strbuf_add_str(&in, "A: b\r\n c\r\n");
	(void)strbuf_add_str(&in, "\r\n");
	header = mail_header_parse(strbuf_slice(&in), 1 << 20);
	if (fits) {
		assert_non_null(header);
		assert_int_equal(mail_header_count(header), count);
	} else {
		assert_null(header);
		check(1 << 20, strbuf_slice(&in),
		    SLICE("!more than 20000 header fields"));
	}
	mail_header_free(header);
	strbuf_clear(&in);
}

static void
test_how_many_fields_there_may_be(void **state)
{
	(void)state;
	check_fields(MAIL_HEADER_FIELDS_MAX, true);
	check_fields(MAIL_HEADER_FIELDS_MAX + 1, false);
}

/* The fields that were whole; and all that was read behind them. */
static void
test_what_is_left_of_a_header_too_large(void **state)
{
	static const struct {
		const char *in;
		size_t fields, size;
	} cases[] = {
	    {"A: b\r\nC: d\r\n e\r\nX: xxxxxxxxxxxxxxxxxxxxxxxxxx\r\n\r\n", 2,
		16},
	    {"A: b\r\nX: x\r\n folded\r\n folded\r\n folded\r\n\r\n", 1, 6},
	    {"X: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\nA: b\r\n", 0, 0},
	    {"A: b\r\nX: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 1, 6},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t cut = 1; cut < 50; cut++) {
			static const struct mail_reader_ops none;
			struct slice in = slice_str(cases[i].in), rest = in;
			struct mail_reader *reader =
			    mail_reader_new(30, &none, NULL);
			const struct mail_header *part;
			int bad = 0;

			assert_null(mail_reader_partial(reader, &rest));
			for (rest = in; rest.n > 0 && bad == 0;
			     rest = slice_after(rest, cut))
				bad = mail_reader_write(
				    reader, slice_first(rest, cut));
			assert_int_equal(
			    bad == 0 ? mail_reader_end(reader) : bad, -1);
			part = mail_reader_partial(reader, &rest);
			assert_int_equal(
			    mail_header_count(part), cases[i].fields);
			assert_int_equal(mail_header_size(part), cases[i].size);
			assert_true(rest.n > 0);
			assert_slice_equal(rest,
			    slice_first(
				slice_after(in, cases[i].size), rest.n));
			mail_reader_free(reader);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_where_the_header_ends),
	    cmocka_unit_test(test_nuls_are_bytes),
	    cmocka_unit_test(test_the_cap_is_of_the_fields_bytes),
	    cmocka_unit_test(test_the_cap_does_not_count_a_body_without_header),
	    cmocka_unit_test(test_how_long_a_name_may_be),
	    cmocka_unit_test(test_how_many_fields_there_may_be),
	    cmocka_unit_test(test_what_is_left_of_a_header_too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
