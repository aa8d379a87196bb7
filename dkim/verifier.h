/*
 * Checks every DKIM signature of one message (RFC 6376 section 6, 8301,
 * 8463, 8616). It asks for key records and is given them, in any order,
 * before, during or after the body.
 *
 *	h = dkim_body_hashes_new();
 *	v = dkim_verifier_new(&rules, header, h, now);
 *	while (dkim_verifier_ask(v, &question)) ...	until nothing is asked
 *	dkim_verifier_answer(v, &question, &answer) ...	one for each asked
 *	dkim_body_hashes_write(h, chunk) ... dkim_body_hashes_end(h);
 *	dkim_verifier_end(v);
 *	dkim_verifier_done(v)				all answered and ended
 *
 * A question without an answer by the deadline is answered DNS_TEMPFAIL by
 * the caller; there is no second way to end.
 */
#ifndef DKIM_VERIFIER_H
#define DKIM_VERIFIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "dkim/algorithm.h"
#include "dns/question.h"
#include "mail/reason.h"
#include "mail/verdict.h"

/* Signatures looked at, the authors' own first and then from the top, where the
 * rules do not say; the others get MAIL_VERDICT_POLICY, a reason and nothing
 * else. */
#define DKIM_VERIFIER_SIGNATURES_MAX 10
/* Distinct body hashes for one message's signatures, likewise. */
#define DKIM_VERIFIER_HASHES_MAX 6
/* What the rules may say at most. */
#define DKIM_VERIFIER_SIGNATURES_MOST 50
#define DKIM_VERIFIER_HASHES_MOST     24
/* Octets of a signature field we parse. */
#define DKIM_VERIFIER_FIELD_MAX 65536
/* Seconds that a signer's clock may be ahead of ours. */
#define DKIM_VERIFIER_SKEW 300

struct dkim_body_hashes;
struct mail_header;

struct dkim_rules {
	bool weak; /* let rsa-sha1 and RSA keys of 512 to 1023 bits pass */
	bool partial_body; /* let l= that leaves part of the body out pass */
	unsigned signatures, hashes; /* 0: the numbers above */
	/* The authors' domains in A-labels, whose signatures are looked at
	 * first. Borrowed for the length of _new(). */
	const struct slice *authors;
	size_t author_count;
};

/* One signature. The slices live as long as the verifier. */
struct dkim_finding {
	enum mail_verdict verdict;
	struct slice domain, selector; /* d=, s= as they stand; may be empty */
	struct slice identity;	       /* i=, or "@" and d= where left out */
	struct slice signature;	       /* b= without white space */
	struct slice fields;	       /* h= with its white space */
	struct slice algorithm_text;   /* a= as it stands; may be empty */
	enum dkim_algorithm algorithm;
	unsigned bits;		  /* of the key; 0 where none was read */
	bool testing;		  /* t=y of the key record */
	bool authenticated;	  /* the key record came with DNSSEC's AD */
	uint64_t unsigned_octets; /* of the body, beyond l= */
	enum mail_reason reason;
};

struct dkim_verifier;

/* `now` in seconds since 1970. The header is not needed after; `body` must
 * outlive the verifier. Never NULL. */
struct dkim_verifier *dkim_verifier_new(const struct dkim_rules *,
    const struct mail_header *, struct dkim_body_hashes *body, int64_t now);

/* The next question; false when there is none (for now). Equal questions
 * of several signatures are asked once. */
bool dkim_verifier_ask(struct dkim_verifier *, struct dns_question *);
/* Answers to what was not asked are ignored. The answer is not kept. */
void dkim_verifier_answer(struct dkim_verifier *, const struct dns_question *,
    const struct dns_answer *);

/* After dkim_body_hashes_end(). */
void dkim_verifier_end(struct dkim_verifier *);
bool dkim_verifier_done(const struct dkim_verifier *);

/* Findings, in the order of the fields, the top one first. */
size_t dkim_verifier_count(const struct dkim_verifier *);
struct dkim_finding dkim_verifier_finding(
    const struct dkim_verifier *, size_t index);

void dkim_verifier_free(struct dkim_verifier *);

#endif
