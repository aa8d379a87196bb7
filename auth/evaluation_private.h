/* What evaluation.c (the checks at work) and evaluation_results.c (what
 * they found) share. */
#ifndef AUTH_EVALUATION_PRIVATE_H
#define AUTH_EVALUATION_PRIVATE_H

#include "auth/dmarc.h"
#include "auth/evaluation.h"
#include "auth/iprev.h"
#include "auth/pool.h"
#include "auth/senderid.h"
#include "auth/spf.h"
#include "dkim/body_hashes.h"

/* Every check that asks, by what it is for. */
enum part {
	PART_SPF,      /* MAIL FROM, or HELO where that is empty */
	PART_HELO,     /* HELO besides */
	PART_SENDERID, /* the PRA */
	PART_DKIM,
	PART_DOMAINKEYS,
	PART_DMARC,
	PART_ARC,
	PART_IPREV,
	PARTS
};

struct auth_evaluation {
	unsigned checks; /* those that are reported */
	bool no_header;	 /* it was too large */
	struct dkim_rules dkim_rules;
	int64_t now;
	char *address, *helo, *mail_from, *receiver;
	bool spf_helo;
	char **arc_trusted;
	size_t arc_trusted_count;

	struct auth_pool *pool;
	size_t most; /* questions */
	struct dkim_body_hashes *body;
	void *parts[PARTS]; /* NULL: not checked */
	bool ended, spf_told, dkim_told;

	struct auth_senderid_pra pra;
	enum mail_reason no_pra; /* why there is none */
};

static inline bool
auth_evaluation_reports(
    const struct auth_evaluation *evaluation, enum auth_method method)
{
	return (evaluation->checks >> method & 1) != 0;
}

#endif
