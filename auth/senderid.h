/*
 * Sender-ID's Purported Responsible Address (RFC 4407), whose domain is
 * checked as auth/spf.h checks one (RFC 4406). Historic.
 */
#ifndef AUTH_SENDERID_H
#define AUTH_SENDERID_H

#include "base/slice.h"
#include "base/strbuf.h"
#include "mail/reason.h"

#define AUTH_SENDERID_PRA_MAX 1024 /* octets of an address kept */

struct mail_header;

struct auth_senderid_pra {
	struct strbuf address; /* local-part@domain */
	const char *field;     /* "resent-sender", ..., "from" */
};

/* 0 and the address; or -1 and why the message has none. Clear `address`
 * in either case. */
int auth_senderid_find(const struct mail_header *, struct auth_senderid_pra *,
    enum mail_reason *reason);

#endif
