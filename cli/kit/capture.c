/*
 * Another program's output; see capture.h. No shell, so nothing that is quoted
 * wrongly can become a command; a process group of its own, so that it can be
 * ended with all that it started; and a deadline, for a tool that hangs in
 * another's tool tells nobody anything.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/compat.h"
#include "cli/kit/capture.h"

enum { PATH_BYTES = 4096, CHUNK = 4096, NAP_MS = 5, NO_EXEC = 127 };
/* What was killed has so much time to be gone. */
enum { END_MS = 2000 };

static int
try_directory(struct slice directory, const char *name, struct strbuf *path)
{
	if (directory.n == 0 || directory.p[0] != '/')
		return -1;
	strbuf_reset(path);
	strbuf_add(path, directory);
	strbuf_add_char(path, '/');
	if (strbuf_add_str(path, name) != 0)
		return -1;
	return access(strbuf_text(path), X_OK);
}

int
cli_program_find(const char *name, struct strbuf *path)
{
	struct slice rest = slice_str(getenv("PATH")), directory;
	size_t directories = 0;

	while (rest.n > 0 && slice_cut(&rest, ':', &directory)) {
		if (try_directory(directory, name, path) == 0)
			return 0;
		directories++;
	}
	if (directories == 1)
		return -1;
	return try_directory(SLICE("/usr/sbin"), name, path);
}

/* What is the program's besides its arguments. */
struct capturing {
	int in;		 /* -1: nothing */
	bool errors_too; /* go where output does; else nowhere */
	unsigned ms;
	const struct cli_capture_apart *apart; /* NULL: as we are */
};

/* In the child: what we have set for ourselves, and have open, outlives
 * exec. */
static int
leave_ours_behind(const struct cli_capture_apart *apart)
{
	const struct sigaction standard = {.sa_handler = SIG_DFL};
	const struct rlimit none = {0, 0};
	sigset_t blocked;

	for (int i = 1; i < NSIG; i++)
		(void)sigaction(i, &standard, NULL);
	sigemptyset(&blocked);
	(void)sigprocmask(SIG_SETMASK, &blocked, NULL);
	(void)umask(077);
	(void)setrlimit(RLIMIT_CORE, &none);
	if (chdir("/") != 0 || compat_close_from(STDERR_FILENO + 1) != 0)
		return -1;
	if (apart->group_count > 0 &&
	    (setgroups(apart->group_count, apart->groups) != 0 ||
		setresgid(apart->group, apart->group, apart->group) != 0 ||
		setresuid(apart->user, apart->user, apart->user) != 0))
		return -1;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/* In the child: a group of its own, to be killed by. */
static void
become_program(const char *const argv[], int out, const struct capturing *how)
{
	int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
	char *const *words = (char *const *)(uintptr_t)argv;

	/* In a session of its own it has no terminal, whose input it could
	 * fake. */
	(void)(how->apart != NULL ? setsid() : setpgid(0, 0));
	(void)signal(SIGPIPE, SIG_DFL);
	if (nothing < 0 ||
	    dup2(how->in >= 0 ? how->in : nothing, STDIN_FILENO) < 0 ||
	    dup2(out, STDOUT_FILENO) < 0 ||
	    dup2(how->errors_too ? out : nothing, STDERR_FILENO) < 0)
		_exit(NO_EXEC);
	if (how->apart == NULL)
		(void)execv(argv[0], words);
	else if (leave_ours_behind(how->apart) == 0)
		(void)execve(argv[0], words,
		    (char *const *)(uintptr_t)how->apart->environment);
	if (how->apart != NULL) /* nobody else knows why */
		(void)dprintf(
		    STDERR_FILENO, "%s: %s", argv[0], strerror(errno));
	_exit(NO_EXEC);
}

/* Where it is told so, what is too much is read and dropped: a program that
 * talks has not failed. */
static int
read_output(
    int fd, int64_t end, bool drop, struct strbuf *out, struct strbuf *reason)
{
	struct pollfd what = {.fd = fd, .events = POLLIN};
	int more = 1;

	while (more > 0) {
		int64_t left = end - clock_ms();
		int ready = left <= 0 ? 0 : poll(&what, 1, (int)left);

		if (ready == 0)
			return strbuf_fail(reason, "does not end");
		if (ready > 0) {
			/* Adds one read's worth: 1, 0 at the end, -1 and the
			 * reason. */
			char chunk[CHUNK];
			ssize_t n = read(fd, chunk, sizeof(chunk));

			if (n < 0 && errno == EINTR)
				more = 1;
			else if (n < 0)
				more =
				    strbuf_fail(reason, "%s", strerror(errno));
			else if (strbuf_add(out,
				     slice_first(slice_from(chunk, (size_t)n),
					 drop ? out->cap - out->n : CHUNK)) ==
			    0)
				more = n > 0;
			else
				more = strbuf_fail(reason,
				    "prints more than %zu bytes", out->cap);
		} else if (errno != EINTR)
			return -1;
	}
	return more;
}

/* It may have closed its output and go on. It stays unreaped, so that its
 * number is nobody else's when its group is killed; *gone where it was reaped
 * all the same. */
static int
wait_for_exit(pid_t pid, int64_t end, bool *gone, struct strbuf *reason)
{
	const struct timespec nap = {0, NAP_MS * 1000000L};
	siginfo_t info;

	for (;;) {
		info.si_pid = 0;
		if (waitid(P_PID, (id_t)pid, &info,
			WEXITED | WNOHANG | WNOWAIT) != 0) {
			*gone = errno != EINTR;
			if (*gone)
				return strbuf_fail(
				    reason, "%s", strerror(errno));
		} else if (info.si_pid != 0) {
			break;
		}
		if (clock_ms() >= end)
			return strbuf_fail(reason, "does not end");
		(void)nanosleep(&nap, NULL);
	}
	if (info.si_code == CLD_EXITED && info.si_status == 0)
		return 0;
	return strbuf_fail(reason, "%s %d",
	    info.si_code == CLD_EXITED ? "ends with" : "is ended by signal",
	    info.si_status);
}

/* With all that it started. Without CAP_KILL root may not end what has become
 * another user's: then it is left, and not waited for. */
static void
end_program(pid_t pid, struct strbuf *reason)
{
	const struct timespec nap = {0, NAP_MS * 1000000L};
	int64_t end = clock_ms() + END_MS;

	/* It may not have come to a group of its own yet. */
	if (kill(pid, SIGKILL) + kill(-pid, SIGKILL) < 0 && errno == EPERM &&
	    reason != NULL)
		strbuf_addf(reason, ", and we may not end it (CAP_KILL)");
	while (waitpid(pid, NULL, WNOHANG) == 0 && clock_ms() < end)
		(void)nanosleep(&nap, NULL);
}

static int
capture(const char *const argv[], const struct capturing *how,
    struct strbuf *out, struct strbuf *reason)
{
	int64_t end = clock_ms() + how->ms;
	int wire[2], outcome = -1;
	bool gone = false;
	pid_t pid;

	if (pipe2(wire, O_CLOEXEC) != 0)
		return strbuf_fail(reason, "%s", strerror(errno));
	pid = fork();
	if (pid == 0)
		become_program(argv, wire[1], how);
	(void)close(wire[1]);
	if (pid < 0) {
		strbuf_add_str(reason, strerror(errno));
	} else {
		if (how->apart == NULL) /* whoever of the two is first */
			(void)setpgid(pid, pid);
		if (read_output(
			wire[0], end, how->apart != NULL, out, reason) == 0)
			outcome = wait_for_exit(pid, end, &gone, reason);
		if (!gone)
			end_program(pid, outcome == 0 ? NULL : reason);
	}
	(void)close(wire[0]);
	return outcome;
}

int
cli_capture(const char *const argv[], unsigned ms, struct strbuf *out,
    struct strbuf *reason)
{
	return capture(
	    argv, &(struct capturing){-1, false, ms, NULL}, out, reason);
}

int
cli_capture_both(const char *const argv[], unsigned ms, struct strbuf *out,
    struct strbuf *reason)
{
	return capture(
	    argv, &(struct capturing){-1, true, ms, NULL}, out, reason);
}

int
cli_capture_apart(const char *const argv[],
    const struct cli_capture_apart *apart, unsigned ms, struct strbuf *out,
    struct strbuf *reason)
{
	return capture(
	    argv, &(struct capturing){-1, true, ms, apart}, out, reason);
}

int
cli_capture_fed(const char *const argv[], struct slice input, unsigned ms,
    struct strbuf *out, struct strbuf *reason)
{
	int in = memfd_create("input", MFD_CLOEXEC), outcome = -1;

	if (in < 0)
		return strbuf_fail(reason, "%s", strerror(errno));
	if (write(in, input.p, input.n) != (ssize_t)input.n ||
	    lseek(in, 0, SEEK_SET) != 0)
		(void)strbuf_fail(reason, "%s", strerror(errno));
	else
		outcome = capture(
		    argv, &(struct capturing){in, true, ms, NULL}, out, reason);
	(void)close(in);
	return outcome;
}
