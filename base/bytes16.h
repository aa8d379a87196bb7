/*
 * Sixteen bytes looked at together, for scans near memory speed. GNU C's
 * portable vectors: gcc and clang make SSE2 or NEON of them. Comparing two
 * (v == 'x') gives all ones in the bytes that are equal.
 */
#ifndef BASE_BYTES16_H
#define BASE_BYTES16_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/slice.h"

#define BYTES16 16

typedef unsigned char bytes16 __attribute__((vector_size(BYTES16)));

/* The 16 bytes at `p`, which need not be aligned. */
static inline bytes16
bytes16_load(const char *p)
{
	bytes16 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline bool
bytes16_any(bytes16 flags)
{
	uint64_t half[2];

	memcpy(half, &flags, sizeof(half));
	return (half[0] | half[1]) != 0;
}

/* All ones where the byte at `p`, or one of the 15 behind it, is of a kind.
 * It may look at the byte before those and at the one behind. */
typedef bytes16 bytes16_flags(const char *p);

/* Whether one of the 64 bytes at `p` is of that kind. */
__attribute__((always_inline)) static inline bool
bytes16_any_of_64(const char *p, bytes16_flags *flags)
{
	return bytes16_any(flags(p) | flags(p + BYTES16) |
	    flags(p + 2 * BYTES16) | flags(p + 3 * BYTES16));
}

/*
 * From `at` on, the first of the positions at, at + 16, ... where `flags` has
 * any, or where fewer than 17 bytes are left. Most often there is nothing to
 * be found for long: 64 bytes have one answer. And most bytes are base64, in
 * which `maybe`, which costs less, has none either: it has all that `flags`
 * has, and more.
 */
__attribute__((always_inline)) static inline size_t
bytes16_pass(
    struct slice in, size_t at, bytes16_flags *maybe, bytes16_flags *flags)
{
	for (; at + 4 * BYTES16 < in.n; at += 4 * BYTES16)
		if (bytes16_any_of_64(in.p + at, maybe) &&
		    (maybe == flags || bytes16_any_of_64(in.p + at, flags)))
			break;
	for (; at + BYTES16 < in.n; at += BYTES16)
		if (bytes16_any(flags(in.p + at)))
			break;
	return at;
}

#endif
