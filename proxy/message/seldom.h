/*
 * What a client can have logged as often as it connects is logged once a
 * minute for each: a flood must not fill the disk, and must be seen.
 */
#ifndef PROXY_MESSAGE_SELDOM_H
#define PROXY_MESSAGE_SELDOM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum {
	PROXY_SELDOM_MS = 60 * 1000,
	PROXY_SELDOM_SLOTS = 64 /* lines a minute, in all */
};

/* All zero: nothing was logged. */
struct proxy_seldom {
	struct {
		uint64_t name;	/* a hash of whom and what; 0: none */
		int64_t due_ms; /* then it may be said again */
	} slots[PROXY_SELDOM_SLOTS];
};

/* May `what` (one per place in the code) be said of `whom` at `now_ms`? Then
 * it may not for PROXY_SELDOM_MS. NULL never minds. */
bool proxy_seldom_may(
    struct proxy_seldom *, const char *what, struct slice whom, int64_t now_ms);

#endif
