/* The file of selectors in its folder: locked, read, put in place whole. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "proxy/keys/selectors_folder.h"
#include "t/lib/unit.h"

enum { TURNS = 20, WRITERS = 4, WAIT_S = 30 };

static char dir[] = "/tmp/signpost-selectors-XXXXXX";
static bool disk_is_full;

ssize_t __real_write(int fd, const void *from, size_t n);
ssize_t __wrap_write(int fd, const void *from, size_t n);

ssize_t
__wrap_write(int fd, const void *from, size_t n)
{
	if (disk_is_full) {
		errno = ENOSPC;
		return -1;
	}
	return __real_write(fd, from, n);
}

static const char *
path_of(const char *name)
{
	static char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void
put_text(const char *text)
{
	FILE *file = fopen(path_of("selectors"), "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void
expect_text(const char *want)
{
	char text[1024] = "";
	FILE *file = fopen(path_of("selectors"), "r");

	assert_non_null(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	assert_int_equal(fclose(file), 0);
	assert_string_equal(text, want);
	assert_int_equal(access(path_of(".selectors.new"), F_OK), -1);
}

static void
expect_ending(const struct strbuf *reason, const char *want)
{
	if (!slice_ends_nocase(strbuf_slice(reason), slice_str(want)))
		fail_msg("\"%s\" does not end with \"%s\"", strbuf_text(reason),
		    want);
}

static void
open_it(struct proxy_selectors_folder *folder)
{
	struct strbuf reason;

	strbuf_init(&reason, 4096);
	if (proxy_selectors_folder_open(folder, dir, WAIT_S, NULL, &reason) !=
	    0)
		fail_msg("%s", strbuf_text(&reason));
	strbuf_clear(&reason);
}

static struct proxy_selectors *
read_it(struct proxy_selectors_folder *folder)
{
	struct proxy_selectors *s;
	struct strbuf reason;
	bool absent;

	strbuf_init(&reason, 4096);
	s = proxy_selectors_read(folder, &absent, &reason);
	if (s == NULL)
		fail_msg("%s", strbuf_text(&reason));
	assert_false(absent);
	strbuf_clear(&reason);
	return s;
}

static int
tear_down(void **state)
{
	(void)state;
	disk_is_full = false;
	(void)unlink(path_of("selectors"));
	(void)unlink(path_of(".selectors.new"));
	return 0;
}

static void
test_a_first_file_is_begun(void **state)
{
	struct proxy_selectors_folder folder;
	struct proxy_selectors *s;
	struct strbuf reason;
	struct stat st;
	bool absent;

	(void)state;
	strbuf_init(&reason, 4096);
	open_it(&folder);
	assert_null(proxy_selectors_read(&folder, &absent, &reason));
	assert_true(absent);
	strbuf_reset(&reason);
	s = proxy_selectors_new();
	/* Nothing is no file. */
	assert_int_equal(proxy_selectors_write(&folder, s, &reason), -1);
	expect_ending(&reason, "/selectors:1: no key is named");
	assert_int_equal(access(path_of("selectors"), F_OK), -1);
	assert_int_equal(
	    proxy_selectors_add(s, DKIM_KEY_RSA, SLICE("a"), &reason), 0);
	assert_int_equal(proxy_selectors_write(&folder, s, &reason), 0);
	expect_text("# kept by signpost rotate; may be edited\n"
		    "rsa      staged   a\n");
	assert_int_equal(stat(path_of("selectors"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	/* And again, for what is there is what was written. */
	assert_int_equal(proxy_selectors_write(&folder, s, &reason), 0);
	proxy_selectors_free(s);
	proxy_selectors_folder_close(&folder);
	strbuf_clear(&reason);
}

static void
test_what_a_person_edited_meanwhile_stays(void **state)
{
	struct proxy_selectors_folder folder;
	struct proxy_selectors *s;
	struct strbuf reason;

	(void)state;
	strbuf_init(&reason, 4096);
	put_text("rsa active a\n");
	open_it(&folder);
	s = read_it(&folder);
	put_text("rsa active b\n");
	assert_int_equal(proxy_selectors_write(&folder, s, &reason), -1);
	expect_ending(
	    &reason, "/selectors: was edited meanwhile: look at it again");
	expect_text("rsa active b\n");
	strbuf_reset(&reason);
	assert_int_equal(unlink(path_of("selectors")), 0);
	assert_int_equal(proxy_selectors_write(&folder, s, &reason), -1);
	expect_ending(
	    &reason, "/selectors: was edited meanwhile: look at it again");
	proxy_selectors_free(s);
	proxy_selectors_folder_close(&folder);
	strbuf_clear(&reason);
}

static void
test_a_full_disk_leaves_what_is_there(void **state)
{
	struct proxy_selectors_folder folder;
	struct proxy_selectors *s;
	struct strbuf reason;

	(void)state;
	strbuf_init(&reason, 4096);
	put_text("rsa active a\n");
	open_it(&folder);
	s = read_it(&folder);
	assert_int_equal(
	    proxy_selectors_add(s, DKIM_KEY_RSA, SLICE("b"), &reason), 0);
	disk_is_full = true;
	assert_int_equal(proxy_selectors_write(&folder, s, &reason), -1);
	disk_is_full = false;
	expect_ending(&reason, "/selectors: No space left on device");
	expect_text("rsa active a\n");
	/* What a killed run left is no hindrance. */
	close(open(path_of(".selectors.new"), O_CREAT | O_WRONLY, 0600));
	strbuf_reset(&reason);
	assert_int_equal(proxy_selectors_write(&folder, s, &reason), 0);
	expect_text("rsa active a\nrsa      staged   b\n");
	proxy_selectors_free(s);
	proxy_selectors_folder_close(&folder);
	strbuf_clear(&reason);
}

static void
test_mode_and_links_stay(void **state)
{
	struct proxy_selectors_folder folder;
	struct proxy_selectors *s;
	struct strbuf reason;
	struct stat st;

	(void)state;
	strbuf_init(&reason, 4096);
	put_text("rsa active a\n");
	assert_int_equal(chmod(path_of("selectors"), 0640), 0);
	open_it(&folder);
	s = read_it(&folder);
	assert_int_equal(proxy_selectors_write(&folder, s, &reason), 0);
	assert_int_equal(stat(path_of("selectors"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(unlink(path_of("selectors")), 0);
	assert_int_equal(symlink("/dev/null", path_of("selectors")), 0);
	assert_int_equal(proxy_selectors_write(&folder, s, &reason), -1);
	expect_ending(
	    &reason, "/selectors: is a symbolic link, and is not replaced");
	proxy_selectors_free(s);
	proxy_selectors_folder_close(&folder);
	strbuf_clear(&reason);
}

static void
test_what_is_no_file_is_not_read(void **state)
{
	struct proxy_selectors_folder folder;
	struct strbuf reason;
	bool absent;

	(void)state;
	strbuf_init(&reason, 4096);
	assert_int_equal(mkfifo(path_of("selectors"), 0600), 0);
	open_it(&folder);
	assert_null(proxy_selectors_read(&folder, &absent, &reason));
	assert_false(absent);
	expect_ending(&reason, "/selectors: is no regular file");
	proxy_selectors_folder_close(&folder);
	strbuf_reset(&reason);
	assert_int_equal(proxy_selectors_folder_open(
			     &folder, path_of("none"), 0, &absent, &reason),
	    -1);
	assert_true(absent);
	expect_ending(&reason, "/none: No such file or directory");
	strbuf_clear(&reason);
}

/* The last key of the file is one more than there were. */
static void
add_one(int turn)
{
	struct proxy_selectors_folder folder;
	struct proxy_selectors *s;
	struct strbuf reason;
	char name[32];

	(void)snprintf(name, sizeof(name), "k%d-%d", (int)getpid(), turn);
	strbuf_init(&reason, 4096);
	open_it(&folder);
	s = read_it(&folder);
	assert_int_equal(
	    proxy_selectors_add(s, DKIM_KEY_RSA, slice_str(name), &reason), 0);
	if (proxy_selectors_write(&folder, s, &reason) != 0)
		fail_msg("%s", strbuf_text(&reason));
	proxy_selectors_free(s);
	proxy_selectors_folder_close(&folder);
	strbuf_clear(&reason);
}

static void
test_runs_at_once_have_their_turns(void **state)
{
	struct proxy_selectors_folder folder;
	const struct proxy_selector *key = NULL;
	struct proxy_selectors *s;
	int count = 0, status;

	(void)state;
	put_text("rsa active a\n");
	for (int i = 0; i < WRITERS; i++)
		if (fork() == 0) {
			for (int turn = 0; turn < TURNS; turn++)
				add_one(turn);
			_exit(0);
		}
	for (int i = 0; i < WRITERS; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	open_it(&folder);
	s = read_it(&folder);
	while ((key = proxy_selectors_next(s, key)) != NULL)
		count++;
	assert_int_equal(count, 1 + WRITERS * TURNS);
	proxy_selectors_free(s);
	proxy_selectors_folder_close(&folder);
}

static void
test_who_does_not_wait_is_told(void **state)
{
	struct proxy_selectors_folder folder, second;
	struct strbuf reason;

	(void)state;
	strbuf_init(&reason, 4096);
	open_it(&folder);
	assert_int_equal(
	    proxy_selectors_folder_open(&second, dir, 0, NULL, &reason), -1);
	expect_ending(&reason, ": another program is at it");
	/* To read needs no lock. */
	strbuf_reset(&reason);
	assert_int_equal(
	    proxy_selectors_folder_look(&second, dir, NULL, &reason), 0);
	proxy_selectors_folder_close(&second);
	proxy_selectors_folder_close(&folder);
	strbuf_clear(&reason);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(test_a_first_file_is_begun, tear_down),
	    cmocka_unit_test_teardown(
		test_what_a_person_edited_meanwhile_stays, tear_down),
	    cmocka_unit_test_teardown(
		test_a_full_disk_leaves_what_is_there, tear_down),
	    cmocka_unit_test_teardown(test_mode_and_links_stay, tear_down),
	    cmocka_unit_test_teardown(
		test_what_is_no_file_is_not_read, tear_down),
	    cmocka_unit_test_teardown(
		test_runs_at_once_have_their_turns, tear_down),
	    cmocka_unit_test_teardown(
		test_who_does_not_wait_is_told, tear_down),
	};
	int failed;

	if (mkdtemp(dir) == NULL)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	(void)rmdir(dir);
	return failed;
}
