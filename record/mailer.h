/*
 * Sends one mail of our own through an SMTP server (the outbound proxy's
 * listener): the reflector's answers, the aggregate reports. One connection
 * a mail, the bounds and timers of smtp/relay.h.
 */
#ifndef RECORD_MAILER_H
#define RECORD_MAILER_H

#include "base/slice.h"
#include "smtp/relay.h"

enum record_delivery {
	RECORD_DELIVERED, /* 250 to the final dot */
	RECORD_DEFERRED,  /* 4xx, or no answer: try again */
	RECORD_REFUSED	  /* 5xx: do not */
};

/* Copied. Paths without angle brackets; an empty `from` is the null sender.
 * `to` may be any mailbox with a domain, quoted or internationalized: SMTPUTF8
 * is asked for where its local part needs it, and a next hop that does not
 * offer it has refused. `message` has CRLF line ends. */
struct record_mail {
	struct slice helo, from, to, message;
};

/* `text` is the answer's first line or the reason; for the log escape it. */
typedef void record_mailer_fn(
    void *ctx, enum record_delivery, struct slice text);

struct record_mailer;

/* The function runs once, later, never before this returns, and not after a
 * cancel; then the handle is gone. NULL where a path or the HELO name could
 * not stand in a command. */
struct record_mailer *record_mailer_send(struct event_base *,
    const struct smtp_target *, const struct record_mail *, record_mailer_fn *,
    void *ctx);
void record_mailer_cancel(struct record_mailer *); /* NULL is fine */

#endif
