/* cmocka, included the way it wants to be. */
#ifndef T_LIB_UNIT_H
#define T_LIB_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/slice.h"

/* Equal bytes, shown as text where they differ. */
#define assert_slice_equal(got, want) \
	unit_assert_slice((got), (want), __FILE__, __LINE__)

void unit_assert_slice(
    struct slice got, struct slice want, const char *file, int line);

#endif
