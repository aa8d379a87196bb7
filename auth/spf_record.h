/*
 * An SPF record as terms (RFC 7208 sections 4.5, 4.6.1, 12; versions of RFC
 * 4406): syntax only, nothing is expanded or asked. A syntax error anywhere
 * in a record spoils all of it.
 */
#ifndef AUTH_SPF_RECORD_H
#define AUTH_SPF_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"
#include "base/strbuf.h"
#include "mail/reason.h"
#include "mail/verdict.h"

#define AUTH_SPF_RECORD_MAX 10000 /* octets; longer ones are refused */

enum auth_spf_mechanism {
	AUTH_SPF_ALL,
	AUTH_SPF_INCLUDE,
	AUTH_SPF_A,
	AUTH_SPF_MX,
	AUTH_SPF_PTR,
	AUTH_SPF_IP4,
	AUTH_SPF_IP6,
	AUTH_SPF_EXISTS
};

/* One mechanism. The slices are views into the record. */
struct auth_spf_term {
	enum auth_spf_mechanism mechanism;
	enum mail_verdict qualifier; /* pass, fail, softfail, neutral */
	struct slice text;	     /* as it stands, with its qualifier */
	struct slice domain;	     /* the domain-spec; empty: none */
	unsigned char network[16];   /* ip4 (4 octets), ip6 */
	unsigned prefix4, prefix6;   /* bits: 32 and 128 where left out */
};

struct auth_spf_record {
	size_t count;
	struct auth_spf_term *terms; /* free by _clear() */
	bool has_redirect, has_explanation;
	struct slice redirect, explanation; /* domain-specs */
};

/* Is the TXT record one of "v=spf1"; of "spf2.0" with that scope? */
bool auth_spf_record_is_v1(struct slice);
bool auth_spf_record_is_v2(struct slice, struct slice scope);

/* What is wrong with a record, and the term that is: a view into it. */
struct auth_spf_fault {
	enum mail_reason reason;
	struct slice term;
};

/* Reads the terms behind the version. `text` must outlive the record. 0;
 * or -1 and the fault, the record being empty, on a syntax error. */
int auth_spf_record_parse(
    struct slice text, struct auth_spf_record *, struct auth_spf_fault *);
void auth_spf_record_clear(struct auth_spf_record *);

#endif
