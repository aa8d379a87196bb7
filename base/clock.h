/*
 * The clock of waits: it never goes back, whatever is done to the time of day.
 * All waits of the program are measured by it; what stands in a message or in
 * the results is the time of day, time(2).
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* Since some moment that stays the same while the machine is up. */
int64_t clock_us(void);
int64_t clock_ms(void);
int64_t clock_s(void);

#endif
