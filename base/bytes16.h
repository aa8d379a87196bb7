/*
 * Sixteen bytes looked at together, for scans near memory speed. GNU C's
 * portable vectors: gcc and clang make SSE2 or NEON of them. Comparing two
 * (v == 'x') gives all ones in the bytes that are equal.
 */
#ifndef BASE_BYTES16_H
#define BASE_BYTES16_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

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

#endif
