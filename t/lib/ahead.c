/* In front of clock_s(), by the linker's --wrap; see ahead.h. */
#include "t/lib/ahead.h"

int64_t ahead, ahead_of;

int64_t __real_clock_s(void);
int64_t __wrap_clock_s(void);

int64_t
__wrap_clock_s(void)
{
	return (ahead_of != 0 ? ahead_of : __real_clock_s()) + ahead;
}
