/* The page that processes share, and what a worker that was taken over may
 * write there: neither the master's seats nor another worker depend on it. */
#include <unistd.h>

#include "proxy/figures/shared.h"
#include "proxy/message/quota.h"
#include "t/lib/unit.h"

static struct proxy_shared *
page_new(void)
{
	int fd;
	struct proxy_shared *page = proxy_shared_new(&fd);

	assert_non_null(page);
	close(fd);
	return page;
}

static void
test_a_slot_goes_to_its_role_again(void **state)
{
	struct proxy_shared *page = page_new();
	struct proxy_slots slots = {.taken = {false}};
	int out = proxy_shared_take(page, &slots, proxy_role_of(0));
	int in = proxy_shared_take(page, &slots, proxy_role_of(1));

	(void)state;
	assert_int_not_equal(out, in);
	proxy_count(&page->slots[in].counters, PROXY_COUNT_SESSIONS);
	proxy_count(&page->slots[in].counters, PROXY_COUNT_SESSIONS_OPEN);
	atomic_store(&page->spool[in], 5);
	proxy_shared_leave(page, &slots, out);
	proxy_shared_leave(page, &slots, in);
	assert_int_equal(proxy_shared_take(page, &slots, proxy_role_of(1)), in);
	assert_int_equal(atomic_load(&page->spool[in]), 0);
	assert_int_equal(
	    proxy_shared_sum(page, proxy_role_of(1), PROXY_COUNT_SESSIONS), 1);
	assert_int_equal(
	    proxy_shared_sum(page, proxy_role_of(1), PROXY_COUNT_SESSIONS_OPEN),
	    0);
	proxy_shared_unmap(page);
}

static void
test_there_are_so_many_and_no_more(void **state)
{
	struct proxy_shared *page = page_new();
	struct proxy_slots slots = {.taken = {false}};

	(void)state;
	for (int i = 0; i < PROXY_SHARED_SLOTS; i++)
		assert_int_equal(
		    proxy_shared_take(page, &slots, proxy_role_of(0)), i);
	assert_int_equal(proxy_shared_take(page, &slots, proxy_role_of(0)), -1);
	proxy_shared_unmap(page);
}

static void
test_a_refused_reload_is_told_until_one_is_taken(void **state)
{
	struct proxy_shared *page = page_new();
	char why[PROXY_RELOAD_TEXT_MAX], longer[2 * PROXY_RELOAD_TEXT_MAX];

	(void)state;
	assert_false(proxy_shared_refusal(page, why));
	assert_string_equal(why, "");
	proxy_shared_refused(page, 5, SLICE("a.conf:3: no such setting"));
	assert_true(proxy_shared_refusal(page, why));
	assert_string_equal(why, "a.conf:3: no such setting");
	proxy_shared_refused(page, 6, SLICE("short"));
	assert_true(proxy_shared_refusal(page, why));
	assert_string_equal(why, "short");
	memset(longer, 'x', sizeof(longer));
	proxy_shared_refused(page, 7, slice_from(longer, sizeof(longer)));
	assert_true(proxy_shared_refusal(page, why));
	assert_int_equal(strlen(why), PROXY_RELOAD_TEXT_MAX - 1);
	/* No end, as somebody else may have left it. */
	atomic_store(&page->reload.why[PROXY_RELOAD_TEXT_MAX - 1], 'x');
	assert_true(proxy_shared_refusal(page, why));
	assert_int_equal(strlen(why), PROXY_RELOAD_TEXT_MAX - 1);
	proxy_shared_reloaded(page, 8);
	assert_false(proxy_shared_refusal(page, why));
	assert_int_equal(atomic_load(&page->reload.done), 8);
	proxy_shared_unmap(page);
}

static void
test_a_lie_on_the_page_takes_no_seat(void **state)
{
	struct proxy_shared *page = page_new();
	struct proxy_slots slots = {.taken = {false}};
	int first = proxy_shared_take(page, &slots, proxy_role_of(0));

	(void)state;
	for (int i = 0; i < PROXY_SHARED_SLOTS; i++) {
		atomic_store(&page->slots[i].pid, i == first ? 0 : 1);
		atomic_store(&page->slots[i].role, PROXY_ROLE_SIGNER);
	}
	assert_int_equal(
	    proxy_shared_take(page, &slots, proxy_role_of(0)), first + 1);
	proxy_shared_unmap(page);
}

static void
test_a_lie_on_the_page_ends_no_worker(void **state)
{
	struct proxy_shared *page = page_new();
	struct proxy_quota quota = {
	    .slots = page->spool, .count = PROXY_SHARED_SLOTS, .max = 1000};

	(void)state;
	assert_true(proxy_quota_take(&quota, 600));
	assert_false(proxy_quota_take(&quota, 600));
	assert_int_equal(proxy_quota_used(&quota), 600);
	atomic_store(&page->spool[0], 100);
	proxy_quota_give_back(&quota, 600);
	assert_int_equal(proxy_quota_used(&quota), 0);
	assert_true(proxy_quota_take(&quota, 1000));
	proxy_shared_unmap(page);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_slot_goes_to_its_role_again),
	    cmocka_unit_test(test_there_are_so_many_and_no_more),
	    cmocka_unit_test(test_a_refused_reload_is_told_until_one_is_taken),
	    cmocka_unit_test(test_a_lie_on_the_page_takes_no_seat),
	    cmocka_unit_test(test_a_lie_on_the_page_ends_no_worker),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
