/* The pages that processes share: each writes its own, and no other's. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "proxy/figures/shared.h"
#include "proxy/message/quota.h"
#include "t/lib/unit.h"

struct pages {
	struct proxy_shared *page;
	struct proxy_shared_files files;
	struct proxy_slots slots;
};

static void
pages_begin(struct pages *p)
{
	memset(p, 0, sizeof(*p));
	p->page = proxy_shared_new(&p->files);
	assert_non_null(p->page);
}

static void
pages_end(struct pages *p)
{
	proxy_shared_unmap(p->page);
	proxy_shared_close(&p->files);
}

static int
take(struct pages *p, size_t front)
{
	return proxy_shared_take(
	    p->page, &p->files, &p->slots, proxy_role_of(front));
}

static void
test_a_slot_goes_to_its_role_again(void **state)
{
	struct proxy_shared *page;
	struct pages p;
	int out, in;

	(void)state;
	pages_begin(&p);
	page = p.page;
	out = take(&p, 0);
	in = take(&p, 1);
	assert_int_not_equal(out, in);
	proxy_count(&page->slots[in].counters, PROXY_COUNT_SESSIONS);
	proxy_count(&page->slots[in].counters, PROXY_COUNT_SESSIONS_OPEN);
	atomic_store(&page->slots[in].spool, 5);
	proxy_shared_leave(page, &p.slots, out);
	proxy_shared_leave(page, &p.slots, in);
	assert_int_equal(take(&p, 1), in);
	assert_int_equal(atomic_load(&page->slots[in].spool), 0);
	assert_int_equal(
	    proxy_shared_sum(page, proxy_role_of(1), PROXY_COUNT_SESSIONS), 1);
	assert_int_equal(
	    proxy_shared_sum(page, proxy_role_of(1), PROXY_COUNT_SESSIONS_OPEN),
	    0);
	pages_end(&p);
}

static void
test_there_are_so_many_and_no_more(void **state)
{
	struct pages p;

	(void)state;
	pages_begin(&p);
	for (int i = 0; i < PROXY_SHARED_SLOTS; i++)
		assert_int_equal(take(&p, 0), i);
	assert_int_equal(take(&p, 0), -1);
	pages_end(&p);
}

static void
test_a_refused_reload_is_told_until_one_is_taken(void **state)
{
	struct proxy_shared *page;
	struct pages p;
	char why[PROXY_RELOAD_TEXT_MAX], longer[2 * PROXY_RELOAD_TEXT_MAX];

	(void)state;
	pages_begin(&p);
	page = p.page;
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
	pages_end(&p);
}

/* --- as another process has them --- */

static uint64_t
others_of_slot_0(const void *ctx)
{
	return proxy_shared_spool(ctx, proxy_role_of(0), 0);
}

static void
test_each_writes_its_own_page_and_reads_what_it_is_shown(void **state)
{
	struct proxy_shared *mine;
	struct proxy_quota quota = {.others = others_of_slot_0, .max = 1000};
	struct pages p;
	int master, other;

	(void)state;
	pages_begin(&p);
	assert_int_equal(take(&p, 0), 0);
	assert_int_equal(take(&p, 0), 1);
	assert_int_equal(take(&p, 1), 2); /* of another front */
	master = proxy_shared_reader(p.files.master);
	mine = proxy_shared_map(master, -1, p.files.slots[0], 0);
	assert_non_null(mine);
	quota.mine = &mine->slots[0].spool;
	quota.ctx = mine;
	atomic_store(&p.page->slots[1].spool, 500);
	atomic_store(&p.page->slots[2].spool, 500);
	assert_int_equal(proxy_quota_used(&quota), 0); /* not shown yet */
	other = proxy_shared_reader(p.files.slots[1]);
	assert_int_equal(proxy_shared_show(mine, 1, other), 0);
	assert_int_equal(
	    proxy_shared_show(mine, PROXY_SHARED_SLOTS, other), -1);
	assert_int_equal(proxy_shared_show(mine, 1, STDIN_FILENO), -1);
	assert_int_equal(proxy_quota_used(&quota), 500);
	assert_false(proxy_quota_take(&quota, 501));
	assert_true(proxy_quota_take(&quota, 500));
	assert_int_equal(atomic_load(&p.page->slots[0].spool), 500);
	proxy_shared_unmap(mine);
	(void)close(master);
	(void)close(other);
	pages_end(&p);
}

/* By what it was given nobody can write what is another's: not by a new
 * mapping, not by one made longer, nor by the file. */
static void
test_nobody_writes_anothers_page(void **state)
{
	struct pages p;
	void *at;
	int reader;

	(void)state;
	pages_begin(&p);
	assert_int_equal(take(&p, 0), 0);
	reader = proxy_shared_reader(p.files.master);
	assert_ptr_equal(mmap(NULL, PROXY_PAGE, PROT_WRITE | PROT_READ,
			     MAP_SHARED, reader, 0),
	    MAP_FAILED);
	assert_int_equal(write(reader, "x", 1), -1);
	at = mmap(NULL, PROXY_PAGE, PROT_READ, MAP_SHARED, reader, 0);
	assert_ptr_not_equal(at, MAP_FAILED);
	assert_int_equal(mprotect(at, PROXY_PAGE, PROT_READ | PROT_WRITE), -1);
	(void)munmap(at, PROXY_PAGE);
	assert_int_equal(ftruncate(p.files.slots[0], 2 * PROXY_PAGE), -1);
	assert_int_equal(ftruncate(p.files.slots[0], 1), -1);
	(void)close(reader);
	pages_end(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_slot_goes_to_its_role_again),
	    cmocka_unit_test(test_there_are_so_many_and_no_more),
	    cmocka_unit_test(test_a_refused_reload_is_told_until_one_is_taken),
	    cmocka_unit_test(
		test_each_writes_its_own_page_and_reads_what_it_is_shown),
	    cmocka_unit_test(test_nobody_writes_anothers_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
