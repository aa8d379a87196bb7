/*
 * SPF (RFC 7208): may a host with this address use this domain in HELO or
 * MAIL FROM. check_host() as a machine on an explicit stack: it asks, is
 * answered, and ends; it has no socket and no clock.
 *
 *	s = auth_spf_new(&identity, AUTH_SPF_V1);
 *	while (auth_spf_ask(s, &question)) ...	answer each, ask again
 *	auth_spf_done(s); auth_spf_finding(s)
 *
 * Bounds: section 4.6.4's (ten terms that look up, two void look-ups, ten
 * MX or PTR names), ten nested records, records of 10,000 octets.
 */
#ifndef AUTH_SPF_H
#define AUTH_SPF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "dns/question.h"
#include "mail/reason.h"
#include "mail/verdict.h"

#define AUTH_SPF_LOOKUPS_MAX 10 /* section 4.6.4 */
#define AUTH_SPF_VOID_MAX    2
#define AUTH_SPF_NAMES_MAX   10 /* of one mx; looked at, of ptr */
#define AUTH_SPF_FRAMES_MAX  11 /* ten includes and the first record */

/* Which record speaks. The last two are Sender-ID's (RFC 4406). */
enum auth_spf_version {
	AUTH_SPF_V1,	/* v=spf1 */
	AUTH_SPF_MFROM, /* spf2.0/mfrom, else v=spf1 */
	AUTH_SPF_PRA	/* spf2.0/pra, else v=spf1 */
};

/* Borrowed for the length of auth_spf_new(). */
struct auth_spf_identity {
	struct slice address; /* the client's, as text */
	struct slice domain;  /* HELO, or of MAIL FROM or the PRA */
	/* MAIL FROM, the PRA; "postmaster@" and HELO where there is none
	 * (section 2.4). Without a local-part: postmaster (section 4.3). */
	struct slice sender;
	struct slice helo;     /* %{h}; empty: not known */
	struct slice receiver; /* %{r}; empty: "unknown" */
	int64_t now;	       /* %{t}, seconds since 1970 */
};

/* The slices and texts live as long as the struct auth_spf. They hold what
 * the record, or whoever chose the domain, put there: printers escape it. */
struct auth_spf_finding {
	enum mail_verdict verdict;
	struct slice domain;	  /* the one checked */
	struct slice record;	  /* the record that decided; may be empty */
	struct slice record_name; /* and where it stands */
	const char *mechanism;	  /* "" where none matched */
	struct slice explanation; /* of a fail; may be empty */
	enum mail_reason code;
	const char *reason; /* the same in words; never NULL */
	unsigned lookups;   /* terms that asked */
};

struct auth_spf;

/* Never NULL: an address or domain that is none ends at once. */
struct auth_spf *auth_spf_new(
    const struct auth_spf_identity *, enum auth_spf_version);
bool auth_spf_ask(struct auth_spf *, struct dns_question *);
void auth_spf_answer(
    struct auth_spf *, const struct dns_question *, const struct dns_answer *);
bool auth_spf_done(const struct auth_spf *);
struct auth_spf_finding auth_spf_finding(const struct auth_spf *);
void auth_spf_free(struct auth_spf *); /* NULL is fine */

#endif
