/* base/escape: what a peer sent cannot end a line or a string. */
#include "base/escape.h"
#include "t/lib/unit.h"

static void
test_log_escapes_all_but_plain_print(void **state)
{
	(void)state;
	for (int i = 0; i < 256; i++) {
		char c = (char)(unsigned char)i;
		bool plain = i >= 0x20 && i <= 0x7e && c != '"' && c != '\\';
		struct strbuf out, want;

		strbuf_init(&out, 10);
		strbuf_init(&want, 10);
		if (plain)
			(void)strbuf_add_char(&want, c);
		else
			(void)strbuf_addf(&want, "\\x%02x", (unsigned)i);
		assert_int_equal(escape_log(slice_from(&c, 1), &out), 0);
		assert_slice_equal(strbuf_slice(&out), strbuf_slice(&want));
		strbuf_clear(&out);
		strbuf_clear(&want);
	}
}

static void
test_utf8_lengths(void **state)
{
	static const struct {
		const char *in;
		size_t length;
	} cases[] = {
	    {"a", 1},
	    {"\x7f", 1},
	    {"\xc2\x80", 2},
	    {"\xdf\xbf", 2},
	    {"\xe0\xa0\x80", 3},
	    {"\xef\xbf\xbf", 3},
	    {"\xf0\x90\x80\x80", 4},
	    {"\xf4\x8f\xbf\xbf", 4},
	    {"\x80", 0},	     /* a tail alone */
	    {"\xc0\x80", 0},	     /* overlong */
	    {"\xc1\xbf", 0},	     /* overlong */
	    {"\xe0\x9f\xbf", 0},     /* overlong */
	    {"\xf0\x8f\xbf\xbf", 0}, /* overlong */
	    {"\xed\xa0\x80", 0},     /* a surrogate */
	    {"\xf4\x90\x80\x80", 0}, /* past U+10FFFF */
	    {"\xf5\x80\x80\x80", 0},
	    {"\xff", 0},
	    {"\xc2", 0}, /* cut */
	    {"\xe0\xa0", 0},
	    {"\xf0\x90\x80", 0},
	    {"\xc2\x41", 0},
	    {"\xe1\x80\x41", 0},
	    {"", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(escape_utf8_length(slice_str(cases[i].in)),
		    cases[i].length);
	assert_int_equal(escape_utf8_length(SLICE("\0")), 1);
}

static void
test_json(void **state)
{
	static const struct {
		struct slice in;
		const char *out;
	} cases[] = {
	    {SLICE_INIT(""), "\"\""},
	    {SLICE_INIT("a\"b\\c/"), "\"a\\\"b\\\\c/\""},
	    {SLICE_INIT("\0\n\x1f\x7f"), "\"\\u0000\\u000a\\u001f\\u007f\""},
	    {SLICE_INIT("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"),
		"\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\""},
	    {SLICE_INIT("\xc2\x9b"
			"31m\xe2\x80\xa8\xe2\x80\xae\xef\xbb\xbf"),
		"\"\\u009b31m\\u2028\\u202e\\ufeff\""},
	    {SLICE_INIT("\xff"
			"a\xc3"),
		"\"\xef\xbf\xbd"
		"a\xef\xbf\xbd\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct strbuf out;

		strbuf_init(&out, 100);
		assert_int_equal(escape_json(cases[i].in, &out), 0);
		assert_slice_equal(strbuf_slice(&out), slice_str(cases[i].out));
		strbuf_clear(&out);
	}
}

static void
test_a_full_buffer_is_told(void **state)
{
	struct strbuf out;

	(void)state;
	strbuf_init(&out, 3);
	assert_int_equal(escape_log(SLICE("\n"), &out), -1);
	strbuf_reset(&out);
	assert_int_equal(escape_json(SLICE("ab"), &out), -1);
	strbuf_clear(&out);
}

static void
test_utf8_throughout(void **state)
{
	(void)state;
	assert_true(escape_is_utf8(SLICE("")));
	assert_true(escape_is_utf8(SLICE("a\0\xc3\xa9\xf0\x9f\x98\x80")));
	assert_false(escape_is_utf8(SLICE("a\xe9")));
	assert_false(escape_is_utf8(SLICE("\xc3\xa9\xc3")));
	assert_false(escape_is_utf8(SLICE("\xed\xa0\x80z")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_log_escapes_all_but_plain_print),
	    cmocka_unit_test(test_utf8_lengths),
	    cmocka_unit_test(test_utf8_throughout),
	    cmocka_unit_test(test_json),
	    cmocka_unit_test(test_a_full_buffer_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
