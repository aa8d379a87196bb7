/*
 * What tools ask of keys by way of the master: which keys the signers have for a
 * domain, and whether mail of that domain would be signed, by a trial. The master
 * asks the signers as a worker does, with a fixed text, and has no key.
 *
 *	key	{"key":DOMAIN, "rule":TEXT, "signers":2,
 *		 "keys":[{"signature":"dkim", "domain":DOMAIN,
 *		          "selector":TEXT, "algorithm":"rsa-sha256",
 *		          "bits":2048, "since":SECONDS, "everywhere":SECONDS,
 *		          "used":SECONDS, "signers":2}...],
 *		 "failures":[{"signature":"dkim", "domain":DOMAIN,
 *		              "reason":TEXT}...]}
 *	trial	{"trial":DOMAIN, "verdict":"pass"|"refuse"|"refuse-for-now",
 *		 "notes":{"signed":TEXT, "rule":TEXT...}, "message":TEXT}
 *
 * Of a key, since is when the first signer got it, everywhere when the last did,
 * used when it last signed, 0: not yet. `signers` is how many have it: while a key
 * is replaced some have the one, some the other. A key that a signer has not yet
 * been asked for it gets by being asked. A failure is a key that cannot be had. The
 * notes are those of the log's line.
 */
#ifndef PROXY_PROCESS_INQUIRY_H
#define PROXY_PROCESS_INQUIRY_H

#include <stddef.h>

#include "base/log.h"
#include "base/slice.h"
#include "proxy/settings/config.h"

struct event_base;
struct proxy_inquiry;

/* All borrowed, but for the sockets. */
struct proxy_inquiry_job {
	struct event_base *base;
	const struct proxy_config *config;
	struct log *log;
	const int *signers; /* a socket to each, for this inquiry; taken */
	size_t signer_count;
	/* The answer, one JSON object, once, from the event loop. */
	void (*done)(void *ctx, struct slice answer);
	void *ctx;
};

/* The domain in A-labels. What is not done yet may be freed as well. */
struct proxy_inquiry *proxy_inquiry_key(
    const struct proxy_inquiry_job *, struct slice domain);
struct proxy_inquiry *proxy_inquiry_trial(
    const struct proxy_inquiry_job *, struct slice domain);
void proxy_inquiry_free(struct proxy_inquiry *); /* NULL is fine */

#endif
