/* One canonicalizer and one hash for each distinct wish. */
#include "dkim/body_hashes.h"
#include "dkim/hash.h"
#include "t/lib/unit.h"

static void
expect(const struct dkim_body_hashes *hashes, int number, const char *bytes,
    enum dkim_digest digest)
{
	struct dkim_hash *hash = dkim_hash_new(digest);

	sink_write_to(dkim_hash_sink(hash), slice_str(bytes));
	assert_slice_equal(
	    dkim_body_hashes_digest(hashes, number), dkim_hash_end(hash));
	dkim_hash_free(hash);
}

static void
test_equal_wishes_get_one_number(void **state)
{
	struct dkim_body_hashes *h = dkim_body_hashes_new();
	int a = dkim_body_hashes_want(
	    h, DKIM_CANON_RELAXED, DKIM_SHA256, DKIM_BODY_WHOLE);
	int b = dkim_body_hashes_want(
	    h, DKIM_CANON_RELAXED, DKIM_SHA1, DKIM_BODY_WHOLE);
	int c = dkim_body_hashes_want(h, DKIM_CANON_RELAXED, DKIM_SHA256, 3);
	int d = dkim_body_hashes_want(
	    h, DKIM_CANON_SIMPLE, DKIM_SHA256, DKIM_BODY_WHOLE);

	(void)state;
	assert_int_equal(a,
	    dkim_body_hashes_want(
		h, DKIM_CANON_RELAXED, DKIM_SHA256, DKIM_BODY_WHOLE));
	assert_true(a != b && b != c && c != d && a != c && a != d);
	dkim_body_hashes_write(h, SLICE("a  b \r"));
	dkim_body_hashes_write(h, SLICE("\n\r\n"));
	dkim_body_hashes_end(h);
	expect(h, a, "a b\r\n", DKIM_SHA256);
	expect(h, b, "a b\r\n", DKIM_SHA1);
	expect(h, c, "a b", DKIM_SHA256);
	expect(h, d, "a  b \r\n", DKIM_SHA256);
	assert_int_equal(dkim_body_hashes_length(h, c), 5);
	assert_int_equal(dkim_body_hashes_length(h, d), 7);
	dkim_body_hashes_free(h);
}

static void
test_limits_of_zero_and_beyond(void **state)
{
	struct dkim_body_hashes *h = dkim_body_hashes_new();
	int none = dkim_body_hashes_want(h, DKIM_CANON_SIMPLE, DKIM_SHA256, 0);
	int more =
	    dkim_body_hashes_want(h, DKIM_CANON_SIMPLE, DKIM_SHA256, 100);

	(void)state;
	dkim_body_hashes_write(h, SLICE("abc\r\n"));
	dkim_body_hashes_end(h);
	expect(h, none, "", DKIM_SHA256);
	expect(h, more, "abc\r\n", DKIM_SHA256);
	dkim_body_hashes_free(h);
}

static void
test_domainkeys_hash_header_line_and_body(void **state)
{
	static const struct {
		const char *body, *simple, *nofws;
	} cases[] = {
	    {"a b\r\n\r\n", "H\r\n\r\na b\r\n", "H\r\n\r\nab\r\n"},
	    {"\r\na\r\n", "H\r\n\r\n\r\na\r\n", "H\r\n\r\n\r\na\r\n"},
	    /* blank lines alone: the line between is left out as well */
	    {"", "H\r\n", "H\r\n"},
	    {"\r\n\r\n", "H\r\n", "H\r\n"},
	    {" \r\n", "H\r\n\r\n \r\n", "H\r\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dkim_body_hashes *h = dkim_body_hashes_new();
		int simple = dkim_body_hashes_want_message(
		    h, DKIM_CANON_SIMPLE, DKIM_SHA1, SLICE("H\r\n"));
		int nofws = dkim_body_hashes_want_message(
		    h, DKIM_CANON_NOFWS, DKIM_SHA1, SLICE("H\r\n"));
		int dkim = dkim_body_hashes_want(
		    h, DKIM_CANON_SIMPLE, DKIM_SHA1, DKIM_BODY_WHOLE);

		assert_true(simple != nofws && simple != dkim);
		dkim_body_hashes_write(h, slice_str(cases[i].body));
		dkim_body_hashes_end(h);
		expect(h, simple, cases[i].simple, DKIM_SHA1);
		expect(h, nofws, cases[i].nofws, DKIM_SHA1);
		dkim_body_hashes_free(h);
	}
}

static void
test_there_is_a_most(void **state)
{
	struct dkim_body_hashes *h = dkim_body_hashes_new();

	(void)state;
	for (uint64_t i = 0; i < DKIM_BODY_HASHES_MAX; i++)
		assert_int_equal(dkim_body_hashes_want(
				     h, DKIM_CANON_RELAXED, DKIM_SHA256, i),
		    i);
	assert_int_equal(dkim_body_hashes_want(h, DKIM_CANON_RELAXED,
			     DKIM_SHA256, DKIM_BODY_WHOLE),
	    -1);
	assert_int_equal(dkim_body_hashes_want_message(
			     h, DKIM_CANON_NOFWS, DKIM_SHA1, SLICE("")),
	    -1);
	assert_int_equal(
	    dkim_body_hashes_want(h, DKIM_CANON_RELAXED, DKIM_SHA256, 4), 4);
	dkim_body_hashes_free(h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_equal_wishes_get_one_number),
	    cmocka_unit_test(test_limits_of_zero_and_beyond),
	    cmocka_unit_test(test_domainkeys_hash_header_line_and_body),
	    cmocka_unit_test(test_there_is_a_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
