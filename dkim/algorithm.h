/*
 * The names that DKIM's a= takes (RFC 6376 section 3.3, RFC 8463), with the
 * hash and the kind of key behind each. Values only.
 */
#ifndef DKIM_ALGORITHM_H
#define DKIM_ALGORITHM_H

#include "base/slice.h"

enum dkim_algorithm {
	DKIM_ALGORITHM_UNKNOWN,
	DKIM_RSA_SHA256,
	DKIM_ED25519_SHA256,
	DKIM_RSA_SHA1 /* historic (RFC 8301); DomainKeys knows only this */
};

enum dkim_digest { DKIM_SHA256, DKIM_SHA1 };
enum dkim_key_type { DKIM_KEY_RSA, DKIM_KEY_ED25519 };

/* Octets of the longest digest. */
#define DKIM_DIGEST_MAX 32

/* The word in a= ("rsa-sha256"), without case; UNKNOWN for any other. */
enum dkim_algorithm dkim_algorithm_parse(struct slice);
/* That word; "unknown" for UNKNOWN. */
const char *dkim_algorithm_name(enum dkim_algorithm);

/* Not for UNKNOWN. */
enum dkim_digest dkim_algorithm_digest(enum dkim_algorithm);
enum dkim_key_type dkim_algorithm_key_type(enum dkim_algorithm);

/* "rsa", as in the k= of a key record. */
const char *dkim_key_type_name(enum dkim_key_type);

#endif
