/*
 * ARC (RFC 8617), historic: a message's chain of sealed results, checked and
 * continued. The verbs of a check are those of dkim/verifier.h.
 */
#ifndef DKIM_ARC_H
#define DKIM_ARC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "base/strbuf.h"
#include "dkim/algorithm.h"
#include "dkim/verifier.h"
#include "dns/question.h"
#include "mail/reason.h"
#include "mail/verdict.h"

/* Sets in a chain (section 4.2.1). */
#define DKIM_ARC_SETS_MAX 50
/* Octets of the three fields that we make. */
#define DKIM_ARC_FIELDS_MAX 196608

struct dkim_body_hashes;
struct dkim_field_list;
struct mail_header;

/* What section 5.2 makes of the chain. */
struct dkim_arc_finding {
	enum mail_verdict verdict; /* none, pass, fail or temperror */
	unsigned instance;	   /* the highest i=; 0 where there is none */
	enum mail_reason reason;   /* none for none and pass */
	/* The same in words, with the field that it is of; lives as long as
	 * the check, never NULL. */
	const char *text;
};

struct dkim_arc;

/*
 * Collects the sets and asks for each seal's key and for the key of the
 * highest ARC-Message-Signature. As dkim_verifier_new(): `body` must outlive
 * it, the header is not needed after. Never NULL.
 */
struct dkim_arc *dkim_arc_new(const struct dkim_rules *,
    const struct mail_header *, struct dkim_body_hashes *body, int64_t now);
bool dkim_arc_ask(struct dkim_arc *, struct dns_question *);
void dkim_arc_answer(
    struct dkim_arc *, const struct dns_question *, const struct dns_answer *);
void dkim_arc_end(struct dkim_arc *); /* after dkim_body_hashes_end() */
bool dkim_arc_done(const struct dkim_arc *);
struct dkim_arc_finding dkim_arc_finding(const struct dkim_arc *);

/*
 * Of a chain that passes, by instance from 1 to the highest: who sealed it
 * (d= in A-labels), and the results it sealed (ARC-Authentication-Results
 * behind "i=N;", folding kept: an authserv-id and results as of RFC 8601).
 * Empty for another instance. Live as long as the check.
 */
struct slice dkim_arc_sealer_domain(const struct dkim_arc *, unsigned instance);
struct slice dkim_arc_results(const struct dkim_arc *, unsigned instance);

void dkim_arc_free(struct dkim_arc *); /* NULL is fine */

/* What the policy chose. Borrowed for the length of _new(). */
struct dkim_arc_sealing {
	struct slice domain, selector;	      /* U-labels become A-labels */
	enum dkim_algorithm algorithm;	      /* not rsa-sha1 */
	const struct dkim_field_list *fields; /* NULL: the built-in list */
	/* The value of the Authentication-Results field that is sealed, with
	 * or without its folding; its authserv-id comes first. */
	struct slice results;
	/* What dkim_arc_finding() said of the chain so far. */
	enum mail_verdict chain;
	int64_t time; /* t= of both signatures; negative: leave it out */
};

struct dkim_arc_sealer;

/*
 * Makes the next set. NULL and a reason where there is none to make: no
 * From, bad names, a chain that has ended (cv=fail), is full or could not be
 * checked. As dkim_signer_new() for header and body. The message's signature
 * comes first, since the seal covers it:
 *
 *	dkim_body_hashes_end(body);
 *	sign dkim_arc_sealer_message_digest(s), give _message_seal() that
 *	sign dkim_arc_sealer_digest(s), give _seal() that
 */
struct dkim_arc_sealer *dkim_arc_sealer_new(const struct dkim_arc_sealing *,
    const struct mail_header *, struct dkim_body_hashes *body,
    struct strbuf *reason);

/* What each of the two covers, canonical, its own field with an empty b= at
 * the end; the digests are of these. They live as long as the sealer. */
struct slice dkim_arc_sealer_message_text(struct dkim_arc_sealer *);
struct slice dkim_arc_sealer_text(struct dkim_arc_sealer *);

struct slice dkim_arc_sealer_message_digest(struct dkim_arc_sealer *);
void dkim_arc_sealer_message_seal(
    struct dkim_arc_sealer *, struct slice signature);
struct slice dkim_arc_sealer_digest(struct dkim_arc_sealer *);

/* Adds ARC-Seal, ARC-Message-Signature and ARC-Authentication-Results, in
 * this order. 0, or -1 where a strbuf is full. */
int dkim_arc_sealer_seal(
    struct dkim_arc_sealer *, struct slice signature, struct strbuf *fields);

void dkim_arc_sealer_free(struct dkim_arc_sealer *); /* NULL is fine */

#endif
