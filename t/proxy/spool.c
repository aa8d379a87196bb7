/* The spool keeps every byte, in memory and in the file, and fails whole. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "proxy/spool.h"
#include "t/lib/unit.h"

enum { MARK = 1024 };

struct place {
	int dir_fd;
	_Atomic uint64_t slot;
	struct proxy_quota quota;
	struct proxy_spool_files *files;
	struct proxy_spool *spool;
};

static void
set_up(struct place *at, uint64_t max)
{
	at->dir_fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(at->dir_fd >= 0);
	proxy_quota_init(&at->quota, &at->slot, max);
	at->files = proxy_spool_files_new(at->dir_fd);
	at->spool = proxy_spool_new(MARK, at->files, &at->quota);
}

static void
tear_down(struct place *at)
{
	proxy_spool_free(at->spool);
	proxy_spool_files_free(at->files);
	assert_int_equal(proxy_quota_used(&at->quota), 0);
	close(at->dir_fd);
}

static char *
pattern(size_t n)
{
	char *bytes = xmalloc(n + 1);

	for (size_t i = 0; i < n; i++)
		bytes[i] = (char)('a' + (i * 7 + i / 251) % 26);
	return bytes;
}

static void
assert_reads_back(
    const struct proxy_spool *spool, struct slice want, size_t step)
{
	char buffer[4096];
	uint64_t offset = 0;
	ssize_t n;

	while ((n = proxy_spool_read(spool, offset, buffer, step)) > 0) {
		assert_true((size_t)n <= want.n - offset);
		assert_memory_equal(buffer, want.p + offset, (size_t)n);
		offset += (uint64_t)n;
	}
	assert_int_equal(n, 0);
	assert_int_equal(offset, want.n);
}

static void
keeps_every_byte_whatever_the_cuts(void **state)
{
	static const size_t sizes[] = {
	    0, 1, MARK - 1, MARK, MARK + 1, 2 * MARK, 10 * MARK + 7};
	static const size_t cuts[] = {1, 100, MARK - 1, MARK, MARK + 1, 5000};
	struct place at;

	(void)state;
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
		for (size_t c = 0; c < sizeof(cuts) / sizeof(cuts[0]); c++) {
			char *bytes = pattern(sizes[s]);
			struct slice rest = slice_from(bytes, sizes[s]);

			set_up(&at, 0);
			for (; rest.n > 0; rest = slice_after(rest, cuts[c]))
				assert_int_equal(
				    proxy_spool_append(
					at.spool, slice_first(rest, cuts[c])),
				    PROXY_SPOOL_OK);
			assert_int_equal(proxy_spool_size(at.spool), sizes[s]);
			assert_reads_back(at.spool, slice_from(bytes, sizes[s]),
			    1 + cuts[c] % 4096);
			tear_down(&at);
			free(bytes);
		}
}

/* The file of the longer message before is written over. */
static void
shows_nothing_of_the_message_before(void **state)
{
	struct place at;
	char *before = pattern(9 * MARK), *bytes = pattern(5 * MARK + 9);
	struct slice rest = slice_from(bytes, 5 * MARK + 9);

	(void)state;
	memset(before, '#', 9 * MARK);
	set_up(&at, 0);
	assert_int_equal(
	    proxy_spool_append(at.spool, slice_from(before, 9 * MARK)),
	    PROXY_SPOOL_OK);
	proxy_spool_reset(at.spool);
	for (; rest.n > 0; rest = slice_after(rest, 700)) {
		struct slice so_far = slice_from(
		    bytes, (size_t)(rest.p - bytes) + slice_first(rest, 700).n);

		assert_int_equal(
		    proxy_spool_append(at.spool, slice_first(rest, 700)),
		    PROXY_SPOOL_OK);
		assert_reads_back(at.spool, so_far, 4096);
	}
	tear_down(&at);
	free(before);
	free(bytes);
}

static void
is_empty_again_after_reset(void **state)
{
	struct place at;
	char *bytes = pattern(5 * MARK);

	(void)state;
	set_up(&at, 0);
	for (int round = 0; round < 3; round++) {
		assert_int_equal(
		    proxy_spool_append(at.spool, slice_from(bytes, 5 * MARK)),
		    PROXY_SPOOL_OK);
		assert_int_equal(proxy_quota_used(&at.quota), 5 * MARK);
		proxy_spool_reset(at.spool);
		assert_int_equal(proxy_spool_size(at.spool), 0);
		assert_int_equal(proxy_quota_used(&at.quota), 0);
		assert_int_equal(
		    proxy_spool_append(at.spool, SLICE("after the reset")),
		    PROXY_SPOOL_OK);
		assert_reads_back(at.spool, SLICE("after the reset"), 4);
		proxy_spool_reset(at.spool);
	}
	tear_down(&at);
	free(bytes);
}

static void
over_the_bound_of_all_is_refused_and_stays_so(void **state)
{
	struct place at;

	(void)state;
	set_up(&at, 10);
	assert_int_equal(
	    proxy_spool_append(at.spool, SLICE("12345678")), PROXY_SPOOL_OK);
	assert_int_equal(
	    proxy_spool_append(at.spool, SLICE("9ab")), PROXY_SPOOL_OVER);
	assert_int_equal(
	    proxy_spool_append(at.spool, SLICE("9")), PROXY_SPOOL_OVER);
	assert_true(strstr(proxy_spool_reason(at.spool), "spool_max"));
	assert_int_equal(proxy_quota_used(&at.quota), 8);
	proxy_spool_reset(at.spool);
	assert_int_equal(
	    proxy_spool_append(at.spool, SLICE("123456789a")), PROXY_SPOOL_OK);
	tear_down(&at);
}

static void
a_quota_counts_every_workers_slot(void **state)
{
	_Atomic uint64_t page[2] = {0, 0};
	struct proxy_quota one = {page, 2, 0, 100}, two = {page, 2, 1, 100};

	(void)state;
	assert_true(proxy_quota_take(&one, 60));
	assert_false(proxy_quota_take(&two, 41));
	assert_true(proxy_quota_take(&two, 40));
	assert_int_equal(proxy_quota_used(&one), 100);
	proxy_quota_give_back(&one, 60);
	assert_int_equal(proxy_quota_used(&two), 40);
}

/* A limit on file size cuts one write short and fails the next, as a disk
 * that fills up does. */
static void
a_write_cut_short_is_broken_not_lost(void **state)
{
	struct rlimit before, small;
	struct place at;
	char *bytes = pattern(4 * MARK);
	enum proxy_spool_status status;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 2 * MARK + 100;
	set_up(&at, 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	status = proxy_spool_append(at.spool, slice_from(bytes, 4 * MARK));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(status, PROXY_SPOOL_BROKEN);
	assert_true(strstr(proxy_spool_reason(at.spool), "cannot write"));
	assert_int_equal(
	    proxy_spool_append(at.spool, SLICE("x")), PROXY_SPOOL_BROKEN);
	tear_down(&at);
	free(bytes);
}

static void
a_directory_that_is_gone_is_broken(void **state)
{
	struct place at;
	char *bytes = pattern(2 * MARK);

	(void)state;
	set_up(&at, 0);
	proxy_spool_free(at.spool);
	proxy_spool_files_free(at.files);
	close(at.dir_fd);
	at.dir_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	at.files = proxy_spool_files_new(at.dir_fd);
	at.spool = proxy_spool_new(MARK, at.files, &at.quota);
	assert_int_equal(
	    proxy_spool_append(at.spool, slice_from(bytes, 2 * MARK)),
	    PROXY_SPOOL_BROKEN);
	assert_true(strstr(proxy_spool_reason(at.spool), "cannot make"));
	tear_down(&at);
	free(bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keeps_every_byte_whatever_the_cuts),
	    cmocka_unit_test(is_empty_again_after_reset),
	    cmocka_unit_test(shows_nothing_of_the_message_before),
	    cmocka_unit_test(over_the_bound_of_all_is_refused_and_stays_so),
	    cmocka_unit_test(a_quota_counts_every_workers_slot),
	    cmocka_unit_test(a_write_cut_short_is_broken_not_lost),
	    cmocka_unit_test(a_directory_that_is_gone_is_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
