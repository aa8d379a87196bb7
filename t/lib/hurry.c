/*
 * A clock for tests that wait for the program's own timers: loaded before
 * all libraries (LD_PRELOAD), it lets CLOCK_MONOTONIC run T_HURRY times as
 * fast, and an event loop wait so much shorter. The time of day, which goes
 * into signatures and logs, stays right. t/run/harness.py, `hurry=`, loads it.
 *
 * Where T_HURRY is three numbers, signers with an even process id go by the
 * second, the others by the third, which may be below 1: so one of two sees a
 * change long before the other.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { RATE_MAX = 100, SIGSET_BYTES = 8, ROLE = 2 };

static double rate = 1;

static double
read_rate(const char *text, char **rest)
{
	double read = strtod(text, rest);

	if (read <= 0 || read > RATE_MAX)
		abort();
	return read;
}

/* glibc gives it what main() gets. */
__attribute__((constructor)) static void
begin(int argc, char **argv)
{
	const char *text = getenv("T_HURRY");
	char *rest;

	if (text == NULL)
		return;
	rate = read_rate(text, &rest);
	if (*rest == '\0' || argc <= ROLE || strcmp(argv[ROLE], "signer") != 0)
		return;
	rate = read_rate(rest, &rest);
	if (getpid() % 2 != 0)
		rate = read_rate(rest, &rest);
}

int clock_gettime(clockid_t which, struct timespec *now);

int
clock_gettime(clockid_t which, struct timespec *now)
{
	long double ns;

	if (syscall(SYS_clock_gettime, which, now) != 0)
		return -1;
	if (which == CLOCK_MONOTONIC || which == CLOCK_MONOTONIC_COARSE) {
		ns = ((long double)now->tv_sec * 1e9L + now->tv_nsec) * rate;
		now->tv_sec = (time_t)(ns / 1e9L);
		now->tv_nsec = (long)(ns - (long double)now->tv_sec * 1e9L);
	}
	return 0;
}

int
epoll_wait(int fd, struct epoll_event *events, int max, int ms)
{
	if (ms > 0)
		ms = (int)(ms / rate) + 1;
	return (int)syscall(
	    SYS_epoll_pwait, fd, events, max, ms, NULL, SIGSET_BYTES);
}
