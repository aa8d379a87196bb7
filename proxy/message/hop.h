/*
 * A session's next hop: one relay connection at a time, made anew when a
 * command needs one, with the client's EHLO and XFORWARD said again. What it
 * is to be asked stands in a queue of errands, and is said when its turn
 * comes; each errand is answered once, in order. XFORWARDs, MAIL and RCPTs are
 * said without waiting for each other where the next hop offers PIPELINING.
 */
#ifndef PROXY_MESSAGE_HOP_H
#define PROXY_MESSAGE_HOP_H

#include "base/machine.h"
#include "base/slice.h"
#include "proxy/message/service.h"
#include "smtp/ehlo.h"
#include "smtp/reply.h"
#include "smtp/xforward.h"

/* What a relay's reply answers. */
enum proxy_errand {
	PROXY_ERRAND_NONE,
	PROXY_ERRAND_GREETING,
	PROXY_ERRAND_HELLO,
	PROXY_ERRAND_XFORWARD,
	PROXY_ERRAND_MAIL,
	PROXY_ERRAND_RCPT,
	PROXY_ERRAND_RSET,
	PROXY_ERRAND_NOOP,
	PROXY_ERRAND_QUIT,
	PROXY_ERRAND_DATA,
	PROXY_ERRAND_DOT,
	/* Of ours, nobody waits for their answers: */
	PROXY_ERRAND_KEEPALIVE,
	PROXY_ERRAND_TIDY,
	PROXY_ERRAND_HELLO_AGAIN,
	PROXY_ERRAND_XFORWARD_AGAIN,
};

/* Why an errand has no answer. */
enum proxy_hop_fault {
	PROXY_HOP_UNREACHED, /* no connection, or no greeting or EHLO on it */
	PROXY_HOP_LOST,	     /* the connection ended before the answer */
	PROXY_HOP_CHANGED    /* it no longer can what it told the client */
};

/* From the event loop only, never out of a call into here; from each of
 * them proxy_hop_free() may be called. */
struct proxy_hop_ops {
	/* The answer to the oldest errand; it lives for the call, and so does
	 * what the errand was given as `about`. */
	void (*reply)(void *ctx, enum proxy_errand, struct slice about,
	    const struct smtp_reply *);
	/* The oldest errand gets none. NONE: the connection ended with no
	 * errand out (as in a body). `why` is escaped and lives for the call;
	 * NULL where it is that of the one before. */
	void (*failed)(void *ctx, enum proxy_errand, enum proxy_hop_fault,
	    const char *why);
	/* Go on with the body. */
	void (*drained)(void *ctx);
};

struct proxy_hop;

/* Its states: DESIGN, "States". */
extern const struct machine proxy_hop_machine;

/* Begins to connect; the greeting is answered as an errand. The trace (or
 * NULL) must outlive it. */
struct proxy_hop *proxy_hop_new(const struct proxy_service *,
    const struct trace *, const struct proxy_hop_ops *, void *ctx);
void proxy_hop_free(struct proxy_hop *);

/*
 * Sends a command line (no CRLF), or keeps it until its turn comes. MAIL
 * and HELLO make a connection where there is none; RCPT and DATA must not be
 * asked for then (assert). `about` is copied, and given back with the answer.
 */
void proxy_hop_command(struct proxy_hop *, enum proxy_errand, struct slice line,
    struct slice about);

/*
 * Attributes of the client: kept, to be said again on a new connection, and
 * passed on as far as the relay takes them, SOURCE always as REMOTE (Postfix
 * rewrites the header of what is LOCAL, signed or not). False where it takes
 * none of `named` and no answer will come.
 */
bool proxy_hop_xforward(
    struct proxy_hop *, const struct smtp_xforward *, unsigned named);

/* The transaction is over, and with it what XFORWARD said. */
void proxy_hop_forget_client(struct proxy_hop *);

/* A command of ours whose answer nobody waits for: RSET after a refusal
 * (TIDY), NOOP while a body arrives (KEEPALIVE). */
void proxy_hop_background(struct proxy_hop *, enum proxy_errand);

/* The body after 354; as smtp_relay_body() and smtp_relay_body_end(). */
bool proxy_hop_body(struct proxy_hop *, struct slice chunk);
void proxy_hop_body_end(struct proxy_hop *);

/* Closes the connection at once (in a body: without the final dot); the
 * next MAIL makes a new one. */
void proxy_hop_drop(struct proxy_hop *);

/* Where what happens is told; a message is told of there as well. */
const struct trace *proxy_hop_trace(const struct proxy_hop *);

/* Is there a connection? */
bool proxy_hop_connected(const struct proxy_hop *);

/* May one more errand stand in the queue, and go to the next hop before those
 * in front of it are answered? */
bool proxy_hop_takes_more(const struct proxy_hop *);

/* Does a command wait for its answer? */
bool proxy_hop_owes(const struct proxy_hop *);

/* Milliseconds since anything was said to it; 0 while it owes an answer or
 * there is no connection. */
int64_t proxy_hop_quiet_ms(const struct proxy_hop *, int64_t now);

/* What the relay offered to the client's last EHLO. */
const struct smtp_capabilities *proxy_hop_capabilities(
    const struct proxy_hop *);

#endif
