#include <time.h>

#include "base/clock.h"

static struct timespec
read_clock(clockid_t which)
{
	struct timespec now;

	/* It fails only for clocks that the kernel does not have. */
	(void)clock_gettime(which, &now);
	return now;
}

static int64_t
whole_ms(struct timespec t)
{
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t
clock_us(void)
{
	struct timespec now = read_clock(CLOCK_MONOTONIC);

	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t
clock_ms(void)
{
	return clock_us() / 1000;
}

int64_t
clock_s(void)
{
	return clock_us() / 1000000;
}

int64_t
clock_coarse_ms(void)
{
	return whole_ms(read_clock(CLOCK_MONOTONIC_COARSE));
}

int64_t
clock_wall_ms(void)
{
	return whole_ms(read_clock(CLOCK_REALTIME));
}

int64_t
clock_wall_s(void)
{
	return clock_wall_ms() / 1000;
}

double
clock_booted_s(void)
{
	struct timespec now = read_clock(CLOCK_REALTIME);
	struct timespec up = read_clock(CLOCK_BOOTTIME);

	return (double)(now.tv_sec - up.tv_sec) +
	    (double)(now.tv_nsec - up.tv_nsec) / 1e9;
}
