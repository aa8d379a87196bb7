/*
 * What a fuzzer's target holds true, whatever the bytes: it aborts where that is
 * not so.
 */
#ifndef T_FUZZ_MUST_H
#define T_FUZZ_MUST_H

#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

static inline void
must(bool held)
{
	if (!held)
		abort();
}

/* The number that a descriptor would get now: what is left open shows. */
static inline int
next_descriptor(void)
{
	int fd = dup(STDIN_FILENO);

	must(fd >= 0);
	(void)close(fd);
	return fd;
}

#endif
