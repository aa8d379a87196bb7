/* The spool keeps every byte, in memory and in the file, and fails whole. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "proxy/message/spool.h"
#include "t/lib/unit.h"

enum { MARK = 1024 };

/* --- a file system that can be told to misbehave: linked by --wrap --- */

static struct {
	size_t most;	     /* bytes a write takes; 0: all */
	unsigned interrupts; /* calls that are interrupted before one works */
	bool full;	     /* writes take nothing and give no reason */
	unsigned writes;
} disk;

ssize_t __real_pwritev(int, const struct iovec *, int, off_t);
ssize_t __wrap_pwritev(int, const struct iovec *, int, off_t);
ssize_t __real_pread(int, void *, size_t, off_t);
ssize_t __wrap_pread(int, void *, size_t, off_t);

static bool
is_interrupted(void)
{
	if (disk.interrupts == 0)
		return false;
	disk.interrupts--;
	errno = EINTR;
	return true;
}

ssize_t
__wrap_pwritev(int fd, const struct iovec *iov, int count, off_t offset)
{
	struct iovec less[2];
	size_t room = disk.most;

	disk.writes++;
	if (is_interrupted())
		return -1;
	if (disk.full)
		return 0;
	if (disk.most == 0)
		return __real_pwritev(fd, iov, count, offset);
	assert_int_equal(count, 2);
	for (int i = 0; i < 2; i++) {
		less[i] = iov[i];
		if (less[i].iov_len > room)
			less[i].iov_len = room;
		room -= less[i].iov_len;
	}
	return __real_pwritev(fd, less, 2, offset);
}

ssize_t
__wrap_pread(int fd, void *to, size_t room, off_t offset)
{
	if (is_interrupted())
		return -1;
	return __real_pread(fd, to, room, offset);
}

/* --- the scene --- */

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
test_keeps_every_byte_whatever_the_cuts(void **state)
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
/* What is taken back is as if it had never come, in memory or in the file. */
static void
test_takes_back_what_is_cut(void **state)
{
	static const size_t sizes[] = {
	    0, 1, MARK - 1, MARK, MARK + 1, 3 * MARK, 10 * MARK};
	char *bytes = pattern(10 * MARK + 7);
	struct place at;

	(void)state;
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		struct slice head = slice_from(bytes, sizes[s]);
		struct slice tail = slice_from(bytes + sizes[s], 2 * MARK);

		if (sizes[s] + tail.n > 10 * MARK + 7)
			tail = slice_from(bytes + sizes[s], 7);
		set_up(&at, 0);
		(void)proxy_spool_append(at.spool, head);
		for (int i = 0; i < 9; i++)
			(void)proxy_spool_append(at.spool, SLICE("#########"));
		(void)proxy_spool_append(at.spool, slice_from(bytes, 2 * MARK));
		proxy_spool_cut(at.spool, sizes[s]);
		assert_int_equal(proxy_spool_size(at.spool), sizes[s]);
		assert_int_equal(proxy_quota_used(&at.quota), sizes[s]);
		assert_int_equal(
		    proxy_spool_append(at.spool, tail), PROXY_SPOOL_OK);
		assert_reads_back(
		    at.spool, slice_from(bytes, sizes[s] + tail.n), 1000);
		proxy_spool_cut(at.spool, 1 << 30);
		assert_int_equal(proxy_spool_size(at.spool), sizes[s] + tail.n);
		tear_down(&at);
	}
	free(bytes);
}

static void
test_shows_nothing_of_the_message_before(void **state)
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
test_ends_with_nothing_in_memory(void **state)
{
	static const size_t sizes[] = {0, MARK, MARK + 1, 5 * MARK + 9};
	char *bytes = pattern(5 * MARK + 9);
	struct place at;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		set_up(&at, 0);
		disk.writes = 0;
		assert_int_equal(
		    proxy_spool_append(at.spool, slice_from(bytes, sizes[i])),
		    PROXY_SPOOL_OK);
		assert_int_equal(proxy_spool_end(at.spool), PROXY_SPOOL_OK);
		assert_int_equal(disk.writes, sizes[i] <= MARK ? 0 : 2);
		assert_int_equal(proxy_spool_size(at.spool), sizes[i]);
		assert_reads_back(at.spool, slice_from(bytes, sizes[i]), 1000);
		tear_down(&at);
	}
	set_up(&at, 0);
	assert_int_equal(
	    proxy_spool_append(at.spool, slice_from(bytes, MARK + 1)),
	    PROXY_SPOOL_OK);
	disk.full = true;
	assert_int_equal(proxy_spool_end(at.spool), PROXY_SPOOL_BROKEN);
	disk.full = false;
	tear_down(&at);
	free(bytes);
}

static void
test_is_empty_again_after_reset(void **state)
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
test_over_the_bound_of_all_is_refused_and_stays_so(void **state)
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

static uint64_t
other_slot(const void *ctx)
{
	return atomic_load((const _Atomic uint64_t *)ctx);
}

static void
test_a_quota_counts_every_workers_slot(void **state)
{
	_Atomic uint64_t page[2] = {0, 0};
	struct proxy_quota one = {&page[0], other_slot, &page[1], 100};
	struct proxy_quota two = {&page[1], other_slot, &page[0], 100};

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
test_a_write_cut_short_is_broken_not_lost(void **state)
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
test_a_directory_that_is_gone_is_broken(void **state)
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

/* Both halves of a write: what is in memory, and what came last. */
static void
test_short_and_interrupted_writes_and_reads_go_on(void **state)
{
	static const size_t most[] = {0, 1, 7, 100, MARK, MARK + 1, 3000};
	char *bytes = pattern(6 * MARK + 9), buffer[100];
	struct place at;

	(void)state;
	for (size_t i = 0; i < sizeof(most) / sizeof(most[0]); i++) {
		set_up(&at, 0);
		disk.most = most[i];
		assert_int_equal(
		    proxy_spool_append(at.spool, slice_from(bytes, 100)),
		    PROXY_SPOOL_OK);
		disk.interrupts = 3;
		assert_int_equal(proxy_spool_append(at.spool,
				     slice_from(bytes + 100, 6 * MARK - 91)),
		    PROXY_SPOOL_OK);
		assert_int_equal(disk.interrupts, 0);
		disk.most = 0;
		disk.interrupts = 3;
		assert_int_equal(
		    proxy_spool_read(at.spool, 0, buffer, sizeof(buffer)),
		    sizeof(buffer));
		assert_int_equal(disk.interrupts, 0);
		assert_reads_back(
		    at.spool, slice_from(bytes, 6 * MARK + 9), 4096);
		tear_down(&at);
	}
	free(bytes);
}

static void
test_a_write_that_takes_nothing_is_broken(void **state)
{
	char *bytes = pattern(2 * MARK);
	struct place at;

	(void)state;
	set_up(&at, 0);
	disk.full = true;
	assert_int_equal(
	    proxy_spool_append(at.spool, slice_from(bytes, 2 * MARK)),
	    PROXY_SPOOL_BROKEN);
	disk.full = false;
	assert_true(strstr(proxy_spool_reason(at.spool), strerror(ENOSPC)));
	tear_down(&at);
	free(bytes);
}

static void
test_no_file_is_made_up_to_the_mark(void **state)
{
	char *bytes = pattern(MARK);
	struct place at;

	(void)state;
	for (size_t cut = 1; cut <= MARK; cut *= 2) {
		struct slice rest = slice_from(bytes, MARK);

		set_up(&at, 0);
		disk.writes = 0;
		for (; rest.n > 0; rest = slice_after(rest, cut))
			assert_int_equal(proxy_spool_append(
					     at.spool, slice_first(rest, cut)),
			    PROXY_SPOOL_OK);
		assert_int_equal(disk.writes, 0);
		assert_int_equal(
		    proxy_spool_append(at.spool, SLICE("x")), PROXY_SPOOL_OK);
		assert_int_equal(disk.writes, 1);
		tear_down(&at);
	}
	free(bytes);
}

static void
test_without_memory_all_is_in_the_file(void **state)
{
	struct place at;

	(void)state;
	set_up(&at, 0);
	proxy_spool_free(at.spool);
	at.spool = proxy_spool_new(0, at.files, &at.quota);
	disk.writes = 0;
	for (int i = 0; i < 3; i++)
		assert_int_equal(
		    proxy_spool_append(at.spool, SLICE("abc")), PROXY_SPOOL_OK);
	assert_int_equal(disk.writes, 3);
	assert_reads_back(at.spool, SLICE("abcabcabc"), 2);
	tear_down(&at);
}

/* What decides whether a file is too large to be kept. */
static void
test_a_file_comes_back_with_how_far_it_was_ever_written(void **state)
{
	static const size_t sizes[][2] = {
	    {3 * MARK, 3 * MARK}, {2 * MARK, 3 * MARK}, {5 * MARK, 5 * MARK}};
	char *bytes = pattern(5 * MARK);
	struct proxy_spool_file file;
	struct place at;
	int fd = -1;

	(void)state;
	set_up(&at, 0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_int_equal(proxy_spool_append(
				     at.spool, slice_from(bytes, sizes[i][0])),
		    PROXY_SPOOL_OK);
		proxy_spool_reset(at.spool);
		assert_int_equal(proxy_spool_files_take(at.files, &file), 0);
		assert_int_equal(file.size, sizes[i][1]);
		assert_true(fd < 0 || file.fd == fd);
		fd = file.fd;
		proxy_spool_files_give_back(at.files, file);
	}
	tear_down(&at);
	free(bytes);
}

static void
test_a_file_that_could_not_be_written_is_not_kept(void **state)
{
	char *bytes = pattern(2 * MARK);
	struct proxy_spool_file file;
	struct place at;

	(void)state;
	set_up(&at, 0);
	assert_int_equal(proxy_spool_files_take(at.files, &file), 0);
	proxy_spool_files_give_back(at.files, file);
	disk.full = true;
	assert_int_equal(
	    proxy_spool_append(at.spool, slice_from(bytes, 2 * MARK)),
	    PROXY_SPOOL_BROKEN);
	disk.full = false;
	assert_true(fcntl(file.fd, F_GETFD) >= 0);
	proxy_spool_reset(at.spool);
	assert_true(fcntl(file.fd, F_GETFD) < 0);
	tear_down(&at);
	free(bytes);
}

static void
test_a_file_that_was_cut_short_is_an_error_not_an_end(void **state)
{
	char *bytes = pattern(2 * MARK), buffer[10];
	struct proxy_spool_file file;
	struct place at;

	(void)state;
	set_up(&at, 0);
	assert_int_equal(proxy_spool_files_take(at.files, &file), 0);
	proxy_spool_files_give_back(at.files, file);
	assert_int_equal(
	    proxy_spool_append(at.spool, slice_from(bytes, 2 * MARK)),
	    PROXY_SPOOL_OK);
	assert_int_equal(proxy_spool_read(at.spool, 0, buffer, 0), 0);
	assert_int_equal(ftruncate(file.fd, 0), 0);
	errno = 0;
	assert_int_equal(
	    proxy_spool_read(at.spool, 0, buffer, sizeof(buffer)), -1);
	assert_int_equal(errno, EIO);
	assert_int_equal(
	    proxy_spool_read(at.spool, 2 * MARK, buffer, sizeof(buffer)), 0);
	assert_int_equal(
	    proxy_spool_read(at.spool, 3 * MARK, buffer, sizeof(buffer)), 0);
	tear_down(&at);
	proxy_spool_free(NULL);
	free(bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_keeps_every_byte_whatever_the_cuts),
	    cmocka_unit_test(test_ends_with_nothing_in_memory),
	    cmocka_unit_test(test_is_empty_again_after_reset),
	    cmocka_unit_test(test_takes_back_what_is_cut),
	    cmocka_unit_test(test_shows_nothing_of_the_message_before),
	    cmocka_unit_test(
		test_over_the_bound_of_all_is_refused_and_stays_so),
	    cmocka_unit_test(test_a_quota_counts_every_workers_slot),
	    cmocka_unit_test(test_a_write_cut_short_is_broken_not_lost),
	    cmocka_unit_test(test_a_directory_that_is_gone_is_broken),
	    cmocka_unit_test(test_short_and_interrupted_writes_and_reads_go_on),
	    cmocka_unit_test(test_a_write_that_takes_nothing_is_broken),
	    cmocka_unit_test(test_no_file_is_made_up_to_the_mark),
	    cmocka_unit_test(test_without_memory_all_is_in_the_file),
	    cmocka_unit_test(
		test_a_file_comes_back_with_how_far_it_was_ever_written),
	    cmocka_unit_test(test_a_file_that_could_not_be_written_is_not_kept),
	    cmocka_unit_test(
		test_a_file_that_was_cut_short_is_an_error_not_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
