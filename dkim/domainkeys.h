/*
 * DomainKeys (RFC 4870), historic: one hash over header, blank line and
 * body, rsa-sha1, simple or nofws; the signature stands above what it
 * covers and covers nothing above it.
 */
#ifndef DKIM_DOMAINKEYS_H
#define DKIM_DOMAINKEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"
#include "base/strbuf.h"
#include "dkim/canon.h"
#include "dkim/verifier.h"

#define DKIM_DOMAINKEYS_SIGNATURES_MAX 4

struct dkim_body_hashes;
struct dkim_field_list;
struct mail_header;

/* What the policy chose. Borrowed for the length of the call. */
struct dkim_domainkeys_signing {
	struct slice domain, selector;	      /* U-labels become A-labels */
	enum dkim_canon canon;		      /* simple or nofws */
	const struct dkim_field_list *fields; /* NULL: the built-in list */
	/* The message has one more Received than its header shows, and that
	 * one will stand below the signature: none is covered then. */
	bool received_hidden;
};

struct dkim_domainkeys_signer;

/*
 * As dkim_signer_new(). NULL and a reason also where the domain neither is
 * nor is a parent of the domain of Sender, else of From (section 3.4.1).
 * h= names each field that is present once, in the order of the message,
 * which covers all its occurrences.
 */
struct dkim_domainkeys_signer *dkim_domainkeys_signer_new(
    const struct dkim_domainkeys_signing *, const struct mail_header *,
    struct dkim_body_hashes *body, struct strbuf *reason);

/* What the key turned out to be: of d= or a parent of it, and of that selector,
 * both in A-labels. Before the seal, and as often as they change. 0, or -1
 * where the domain is no such. */
int dkim_domainkeys_signer_set_names(struct dkim_domainkeys_signer *,
    struct slice domain, struct slice selector);

/* As dkim_signer_digest() and dkim_signer_seal(); sign by DKIM_RSA_SHA1. */
struct slice dkim_domainkeys_signer_digest(struct dkim_domainkeys_signer *);
int dkim_domainkeys_signer_seal(struct dkim_domainkeys_signer *,
    struct slice signature, struct strbuf *field);
void dkim_domainkeys_signer_free(struct dkim_domainkeys_signer *);

/*
 * Checks a message's DomainKey-Signature fields; the verbs are those of
 * dkim/verifier.h. Where none of them passes, the sending domain's policy,
 * _domainkey.DOMAIN, is asked for too (section 3.6): ask again after the
 * end. rsa-sha1 is all there is, so `weak` is about short keys alone. A
 * finding's identity is the sending address.
 */
struct dkim_domainkeys;

struct dkim_domainkeys *dkim_domainkeys_new(const struct dkim_rules *,
    const struct mail_header *, struct dkim_body_hashes *body);
bool dkim_domainkeys_ask(struct dkim_domainkeys *, struct dns_question *);
void dkim_domainkeys_answer(struct dkim_domainkeys *,
    const struct dns_question *, const struct dns_answer *);
void dkim_domainkeys_end(struct dkim_domainkeys *);
bool dkim_domainkeys_done(const struct dkim_domainkeys *);
size_t dkim_domainkeys_count(const struct dkim_domainkeys *);
struct dkim_finding dkim_domainkeys_finding(
    const struct dkim_domainkeys *, size_t index);

/*
 * The message's result, with its policy: the best of the signatures; for
 * one without, "none", or "fail" where the domain says that it signs all
 * its mail (o=-) and is not testing (t=y). The finding's domain is that of
 * Sender or From, its reason says why.
 */
struct dkim_finding dkim_domainkeys_overall(const struct dkim_domainkeys *);
void dkim_domainkeys_free(struct dkim_domainkeys *);

#endif
