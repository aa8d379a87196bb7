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
