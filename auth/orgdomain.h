/*
 * Organizational domains by the DNS tree walk (RFC 9989 section 4.10): at
 * most eight questions a domain, asked together, none twice for several
 * domains.
 */
#ifndef AUTH_ORGDOMAIN_H
#define AUTH_ORGDOMAIN_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/dmarc_record.h"
#include "base/slice.h"
#include "dns/question.h"

#define AUTH_ORGDOMAIN_WALK_MAX 8 /* questions of one walk */
/* Names of all walks of one message: those of four author domains and of
 * eleven signatures and paths, where none has a parent in common with
 * another; over it a walk fails. */
#define AUTH_ORGDOMAIN_NAMES_MAX 120

struct auth_orgdomain;

enum auth_orgdomain_status {
	AUTH_ORGDOMAIN_WAIT,   /* for answers */
	AUTH_ORGDOMAIN_FAILED, /* an answer did not come */
	AUTH_ORGDOMAIN_KNOWN
};

/* A record found. Lives as long as the struct auth_orgdomain. */
struct auth_orgdomain_record {
	struct slice name; /* the domain, without _dmarc. */
	struct slice text;
	struct auth_dmarc_record values;
};

struct auth_orgdomain *auth_orgdomain_new(void);

/* Begins the walk of a domain: lower case A-labels, no final dot. Again is
 * fine. -1 where there are too many names. */
int auth_orgdomain_walk(struct auth_orgdomain *, struct slice domain);

bool auth_orgdomain_ask(struct auth_orgdomain *, struct dns_question *);
void auth_orgdomain_answer(struct auth_orgdomain *, const struct dns_question *,
    const struct dns_answer *);

/* The organizational domain of a domain whose walk has begun; a view into
 * the domain given. */
enum auth_orgdomain_status auth_orgdomain_find(
    const struct auth_orgdomain *, struct slice domain, struct slice *org);

/*
 * Section 4.10.1: the record that holds for mail of that domain: its own,
 * its organizational domain's, the public suffix's. NULL where KNOWN says
 * that there is none.
 */
enum auth_orgdomain_status auth_orgdomain_policy(const struct auth_orgdomain *,
    struct slice domain, const struct auth_orgdomain_record **);

void auth_orgdomain_free(struct auth_orgdomain *); /* NULL is fine */

#endif
