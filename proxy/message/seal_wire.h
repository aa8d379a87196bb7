/*
 * What a verifying worker and the sealer say to each other: a digest one
 * way, a signature the other, one datagram each, over a SOCK_SEQPACKET pair
 * that carries nothing else. A worker makes the pair and sends the sealer
 * its end over a socket that outlives both.
 */
#ifndef PROXY_MESSAGE_SEAL_WIRE_H
#define PROXY_MESSAGE_SEAL_WIRE_H

#include <stdint.h>

#include "dkim/key.h"

#define PROXY_SEAL_DIGEST 32 /* SHA-256 */

struct proxy_seal_request {
	uint64_t id; /* comes back in the reply */
	char digest[PROXY_SEAL_DIGEST];
};

/* `n` of 0: the key could not be had, or did not sign. */
struct proxy_seal_reply {
	uint64_t id;
	uint32_t algorithm; /* enum dkim_algorithm */
	uint32_t n;
	char signature[DKIM_KEY_SIGNATURE_MAX];
};

#endif
