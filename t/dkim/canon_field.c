/* Canonical fields: RFC 6376 sections 3.4.1, 3.4.2; RFC 4870 section 3.4.2. */
#include "dkim/canon_field.h"
#include "base/strbuf.h"
#include "t/lib/unit.h"

static const struct {
	const char *promise, *raw, *relaxed, *nofws;
} cases[] = {
    {"RFC 6376 section 3.4.5, first field", "A: X\r\n", "a:X\r\n", "A:X\r\n"},
    {"RFC 6376 section 3.4.5, second field", "B : Y\t\r\n\tZ  \r\n",
	"b:Y Z\r\n", "B:YZ\r\n"},
    {"an empty value", "Subject:\r\n", "subject:\r\n", "Subject:\r\n"},
    {"a value of white space", "Subject: \t\r\n \r\n", "subject:\r\n",
	"Subject:\r\n"},
    {"case is kept in the value", "SUBJect: AbC\r\n", "subject:AbC\r\n",
	"SUBJect:AbC\r\n"},
    {"tabs and spaces before the colon", "Subject \t : a\r\n", "subject:a\r\n",
	"Subject:a\r\n"},
    {"8-bit bytes stay", "Subject: \xc3\xa4  \xff\r\n",
	"subject:\xc3\xa4 \xff\r\n", "Subject:\xc3\xa4\xff\r\n"},
    {"a colon in the value", "X: a: b\r\n", "x:a: b\r\n", "X:a:b\r\n"},
    {"a CR that ends no line is no white space", "X: a\rb \r\n c\r\r\n",
	"x:a\rb c\r\r\n", "X:abc\r\n"},
    {"nor at the beginning", "X: \ra\r\n", "x:\ra\r\n", "X:a\r\n"},
    {"folded right after the colon", "X:\r\n a\r\n\tb\r\n", "x:a b\r\n",
	"X:ab\r\n"},
};

static void
check(enum dkim_canon canon, const char *raw, const char *want)
{
	struct strbuf out;
	struct strbuf_sink sink;

	strbuf_init(&out, 4000);
	strbuf_sink_init(&sink, &out);
	dkim_canon_field(canon, slice_str(raw), &sink.sink);
	assert_slice_equal(strbuf_slice(&out), slice_str(want));
	strbuf_reset(&out);
	dkim_canon_field_open(canon, slice_str(raw), &sink.sink);
	assert_slice_equal(
	    strbuf_slice(&out), slice_first(slice_str(want), strlen(want) - 2));
	strbuf_clear(&out);
}

static void
test_fields(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%s\n", cases[i].promise);
		check(DKIM_CANON_SIMPLE, cases[i].raw, cases[i].raw);
		check(DKIM_CANON_RELAXED, cases[i].raw, cases[i].relaxed);
		check(DKIM_CANON_NOFWS, cases[i].raw, cases[i].nofws);
	}
}

static void
test_long_fields_come_whole(void **state)
{
	struct strbuf raw, want, out;
	struct strbuf_sink sink;

	(void)state;
	strbuf_init(&raw, 1 << 20);
	strbuf_init(&want, 1 << 20);
	strbuf_init(&out, 1 << 20);
	strbuf_sink_init(&sink, &out);
	strbuf_add_str(&raw, "X:");
	strbuf_add_str(&want, "x:a");
	for (int i = 0; i < 10000; i++) {
		strbuf_add_str(&raw, i == 0 ? "a" : "\r\n  a");
		strbuf_add_str(&want, i == 0 ? "" : " a");
	}
	strbuf_add_str(&raw, "\r\n");
	strbuf_add_str(&want, "\r\n");
	dkim_canon_field(DKIM_CANON_RELAXED, strbuf_slice(&raw), &sink.sink);
	assert_slice_equal(strbuf_slice(&out), strbuf_slice(&want));
	strbuf_clear(&raw);
	strbuf_clear(&want);
	strbuf_clear(&out);
}

/* Parts of fields, as a signature's own without its b= may be. */
/* Around the 512 bytes that are put together before they go on. */
static void
test_runs_of_every_length_come_whole(void **state)
{
	(void)state;
	for (int n = 1; n < 1100; n++) {
		struct strbuf raw, want;

		strbuf_init(&raw, 4000);
		strbuf_init(&want, 4000);
		(void)strbuf_addf(&raw, "X: %0*d\r\n\t%0*d \r\n", n, 1, n, 2);
		(void)strbuf_addf(&want, "x:%0*d %0*d\r\n", n, 1, n, 2);
		check(
		    DKIM_CANON_RELAXED, strbuf_text(&raw), strbuf_text(&want));
		strbuf_clear(&raw);
		strbuf_clear(&want);
	}
}

static void
test_a_last_line_end_may_be_missing_or_half(void **state)
{
	static const struct {
		const char *raw, *open;
	} parts[] = {
	    {"A:b", "A:b"},
	    {"A:b\r\n", "A:b"},
	    {"A:b\n", "A:b"},
	    {"A:b\r", "A:b"},
	    {"A:b\n\n", "A:b\n"},
	    {"\r\n", ""},
	    {"\n", ""},
	    {"", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		struct strbuf out;
		struct strbuf_sink sink;

		strbuf_init(&out, 1000);
		strbuf_sink_init(&sink, &out);
		dkim_canon_field_open(
		    DKIM_CANON_SIMPLE, slice_str(parts[i].raw), &sink.sink);
		assert_slice_equal(
		    strbuf_slice(&out), slice_str(parts[i].open));
		strbuf_clear(&out);
	}
}

static void
test_names_of_canonicalizations(void **state)
{
	static const struct {
		const char *text;
		int result;
		enum dkim_canon header, body;
	} pairs[] = {
	    {"simple", 0, DKIM_CANON_SIMPLE, DKIM_CANON_SIMPLE},
	    {"relaxed", 0, DKIM_CANON_RELAXED, DKIM_CANON_SIMPLE},
	    {"Simple/Relaxed", 0, DKIM_CANON_SIMPLE, DKIM_CANON_RELAXED},
	    {"relaxed/relaxed", 0, DKIM_CANON_RELAXED, DKIM_CANON_RELAXED},
	    {"nofws", -1, 0, 0},
	    {"", -1, 0, 0},
	    {"relaxed/", -1, 0, 0},
	    {"relaxed/relaxed/relaxed", -1, 0, 0},
	    {"relaxed /relaxed", -1, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		enum dkim_canon header = DKIM_CANON_SIMPLE;
		enum dkim_canon body = DKIM_CANON_SIMPLE;

		assert_int_equal(dkim_canon_parse_pair(
				     slice_str(pairs[i].text), &header, &body),
		    pairs[i].result);
		assert_int_equal(header, pairs[i].header);
		assert_int_equal(body, pairs[i].body);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_fields),
	    cmocka_unit_test(test_long_fields_come_whole),
	    cmocka_unit_test(test_runs_of_every_length_come_whole),
	    cmocka_unit_test(test_a_last_line_end_may_be_missing_or_half),
	    cmocka_unit_test(test_names_of_canonicalizations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
