/* DKIM-Quoted-Printable, RFC 6376 section 2.11. */
#include "dkim/quoted.h"
#include "t/lib/unit.h"

static void
test_encoded_and_decoded_again(void **state)
{
	static const struct {
		const char *plain, *encoded;
	} cases[] = {
	    {"", ""},
	    {"joe", "joe"},
	    {"~!", "~!"},
	    {"\xaa\xff", "=AA=FF"},
	    {"joe smith", "joe=20smith"},
	    {"a=b;c", "a=3Db=3Bc"},
	    {"\"q\"", "\"q\""},
	    {"\x01\x7f", "=01=7F"},
	    {"j\xc3\xb6", "j=C3=B6"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct strbuf out;

		strbuf_init(&out, 100);
		assert_int_equal(
		    dkim_quoted_encode(slice_str(cases[i].plain), &out), 0);
		assert_string_equal(strbuf_text(&out), cases[i].encoded);
		strbuf_reset(&out);
		assert_int_equal(
		    dkim_quoted_decode(slice_str(cases[i].encoded), &out), 0);
		assert_string_equal(strbuf_text(&out), cases[i].plain);
		strbuf_clear(&out);
	}
}

static void
test_folding_is_dropped_and_utf8_let_through(void **state)
{
	struct strbuf out;

	(void)state;
	strbuf_init(&out, 100);
	assert_int_equal(
	    dkim_quoted_decode(SLICE("jo\r\n\te = 20=20\xc3\xb6"), &out), -1);
	strbuf_reset(&out);
	assert_int_equal(
	    dkim_quoted_decode(SLICE("jo\r\n\te =20\xc3\xb6"), &out), 0);
	assert_string_equal(strbuf_text(&out), "joe \xc3\xb6");
	strbuf_clear(&out);
}

static void
test_what_is_not_of_the_form(void **state)
{
	static const char *const bad[] = {
	    "=", "a=2", "=zz", "=2x", "=c3", "=3:", "=:3", "=G0"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct strbuf out;

		strbuf_init(&out, 100);
		assert_int_equal(
		    dkim_quoted_decode(slice_str(bad[i]), &out), -1);
		strbuf_clear(&out);
	}
}

static void
test_nothing_is_read_behind_the_end(void **state)
{
	struct strbuf out;

	(void)state;
	strbuf_init(&out, 100);
	for (size_t n = 1; n < 3; n++)
		assert_int_equal(
		    dkim_quoted_decode(slice_from("=41", n), &out), -1);
	assert_int_equal(dkim_quoted_decode(slice_from("=41", 3), &out), 0);
	assert_string_equal(strbuf_text(&out), "A");
	strbuf_clear(&out);
}

static void
test_the_cap_holds(void **state)
{
	struct strbuf out;

	(void)state;
	strbuf_init(&out, 4);
	assert_int_equal(dkim_quoted_encode(SLICE("a b"), &out), -1);
	strbuf_reset(&out);
	assert_int_equal(dkim_quoted_decode(SLICE("abcde"), &out), -1);
	strbuf_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_encoded_and_decoded_again),
	    cmocka_unit_test(test_folding_is_dropped_and_utf8_let_through),
	    cmocka_unit_test(test_what_is_not_of_the_form),
	    cmocka_unit_test(test_nothing_is_read_behind_the_end),
	    cmocka_unit_test(test_the_cap_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
