/*
 * A clock for tests that wait for the program's own timers: loaded before
 * all libraries (LD_PRELOAD), it lets CLOCK_MONOTONIC run T_HURRY times as
 * fast, and an event loop wait so much shorter. The time of day, which goes
 * into signatures and logs, stays right. t/run/harness.py, `hurry=`, loads it.
 */
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { RATE_MAX = 100, SIGSET_BYTES = 8 };

static int
rate(void)
{
	static int known;
	const char *text;

	if (known == 0) {
		text = getenv("T_HURRY");
		known = text != NULL ? (int)strtol(text, NULL, 10) : 1;
		if (known < 1 || known > RATE_MAX)
			abort();
	}
	return known;
}

int clock_gettime(clockid_t which, struct timespec *now);

int
clock_gettime(clockid_t which, struct timespec *now)
{
	long long ns;

	if (syscall(SYS_clock_gettime, which, now) != 0)
		return -1;
	if (which == CLOCK_MONOTONIC || which == CLOCK_MONOTONIC_COARSE) {
		ns = (now->tv_sec * 1000000000LL + now->tv_nsec) * rate();
		now->tv_sec = ns / 1000000000LL;
		now->tv_nsec = ns % 1000000000LL;
	}
	return 0;
}

int
epoll_wait(int fd, struct epoll_event *events, int max, int ms)
{
	if (ms > 0)
		ms = (ms + rate() - 1) / rate();
	return (int)syscall(
	    SYS_epoll_pwait, fd, events, max, ms, NULL, SIGSET_BYTES);
}
