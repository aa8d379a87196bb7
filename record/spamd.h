/*
 * Asks SpamAssassin's spamd about one message: CHECK of its protocol
 * (SPAMC/1.2; spamd/PROTOCOL in its sources). One connection a question,
 * under one time bound.
 */
#ifndef RECORD_SPAMD_H
#define RECORD_SPAMD_H

#include <stdbool.h>
#include <sys/socket.h>

#include "base/slice.h"
#include "base/strbuf.h"

struct event_base;

enum {
	RECORD_SPAMD_MS = 30 * 1000, /* default bound, connect to verdict */
	RECORD_SPAMD_REPLY_MAX = 16 * 1024,
};

/* What it said. */
struct record_spam {
	bool known; /* false: no verdict, `reason` says why */
	bool spam;
	double score, threshold;
	const char *reason; /* lives for the call; never NULL */
};

/* From a whole reply; `reason` is static. */
struct record_spam record_spamd_parse(struct slice reply);

/* "ham", "spam (score 7.1 of 5.0)", "temperror (why)": for the line
 * "SpamAssassin check: ". Adds to the strbuf. */
void record_spam_print(const struct record_spam *, struct strbuf *);

typedef void record_spamd_fn(void *ctx, const struct record_spam *);

struct record_spamd;

/* Where spamd listens. */
struct record_spamd_at {
	struct sockaddr_storage address;
	socklen_t length;
	unsigned ms; /* the bound; 0 is the default */
};

/* Sends the message (copied). The function runs once, later, never before
 * this returns, and not after a cancel; then the handle is gone. */
struct record_spamd *record_spamd_ask(struct event_base *,
    const struct record_spamd_at *, struct slice message, record_spamd_fn *,
    void *ctx);
void record_spamd_cancel(struct record_spamd *); /* NULL is fine */

#endif
