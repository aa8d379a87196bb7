/*
 * What the checks of one message found, as one list; the list printed as an
 * Authentication-Results field (RFC 8601); and which fields that came with
 * a message claim to be ours.
 */
#ifndef AUTH_RESULTS_H
#define AUTH_RESULTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"
#include "base/strbuf.h"
#include "mail/reason.h"
#include "mail/verdict.h"

struct mail_field;

enum auth_method {
	AUTH_DKIM,
	AUTH_DOMAINKEYS,
	AUTH_SPF,
	AUTH_SENDERID,
	AUTH_DMARC,
	AUTH_ARC,
	AUTH_IPREV
};

#define AUTH_METHODS 7

/* Entries of one list: signatures, and at most eight others, for which
 * there is always room. */
#define AUTH_RESULTS_MAX    80
#define AUTH_RESULTS_OTHERS 8

/* Octets of a field after which DKIM and DomainKeys results are left out;
 * a comment says how many. */
#define AUTH_RESULTS_FIELD_MAX 16384

/* Octets that no field is longer than: the last signature that was begun, all
 * that is no signature, and the id come on top of those. */
#define AUTH_RESULTS_MOST 32768

/* Octets of our id: no field is printed for a longer one. */
#define AUTH_RESULTS_ID_MAX 320

/*
 * One result. Members that a method does not have are empty, NULL or 0.
 * Text belongs to who made the result (an evaluation: as long as it lives),
 * and may be whatever the message held: printers quote or drop it.
 *
 * What a member holds, by method:
 *	dkim, domainkeys	domain: d=; identity: i=
 *	spf			domain: the one checked; identity: the address
 *				or name it was checked for; property: mailfrom
 *				or helo; scope: mfrom or helo
 *	senderid		domain: the PRA's; identity: the PRA; property:
 *				the field it was found in; scope: pra
 *	dmarc			domain: From's; property: from
 *	iprev			domain: the name; identity: the address
 */
struct auth_result {
	enum auth_method method;
	enum mail_verdict verdict;
	struct slice domain, identity;
	struct slice selector;	/* s= */
	struct slice algorithm; /* a= as it stands */
	struct slice signature; /* b= without white space */
	struct slice fields;	/* DKIM: h= with its white space */
	unsigned bits;		/* of the key; 0: not known */
	bool authentic;		/* the key record came with DNSSEC's AD */
	bool testing;		/* the key record, or the policy, says t=y */
	unsigned instance;	/* ARC: the newest set's i=; 0: no set */
	const char *property;	/* of smtp. or header. in the field */
	const char *scope;
	const char *mechanism;	  /* SPF: what matched, "ip4:192.0.2.0/24" */
	struct slice record;	  /* SPF, DMARC: the record that decided */
	struct slice record_name; /* and the name it stands at */
	struct slice explanation; /* SPF fail: the text of exp= */
	const char *policy;	  /* DMARC: "none", "quarantine", "reject" */
	const char *disposition;  /* DMARC: what the policy asks for here */
	bool dkim_aligned, spf_aligned; /* DMARC: which of them passed */
	/* DMARC: failed, but a chain of trusted ARC seals says that it had
	 * passed before; so the disposition is "none". */
	bool arc_overrides;
	/* DMARC: what is wrong with From, whatever the verdict; NULL:
	 * nothing. */
	const char *from_fault;
	enum mail_reason from_code; /* the same as a value */
	enum mail_reason code;	    /* why; what programs look at */
	const char *reason;	    /* the same for people; NULL or "": none */
};

struct auth_results {
	size_t count;
	struct auth_result list[AUTH_RESULTS_MAX];
};

/* "dkim", "domainkeys", "spf", "sender-id", "dmarc", "arc", "iprev". */
const char *auth_method_name(enum auth_method);

/* The first of that method (for SPF: MAIL FROM's where there is one), or
 * NULL. */
const struct auth_result *auth_results_find(
    const struct auth_results *, enum auth_method);

/* Whether any of that method has that verdict. */
bool auth_results_has(
    const struct auth_results *, enum auth_method, enum mail_verdict);

/* Whether the text may be an id (RFC 8601 section 2.2: a token or what a
 * quoted string holds): UTF-8 without control characters, neither empty nor
 * longer than AUTH_RESULTS_ID_MAX. */
bool auth_results_is_id(struct slice);

/*
 * Adds "Authentication-Results: id; ..." with its last CRLF, a result a line,
 * folded at 78 columns where its words allow. Whatever came from the message is
 * quoted or left out, so that it cannot make a result of its own; of an address
 * that is too long the domain is shown alone. Nothing but a reason is ever cut,
 * and that says so. An empty list prints "none". 0, or -1 where the strbuf is
 * full or the id over its bound.
 */
int auth_results_print_field(
    const struct auth_results *, struct slice authserv_id, struct strbuf *out);

/* The same without the name, its colon and space, and the last CRLF: what
 * ARC-Authentication-Results holds after its "i=1; ". */
int auth_results_print_value(
    const struct auth_results *, struct slice authserv_id, struct strbuf *out);

/*
 * True for an Authentication-Results field that claims one of our ids:
 * however folded, commented, quoted or cased, U-labels or A-labels. A field
 * whose id cannot be parsed is forged too (RFC 8601 section 5). False for
 * every field of another name.
 */
bool auth_results_is_forged(
    const struct mail_field *, const struct slice *ids, size_t id_count);

#endif
