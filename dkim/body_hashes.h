/*
 * The hashes of one message's body, shared by everything that signs or
 * checks it. Each distinct canonicalization runs once, each distinct
 * (canonicalization, digest, l=) is hashed once, whoever asks.
 *
 *	h = dkim_body_hashes_new();
 *	... signers and verifiers are made with h, and ask for what they need
 *	dkim_body_hashes_write(h, chunk); ...
 *	dkim_body_hashes_end(h);
 *	... dkim_signer_digest(), dkim_verifier_end() ...
 *	dkim_body_hashes_free(h);		after those who were given it
 */
#ifndef DKIM_BODY_HASHES_H
#define DKIM_BODY_HASHES_H

#include <stdbool.h>
#include <stdint.h>

#include "dkim/algorithm.h"
#include "dkim/canon.h"

/* Hashes in all: DKIM_VERIFIER_HASHES_MOST, two for each DomainKeys signature
 * that is looked at, one for ARC, and some to sign with. */
#define DKIM_BODY_HASHES_MAX 40
/* No l=: the whole body. */
#define DKIM_BODY_WHOLE UINT64_MAX

struct dkim_body_hashes;

struct dkim_body_hashes *dkim_body_hashes_new(void);

/*
 * Asks for a hash, before the first write. `limit` is l= or
 * DKIM_BODY_WHOLE. The number to get it by (the same number for the same
 * wish), or -1 where DKIM_BODY_HASHES_MAX is reached.
 */
int dkim_body_hashes_want(struct dkim_body_hashes *, enum dkim_canon,
    enum dkim_digest, uint64_t limit);

/* The number of such a hash where it was asked for before, else -1. */
int dkim_body_hashes_find(const struct dkim_body_hashes *, enum dkim_canon,
    enum dkim_digest, uint64_t limit);

/*
 * Asks for DomainKeys' one hash over header, line between, and body (RFC
 * 4870 section 3.4.2): `header` is hashed at once, then CRLF and the whole
 * body, or neither where the body has nothing but blank lines. Never shared.
 */
int dkim_body_hashes_want_message(struct dkim_body_hashes *, enum dkim_canon,
    enum dkim_digest, struct slice header);

void dkim_body_hashes_write(struct dkim_body_hashes *, struct slice chunk);
void dkim_body_hashes_end(struct dkim_body_hashes *);

/* After the end: the digest, and how long the canonical body is in all
 * (of which l= covers the beginning). Live as long as the hashes. */
struct slice dkim_body_hashes_digest(const struct dkim_body_hashes *, int);
uint64_t dkim_body_hashes_length(const struct dkim_body_hashes *, int);

/* NULL is fine. */
void dkim_body_hashes_free(struct dkim_body_hashes *);

#endif
