/*
 * Allocation that cannot return NULL: out of memory ends the process, which
 * is only safe because everything that grows has a cap. free() as usual.
 */
#ifndef BASE_XALLOC_H
#define BASE_XALLOC_H

#include <stddef.h>

#include "base/slice.h"

void *xmalloc(size_t n);
void *xcalloc(size_t count, size_t size); /* zeroed */
void *xreallocarray(void *, size_t count, size_t size);
char *xstrdup(const char *);

/* A NUL-terminated copy of the bytes. */
char *xslicedup(struct slice);

#endif
