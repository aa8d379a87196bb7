/* record/kept: what is printed is parsed; what is cut or false is refused. */
#include <string.h>

#include "record/kept.h"
#include "t/lib/unit.h"

static void
test_print_then_parse_is_the_identity(void **state)
{
	struct strbuf bytes;
	struct record_kept kept;
	struct slice value;
	size_t at = 0;

	(void)state;
	strbuf_init(&bytes, RECORD_KEPT_MAX);
	assert_int_equal(
	    record_kept_add(&bytes, RECORD_TIME, SLICE("1000")), 0);
	assert_int_equal(
	    record_kept_add(&bytes, RECORD_SIGNED, SLICE("dkim:a.example")), 0);
	assert_int_equal(record_kept_add(&bytes, RECORD_SIGNED, SLICE("")), 0);
	assert_int_equal(record_kept_parse(strbuf_slice(&bytes), &kept), 0);
	assert_int_equal(kept.count, 3);
	assert_slice_equal(record_kept_get(&kept, RECORD_TIME), SLICE("1000"));
	assert_slice_equal(record_kept_get(&kept, RECORD_DMARC), SLICE(""));
	assert_true(record_kept_next(&kept, RECORD_SIGNED, &at, &value));
	assert_slice_equal(value, SLICE("dkim:a.example"));
	assert_true(record_kept_next(&kept, RECORD_SIGNED, &at, &value));
	assert_slice_equal(value, SLICE(""));
	assert_false(record_kept_next(&kept, RECORD_SIGNED, &at, &value));
	strbuf_clear(&bytes);
}

static void
test_every_cut_is_refused_or_shorter(void **state)
{
	struct strbuf bytes;
	struct record_kept kept;

	(void)state;
	strbuf_init(&bytes, RECORD_KEPT_MAX);
	(void)record_kept_add(&bytes, RECORD_TIME, SLICE("1000"));
	(void)record_kept_add(&bytes, RECORD_AUTHOR, SLICE("a.example"));
	for (size_t n = 0; n < bytes.n; n++) {
		int result = record_kept_parse(
		    slice_first(strbuf_slice(&bytes), n), &kept);

		assert_int_equal(result, n == 3 + 4 + 4 ? 0 : -1);
	}
	strbuf_clear(&bytes);
}

static void
test_refuses_what_is_no_record(void **state)
{
	static const struct slice bad[] = {
	    SLICE_INIT("SP1"),
	    SLICE_INIT("SP2\x01\0\0\0"),
	    SLICE_INIT("SP1\x01\xff\xff\xff"),
	    SLICE_INIT("SP1\x01\0\0"),
	};
	struct record_kept kept;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(record_kept_parse(bad[i], &kept), -1);
	assert_int_equal(
	    record_kept_parse(SLICE("SP1\xee\0\0\x01x"), &kept), 0);
	assert_int_equal(kept.count, 0);
}

static void
test_too_many_members_are_refused(void **state)
{
	struct strbuf bytes;
	struct record_kept kept;

	(void)state;
	strbuf_init(&bytes, RECORD_KEPT_MAX);
	for (int i = 0; i < RECORD_KEPT_MEMBERS_MAX; i++)
		(void)record_kept_add(&bytes, RECORD_SIGNED, SLICE("x"));
	assert_int_equal(record_kept_parse(strbuf_slice(&bytes), &kept), 0);
	(void)record_kept_add(&bytes, RECORD_SIGNED, SLICE("x"));
	assert_int_equal(record_kept_parse(strbuf_slice(&bytes), &kept), -1);
	strbuf_clear(&bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_print_then_parse_is_the_identity),
	    cmocka_unit_test(test_every_cut_is_refused_or_shorter),
	    cmocka_unit_test(test_refuses_what_is_no_record),
	    cmocka_unit_test(test_too_many_members_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
