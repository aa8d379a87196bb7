#include <poll.h>
#include <time.h>

#include "base/clock.h"
#include "t/lib/unit.h"

static void
test_units_agree_and_no_reading_goes_back(void **state)
{
	int64_t us = clock_us(), ms = clock_ms(), s = clock_s();
	int64_t later = clock_us();

	(void)state;
	assert_true(ms >= us / 1000 && ms <= later / 1000);
	assert_true(s >= us / 1000000 && s <= later / 1000000);
	assert_true(later >= us);
}

static void
test_a_wait_takes_as_long_as_the_clock_says(void **state)
{
	int64_t begun = clock_ms();

	(void)state;
	assert_int_equal(poll(NULL, 0, 20), 0);
	assert_true(clock_ms() - begun >= 20);
}

static void
test_the_cheap_reading_is_never_early_and_a_tick_late_at_most(void **state)
{
	int64_t before, coarse, after;

	(void)state;
	before = clock_ms();
	coarse = clock_coarse_ms();
	after = clock_ms();
	assert_true(coarse <= after);
	assert_true(coarse >= before - 10);
}

static void
test_the_time_of_day_is_the_kernels(void **state)
{
	int64_t before = time(NULL), s = clock_wall_s(), ms = clock_wall_ms();

	(void)state;
	/* time(2) is a tick behind at most. */
	assert_true(s >= before && ms / 1000 >= s);
	assert_true(ms / 1000 <= (int64_t)time(NULL) + 1);
	assert_true(clock_booted_s() > 0);
	assert_true(clock_booted_s() < (double)s + 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_units_agree_and_no_reading_goes_back),
	    cmocka_unit_test(test_a_wait_takes_as_long_as_the_clock_says),
	    cmocka_unit_test(
		test_the_cheap_reading_is_never_early_and_a_tick_late_at_most),
	    cmocka_unit_test(test_the_time_of_day_is_the_kernels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
