/*
 * One signature's life: PARSED, ASKED, KEYED, JUDGED. A fault jumps to
 * JUDGED with its reason. Private to the room: DKIM, DomainKeys and ARC fill
 * it in, each in its way, and leave key records and verifying to it.
 */
#ifndef DKIM_CHECK_H
#define DKIM_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "base/strbuf.h"
#include "dkim/algorithm.h"
#include "dkim/signature.h"
#include "dkim/verifier.h"
#include "dns/question.h"

/* Several keys under one name: so many are tried (section 6.1.2). */
#define DKIM_CHECK_KEYS_MAX 4
/* Octets of b=; more than any key makes that we take, so that a signature by
 * a larger key is refused for its key. */
#define DKIM_CHECK_SIGNATURE_MAX 4096
/* Digests that b= may be of; DomainKeys can be read in two ways. */
#define DKIM_CHECK_DIGESTS_MAX 2

struct dkim_body_hashes;
struct dkim_public_key;

enum dkim_check_state {
	DKIM_CHECK_PARSED, /* its question is still to be asked */
	DKIM_CHECK_ASKED,
	DKIM_CHECK_KEYED, /* waits for the end of the body */
	DKIM_CHECK_JUDGED
};

struct dkim_check {
	enum dkim_check_state state;
	struct dkim_fault outcome; /* when JUDGED */
	struct dns_question question;
	bool weak;	    /* dkim_rules.weak */
	bool domainkeys;    /* key records by RFC 4870 */
	bool subdomain;	    /* i= is below d=, which t=s forbids */
	struct slice local; /* DomainKeys: what g= must equal */
	enum dkim_algorithm algorithm;
	struct strbuf signature; /* b= decoded */
	struct strbuf b;	 /* b= without white space */
	struct strbuf digest;	 /* of the header; empty: see `numbers` */
	struct strbuf body_hash; /* bh= decoded; empty: none */
	uint64_t body_limit;
	bool partial_body; /* dkim_rules.partial_body */
	/* Of dkim_body_hashes: of the body; of the whole message. */
	int body_number;
	int numbers[DKIM_CHECK_DIGESTS_MAX];
	size_t number_count;
	/* What came of it. */
	struct dkim_public_key *keys[DKIM_CHECK_KEYS_MAX];
	size_t key_count;
	unsigned bits;
	bool testing, authentic;
	uint64_t unsigned_octets;
};

void dkim_check_init(struct dkim_check *, const struct dkim_rules *);
void dkim_check_clear(struct dkim_check *);

/* JUDGED. */
void dkim_check_judge(
    struct dkim_check *, enum mail_verdict, enum mail_reason reason);

/* Sets the question, SELECTOR._domainkey.DOMAIN; 0, or -1 and JUDGED where
 * that is no name. */
int dkim_check_name(
    struct dkim_check *, struct slice selector, struct slice domain);

/* Keeps b= to be told of, whatever is in it. */
void dkim_check_keep_b(struct dkim_check *, struct slice signature);

/* Decodes b= and bh= (none where empty); 0, or -1 and JUDGED. */
int dkim_check_decode(
    struct dkim_check *, struct slice signature, struct slice body_hash);

/* The key records, for a check that is ASKED. */
void dkim_check_answer(struct dkim_check *, const struct dns_answer *);

/* The end of the body; a check that is still ASKED is judged when its answer
 * comes. `body` may be NULL where neither a body hash nor a hash of the
 * message is needed. */
void dkim_check_end(struct dkim_check *, const struct dkim_body_hashes *body);

/* What all findings have from here. */
void dkim_check_report(const struct dkim_check *, struct dkim_finding *);

#endif
