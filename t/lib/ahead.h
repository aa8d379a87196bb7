/*
 * clock_s() for a test that does not wait: it is so much later. A unit that
 * LINKS t_ahead has it, with all that it is linked with.
 */
#ifndef T_LIB_AHEAD_H
#define T_LIB_AHEAD_H

#include <stdint.h>

extern int64_t ahead; /* s */
/* Not 0: the clock stands there, and only `ahead' moves it. */
extern int64_t ahead_of;

#endif
