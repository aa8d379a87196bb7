/*
 * Makes one DKIM-Signature field (RFC 6376 section 5). It never sees the
 * private key: it says what must be signed and is given the signature.
 */
#ifndef DKIM_SIGNER_H
#define DKIM_SIGNER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "base/strbuf.h"
#include "dkim/algorithm.h"
#include "dkim/canon.h"

/* Octets of a signature field we make: h= may be long. */
#define DKIM_SIGNER_FIELD_MAX 65536

struct dkim_body_hashes;
struct dkim_field_list;
struct mail_header;

/* What the policy chose. Borrowed for the length of dkim_signer_new(). */
struct dkim_signing {
	struct slice domain;   /* U-labels become A-labels (RFC 8616) */
	struct slice selector; /* likewise */
	struct slice
	    identity; /* i=, "local@domain" or "@domain"; empty: none */
	enum dkim_algorithm algorithm;
	enum dkim_canon header_canon, body_canon;
	const struct dkim_field_list *fields; /* NULL: the built-in list */
	bool received_hidden; /* there is one more, below the new fields */
	int64_t time;	      /* t=; negative: leave it out */
	int64_t expire;	      /* x=; 0: leave it out */
};

struct dkim_signer;

/*
 * Takes the header's part at once and asks `body` for the body's hash; neither
 * header nor signing is needed after. `body` must outlive the signer. NULL
 * and a reason where no such signature can be made: no From, a bad domain,
 * selector or identity (not in or below the domain), no algorithm.
 */
struct dkim_signer *dkim_signer_new(const struct dkim_signing *,
    const struct mail_header *, struct dkim_body_hashes *body,
    struct strbuf *reason);

/* After dkim_body_hashes_end(): what is signed, the canonical text that ends
 * with this field (section 3.7), and its digest, which is what a key signs.
 * Both live as long as the signer. */
struct slice dkim_signer_text(struct dkim_signer *);
struct slice dkim_signer_digest(struct dkim_signer *);

/* Adds the field, folded at 78 columns, with its last CRLF. 0, or -1 where
 * the strbuf is full. */
int dkim_signer_seal(
    struct dkim_signer *, struct slice signature, struct strbuf *field);

void dkim_signer_free(struct dkim_signer *); /* NULL is fine */

#endif
