/*
 * DMARC (RFC 9989): does an identifier that passed SPF or DKIM belong to
 * the organization that From names, and what does its owner ask for where
 * none does. Asks and is answered; is told which identifiers passed.
 *
 *	d = auth_dmarc_new(header);
 *	auth_dmarc_identifier(d, AUTH_DMARC_SPF, true, domain) ...
 *	auth_dmarc_end(d);			no more of them
 *	while (auth_dmarc_ask(d, &question)) ...	answer, at any time
 *	auth_dmarc_done(d); auth_dmarc_finding(d)
 *
 * Where From names several domains, each must pass, and of those that fail
 * the strictest policy holds (section 11.5). A From that is faulty, or there
 * twice, can fail by the policy of any domain in it, but never pass: what
 * passes is a permanent error then.
 */
#ifndef AUTH_DMARC_H
#define AUTH_DMARC_H

#include <stdbool.h>

#include "auth/orgdomain.h"
#include "base/slice.h"
#include "dkim/verifier.h"
#include "dns/question.h"
#include "mail/reason.h"
#include "mail/verdict.h"

/* Different ones: every DKIM signature there may be, and SPF's. */
#define AUTH_DMARC_IDENTIFIERS_MAX (DKIM_VERIFIER_SIGNATURES_MOST + 1)

struct mail_header;

enum auth_dmarc_kind { AUTH_DMARC_DKIM, AUTH_DMARC_SPF };

/* Slices and texts live as long as the struct auth_dmarc. */
struct auth_dmarc_finding {
	enum mail_verdict verdict;
	struct slice domain;	  /* From's that decided; may be empty */
	struct slice record;	  /* empty: none */
	struct slice record_name; /* the domain that publishes it */
	const char *policy;	  /* asked for: "none"..., NULL: no record */
	const char *disposition;  /* the same after t=, "none" for a pass */
	bool dkim_aligned, spf_aligned;
	bool testing;		    /* the record says t=y */
	bool sole;		    /* one From, of this domain and no other */
	const char *from_fault;	    /* what is wrong with From; NULL: nothing */
	enum mail_reason from_code; /* the same as a value */
	enum mail_reason code;
	const char *reason; /* the same in words; never NULL */
};

struct auth_dmarc;

/* The header is not needed after. Never NULL. */
struct auth_dmarc *auth_dmarc_new(const struct mail_header *);

/* A domain that a check ended with: `passed`, or else that a temporary
 * error kept it from saying so. Those past the maximum are not looked at. */
void auth_dmarc_identifier(struct auth_dmarc *, enum auth_dmarc_kind,
    bool passed, struct slice domain);
void auth_dmarc_end(struct auth_dmarc *);

bool auth_dmarc_ask(struct auth_dmarc *, struct dns_question *);
void auth_dmarc_answer(struct auth_dmarc *, const struct dns_question *,
    const struct dns_answer *);
bool auth_dmarc_done(const struct auth_dmarc *);
struct auth_dmarc_finding auth_dmarc_finding(const struct auth_dmarc *);
void auth_dmarc_free(struct auth_dmarc *); /* NULL is fine */

#endif
