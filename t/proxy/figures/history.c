/* proxy/figures/history by a clock of the test's own. */
#include <stdlib.h>

#include "base/xalloc.h"
#include "proxy/figures/history.h"
#include "t/lib/unit.h"

static struct proxy_history_sums
sums(uint64_t sent, uint64_t deferred)
{
	struct proxy_history_sums s = {0};

	s.n[0][PROXY_HISTORY_SENT] = sent;
	s.n[1][PROXY_HISTORY_DEFERRED] = deferred;
	return s;
}

static uint64_t
sent_since(
    const struct proxy_history *h, int64_t now, unsigned seconds, uint64_t sent)
{
	struct proxy_history_sums s = sums(sent, 0);

	s = proxy_history_since(h, now, seconds, &s);
	return s.n[0][PROXY_HISTORY_SENT];
}

static void
test_all_is_of_late_at_first(void **state)
{
	struct proxy_history *h = xcalloc(1, sizeof(*h));

	(void)state;
	assert_int_equal(sent_since(h, 1000, 300, 7), 7);
	free(h);
}

static void
test_what_was_before_is_left_out(void **state)
{
	struct proxy_history *h = xcalloc(1, sizeof(*h));

	(void)state;
	/* One message a second. */
	for (int64_t now = 1000; now <= 1000 + 3 * 3600; now++) {
		struct proxy_history_sums s = sums((uint64_t)now - 1000, 0);

		proxy_history_add(h, now, &s);
	}
	/* As fine as the samples are. */
	assert_in_range(sent_since(h, 11800, 300, 10800), 300, 310);
	assert_in_range(sent_since(h, 11800, 3600, 10800), 3600, 3610);
	/* An hour on, nothing new. */
	assert_int_equal(sent_since(h, 11800 + 3600, 300, 10800), 0);
	assert_int_equal(sent_since(h, 11800 + 3600, 3600, 10800), 0);
	/* The fronts and the kinds are apart. */
	assert_int_equal(proxy_history_since(h, 11800, 300,
			     &(struct proxy_history_sums){{{0}, {[2] = 5}}})
			     .n[1][PROXY_HISTORY_DEFERRED],
	    5);
	free(h);
}

static void
test_a_failure_is_forgotten_after_its_time(void **state)
{
	struct proxy_history *h = xcalloc(1, sizeof(*h));
	struct proxy_history_sums none = sums(0, 0), three = sums(3, 0);

	(void)state;
	proxy_history_add(h, 1000, &none);
	for (int64_t now = 1010; now < 2000; now += 10)
		proxy_history_add(h, now, &three); /* counted at 1005 */
	assert_int_equal(sent_since(h, 1300, 300, 3), 3);
	assert_int_equal(sent_since(h, 1309, 300, 3), 3);
	assert_int_equal(sent_since(h, 1310, 300, 3), 0);
	free(h);
}

/* Who wrote smaller sums there makes no huge ones of them. */
static void
test_sums_that_went_down(void **state)
{
	struct proxy_history *h = xcalloc(1, sizeof(*h));
	struct proxy_history_sums s = sums(100, 0);

	(void)state;
	proxy_history_add(h, 1000, &s);
	assert_int_equal(sent_since(h, 2000, 300, 50), 0);
	free(h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_all_is_of_late_at_first),
	    cmocka_unit_test(test_what_was_before_is_left_out),
	    cmocka_unit_test(test_a_failure_is_forgotten_after_its_time),
	    cmocka_unit_test(test_sums_that_went_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
