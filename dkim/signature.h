/*
 * A DKIM-Signature field as a value (RFC 6376 section 3.5): parse, check,
 * print. Also ARC-Message-Signature's, which is the same but for v= and i=.
 */
#ifndef DKIM_SIGNATURE_H
#define DKIM_SIGNATURE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "base/strbuf.h"
#include "dkim/algorithm.h"
#include "dkim/canon.h"
#include "mail/reason.h"
#include "mail/verdict.h"

/* Names in h=. A header has at most 1000 fields; more is a try to make us
 * work. */
#define DKIM_SIGNATURE_FIELDS_MAX 2000
/* Octets of i= and of a domain, decoded. */
#define DKIM_SIGNATURE_IDENTITY_MAX 1024
#define DKIM_SIGNATURE_DOMAIN_MAX   253

struct mail_field;
struct mail_header;

/* Views into the value that was parsed, but for the strbufs. */
struct dkim_signature {
	enum dkim_algorithm algorithm;
	enum dkim_canon header_canon, body_canon;
	struct slice algorithm_text;   /* a= */
	struct slice domain, selector; /* d=, s= as they stand */
	struct slice fields;	       /* h= with its white space */
	struct slice body_hash;	       /* bh=, base64 with white space */
	struct slice signature;	       /* b= likewise */
	struct slice signature_whole;  /* all between b= and the semicolon */
	uint64_t body_limit;	       /* l=, or DKIM_BODY_WHOLE */
	int64_t time, expire;	       /* t=, x=; -1: left out */
	struct strbuf ascii_domain;    /* d= in A-labels, lower case */
	struct strbuf ascii_selector;
	struct strbuf identity; /* i= decoded, or "@" and d= */
	struct strbuf ascii_identity_domain;
};

/* What is wrong with a signature, and what that makes of it. */
struct dkim_fault {
	enum mail_verdict verdict;
	enum mail_reason reason;
};

void dkim_signature_init(struct dkim_signature *);
void dkim_signature_clear(struct dkim_signature *);

/*
 * 0, or -1 and the fault where it cannot be one (section 6.1.1): syntax, a
 * required tag missing, an unknown v=, a=, c= or q=, no From in h=, an i=
 * outside of d=, x= before t=. What could be read is set all the same. The
 * clock is not looked at.
 */
int dkim_signature_parse(
    struct slice value, struct dkim_signature *, struct dkim_fault *);
/* The same for ARC-Message-Signature (RFC 8617 section 4.1.2): no v=, i= is
 * the instance and left to the caller. */
int dkim_signature_parse_arc(
    struct slice value, struct dkim_signature *, struct dkim_fault *);

/* t= and x= against the clock, by seconds. 0, or -1 and the fault. */
int dkim_signature_check_time(const struct dkim_signature *, int64_t now,
    int64_t skew, struct dkim_fault *);

/*
 * The digest that b= signs (section 3.7): the fields that h= picks from the
 * header, then the signature's own field without its b=. `raw` is the field
 * that was parsed, `itself` that field in the header: it is not picked.
 * Digest octets are added.
 */
void dkim_signature_header_hash(const struct dkim_signature *, struct slice raw,
    const struct mail_field *itself, const struct mail_header *,
    struct strbuf *digest);

#endif
