/*
 * The side that speaks to the next server: connect, greeting, commands and
 * their answers in order, a body. Knows nothing of what the commands mean
 * save DATA. Several commands may be in flight where the relay offered
 * PIPELINING (RFC 2920; the caller knows): they stand in a queue, and each
 * gets one answer, in order.
 *
 * Callbacks come from the event loop only, never out of a call into here;
 * smtp_relay_free() may be called from every callback.
 */
#ifndef SMTP_RELAY_H
#define SMTP_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include <event2/util.h>

#include "base/machine.h"
#include "base/slice.h"
#include "base/trace.h"
#include "smtp/close.h"
#include "smtp/reply.h"

struct event_base;

/* As text too, for the settings' table: the same default, once. */
#define SMTP_RELAY_CONNECT_S 60	 /* connect and greeting, in all */
#define SMTP_RELAY_COMMAND_S 60	 /* each answer */
#define SMTP_RELAY_DOT_S     600 /* giving up earlier makes a copy */
#define SMTP_RELAY_WRITE_S   180 /* the relay takes no more body */

enum {
	SMTP_RELAY_CONNECT_MS = SMTP_RELAY_CONNECT_S * 1000,
	SMTP_RELAY_COMMAND_MS = SMTP_RELAY_COMMAND_S * 1000,
	SMTP_RELAY_DOT_MS = SMTP_RELAY_DOT_S * 1000,
	SMTP_RELAY_WRITE_MS = SMTP_RELAY_WRITE_S * 1000,
	SMTP_RELAY_HIGH_WATER = 64 * 1024, /* of what is not yet written */
	SMTP_RELAY_IN_FLIGHT_MAX = 64,
};

/* Where it is. Copied; zeros mean the defaults above. */
struct smtp_target {
	struct sockaddr_storage address; /* IPv4, IPv6 or a Unix socket */
	socklen_t address_length;
	unsigned connect_ms, command_ms, dot_ms, write_ms;
};

struct smtp_relay_ops {
	/* The greeting (first), then one for each command, for DATA, for the
	 * final dot. Lives for the call. After a 421 the relay is about to
	 * close: give it no further command. */
	void (*reply)(void *ctx, const struct smtp_reply *);
	/* What is to be written fell under low water: go on with the body. Only
	 * after smtp_relay_body() said false. */
	void (*drained)(void *ctx);
	/* The connection is gone: could not be made, a timer ended, the relay
	 * closed, or sent what is no reply, or a reply to nothing (its late
	 * 421 among them). The last callback. `why` lives for the call. */
	void (*closed)(void *ctx, enum smtp_close, const char *why);
};

struct smtp_relay;

enum smtp_relay_state {
	SMTP_RELAY_GREETING, /* connecting, and until the relay has greeted */
	SMTP_RELAY_READY,    /* commands, and their answers */
	SMTP_RELAY_BODY,     /* 354 came */
	SMTP_RELAY_DOT,	     /* the answer to the final dot is due */
	SMTP_RELAY_ASTRAY,   /* it said what is no answer; `closed` follows */
	SMTP_RELAY_CLOSED,   /* `closed` was called, or smtp_relay_free() */
	SMTP_RELAY_STATES
};
extern const struct machine smtp_relay_machine;

/* What happens is told there (base/trace.h); it must outlive the relay. */
void smtp_relay_trace(struct smtp_relay *, const struct trace *);

/* Begins to connect; failures come through ops->closed. */
struct smtp_relay *smtp_relay_new(struct event_base *,
    const struct smtp_target *, const struct smtp_relay_ops *ops, void *ctx);

/* Over a connected socket, which it takes; the target gives the timers. */
struct smtp_relay *smtp_relay_new_on(struct event_base *, evutil_socket_t,
    const struct smtp_target *, const struct smtp_relay_ops *ops, void *ctx);

/*
 * Sends one command; `line` without its CRLF, without CR, LF or NUL in it
 * (assert). Not before the greeting, not within a body (assert). After
 * ops->closed it is dropped.
 */
void smtp_relay_command(struct smtp_relay *, struct slice line);

/* The same, with a number by which ops->reply can tell what was answered. */
void smtp_relay_ask(struct smtp_relay *, unsigned tag, struct slice line);

/* Within ops->reply: the number of the command that it answers; 0 for one
 * without, for the greeting and for the final dot. */
unsigned smtp_relay_answered(const struct smtp_relay *);

/* The number of the oldest command that waits for its answer; 0: none. */
unsigned smtp_relay_oldest(const struct smtp_relay *);

/* May one more be in flight? */
bool smtp_relay_has_room(const struct smtp_relay *);

/* True once greeted, with nothing in flight and no body begun, until
 * closed. */
bool smtp_relay_idle(const struct smtp_relay *);

/*
 * Part of a message, after 354; dots are added here. The bytes are copied or
 * written. False: above high water; all was taken, but wait for
 * ops->drained before giving more. False, too, and the bytes dropped, where
 * the connection is lost: ops->closed follows, or was called.
 */
bool smtp_relay_body(struct smtp_relay *, struct slice chunk);

/* The final dot; its answer comes through ops->reply. */
void smtp_relay_body_end(struct smtp_relay *);

/* Closes at once: within a body this is without the final dot, so that the
 * relay keeps nothing. From any place. NULL is fine. */
void smtp_relay_free(struct smtp_relay *);

#endif
