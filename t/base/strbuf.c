/* base/strbuf: growing bytes with a cap. */
#include <stdlib.h>

#include "base/strbuf.h"
#include "t/lib/unit.h"

static void
test_the_cap_holds_and_stays(void **state)
{
	struct strbuf sb;

	(void)state;
	strbuf_init(&sb, 5);
	assert_int_equal(strbuf_add_str(&sb, "abc"), 0);
	assert_int_equal(strbuf_add_str(&sb, "def"), -1);
	assert_true(sb.full);
	assert_slice_equal(strbuf_slice(&sb), SLICE("abc"));
	/* what would fit is refused too, so one look at the end suffices */
	assert_int_equal(strbuf_add_char(&sb, 'd'), -1);
	assert_int_equal(strbuf_addf(&sb, "%d", 1), -1);
	assert_null(strbuf_reserve(&sb, 1));
	assert_slice_equal(strbuf_slice(&sb), SLICE("abc"));
	strbuf_reset(&sb);
	assert_false(sb.full);
	assert_int_equal(strbuf_add_str(&sb, "defgh"), 0);
	assert_int_equal(strbuf_add_str(&sb, ""), 0);
	assert_int_equal(strbuf_add_char(&sb, 'i'), -1);
	strbuf_clear(&sb);
	assert_int_equal(sb.cap, 5);
	assert_int_equal(strbuf_add_str(&sb, "x"), 0);
	strbuf_clear(&sb);
}

static void
test_a_zeroed_one_takes_nothing(void **state)
{
	struct strbuf sb = {0};

	(void)state;
	assert_int_equal(strbuf_add_char(&sb, 'x'), -1);
	assert_string_equal(strbuf_text(&sb), "");
	strbuf_clear(&sb);
}

static void
test_bytes_are_followed_by_a_nul(void **state)
{
	struct strbuf sb;

	(void)state;
	strbuf_init(&sb, 1000);
	assert_string_equal(strbuf_text(&sb), "");
	for (size_t i = 0; i < 1000; i++) {
		assert_int_equal(strbuf_add_char(&sb, 'x'), 0);
		assert_int_equal(sb.p[sb.n], '\0');
	}
	strbuf_truncate(&sb, 2);
	assert_string_equal(strbuf_text(&sb), "xx");
	strbuf_truncate(&sb, 3);
	assert_int_equal(sb.n, 2);
	strbuf_consume(&sb, 1);
	assert_string_equal(strbuf_text(&sb), "x");
	strbuf_consume(&sb, 9);
	assert_string_equal(strbuf_text(&sb), "");
	strbuf_clear(&sb);
}

static void
test_add_takes_nuls_and_its_own_bytes(void **state)
{
	struct strbuf sb;

	(void)state;
	strbuf_init(&sb, 100000);
	assert_int_equal(strbuf_add(&sb, SLICE("a\0b")), 0);
	for (int i = 0; i < 12; i++)
		assert_int_equal(strbuf_add(&sb, strbuf_slice(&sb)), 0);
	assert_int_equal(sb.n, 3 << 12);
	for (size_t i = 0; i < sb.n; i++)
		assert_int_equal(sb.p[i], "a\0b"[i % 3]);
	assert_int_equal(strbuf_add(&sb, slice_first(strbuf_slice(&sb), 1)), 0);
	assert_int_equal(sb.p[sb.n - 1], 'a');
	strbuf_clear(&sb);
}

static void
test_formats(void **state)
{
	struct strbuf sb;

	(void)state;
	strbuf_init(&sb, 12);
	assert_int_equal(strbuf_addf(&sb, "%s-%d", "a", 42), 0);
	assert_slice_equal(strbuf_slice(&sb), SLICE("a-42"));
	assert_int_equal(strbuf_addf(&sb, "%8s", "x"), 0);
	assert_slice_equal(strbuf_slice(&sb), SLICE("a-42       x"));
	assert_int_equal(strbuf_addf(&sb, "%c", 'y'), -1);
	assert_slice_equal(strbuf_slice(&sb), SLICE("a-42       x"));
	strbuf_clear(&sb);
}

/* One that fits the room, one that needs more, one that passes the cap with
 * room for its beginning: nothing of that one is seen. */
static void
test_formats_grow(void **state)
{
	struct strbuf sb;

	(void)state;
	strbuf_init(&sb, 200);
	for (int i = 0; i < 5; i++)
		assert_int_equal(strbuf_addf(&sb, "%038d", i), 0);
	assert_int_equal(sb.n, 190);
	assert_int_equal(strbuf_addf(&sb, "%d", 1234567890), 0);
	assert_int_equal(sb.n, 200);
	strbuf_truncate(&sb, 195);
	assert_int_equal(strbuf_addf(&sb, "%d", 987654), -1);
	assert_int_equal(strlen(strbuf_text(&sb)), 195);
	assert_slice_equal(slice_after(strbuf_slice(&sb), 190), SLICE("12345"));
	assert_int_equal(strbuf_addf(&sb, "%d", 1), -1);
	strbuf_clear(&sb);
}

static void
test_reserve_then_claim(void **state)
{
	struct strbuf sb;
	char *to;

	(void)state;
	strbuf_init(&sb, 4);
	to = strbuf_reserve(&sb, 4);
	assert_non_null(to);
	memcpy(to, "abcd", 4);
	sb.n += 3;
	assert_slice_equal(strbuf_slice(&sb), SLICE("abc"));
	assert_null(strbuf_reserve(&sb, 2));
	strbuf_clear(&sb);
}

static void
test_detach_gives_the_bytes_away(void **state)
{
	struct strbuf sb;
	char *bytes;

	(void)state;
	strbuf_init(&sb, 10);
	bytes = strbuf_detach(&sb);
	assert_string_equal(bytes, "");
	free(bytes);
	assert_int_equal(strbuf_add_str(&sb, "abc"), 0);
	bytes = strbuf_detach(&sb);
	assert_string_equal(bytes, "abc");
	free(bytes);
	assert_int_equal(sb.n, 0);
	assert_int_equal(strbuf_add_str(&sb, "0123456789"), 0);
	strbuf_wipe(&sb);
	assert_null(sb.p);
}

static void
test_the_sink_adds(void **state)
{
	struct strbuf sb;
	struct strbuf_sink sink;

	(void)state;
	strbuf_init(&sb, 10);
	strbuf_sink_init(&sink, &sb);
	sink_write_to(&sink.sink, SLICE("ab"));
	sink_write_to(&sink.sink, SLICE(""));
	sink_write_to(&sink.sink, SLICE("c"));
	assert_slice_equal(strbuf_slice(&sb), SLICE("abc"));
	strbuf_clear(&sb);
}

static void
test_failing_says_why_to_whoever_asks(void **state)
{
	struct strbuf reason;

	(void)state;
	strbuf_init(&reason, 20);
	assert_int_equal(strbuf_fail(&reason, "%s: %d", "no", 7), -1);
	assert_string_equal(strbuf_text(&reason), "no: 7");
	assert_int_equal(strbuf_fail(NULL, "%s", "nobody asks"), -1);
	strbuf_clear(&reason);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_cap_holds_and_stays),
	    cmocka_unit_test(test_a_zeroed_one_takes_nothing),
	    cmocka_unit_test(test_bytes_are_followed_by_a_nul),
	    cmocka_unit_test(test_add_takes_nuls_and_its_own_bytes),
	    cmocka_unit_test(test_formats),
	    cmocka_unit_test(test_formats_grow),
	    cmocka_unit_test(test_reserve_then_claim),
	    cmocka_unit_test(test_detach_gives_the_bytes_away),
	    cmocka_unit_test(test_the_sink_adds),
	    cmocka_unit_test(test_failing_says_why_to_whoever_asks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
