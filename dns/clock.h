/* The clock of the room's waits; the room's own. */
#ifndef DNS_CLOCK_H
#define DNS_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Milliseconds; never goes back. */
static inline int64_t
dns_clock_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#endif
