/*
 * The clocks, all of them. Waits are measured by one that never goes back,
 * whatever is done to the time of day; the time of day is for what stands in a
 * message, in the results or in a log. Nobody else asks the kernel
 * (lint/banned).
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* Since some moment that stays the same while the machine is up. */
int64_t clock_us(void);
int64_t clock_ms(void);
int64_t clock_s(void);

/* As clock_ms(), but up to a tick of the kernel (10 ms at most) late, and for a
 * fraction of the cost: for timers that are set at each read and write. */
int64_t clock_coarse_ms(void);

/* The time of day, since 1970 began. It may jump, both ways. */
int64_t clock_wall_ms(void);
int64_t clock_wall_s(void);

/* When the machine was started, by the time of day, in seconds. */
double clock_booted_s(void);

#endif
