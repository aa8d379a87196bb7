/*
 * A key record (RFC 6376 section 3.6.1; RFC 4870 section 3.2.3): parse, and
 * may it be used for this signature.
 */
#ifndef DKIM_RECORD_H
#define DKIM_RECORD_H

#include <stdbool.h>

#include "base/slice.h"
#include "dkim/algorithm.h"
#include "mail/reason.h"

struct dkim_public_key;

/* Octets of a record we look at. */
#define DKIM_RECORD_MAX 8192

/* Views into the text that was parsed. */
struct dkim_record {
	enum dkim_key_type key_type; /* k=; rsa where left out */
	bool revoked;		     /* p= is empty */
	bool testing;		     /* t=y */
	bool strict;		     /* t=s: i= must be in d= itself */
	bool has_hashes;	     /* h= is there */
	bool sha1, sha256;	     /* what it allows (all where left out) */
	bool email;		     /* s= allows email */
	bool has_granularity;	     /* g= is there (DomainKeys only) */
	struct slice granularity;
	struct slice key; /* p=, base64 and white space */
};

/* 0, or -1 and why: not a key record of DKIM. */
int dkim_record_parse(
    struct slice text, struct dkim_record *, enum mail_reason *reason);

/* The same by DomainKeys' rules: no v=, h= or s=; g= counts. */
int dkim_record_parse_domainkeys(
    struct slice text, struct dkim_record *, enum mail_reason *reason);

/* Why the record may not serve a DKIM signature made with this algorithm;
 * MAIL_REASON_NONE where it may. */
enum mail_reason dkim_record_refuses(
    const struct dkim_record *, enum dkim_algorithm);

/* The key of p=: the caller's; or NULL and why it is none. */
struct dkim_public_key *dkim_record_public_key(
    const struct dkim_record *, enum mail_reason *reason);

#endif
