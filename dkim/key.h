/*
 * Private and public keys. A private key is made from PEM bytes; where they
 * lay is not its affair. Digest in, signature out: a signer never sees one.
 */
#ifndef DKIM_KEY_H
#define DKIM_KEY_H

#include <stdbool.h>

#include "base/slice.h"
#include "base/strbuf.h"
#include "dkim/algorithm.h"
#include "mail/reason.h"

/* RSA: a private key must have 1024 to 4096 bits (RFC 8301 asks for 1024 at
 * least); a public one up to 4096, for each costs the verifier time. */
#define DKIM_KEY_BITS_MIN      1024
#define DKIM_KEY_BITS_MIN_WEAK 512
#define DKIM_KEY_BITS_MAX      4096
/* Octets of a PEM file, of a signature, of a public key. */
#define DKIM_KEY_PEM_MAX       16384
#define DKIM_KEY_SIGNATURE_MAX 512
#define DKIM_KEY_PUBLIC_MAX    4096

/*
 * One private key. Signing keeps prepared state in it, so it belongs to one
 * thread; to its callers it does not change.
 */
struct dkim_key;

/*
 * PKCS#1 or PKCS#8 RSA, or PKCS#8 Ed25519 (of either version), not encrypted;
 * text around the PEM block is skipped. Or an Ed25519 seed in base64, its
 * public key behind it or not. NULL and a reason where it is not such a key,
 * or is damaged: what a key that is given out signs, its public half verifies.
 */
struct dkim_key *dkim_key_parse(struct slice pem, struct strbuf *reason);
struct dkim_key *dkim_key_generate(
    enum dkim_key_type, unsigned bits, struct strbuf *reason);
void dkim_key_free(struct dkim_key *); /* wipes; NULL is fine */

enum dkim_key_type dkim_key_type(const struct dkim_key *);
unsigned dkim_key_bits(const struct dkim_key *);
bool dkim_key_fits(const struct dkim_key *, enum dkim_algorithm);
/* The key's own: rsa-sha256 or ed25519-sha256. */
enum dkim_algorithm dkim_key_algorithm(const struct dkim_key *);

/* Adds the signature over a digest: PKCS#1 v1.5 for RSA, PureEdDSA of the
 * digest for Ed25519 (RFC 8463 section 3). 0, or -1 where the key does not
 * fit or libcrypto fails. */
int dkim_key_sign(const struct dkim_key *, enum dkim_algorithm,
    struct slice digest, struct strbuf *signature);

/* The PEM text of a private key (PKCS#8); wipe the strbuf after use. */
int dkim_key_print(const struct dkim_key *, struct strbuf *pem);

/* The octets that p= of its key record holds, not yet in base64:
 * SubjectPublicKeyInfo for RSA, the 32 octets for Ed25519. */
int dkim_key_public(const struct dkim_key *, struct strbuf *octets);

/* A public key, from the octets of p=. */
struct dkim_public_key;

/* RSA: SubjectPublicKeyInfo, or the RSAPublicKey that RFC 6376 section
 * 3.6.1 names. NULL and a reason  where it is not one. */
struct dkim_public_key *dkim_public_key_parse(
    enum dkim_key_type, struct slice octets, enum mail_reason *reason);
void dkim_public_key_free(struct dkim_public_key *);

unsigned dkim_public_key_bits(const struct dkim_public_key *);
bool dkim_public_key_verify(const struct dkim_public_key *, enum dkim_algorithm,
    struct slice digest, struct slice signature);
/* Whether the private half of this key made the signature, over whatever
 * digest: the padding of RSA (RFC 8017 section 9.2) comes out with no other
 * key. False for Ed25519, where that cannot be told. */
bool dkim_public_key_made(
    const struct dkim_public_key *, struct slice signature);

#endif
