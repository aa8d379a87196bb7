/*
 * Allocation that cannot return NULL; see xalloc.h. All that grows has a cap,
 * so memory ends only where the machine is in trouble; then a worker that
 * ends, and is started again, is safer than one that goes on by a path that no
 * test has gone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

static void *
check_memory(void *p)
{
	if (p == NULL) {
		fputs("signpost: out of memory\n", stderr);
		abort();
	}
	return p;
}

void *
xmalloc(size_t n)
{
	return check_memory(malloc(n == 0 ? 1 : n));
}

void *
xcalloc(size_t count, size_t size)
{
	return check_memory(
	    calloc(count == 0 ? 1 : count, size == 0 ? 1 : size));
}

void *
xreallocarray(void *old, size_t count, size_t size)
{
	if (count == 0 || size == 0)
		count = size = 1;
	return check_memory(reallocarray(old, count, size));
}

char *
xstrdup(const char *s)
{
	return check_memory(strdup(s));
}

char *
xslicedup(struct slice s)
{
	char *copy = xmalloc(s.n + 1);

	if (s.n > 0)
		memcpy(copy, s.p, s.n);
	copy[s.n] = '\0';
	return copy;
}
