/*
 * Work that takes long, such as a message's signatures, a few pieces in a turn
 * of the event loop: sixteen messages that end at once would else let every
 * other session wait until all are signed. Who came first is done first.
 */
#ifndef PROXY_MESSAGE_PORTIONS_H
#define PROXY_MESSAGE_PORTIONS_H

#include <stdbool.h>
#include <sys/queue.h>

struct event_base;
struct proxy_portions;

/* So many are done in one turn: about a millisecond where each is one RSA
 * signature of 2048 bits. */
#define PROXY_PORTIONS_A_TURN 4

/* A piece of work, in its owner's hands. All zero: not waiting. */
struct proxy_portion {
	TAILQ_ENTRY(proxy_portion) entry;
	void (*work)(void *ctx);
	void *ctx;
	bool waits;
};

struct proxy_portions *proxy_portions_new(struct event_base *);

/* Nothing may wait any more. */
void proxy_portions_free(struct proxy_portions *);

/* Has work(ctx) called from the event loop, once. It must not wait already. */
void proxy_portions_add(struct proxy_portions *, struct proxy_portion *,
    void (*work)(void *ctx), void *ctx);

/* It is not to be done after all; nothing happens where it does not wait. */
void proxy_portions_remove(struct proxy_portions *, struct proxy_portion *);

#endif
