/*
 * A DMARC record as values (RFC 9989 section 4.7). What is not well formed
 * in a tag counts as if the tag were not there, but the policies: those say
 * whether they can be read. pct, rf and ri are no tags any more.
 */
#ifndef AUTH_DMARC_RECORD_H
#define AUTH_DMARC_RECORD_H

#include <stdbool.h>

#include "base/slice.h"

enum auth_dmarc_policy {
	AUTH_DMARC_NONE,
	AUTH_DMARC_QUARANTINE,
	AUTH_DMARC_REJECT
};

/* A p=, sp= or np=. */
struct auth_dmarc_request {
	bool present, valid;
	enum auth_dmarc_policy policy;
};

/* The slices are views into the text. Of a tag that comes twice the first
 * counts. */
struct auth_dmarc_record {
	struct auth_dmarc_request p, sp, np;
	char psd; /* 'y', 'n', 'u' */
	bool testing;
	bool strict_dkim, strict_spf;
	struct slice rua, ruf, fo; /* as they stand; empty: none */
};

/* Does it begin with v=DMARC1, this very case? */
bool auth_dmarc_record_is(struct slice text);

/* Reads the rest. Not for another kind of record. */
void auth_dmarc_record_parse(struct slice text, struct auth_dmarc_record *);

/*
 * Section 4.10.1: can this record decide about mail of its own domain
 * (`below` false) or of domains below (`exists`: or that they do not)?
 * True and the policy; also "none" where a policy cannot be read but
 * reports are asked for. False: the record is as good as none.
 */
bool auth_dmarc_record_policy(const struct auth_dmarc_record *, bool below,
    bool exists, enum auth_dmarc_policy *);

/* "none", "quarantine", "reject". */
const char *auth_dmarc_policy_word(enum auth_dmarc_policy);

#endif
