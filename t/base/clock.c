#include <poll.h>

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_units_agree_and_no_reading_goes_back),
	    cmocka_unit_test(test_a_wait_takes_as_long_as_the_clock_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
