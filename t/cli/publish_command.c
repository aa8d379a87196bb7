/* What a command that publishes gets of us, and what it does not. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <linux/capability.h>

#include "base/clock.h"
#include "cli/kit/publish_command.h"
#include "t/lib/unit.h"

#define USER "nobody"
enum { SOON_MS = 30000, REASON_MAX = 65536 };

static char folder[] = "/tmp/signpost-publish-XXXXXX";

/* A script with words behind it, or a command instead: the reason, or NULL where
 * it ended with 0. */
static char *
run_script(const char *script, const char *words, unsigned ms)
{
	struct cli_publish_command command = {.user = USER, .ms = ms};
	const struct cli_publish_order order = {CLI_PUBLISH_COMMAND_ADD,
	    "s._domainkey.example.org", 300, "TXT",
	    "v=DKIM1; p=`id`$(id) \"*\\"};
	struct strbuf path, reason;
	char name[100];
	FILE *file;
	int outcome;

	strbuf_init(&path, 200);
	strbuf_init(&reason, REASON_MAX);
	(void)snprintf(name, sizeof(name), "%s/script", folder);
	file = fopen(name, "w");
	assert_non_null(file);
	(void)fprintf(file, "#!/bin/sh\n%s\n", script);
	assert_int_equal(fchmod(fileno(file), 0755), 0);
	assert_int_equal(fclose(file), 0);
	strbuf_addf(&path, "%s%s", words[0] == '/' ? "" : name, words);
	command.command = strbuf_text(&path);
	outcome = cli_publish_command_run(&command, &order, &reason);
	assert_true((outcome == 0) == (reason.n == 0));
	(void)unlink(name);
	strbuf_clear(&path);
	if (outcome != 0)
		return strbuf_detach(&reason);
	strbuf_clear(&reason);
	return NULL;
}

static void
assert_said(const char *script, const char *part)
{
	char *said = run_script(script, "", SOON_MS);

	if (said == NULL || strstr(said, part) == NULL)
		fail_msg("%s: no %s", said == NULL ? "nothing" : said, part);
	free(said);
}

static void
test_it_gets_its_words_and_arguments_as_they_are(void **state)
{
	char *said;

	(void)state;
	assert_said("for i; do printf '<%s>\\n' \"$i\"; done; exit 3",
	    "script ends with 3: <add>; <s._domainkey.example.org>; <300>; "
	    "<TXT>; <v=DKIM1; p=`id`$(id) \"*\\>");
	said =
	    run_script("echo \"$#:$1:$2:$3\"; exit 1", "  -k\t/a;b  ", SOON_MS);
	assert_non_null(strstr(said, "ends with 1: 7:-k:/a;b:add"));
	free(said);
	assert_null(run_script("echo said and gone", "", SOON_MS));
}

static void
test_it_has_nothing_of_ours(void **state)
{
	const struct passwd *user = getpwnam(USER);
	char ids[100];
	int fd = open("/etc/passwd", O_RDONLY); /* outlives exec */
	struct rlimit core;
	sigset_t some;
	char *said;

	(void)state;
	assert_non_null(user);
	assert_true(fd > STDERR_FILENO);
	(void)setenv("LD_PRELOAD_OF_ROOT", "x", 1);
	(void)signal(SIGHUP, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_CORE, &core), 0);
	core.rlim_cur = core.rlim_max;
	(void)setrlimit(RLIMIT_CORE, &core);
	sigemptyset(&some);
	sigaddset(&some, SIGTERM);
	assert_int_equal(sigprocmask(SIG_BLOCK, &some, NULL), 0);

	(void)snprintf(ids, sizeof(ids), ": %u %u",
	    geteuid() == 0 ? user->pw_uid : getuid(),
	    geteuid() == 0 ? user->pw_gid : getgid());
	assert_said("echo $(id -u) $(id -g); exit 1", ids);
	assert_said("tr '\\0' ' ' </proc/$$/environ; exit 1",
	    "/sbin:/bin LC_ALL=C HOME=/");
	assert_said("wc -l </proc/$$/environ; tr -cd '\\0' </proc/$$/environ | "
		    "wc -c; exit 1",
	    "0; 3");
	/* The last one is that of ls. */
	assert_said("echo $(ls /proc/self/fd); exit 1", ": 0 1 2 3");
	assert_said("readlink /proc/self/fd/0; pwd; umask; exit 1",
	    ": /dev/null; /; 0077");
	assert_said("ulimit -c; exit 1", ": 0");
	/* No shell, which would unblock signals itself. */
	said = run_script("",
	    "/bin/grep -Ehs SigBlk|SigIgn|NoNewPrivs /proc/self/status",
	    SOON_MS);
	if (strstr(said,
		": SigBlk:\\x090000000000000000; "
		"SigIgn:\\x090000000000000000; NoNewPrivs:\\x091") == NULL)
		fail_msg("%s", said);
	free(said);
	/* A session of its own. */
	assert_said("[ $(cut -d' ' -f6 /proc/$$/stat) = $$ ] && echo its own; "
		    "exit 1",
	    ": its own");

	(void)close(fd);
	(void)signal(SIGHUP, SIG_DFL);
	assert_int_equal(sigprocmask(SIG_UNBLOCK, &some, NULL), 0);
}

/* Which process a script noted. */
static int
read_child(void)
{
	char path[100];
	int pid = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/child", folder);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%d", &pid), 1);
	(void)fclose(file);
	(void)unlink(path);
	assert_true(pid > 1);
	return pid;
}

/* It has ended. */
static void
assert_gone(void)
{
	int64_t end = clock_ms() + SOON_MS;
	int pid = read_child();

	while (kill(pid, 0) == 0 && clock_ms() < end)
		(void)nanosleep(&(struct timespec){0, 1000000}, NULL);
	assert_int_equal(kill(pid, 0), -1);
}

static void
test_it_has_so_much_time_with_all_that_it_started(void **state)
{
	int64_t begun = clock_ms();
	char script[200], *said;

	(void)state;
	(void)snprintf(script, sizeof(script),
	    "sleep 600 & echo $! >%s/child; echo begun; wait", folder);
	said = run_script(script, "", 500);
	assert_non_null(strstr(said, "does not end: begun"));
	free(said);
	assert_true(clock_ms() - begun < SOON_MS);
	assert_gone();
	/* What it leaves behind where it ends well goes, too. */
	(void)snprintf(script, sizeof(script),
	    "sleep 600 >/dev/null 2>&1 & echo $! >%s/child", folder);
	assert_null(run_script(script, "", SOON_MS));
	assert_gone();
}

/* As in a unit that gives us few rights: who has become another user cannot be
 * ended, and is not waited for. */
static void
test_without_the_right_to_end_it_we_go_on(void **state)
{
	struct __user_cap_header_struct head = {
	    .version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3], all[2];
	int64_t begun = clock_ms();
	char script[200], *said;

	(void)state;
	if (geteuid() != 0)
		return; /* then it is ours */
	(void)snprintf(script, sizeof(script),
	    "echo $$ >%s/child; exec sleep 600", folder);
	assert_int_equal(syscall(SYS_capget, &head, sets), 0);
	memcpy(all, sets, sizeof(all));
	sets[0].effective &= ~(1u << CAP_KILL);
	assert_int_equal(syscall(SYS_capset, &head, sets), 0);
	said = run_script(script, "", 500);
	assert_int_equal(syscall(SYS_capset, &head, all), 0);
	assert_non_null(strstr(said, "does not end, and we may not end it"));
	free(said);
	assert_true(clock_ms() - begun < SOON_MS);
	assert_int_equal(kill(read_child(), SIGKILL), 0);
}

static void
test_what_it_says_is_bounded_and_harmless(void **state)
{
	char *said = run_script("yes | head -c 1000000; exit 3", "", SOON_MS);

	(void)state;
	assert_non_null(strstr(said, "ends with 3: y; y; "));
	assert_true(strlen(said) < 4 * CLI_PUBLISH_COMMAND_SAYS_MAX);
	free(said);
	assert_said("printf '\\033[31mred' >&2; exit 1", ": \\x1b[31mred");
	assert_said("kill -9 $$", "is ended by signal 9");
}

static void
test_what_cannot_be_run_is_told(void **state)
{
	static const struct {
		const char *command, *user, *why;
	} cases[] = {
	    {"", USER, "no path that begins with /"},
	    {"publish it", USER, "no path that begins with /"},
	    {" ", USER, "no path that begins with /"},
	    {"/nonexistent/publish", USER,
		"/nonexistent/publish ends with 127: /nonexistent/publish: No "
		"such file or directory"},
	    {"/x 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16", USER,
		"/x: more than 16 words"},
	    {"/bin/true", "nobody-of-ours",
		"publish_user nobody-of-ours does not exist; useradd"},
	    {"/bin/true", "root", "publish_user root is root"},
	};
	const struct cli_publish_order order = {
	    CLI_PUBLISH_COMMAND_REMOVE, "a.b", 1, "TXT", "x"};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct cli_publish_command command = {
		    cases[i].command, cases[i].user, SOON_MS};
		struct strbuf reason;

		if (geteuid() != 0 && strcmp(cases[i].user, USER) != 0)
			continue; /* no other user is asked for then */
		strbuf_init(&reason, REASON_MAX);
		assert_int_equal(
		    cli_publish_command_run(&command, &order, &reason), -1);
		if (strstr(strbuf_text(&reason), cases[i].why) == NULL)
			fail_msg("%s", strbuf_text(&reason));
		strbuf_clear(&reason);
	}
}

static int
make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) == NULL || chmod(folder, 01777) != 0;
}

static int
remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_it_gets_its_words_and_arguments_as_they_are),
	    cmocka_unit_test(test_it_has_nothing_of_ours),
	    cmocka_unit_test(test_it_has_so_much_time_with_all_that_it_started),
	    cmocka_unit_test(test_without_the_right_to_end_it_we_go_on),
	    cmocka_unit_test(test_what_it_says_is_bounded_and_harmless),
	    cmocka_unit_test(test_what_cannot_be_run_is_told),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
