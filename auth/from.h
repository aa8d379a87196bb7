/*
 * From as DMARC looks at it: the domains of its authors, and what is wrong
 * with the field (RFC 5322 section 3.6: one From with addresses in it). A
 * fault hides no author that was seen before or behind it: another program
 * may read the field otherwise and show that one (RFC 9989 section 11.5).
 */
#ifndef AUTH_FROM_H
#define AUTH_FROM_H

#include <stddef.h>

#include "base/slice.h"
#include "base/strbuf.h"
#include "mail/reason.h"

/* Domains looked at; more are a fault. */
#define AUTH_FROM_DOMAINS_MAX 4

struct mail_header;

struct auth_from {
	/* Each once, from the topmost From on: A-labels, lower case. */
	size_t count;
	char *domains[AUTH_FROM_DOMAINS_MAX];
	enum mail_reason reason; /* what is wrong; none: nothing */
	struct strbuf fault;	 /* the same as a clause for people */
};

/* The header is not needed after. */
void auth_from_init(struct auth_from *, const struct mail_header *);
void auth_from_clear(struct auth_from *);

/* A domain in that form, to be freed; NULL where it is no domain name. */
char *auth_from_domain(struct slice domain);

#endif
