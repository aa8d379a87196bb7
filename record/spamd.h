/*
 * Asks SpamAssassin's spamd about one message: SYMBOLS of its protocol
 * (SPAMC/1.2; spamd/PROTOCOL in its sources), which tells the score and the
 * rules that matched. One connection a question, under one time bound. An
 * answer ends at its Content-length or, without one, where spamd closes.
 */
#ifndef RECORD_SPAMD_H
#define RECORD_SPAMD_H

#include <stdbool.h>
#include <sys/socket.h>

#include "base/slice.h"
#include "base/strbuf.h"

struct event_base;

#define RECORD_SPAMD_S 30 /* default bound, connect to verdict */

enum {
	RECORD_SPAMD_MS = RECORD_SPAMD_S * 1000,
	RECORD_SPAMD_REPLY_MAX = 16 * 1024,
	RECORD_SPAM_RULE_MAX = 100 /* octets of a rule's name */
};

/* What it said. */
struct record_spam {
	bool known; /* false: no verdict, `reason` says why */
	bool spam;
	double score, threshold;
	struct slice rules; /* as they came, commas between; for the call */
	const char *reason; /* lives for the call; never NULL */
};

/* From a whole reply; `reason` is static, `rules` a view. */
struct record_spam record_spamd_parse(struct slice reply);

/* Has the reply come to the end that its Content-length tells of? */
bool record_spamd_is_whole(struct slice reply);

/* "ham (score 0.1, spam from 5.0)", "temperror (why)": for the line
 * "SpamAssassin check: ". Adds to the strbuf. */
void record_spam_print(const struct record_spam *, struct strbuf *);

/* "RULE, RULE"; what is no name of a rule is left out. */
void record_spam_print_rules(const struct record_spam *, struct strbuf *);

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
/* The same, but it is only asked whether it is there: `known` says so. */
struct record_spamd *record_spamd_ping(struct event_base *,
    const struct record_spamd_at *, record_spamd_fn *, void *ctx);
void record_spamd_cancel(struct record_spamd *); /* NULL is fine */

#endif
