/*
 * iprev (RFC 8601 section 3): does a name that the client's address leads
 * to lead back to it. The verbs are those of every check.
 */
#ifndef AUTH_IPREV_H
#define AUTH_IPREV_H

#include <stdbool.h>

#include "base/slice.h"
#include "dns/question.h"
#include "mail/reason.h"
#include "mail/verdict.h"

#define AUTH_IPREV_NAMES_MAX 10 /* those past it are not looked at */

struct auth_iprev;

/* The address as text; NULL where it is none. */
struct auth_iprev *auth_iprev_new(struct slice address);
bool auth_iprev_ask(struct auth_iprev *, struct dns_question *);
void auth_iprev_answer(struct auth_iprev *, const struct dns_question *,
    const struct dns_answer *);
bool auth_iprev_done(const struct auth_iprev *);
enum mail_verdict auth_iprev_verdict(const struct auth_iprev *);
/* The name that leads back; empty where none does. */
struct slice auth_iprev_name(const struct auth_iprev *);
enum mail_reason auth_iprev_reason(const struct auth_iprev *);
void auth_iprev_free(struct auth_iprev *); /* NULL is fine */

#endif
