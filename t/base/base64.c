/* base/base64: RFC 4648 section 10 vectors, folding, and what is refused. */
#include "base/base64.h"
#include "t/lib/unit.h"

static void
test_vectors(void **state)
{
	static const struct {
		const char *plain, *encoded;
	} cases[] = {
	    {"", ""},
	    {"f", "Zg=="},
	    {"fo", "Zm8="},
	    {"foo", "Zm9v"},
	    {"foob", "Zm9vYg=="},
	    {"fooba", "Zm9vYmE="},
	    {"foobar", "Zm9vYmFy"},
	    {"\xff\xfe\xfd", "//79"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct strbuf out;

		strbuf_init(&out, 100);
		assert_int_equal(
		    base64_encode(slice_str(cases[i].plain), &out), 0);
		assert_slice_equal(
		    strbuf_slice(&out), slice_str(cases[i].encoded));
		strbuf_reset(&out);
		assert_int_equal(
		    base64_decode(slice_str(cases[i].encoded), &out), 0);
		assert_slice_equal(
		    strbuf_slice(&out), slice_str(cases[i].plain));
		strbuf_clear(&out);
	}
}

static void
test_decode_forgives_folding_and_missing_padding(void **state)
{
	static const char *const good[] = {
	    "Zm9v\r\n YmE=", " Z m 9 v Y m E = ", "Zm9vYmE"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct strbuf out;

		strbuf_init(&out, 100);
		assert_int_equal(base64_decode(slice_str(good[i]), &out), 0);
		assert_slice_equal(strbuf_slice(&out), SLICE("fooba"));
		strbuf_clear(&out);
	}
}

static void
test_decode_refuses(void **state)
{
	static const char *const bad[] = {"Z",
	    "Zg=", "Zg===", "Zm9v=", "Zm9vYmE=Zg", "Zm9!",
	    "Zh==", "Zm9=", "====", "="};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct strbuf out;

		strbuf_init(&out, 100);
		assert_int_equal(strbuf_add_str(&out, "kept"), 0);
		assert_int_equal(base64_decode(slice_str(bad[i]), &out), -1);
		assert_slice_equal(strbuf_slice(&out), SLICE("kept"));
		strbuf_clear(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_vectors),
	    cmocka_unit_test(test_decode_forgives_folding_and_missing_padding),
	    cmocka_unit_test(test_decode_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
