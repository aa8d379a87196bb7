/*
 * One message, from 354 to the answer to its final dot: spooled, filtered,
 * offered to the relay, sent, answered, written into the journal.
 *
 *	COLLECTING -> FILTERING -> OFFERING -> SENDING -> AWAITING -> DONE
 *
 * Trouble of ours, a refusal or a lost relay while the body still comes is
 * SWALLOWING: the rest is read to nothing and the answer given at its end.
 */
#ifndef PROXY_MESSAGE_TRANSACTION_H
#define PROXY_MESSAGE_TRANSACTION_H

#include "base/machine.h"
#include "base/slice.h"
#include "mail/opening.h"
#include "proxy/message/envelope.h"
#include "proxy/message/hop.h"
#include "proxy/message/service.h"
#include "smtp/reply.h"

/* Octets that it adds at most itself, besides its filter: what opens a message
 * put right, and the empty line behind a header. */
#define PROXY_TRANSACTION_ADDED_MAX (MAIL_OPENING_ADDED_MAX + 2)

struct proxy_transaction;

/* Its states, as above. */
extern const struct machine proxy_transaction_machine;

/* Does the client hear it? */
enum proxy_heard {
	PROXY_HEARD,
	PROXY_UNHEARD,
	/* It is at its end of input, and only what it does next can tell:
	 * proxy_transaction_heard() will be called. */
	PROXY_HEARD_PERHAPS
};

/* Called once, perhaps before the call that led to it returns: the answer to
 * the final dot. It lives for the call; afterwards the transaction is DONE. */
typedef enum proxy_heard proxy_answer_fn(void *ctx, const struct smtp_reply *);

/* Called from the event loop where the transaction got DONE out of no call
 * into here, because the filter was waited for: it may be freed now. */
typedef void proxy_done_fn(void *ctx);

struct proxy_transaction_ops {
	proxy_answer_fn *answer;
	proxy_done_fn *done;
};

/* `begun_ms` is when MAIL came. The envelope and the hop are borrowed. */
struct proxy_transaction *proxy_transaction_new(const struct proxy_service *,
    struct proxy_hop *, const struct proxy_envelope *, int64_t begun_ms,
    const struct proxy_transaction_ops *, void *ctx);

/* From the client. */
void proxy_transaction_body(struct proxy_transaction *, struct slice chunk);
void proxy_transaction_body_end(struct proxy_transaction *);

/* From the hop: answers to DATA and DOT, go on, connection lost. */
void proxy_transaction_reply(
    struct proxy_transaction *, enum proxy_errand, const struct smtp_reply *);
void proxy_transaction_drained(struct proxy_transaction *);
void proxy_transaction_hop_lost(struct proxy_transaction *, const char *why);

/* The client is gone. True where the relay has the whole message and its
 * answer must be waited for, so that the journal can tell; false where the
 * transaction is DONE. */
bool proxy_transaction_client_lost(struct proxy_transaction *, const char *why);

/* There is no more time. What the relay has whole and has not answered may
 * have been delivered, and the journal says so. */
void proxy_transaction_cut(struct proxy_transaction *);

/* Keeps the relay awake; call it every few seconds. */
void proxy_transaction_tick(struct proxy_transaction *, int64_t now_ms);

bool proxy_transaction_done(const struct proxy_transaction *);

/* True where it is DONE and its journal line waits for the next call. */
bool proxy_transaction_is_perhaps_heard(const struct proxy_transaction *);

/* What became of an answer that was PROXY_HEARD_PERHAPS. */
void proxy_transaction_heard(struct proxy_transaction *, bool heard);

void proxy_transaction_free(struct proxy_transaction *);

#endif
