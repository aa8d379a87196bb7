/*
 * What a process says to the master on its control socket, a stream of octets:
 * that it could serve, that it lives, and which system calls it was refused. It
 * may have been taken over: the worst that it can say is that it lives, and of
 * calls it can have told so many.
 */
#ifndef PROXY_PROCESS_LIFE_WIRE_H
#define PROXY_PROCESS_LIFE_WIRE_H

#include <stdbool.h>

#include "base/slice.h"

/* It could serve: once it has opened all that it opens. Any other octet but
 * that of a refused call is a sign of life. */
#define PROXY_LIFE_READY 'r'

/* Of a refused call: octets, the first of which is no sign of life, then the
 * call's number, the lower octet first. */
enum { PROXY_LIFE_REFUSED_SIZE = 3, PROXY_LIFE_CALLS_MAX = 8 };
void proxy_life_refused(int call, unsigned char word[PROXY_LIFE_REFUSED_SIZE]);

/* The master's side: what has come of the last word, and which calls were told
 * of. Zeroed at first. */
struct proxy_life {
	unsigned char word[PROXY_LIFE_REFUSED_SIZE];
	unsigned n, count;
	int calls[PROXY_LIFE_CALLS_MAX];
};

/* Octets as they come, in any cuts: does it say there that it could serve? Each
 * call is told of once, PROXY_LIFE_CALLS_MAX of them at most. */
bool proxy_life_hear(struct proxy_life *, struct slice octets,
    void (*refused)(void *ctx, int call), void *ctx);

#endif
