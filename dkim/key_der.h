/*
 * The little DER that a public RSA key needs (RFC 8017 appendix A.1, RFC 5280
 * section 4.1), and a private one of Ed25519 (RFC 5958, 8410). Private to the
 * room. Read here and not by libcrypto, because a key record comes from
 * strangers and because its general decoder takes longer than the signature's
 * check.
 */
#ifndef DKIM_KEY_DER_H
#define DKIM_KEY_DER_H

#include "base/slice.h"

/* Big-endian, without leading zero octets; views into what was parsed. */
struct dkim_rsa_numbers {
	struct slice modulus, exponent;
};

/* SubjectPublicKeyInfo with rsaEncryption, or a bare RSAPublicKey; nothing
 * may follow it. 0 or -1. */
int dkim_key_der_parse(struct slice der, struct dkim_rsa_numbers *);

/* OneAsymmetricKey with Ed25519: the 32 octets of the seed, and of the public
 * key, which is empty where the structure leaves it out; views. 0 or -1. */
int dkim_key_der_ed25519(
    struct slice der, struct slice *seed, struct slice *public);

#endif
