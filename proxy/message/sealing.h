/*
 * A verifying worker's side of ARC sealing: makes the set, has its two
 * digests signed by the sealer, and never sees the key.
 */
#ifndef PROXY_MESSAGE_SEALING_H
#define PROXY_MESSAGE_SEALING_H

#include "base/log.h"
#include "base/slice.h"
#include "mail/verdict.h"
#include "proxy/settings/config.h"

struct dkim_body_hashes;
struct event_base;
struct mail_header;

/* How long the sealer may take for one message, ms. */
#define PROXY_SEALING_MS 5000

enum proxy_seal_status {
	PROXY_SEAL_MADE,
	PROXY_SEAL_NONE,   /* no set can be put on this message */
	PROXY_SEAL_TROUBLE /* the sealer or its key is not there now */
};

/* `fields` are the three fields with their line ends; `reason` is where
 * there are none. Both live for the call. */
typedef void proxy_seal_fn(
    void *ctx, enum proxy_seal_status, struct slice fields, const char *reason);

struct proxy_sealing;
struct proxy_seal;

/* `hello_fd` leads to the sealer; stays the caller's. */
struct proxy_sealing *proxy_sealing_new(
    struct event_base *, const struct proxy_config *, int hello_fd);
/* No seal may be left. NULL is fine. */
void proxy_sealing_free(struct proxy_sealing *);

/* The body hash that a seal needs: before the body is written. */
void proxy_sealing_want(struct dkim_body_hashes *);

/* What is sealed. Borrowed for the length of the call. */
struct proxy_seal_job {
	const struct mail_header *header;
	struct dkim_body_hashes *body; /* ended; must outlive the seal */
	struct slice results;	       /* with the authserv-id */
	enum mail_verdict chain;
};

/* The function is called once, perhaps before this returns, and not after
 * proxy_seal_cancel(). */
void proxy_seal_begin(struct proxy_sealing *, const struct proxy_seal_job *,
    struct proxy_seal **to, proxy_seal_fn *, void *ctx);
void proxy_seal_cancel(struct proxy_seal *); /* NULL is fine */

#endif
