/* proxy/message/seldom: once a minute for each client and thing, and
 * bounded. */
#include <stdio.h>

#include "proxy/message/seldom.h"
#include "t/lib/unit.h"

static void
test_once_a_minute_for_each(void **state)
{
	struct proxy_seldom seldom = {0};

	(void)state;
	assert_true(proxy_seldom_may(&seldom, "a", SLICE("one"), 1000));
	assert_false(proxy_seldom_may(&seldom, "a", SLICE("one"), 1000));
	assert_true(proxy_seldom_may(&seldom, "a", SLICE("two"), 1000));
	assert_true(proxy_seldom_may(&seldom, "b", SLICE("one"), 1000));
	assert_false(proxy_seldom_may(
	    &seldom, "a", SLICE("one"), 1000 + PROXY_SELDOM_MS - 1));
	assert_true(proxy_seldom_may(
	    &seldom, "a", SLICE("one"), 1000 + PROXY_SELDOM_MS));
	assert_true(proxy_seldom_may(NULL, "a", SLICE("one"), 1000));
	assert_true(proxy_seldom_may(NULL, "a", SLICE("one"), 1000));
}

static void
test_a_flood_of_clients_is_bounded(void **state)
{
	struct proxy_seldom seldom = {0};
	unsigned said = 0;

	(void)state;
	for (int i = 0; i < 10000; i++) {
		char whom[20];

		(void)snprintf(whom, sizeof(whom), "client %d", i);
		said += proxy_seldom_may(&seldom, "a", slice_str(whom), 5000);
	}
	assert_int_equal(said, PROXY_SELDOM_SLOTS);
	assert_true(proxy_seldom_may(
	    &seldom, "a", SLICE("late"), 5000 + PROXY_SELDOM_MS));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_once_a_minute_for_each),
	    cmocka_unit_test(test_a_flood_of_clients_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
