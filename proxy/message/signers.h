/*
 * A worker's side of signing: it has no key, so it asks signers (DESIGN, "Asker
 * and signer"). Each signer has a socket to this worker alone, which the master
 * hands over. A question goes to the signer that has the fewest, a quick one to
 * the signer that is awake; when that one dies, or does not answer in time, to
 * another. What was heard of a key is kept, so that most signatures take one
 * question.
 */
#ifndef PROXY_MESSAGE_SIGNERS_H
#define PROXY_MESSAGE_SIGNERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "dkim/algorithm.h"
#include "proxy/keys/sign_wire.h"

struct event_base;
struct proxy_signers;
struct proxy_sign_asking;

/* Signers of one worker; questions that one of them has at a time; keys of
 * which the names are kept. */
#define PROXY_SIGNERS_MAX	64
#define PROXY_SIGNERS_IN_FLIGHT 8
#define PROXY_SIGNERS_HEARD	1024
/* A text is made anew so often at once where the key's name turns out another;
 * then it rests for so long, s, and begins once more, so often: a signer that has
 * not heard of a new key looks for it (PROXY_KEYS_AGAIN_S). */
#define PROXY_SIGNERS_STALE_MAX 2
#define PROXY_SIGNERS_REST_S	2
#define PROXY_SIGNERS_RESTS_MAX 4
/* A question at which so many signers have died is not asked again. */
#define PROXY_SIGNERS_DEATHS_MAX 4

/* `timeout`, s: how long a signer may take for an answer. */
struct proxy_signers *proxy_signers_new(struct event_base *, unsigned timeout);
/* Nobody may be asking any more. NULL is fine. */
void proxy_signers_free(struct proxy_signers *);

/* One more signer, as the master hands it over; takes the socket, which does
 * not wait. */
void proxy_signers_add(struct proxy_signers *, int socket);

/* Names that a key goes by. As long as the asking that they are of. */
struct proxy_sign_names {
	struct slice domain; /* d=: the one asked for, or a parent of it */
	struct slice selector;
	enum dkim_algorithm algorithm;
};

struct proxy_sign_wish {
	unsigned right; /* proxy/settings/sign_rights.h */
	enum proxy_sign_kind kind;
	struct slice domain; /* as long as the asking */
	/* Makes what is to be signed, with these names, perhaps not for the
	 * first time; it stays until the next time or the end. Not called for
	 * PROXY_SIGN_ASK_KEY. -1: it cannot be made; then the last word is
	 * TROUBLE without a reason. */
	int (*make)(void *ctx, const struct proxy_sign_names *, struct slice *);
	/*
	 * The last word, once, from the event loop. DONE has a signature; STALE
	 * is for PROXY_SIGN_ASK_KEY, and says that there is a key. A reason
	 * goes with MISSING and TROUBLE. The slices live for the call.
	 */
	void (*done)(void *ctx, const struct proxy_sign_answer *);
	void *ctx;
};

/* Ends with proxy_sign_asking_end(), from any place. */
struct proxy_sign_asking *proxy_sign_ask(
    struct proxy_signers *, const struct proxy_sign_wish *);
void proxy_sign_asking_end(struct proxy_sign_asking *); /* NULL is fine */

/* Of an asking that is done: the names that it was signed with, or that were
 * heard. */
const struct proxy_sign_names *proxy_sign_asking_names(
    const struct proxy_sign_asking *);

/* Is a signature likely to come of it: the text was made by a name that was heard
 * before, and a signer is there that is not silent? False for NULL. */
bool proxy_sign_asking_is_likely(const struct proxy_sign_asking *);

/* Is the key's name known, so that nothing need be asked before there is a
 * text? */
bool proxy_signers_know(
    struct proxy_signers *, unsigned right, struct slice domain);

#endif
