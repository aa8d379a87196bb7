/*
 * A connection of the room's own: a socket on an event base with bounded
 * input, gathered output and named timers. What is written in one turn of
 * the loop leaves in one system call at its end; Nagle's wait is off. Of
 * server and relay alone.
 *
 * Callbacks come from the event loop only. smtp_conn_free() may be called
 * from every callback; `freed` comes when the last one has returned.
 */
#ifndef SMTP_CONN_H
#define SMTP_CONN_H

#include <stdbool.h>
#include <stddef.h>

#include <event2/util.h>

#include "base/machine.h"
#include "base/slice.h"
#include "base/trace.h"
#include "smtp/close.h"

struct event_base;

enum {
	SMTP_CONN_HIGH_WATER = 64 * 1024, /* of unwritten output */
	SMTP_CONN_LOW_WATER = 16 * 1024,
	SMTP_CONN_IN_MAX = 128 * 1024, /* most that is read ahead */
	/* Unwritten output beyond this is our own bug: someone ignores the
	 * high water. */
	SMTP_CONN_OUT_MAX = 4 * 1024 * 1024,
	/* For so long a peer at its end of input is watched for a reset,
	 * which tells that it did not read our last words. */
	SMTP_CONN_WATCH_MS = 1000,
};

struct smtp_conn_ops {
	/* Bytes came, or smtp_conn_kick() was called. Look at the input, take
	 * what can be used. */
	void (*input)(void *ctx);
	/* Unwritten output fell to low water after having been above high. */
	void (*drained)(void *ctx);
	/* The timer ended. */
	void (*timeout)(void *ctx);
	/*
	 * The peer will send nothing more; what it sent is in the input, and
	 * it may still read: a client's FIN does not mean that it has gone.
	 * Called once. Whoever has no use for it (NULL) takes it for the end
	 * of the connection.
	 */
	void (*ended)(void *ctx);
	/* The connection is over, by the peer's doing or smtp_conn_finish().
	 * Called once, and nothing after it but `freed`. */
	void (*closed)(void *ctx, enum smtp_close, const char *why);
	/* The conn no longer exists and no callback is under way. */
	void (*freed)(void *ctx);
};

struct smtp_conn;

/* Where it is (DESIGN, "States"). */
enum smtp_conn_state {
	SMTP_CONN_OPEN,
	SMTP_CONN_FINISHING, /* `closed` follows the last byte written */
	SMTP_CONN_LINGERING, /* that is written; what comes is dropped */
	SMTP_CONN_FAILED,    /* `closed` follows in the next turn */
	SMTP_CONN_CLOSED,    /* `closed` was called */
	SMTP_CONN_FREED,     /* smtp_conn_free() was, within a callback */
	SMTP_CONN_STATES
};
extern const struct machine smtp_conn_machine;

/* Takes the socket (-1: there is none, see smtp_conn_fail()). Reads nothing
 * before smtp_conn_read(). `ops` must outlive it. */
struct smtp_conn *smtp_conn_new(struct event_base *, evutil_socket_t,
    const struct smtp_conn_ops *ops, void *ctx);

/* Its states are told there, as those of `who`, which is static; the trace
 * must outlive it. */
void smtp_conn_trace(struct smtp_conn *, const struct trace *, const char *who);

/* Closes the socket at once. NULL is fine. */
void smtp_conn_free(struct smtp_conn *);

/*
 * Reads on while fewer than `n` bytes of input are held; 0: nothing is read,
 * only the peer's going is noticed (a reset, on a Unix socket a hang-up).
 * At most SMTP_CONN_IN_MAX.
 */
void smtp_conn_read(struct smtp_conn *, size_t n);

/* The input that has not been consumed; a view until the next callback. */
struct slice smtp_conn_input(const struct smtp_conn *);
void smtp_conn_consume(struct smtp_conn *, size_t n);

/* True once `ended` was called. */
bool smtp_conn_ended(const struct smtp_conn *);

/* True once any byte has come. */
bool smtp_conn_heard(const struct smtp_conn *);

/* Calls `input` soon, from the loop. */
void smtp_conn_kick(struct smtp_conn *);

/* Gathers; written at the end of the turn, or at once over high water. */
void smtp_conn_write(struct smtp_conn *, struct slice);

/* While on, what is gathered stays, up to high water. */
void smtp_conn_cork(struct smtp_conn *, bool);

/* How much is not yet written. */
size_t smtp_conn_unwritten(const struct smtp_conn *);

/* `drained` will be called at low water, or soon where that is so now. */
void smtp_conn_want_drained(struct smtp_conn *);

/* How long the peer may take nothing of what is written; 0: for ever. */
void smtp_conn_write_timer(struct smtp_conn *, unsigned ms);

/* Begins the timer anew, or stops it (0). */
void smtp_conn_timer(struct smtp_conn *, unsigned ms);

/* Writes what there is, then `closed` with these. With `linger` input is
 * read and dropped for a moment first, lest a reset destroys our last words
 * on their way; a peer at its end of input is watched for SMTP_CONN_WATCH_MS
 * instead, and `closed` says RESET where it turns out to have gone. */
void smtp_conn_finish(
    struct smtp_conn *, enum smtp_close, const char *why, bool linger);

/* `closed` with these, soon; nothing more is read or written. */
void smtp_conn_fail(struct smtp_conn *, enum smtp_close, const char *why);

/* True once it cannot but end: `closed` was called or follows. */
bool smtp_conn_lost(const struct smtp_conn *);

/* Bytes or the peer's end wait in the socket: a system call. */
bool smtp_conn_peek(const struct smtp_conn *);

#endif
