/*
 * Feeds a streaming thing its input whole, byte by byte, and cut in two at
 * every place (for long inputs: at the first and last 300 places and at
 * every n-th between), and asserts that each way gives the same result.
 */
#ifndef T_LIB_TRICKLE_H
#define T_LIB_TRICKLE_H

#include "base/slice.h"
#include "base/strbuf.h"

struct trickle {
	/* A fresh state; `arg` is trickle_check()'s. */
	void *(*begin)(void *arg);
	void (*write)(void *state, struct slice chunk);
	/* Puts what came out into `result` and frees the state. */
	void (*end)(void *state, struct strbuf *result);
};

void trickle_check(
    const struct trickle *, void *arg, struct slice input, struct slice want);

#endif
