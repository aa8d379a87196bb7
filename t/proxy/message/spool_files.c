/* Few files are kept, not for long, and none that is large. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/message/spool_files.h"
#include "t/lib/unit.h"

/* A file system that knows no file without a name: linked by --wrap. */
static struct {
	int unnamed; /* errno of O_TMPFILE; 0: works */
	int named;   /* errno of O_CREAT; 0: works */
	unsigned tried;
} disk;

int __real_openat(int, const char *, int, ...);
int __wrap_openat(int, const char *, int, ...);

int
__wrap_openat(int dir_fd, const char *path, int flags, ...)
{
	va_list more;
	mode_t mode;

	va_start(more, flags);
	mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
	va_end(more);
	errno = (flags & O_TMPFILE) == O_TMPFILE ? disk.unnamed : disk.named;
	disk.tried += (flags & O_CREAT) != 0;
	return errno != 0 ? -1 : __real_openat(dir_fd, path, flags, mode);
}

struct place {
	int dir_fd;
	struct proxy_spool_files *files;
};

static void
set_up(struct place *at)
{
	at->dir_fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(at->dir_fd >= 0);
	at->files = proxy_spool_files_new(at->dir_fd);
}

static void
tear_down(struct place *at)
{
	proxy_spool_files_free(at->files);
	close(at->dir_fd);
}

static struct proxy_spool_file
take(struct place *at)
{
	struct proxy_spool_file file;

	assert_int_equal(proxy_spool_files_take(at->files, &file), 0);
	assert_true(file.fd >= 0);
	return file;
}

static bool
is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void
test_a_file_has_no_name_and_is_its_owners_alone(void **state)
{
	struct place at;
	struct proxy_spool_file file;
	struct stat st;

	(void)state;
	set_up(&at);
	file = take(&at);
	assert_int_equal(fstat(file.fd, &st), 0);
	assert_int_equal(st.st_nlink, 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(fcntl(file.fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(file.size, 0);
	proxy_spool_files_give_back(at.files, file);
	tear_down(&at);
	assert_false(is_open(file.fd));
}

static void
test_the_last_that_came_back_goes_first(void **state)
{
	struct place at;
	struct proxy_spool_file one, two, again;

	(void)state;
	set_up(&at);
	one = take(&at);
	two = take(&at);
	assert_int_not_equal(one.fd, two.fd);
	two.size = 77;
	proxy_spool_files_give_back(at.files, one);
	proxy_spool_files_give_back(at.files, two);
	again = take(&at);
	assert_int_equal(again.fd, two.fd);
	assert_int_equal(again.size, 77);
	proxy_spool_files_give_back(at.files, again);
	tear_down(&at);
}

static void
test_no_more_are_kept_than_said(void **state)
{
	struct place at;
	struct proxy_spool_file files[PROXY_SPOOL_FILES_KEPT + 2];
	int open_ones = 0;

	(void)state;
	set_up(&at);
	for (int i = 0; i < PROXY_SPOOL_FILES_KEPT + 2; i++)
		files[i] = take(&at);
	for (int i = 0; i < PROXY_SPOOL_FILES_KEPT + 2; i++)
		proxy_spool_files_give_back(at.files, files[i]);
	for (int i = 0; i < PROXY_SPOOL_FILES_KEPT + 2; i++)
		open_ones += is_open(files[i].fd);
	assert_int_equal(open_ones, PROXY_SPOOL_FILES_KEPT);
	tear_down(&at);
}

/* Slow clients hold small messages in what were large files; more large ones
 * come and go. */
static void
test_those_in_use_again_count_as_kept(void **state)
{
	struct place at;
	struct proxy_spool_file files[PROXY_SPOOL_FILES_KEPT];
	struct proxy_spool_file more;

	(void)state;
	set_up(&at);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < PROXY_SPOOL_FILES_KEPT; i++)
			files[i] = take(&at);
		for (int i = 0; i < PROXY_SPOOL_FILES_KEPT && round == 0; i++)
			proxy_spool_files_give_back(at.files, files[i]);
	}
	more = take(&at);
	proxy_spool_files_give_back(at.files, more);
	assert_false(is_open(more.fd));
	proxy_spool_files_discard(at.files, files[0]);
	more = take(&at);
	proxy_spool_files_give_back(at.files, more);
	assert_true(is_open(more.fd));
	for (int i = 1; i < PROXY_SPOOL_FILES_KEPT; i++)
		proxy_spool_files_give_back(at.files, files[i]);
	tear_down(&at);
}

static void
test_a_large_one_is_not_kept(void **state)
{
	struct place at;
	struct proxy_spool_file file;

	(void)state;
	set_up(&at);
	file = take(&at);
	file.size = PROXY_SPOOL_FILES_BYTES;
	proxy_spool_files_give_back(at.files, file);
	assert_true(is_open(file.fd));
	file = take(&at);
	file.size = PROXY_SPOOL_FILES_BYTES + 1;
	proxy_spool_files_give_back(at.files, file);
	assert_false(is_open(file.fd));
	tear_down(&at);
}

static void
test_what_nobody_wanted_between_two_ticks_is_closed(void **state)
{
	struct place at;
	struct proxy_spool_file old, new;

	(void)state;
	set_up(&at);
	old = take(&at);
	new = take(&at);
	proxy_spool_files_give_back(at.files, old);
	proxy_spool_files_tick(at.files);
	proxy_spool_files_give_back(at.files, new);
	assert_true(is_open(old.fd));
	proxy_spool_files_tick(at.files);
	assert_false(is_open(old.fd));
	assert_true(is_open(new.fd));
	proxy_spool_files_tick(at.files);
	assert_false(is_open(new.fd));
	tear_down(&at);
}

static void
test_where_the_disk_is_full_none_is_kept(void **state)
{
	struct place at;
	struct proxy_spool_file broken, kept;

	(void)state;
	set_up(&at);
	broken = take(&at);
	kept = take(&at);
	proxy_spool_files_give_back(at.files, kept);
	proxy_spool_files_discard(at.files, broken);
	assert_false(is_open(broken.fd));
	assert_false(is_open(kept.fd));
	tear_down(&at);
}

static void
test_where_none_is_without_a_name_the_name_is_taken_away(void **state)
{
	static const int errors[] = {EOPNOTSUPP, EISDIR};
	char dir[] = "/tmp/signpost-spool-XXXXXX", name[64];
	struct proxy_spool_file file;
	struct place at;
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(dir));
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		at.dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		at.files = proxy_spool_files_new(at.dir_fd);
		disk.unnamed = errors[i];
		/* A name that is there is another process's. */
		snprintf(name, sizeof(name), ".spool-%ld-0", (long)getpid());
		close(__real_openat(
		    at.dir_fd, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
		file = take(&at);
		assert_int_equal(fstat(file.fd, &st), 0);
		assert_int_equal(st.st_nlink, 0);
		assert_int_equal(st.st_mode & 0777, 0600);
		assert_int_equal(fcntl(file.fd, F_GETFD), FD_CLOEXEC);
		assert_int_equal(write(file.fd, "x", 1), 1);
		assert_int_equal(fstatat(at.dir_fd, name, &st, 0), 0);
		assert_int_equal(st.st_size, 0);
		assert_int_equal(unlinkat(at.dir_fd, name, 0), 0);
		proxy_spool_files_give_back(at.files, file);
		tear_down(&at);
		disk.unnamed = 0;
	}
	assert_int_equal(rmdir(dir), 0);
}

static void
test_where_none_can_be_made_there_is_an_end_to_trying(void **state)
{
	static const struct {
		int unnamed, named;
		unsigned tried;
	} cases[] = {
	    {EOPNOTSUPP, EEXIST, 100},
	    {EOPNOTSUPP, EACCES, 1},
	    {EISDIR, ENOSPC, 1},
	    {EACCES, 0, 0},
	    {ENOSPC, 0, 0},
	};
	struct proxy_spool_file file;
	struct place at;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		set_up(&at);
		disk.unnamed = cases[i].unnamed;
		disk.named = cases[i].named;
		disk.tried = 0;
		assert_int_equal(proxy_spool_files_take(at.files, &file), -1);
		assert_int_equal(errno,
		    cases[i].named != 0 ? cases[i].named : cases[i].unnamed);
		assert_int_equal(disk.tried, cases[i].tried);
		disk.unnamed = disk.named = 0;
		tear_down(&at);
	}
	proxy_spool_files_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_file_has_no_name_and_is_its_owners_alone),
	    cmocka_unit_test(test_the_last_that_came_back_goes_first),
	    cmocka_unit_test(test_no_more_are_kept_than_said),
	    cmocka_unit_test(test_those_in_use_again_count_as_kept),
	    cmocka_unit_test(test_a_large_one_is_not_kept),
	    cmocka_unit_test(
		test_what_nobody_wanted_between_two_ticks_is_closed),
	    cmocka_unit_test(test_where_the_disk_is_full_none_is_kept),
	    cmocka_unit_test(
		test_where_none_is_without_a_name_the_name_is_taken_away),
	    cmocka_unit_test(
		test_where_none_can_be_made_there_is_an_end_to_trying),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
