/*
 * A timer that is begun anew with every line and ends almost never: to begin
 * or stop it only notes when it is due, and the event behind it looks at that
 * note when it comes. Of the room alone.
 */
#ifndef SMTP_TIMER_H
#define SMTP_TIMER_H

#include <stdint.h>

#include <event2/event_struct.h>

struct smtp_timer {
	struct event event;
	int64_t due_ms; /* 0: stopped */
	int64_t at_ms;	/* when the event comes; 0: it is not set */
	void (*ended)(void *ctx);
	void *ctx;
};

/* Stopped. `ended` is called from the event loop. */
void smtp_timer_init(struct smtp_timer *, struct event_base *,
    void (*ended)(void *ctx), void *ctx);

/* Ends in `ms` from now, not earlier; 0 stops it. */
void smtp_timer_begin(struct smtp_timer *, unsigned ms);

/* Stops it, and lets go of the event. */
void smtp_timer_clear(struct smtp_timer *);

#endif
