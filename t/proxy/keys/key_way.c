/* The way to a key file: whose directories and links are passed. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "proxy/keys/key_way.h"
#include "t/lib/unit.h"

enum { ROOT = 0, WORKER = 65534, SOMEBODY = 1234 };

static char dir[] = "/tmp/signpost-way-XXXXXX";

static const char *
path_of(const char *name)
{
	static struct strbuf path;

	strbuf_clear(&path);
	strbuf_init(&path, 4096);
	strbuf_addf(&path, "%s/%s", dir, name);
	return strbuf_text(&path);
}

static void
make_file(const char *name)
{
	int fd = open(path_of(name), O_CREAT | O_EXCL | O_WRONLY, 0600);

	assert_true(fd >= 0);
	close(fd);
}

static void
make_link(const char *to, const char *name, uid_t owner)
{
	unlink(path_of(name));
	assert_int_equal(symlink(to, path_of(name)), 0);
	assert_int_equal(lchown(path_of(name), owner, 0), 0);
}

static void
set_directory(const char *name, uid_t owner, mode_t mode)
{
	assert_int_equal(chown(path_of(name), owner, 0), 0);
	assert_int_equal(chmod(path_of(name), mode), 0);
}

/* `why` 0: it opens. The reason begins with the path. */
static void
expect(const char *name, int why, const char *said)
{
	const char *path = path_of(name);
	struct strbuf reason, begin;
	int fd;

	strbuf_init(&reason, 4096);
	strbuf_init(&begin, 4096);
	strbuf_addf(&begin, "key file %s: ", path);
	errno = 0;
	fd = proxy_key_way_open(path, &reason);
	if (fd >= 0 ? why != 0 : errno != why)
		fail_msg("%s: %d, %d, \"%s\"", name, fd, errno,
		    strbuf_text(&reason));
	if (fd < 0 &&
	    (!slice_starts_nocase(
		 strbuf_slice(&reason), strbuf_slice(&begin)) ||
		slice_search(strbuf_slice(&reason), slice_str(said)) ==
		    reason.n))
		fail_msg("%s: \"%s\", want \"%s\"", name, strbuf_text(&reason),
		    said);
	if (fd >= 0) {
		assert_int_equal(reason.n, 0);
		assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
		assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
		close(fd);
	}
	strbuf_clear(&reason);
	strbuf_clear(&begin);
}

static void
expect_template(const char *name, const char *said)
{
	struct strbuf reason;
	int result;

	strbuf_init(&reason, 4096);
	result = proxy_key_way_check(path_of(name), &reason);
	assert_int_equal(result, said == NULL ? 0 : -1);
	if (said != NULL)
		assert_true(slice_search(strbuf_slice(&reason),
				slice_str(said)) < reason.n);
	strbuf_clear(&reason);
}

static void
test_no_directory_is_a_workers(void **state)
{
	static const struct {
		uid_t owner;
		mode_t mode;
		const char *said; /* NULL: passed */
	} cases[] = {
	    {ROOT, 0700, NULL},
	    {ROOT, 0755, NULL},
	    {ROOT, 01777, NULL},
	    {WORKER, 0700,
		"/sub (mode 0700) belongs to user 65534, who may put any "
		"file there: chown root /tmp/"},
	    {SOMEBODY, 0755, "/sub (mode 0755) belongs to user 1234"},
	    {WORKER, 01777, "/sub (mode 1777) belongs to user 65534"},
	    {ROOT, 0770,
		"/sub has mode 0770, which lets others put any file there: "
		"chmod go-w /tmp/"},
	    {ROOT, 0757, "/sub has mode 0757, which lets others put"},
	};
	size_t i;

	(void)state;
	make_link("way/../way/sub", "link", ROOT);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int why = cases[i].said == NULL ? 0 : EPERM;

		set_directory("way/sub", cases[i].owner, cases[i].mode);
		expect("way/sub/key", why, cases[i].said);
		expect("link/key", why, cases[i].said);
		/* What is not there is not there, whoever's it is. */
		expect("way/sub/none", ENOENT, "No such file");
		expect_template("way/sub/$domain", cases[i].said);
		expect_template("way/sub/x-$domain/$selector", cases[i].said);
		expect_template("link/$domain", cases[i].said);
		expect_template("way/$domain", NULL);
		expect_template("way/none/$domain", NULL);
	}
	/* Nor any before the last. */
	set_directory("way/sub", ROOT, 0755);
	set_directory("way", WORKER, 0755);
	expect("way/sub/key", EPERM, "/way (mode 0755) belongs to user 65534");
	expect("link/key", EPERM, "/way (mode 0755) belongs to user 65534");
	set_directory("way", ROOT, 0755);
	expect("way/sub/key", 0, NULL);
}

/* What the taken-over worker wants: root's file for a key. */
static void
test_no_link_is_a_workers(void **state)
{
	int at;

	(void)state;
	make_file("secret");
	make_link("../../secret", "way/sub/planted", WORKER);
	set_directory("way/sub", WORKER, 0755);
	expect("way/sub/planted", EPERM, "belongs to user 65534");
	/* Where it lies is what counts, not who made it... */
	set_directory("way/sub", ROOT, 0755);
	expect("way/sub/planted", 0, NULL);
	/* ...but for a directory that is anybody's to write to. */
	set_directory("way/sub", ROOT, 01777);
	expect("way/sub/planted", EPERM,
	    ": planted in directory /tmp/signpost-way-");
	make_link("../../secret", "way/sub/planted", ROOT);
	expect("way/sub/planted", 0, NULL);
	/* A second name of root's file is anybody's to give it. */
	unlink(path_of("way/sub/planted"));
	at = open(dir, O_PATH | O_DIRECTORY);
	assert_int_equal(linkat(at, "secret", at, "way/sub/planted", 0), 0);
	close(at);
	expect("way/sub/planted", EPERM,
	    "(mode 1777) may be another's: move it to a directory of root's");
	set_directory("way/sub", ROOT, 0755);
	expect("way/sub/planted", 0, NULL);
}

static void
test_no_directory_in_a_sticky_one_is_a_workers(void **state)
{
	(void)state;
	set_directory("way", ROOT, 01777);
	expect("way/sub/key", 0, NULL);
	set_directory("way/sub", WORKER, 0755);
	expect("way/sub/key", EPERM, ": sub in directory /tmp/signpost-way-");
	set_directory("way/sub", ROOT, 0755);
	set_directory("way", ROOT, 0755);
}

static void
test_any_path_means_what_it_means_to_the_kernel(void **state)
{
	static const char *const good[] = {"way/sub/key", "way//sub///key",
	    "./way/./sub/../sub/key", "up/way/sub/key", "link/key",
	    "way/sub/again"};
	struct strbuf text;
	size_t i;

	(void)state;
	strbuf_init(&text, 4096);
	strbuf_addf(&text, "/..//%s/way/..", dir);
	make_link(strbuf_text(&text), "up", ROOT);
	make_link("way/sub", "link", ROOT);
	make_link("key", "way/sub/again", ROOT);
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		expect(good[i], 0, NULL);
	make_link("loop", "loop", ROOT);
	expect("loop", ELOOP, "Too many levels");
	make_link("nowhere", "lost", ROOT);
	expect("lost", ENOENT, "No such file");
	expect("way/sub/key/more", ENOTDIR, "Not a directory");
	expect("way/sub/key/", ENOTDIR, "Not a directory");
	strbuf_reset(&text);
	for (i = 0; i < 256; i++)
		strbuf_add_char(&text, 'x');
	expect(strbuf_text(&text), ENAMETOOLONG, "File name too long");
	strbuf_clear(&text);
}

/* Each link doubles what is still to be gone. */
static void
test_a_way_has_an_end(void **state)
{
	struct strbuf text;
	size_t i;

	(void)state;
	strbuf_init(&text, 4096);
	for (i = 0; i < 1000; i++)
		strbuf_add_str(&text, "l/.");
	strbuf_add_str(&text, "/l");
	make_link(strbuf_text(&text), "l", ROOT);
	expect("l", ELOOP, "Too many levels");
	strbuf_clear(&text);
}

static int
make_dir(void **state)
{
	(void)state;
	if (geteuid() != 0 || mkdtemp(dir) == NULL) {
		print_error("needs root, and /tmp\n");
		return -1;
	}
	if (mkdir(path_of("way"), 0755) != 0 ||
	    mkdir(path_of("way/sub"), 0755) != 0)
		return -1;
	make_file("way/sub/key");
	return 0;
}

static int
remove_dir(void **state)
{
	static const char *const names[] = {"way/sub/key", "way/sub/planted",
	    "way/sub/again", "secret", "up", "link", "loop", "lost", "l"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(path_of(names[i]));
	rmdir(path_of("way/sub"));
	rmdir(path_of("way"));
	(void)path_of("");
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_no_directory_is_a_workers),
	    cmocka_unit_test(test_no_link_is_a_workers),
	    cmocka_unit_test(test_no_directory_in_a_sticky_one_is_a_workers),
	    cmocka_unit_test(test_any_path_means_what_it_means_to_the_kernel),
	    cmocka_unit_test(test_a_way_has_an_end),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
