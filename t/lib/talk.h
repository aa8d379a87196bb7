/*
 * A scripted peer on the other end of a socketpair: what the thing under
 * test is spoken to with, and what it must say, in order. Each wait runs the
 * event base and is bounded by TALK_WAIT_MS; a wait that ends without what
 * was hoped for fails the test.
 */
#ifndef T_LIB_TALK_H
#define T_LIB_TALK_H

#include <stdbool.h>

#include <event2/event.h>

#include "base/slice.h"
#include "base/strbuf.h"

enum { TALK_WAIT_MS = 20000 };

struct talk {
	struct event_base *base;
	evutil_socket_t fd; /* ours */
	struct strbuf heard;
	bool eof;
};

/* Makes the base and the pair; returns the other end, not blocking. */
evutil_socket_t talk_init(struct talk *);

/* Another pair on the base of `with`, for a thing with two sides. */
evutil_socket_t talk_init_with(struct talk *, struct event_base *base);

/* Sends all of it, running the base where the pair is full. */
void talk_send(struct talk *, struct slice);
void talk_say(struct talk *, const char *);

/* The next bytes heard must be these. */
void talk_hear(struct talk *, const char *);

/* Waits for that much more and drops it. */
void talk_hear_bytes(struct talk *, size_t n);

/* Nothing must come for so long. */
void talk_hear_nothing(struct talk *, unsigned ms);

/* The other side must close, with nothing more said. */
void talk_hear_end(struct talk *);

/* Closes our end. */
void talk_hang_up(struct talk *);

/* Our end is from now on the connection that comes to that listening socket,
 * which does not block; what was heard before is forgotten. */
void talk_accept(struct talk *, int listener);

/* Runs the base for so long, or until `*flag`; the latter must come. */
void talk_run(struct talk *, unsigned ms);
void talk_run_until(struct talk *, const bool *flag);

/* Closes what is open; talk_clear() frees the base as well. */
void talk_clear_side(struct talk *);
void talk_clear(struct talk *);

#endif
