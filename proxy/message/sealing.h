/*
 * A verifying worker's side of ARC sealing: makes the set, has its two texts
 * signed by signers, and never sees the key.
 */
#ifndef PROXY_MESSAGE_SEALING_H
#define PROXY_MESSAGE_SEALING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"
#include "mail/verdict.h"
#include "proxy/settings/config.h"

struct dkim_body_hashes;
struct mail_header;
struct proxy_signers;

enum proxy_seal_status {
	PROXY_SEAL_MADE,
	PROXY_SEAL_NONE,   /* no set can be put on this message */
	PROXY_SEAL_TROUBLE /* no signer, or the key is not there now */
};

/* `fields` are the three fields with their line ends; `reason` is where
 * there are none. Both live for the call. */
typedef void proxy_seal_fn(
    void *ctx, enum proxy_seal_status, struct slice fields, const char *reason);

/* All borrowed. */
struct proxy_sealing {
	const struct proxy_config *config;
	struct proxy_signers *signers;
	size_t text_max; /* octets that a signature may cover of a header */
};

struct proxy_seal;

/* The body hash that a seal needs: before the body is written. */
void proxy_sealing_want(struct dkim_body_hashes *);

/* What is sealed. The results are borrowed for the length of the call, the
 * others for the life of the seal. */
struct proxy_seal_job {
	const struct mail_header *header;
	struct dkim_body_hashes *body; /* ended */
	struct slice results;	       /* with the authserv-id */
	enum mail_verdict chain;
};

/* The function is called once, from the event loop, and not after
 * proxy_seal_cancel(), which comes in any case. */
struct proxy_seal *proxy_seal_begin(const struct proxy_sealing *,
    const struct proxy_seal_job *, proxy_seal_fn *, void *ctx);
void proxy_seal_cancel(struct proxy_seal *); /* NULL is fine */

/* Until then: as proxy_sign_asking_is_likely(). */
bool proxy_seal_is_likely(const struct proxy_seal *);

#endif
