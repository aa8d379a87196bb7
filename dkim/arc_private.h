/* A chain as it stands in the header: what checking and sealing share.
 * Private to the room. */
#ifndef DKIM_ARC_PRIVATE_H
#define DKIM_ARC_PRIVATE_H

#include "base/slice.h"
#include "dkim/algorithm.h"
#include "dkim/arc.h"
#include "mail/reason.h"
#include "mail/verdict.h"

struct sink;
struct mail_field;
struct mail_header;

/* One instance; NULL where its field is missing. */
struct dkim_arc_set {
	const struct mail_field *results, *message, *seal;
};

/* Views into the header. */
struct dkim_arc_chain {
	unsigned highest;	/* i=; 0: no chain */
	enum mail_reason fault; /* none where the structure is whole */
	bool ended;		/* the highest seal has cv=fail */
	struct dkim_arc_set sets[DKIM_ARC_SETS_MAX + 1]; /* by instance */
};

/* Collects the sets and checks their structure: RFC 8617 section 5.2, steps
 * 1 to 3. */
void dkim_arc_chain_collect(
    struct dkim_arc_chain *, const struct mail_header *);

/* The tags of an ARC-Seal (section 4.1.3); views into its value. */
struct dkim_arc_seal {
	enum dkim_algorithm algorithm;
	enum mail_verdict chain; /* cv= */
	struct slice domain, selector, signature;
	struct slice signature_whole; /* all between b= and the semicolon */
};

/* 0, or -1 and why. */
int dkim_arc_seal_parse(
    struct slice value, struct dkim_arc_seal *, enum mail_reason *reason);

/* What stands behind "i=N;" in ARC-Authentication-Results. */
struct slice dkim_arc_results_payload(struct slice value);

/* Writes the fields of a set, canonical, in the seal's order (section 5.1.1):
 * results, message, and the seal where `whole`. */
void dkim_arc_set_write(const struct dkim_arc_set *, bool whole, struct sink *);

#endif
