/* Making a DKIM-Signature: RFC 6376 section 5, RFC 8301, RFC 8463. */
#include "dkim/signer.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/xalloc.h"
#include "dkim/body_hashes.h"
#include "dkim/canon_field.h"
#include "dkim/field_list.h"
#include "dkim/field_pick.h"
#include "dkim/hash.h"
#include "dkim/print_private.h"
#include "dkim/quoted.h"
#include "dkim/signature.h"
#include "dkim/signing_set.h"
#include "mail/address.h"
#include "mail/fold.h"
#include "mail/header.h"
#include "mail/idn.h"

/* A field of RSA with 2048 bits, and some; what it signs in most mail. */
enum { FIELD_FIRST_ROOM = 1024, TEXT_FIRST_ROOM = 3072 };

struct dkim_signer {
	struct dkim_body_hashes *body;
	const struct mail_header *source;
	int body_number;
	enum dkim_canon header_canon;
	enum dkim_digest digests;
	struct strbuf field; /* the field up to "b=" */
	struct mail_fold fold;
	struct strbuf text;	/* what is signed, canonical */
	bool whole;		/* the field is in it, too */
	struct dkim_hash *hash; /* of the text; NULL until asked for */
	struct slice digest;
};

/* The names that go into the field, checked and made A-labels. */
struct names {
	struct strbuf domain, selector, identity;
};

/* Cut, for the reason goes into a log line. */
static int
refuse_signing(struct strbuf *reason, const char *why, struct slice what)
{
	return strbuf_fail(reason, "%s: \"%.*s\"", why,
	    (int)slice_first(what, 255).n, what.p == NULL ? "" : what.p);
}

static int
read_signer_names(const struct dkim_signing *signing, struct names *names,
    struct strbuf *reason)
{
	struct slice identity, local;
	struct strbuf domain;
	int result;

	if (mail_idn_to_ascii(signing->domain, &names->domain) < 0)
		return refuse_signing(
		    reason, "no domain name to sign for", signing->domain);
	if (mail_idn_to_ascii(signing->selector, &names->selector) < 0)
		return refuse_signing(reason, "no selector", signing->selector);
	/* i=: the local part encoded, the domain in A-labels. It must lie in
	 * or below d= (RFC 6376 section 3.5): a signature with any other is
	 * made in vain, for every verifier refuses it. */
	identity = signing->identity;
	local = mail_address_local(identity);
	result = -1;
	if (identity.n == 0)
		return 0;
	strbuf_init(&domain, DKIM_SIGNATURE_DOMAIN_MAX);
	if (identity.n > DKIM_SIGNATURE_IDENTITY_MAX ||
	    mail_idn_to_ascii(mail_address_domain(identity), &domain) < 0) {
		(void)refuse_signing(reason, "i= has no domain", identity);
	} else if (!mail_domain_is_within(
		       strbuf_slice(&domain), strbuf_slice(&names->domain))) {
		(void)refuse_signing(
		    reason, "i= is outside of the signing domain", identity);
	} else {
		(void)dkim_quoted_encode(local, &names->identity);
		strbuf_add_char(&names->identity, '@');
		result = strbuf_add(&names->identity, strbuf_slice(&domain));
	}
	strbuf_clear(&domain);
	return result;
}

static int
begin_field(struct dkim_signer *s, const struct dkim_signing *signing,
    const struct mail_header *header, struct strbuf *reason)
{
	struct dkim_field_list *built_in =
	    signing->fields == NULL ? dkim_field_list_new() : NULL;
	struct strbuf fields;
	struct strbuf_sink text;
	struct names names;
	int result = -1;
	char canon[32];

	strbuf_sink_init(&text, &s->text);
	strbuf_init(&fields, DKIM_SIGNER_FIELD_MAX / 2);
	strbuf_init(&names.domain, DKIM_SIGNATURE_DOMAIN_MAX);
	strbuf_init(&names.selector, DKIM_SIGNATURE_DOMAIN_MAX);
	/* Each octet of a local part may become three. */
	strbuf_init(&names.identity, DKIM_SIGNATURE_IDENTITY_MAX * 3);
	if (read_signer_names(signing, &names, reason) < 0)
		goto out;
	if (dkim_field_list_pick(built_in != NULL ? built_in : signing->fields,
		header, &fields) < 0) {
		strbuf_add_str(reason, "too many fields to sign");
		goto out;
	}
	mail_fold_begin(&s->fold, &s->field, SLICE("DKIM-Signature"));
	mail_fold_word(&s->fold, SLICE("v=1;"));
	dkim_print_tag(
	    &s->fold, "a", slice_str(dkim_algorithm_name(signing->algorithm)));
	(void)snprintf(canon, sizeof(canon), "%s/%s",
	    dkim_canon_name(signing->header_canon),
	    dkim_canon_name(signing->body_canon));
	dkim_print_tag(&s->fold, "c", slice_str(canon));
	dkim_print_tag(&s->fold, "d", strbuf_slice(&names.domain));
	dkim_print_tag(&s->fold, "s", strbuf_slice(&names.selector));
	if (names.identity.n > 0)
		dkim_print_tag(&s->fold, "i", strbuf_slice(&names.identity));
	dkim_print_time(&s->fold, "t", signing->time);
	/* x= is no protection against replay, and is left out unless somebody
	 * wants it (section 3.5). */
	if (signing->expire > 0)
		dkim_print_time(&s->fold, "x", signing->expire);
	dkim_print_names(&s->fold, strbuf_slice(&fields));
	dkim_field_pick_write(
	    header, strbuf_slice(&fields), NULL, s->header_canon, &text.sink);
	result = 0;
out:
	strbuf_clear(&names.domain);
	strbuf_clear(&names.selector);
	strbuf_clear(&names.identity);
	strbuf_clear(&fields);
	dkim_field_list_free(built_in);
	return result;
}

static struct dkim_signer *
prepare(const struct mail_header *header, struct dkim_body_hashes *body)
{
	struct dkim_signer *s = xcalloc(1, sizeof(*s));

	s->body = body;
	s->source = header;
	strbuf_init(&s->field, DKIM_SIGNER_FIELD_MAX);
	strbuf_init(
	    &s->text, mail_header_size(header) + 2 * DKIM_SIGNER_FIELD_MAX);
	return s;
}

/* Domain, selector and algorithm are known, so the field can be begun; anew,
 * where they were others before. */
static int
complete_signer(struct dkim_signer *s, const struct dkim_signing *signing,
    struct strbuf *reason)
{
	const struct mail_header *header = s->source;

	if (signing->algorithm == DKIM_ALGORITHM_UNKNOWN)
		return strbuf_fail(reason, "no algorithm to sign with");
	if (signing->header_canon == DKIM_CANON_NOFWS ||
	    signing->body_canon == DKIM_CANON_NOFWS)
		return strbuf_fail(reason, "nofws is DomainKeys' alone");
	/* Section 5.4: From must be signed, so it must be there. */
	if (mail_header_count_of(header, SLICE("From")) == 0)
		return strbuf_fail(reason, "no From field");
	/* Readers differ on which they show. */
	if (mail_header_count_of(header, SLICE("From")) > 1)
		return strbuf_fail(reason, "more than one From field");
	strbuf_reset(&s->field);
	(void)strbuf_reserve(&s->field, FIELD_FIRST_ROOM);
	strbuf_reset(&s->text);
	(void)strbuf_reserve(&s->text, TEXT_FIRST_ROOM);
	s->whole = false;
	dkim_hash_free(s->hash);
	s->hash = NULL;
	s->header_canon = signing->header_canon;
	s->digests = dkim_algorithm_digest(signing->algorithm);
	if (begin_field(s, signing, header, reason) < 0)
		return -1;
	/* The whole body always: l= would let anybody add to the message below
	 * our signature (section 8.2). */
	s->body_number = dkim_body_hashes_want(
	    s->body, signing->body_canon, s->digests, DKIM_BODY_WHOLE);
	if (s->body_number >= 0)
		return 0;
	return strbuf_fail(reason, "too many different body hashes");
}

struct dkim_signer *
dkim_signer_new(const struct dkim_signing *signing,
    const struct mail_header *header, struct dkim_body_hashes *body,
    struct strbuf *reason)
{
	struct dkim_signer *s = prepare(header, body);

	if (complete_signer(s, signing, reason) == 0)
		return s;
	dkim_signer_free(s);
	return NULL;
}

struct slice
dkim_signer_text(struct dkim_signer *s)
{
	struct strbuf_sink text;

	if (s->whole)
		return strbuf_slice(&s->text);
	s->whole = true;
	strbuf_sink_init(&text, &s->text);
	dkim_print_hash(
	    &s->fold, "bh", dkim_body_hashes_digest(s->body, s->body_number));
	dkim_print_fresh_line(&s->fold);
	mail_fold_word(&s->fold, SLICE("b="));
	/* Section 3.7: the field itself comes last, as it will stand in the
	 * message, with b= empty and without the line end. */
	dkim_canon_field_open(
	    s->header_canon, strbuf_slice(&s->field), &text.sink);
	return strbuf_slice(&s->text);
}

struct slice
dkim_signer_digest(struct dkim_signer *s)
{
	if (s->hash != NULL)
		return s->digest;
	s->hash = dkim_hash_new(s->digests);
	sink_write_to(dkim_hash_sink(s->hash), dkim_signer_text(s));
	s->digest = dkim_hash_end(s->hash);
	return s->digest;
}

/* Nothing of the field may change any more, but for what is behind b=. */
int
dkim_signer_seal(
    struct dkim_signer *s, struct slice signature, struct strbuf *field)
{
	(void)dkim_signer_text(s);
	dkim_print_signature(&s->fold, signature);
	if (s->field.full || s->text.full)
		return -1;
	return strbuf_add(field, strbuf_slice(&s->field));
}

void
dkim_signer_free(struct dkim_signer *s)
{
	if (s == NULL)
		return;
	dkim_hash_free(s->hash);
	strbuf_clear(&s->field);
	strbuf_clear(&s->text);
	free(s);
}

/* --- as a kind: see signing_set.h --- */

/* The key tells domain and algorithm, both of which are hashed; its digest is
 * SHA-256, but where SHA-1 is wished for. */
static void *
kind_new(const struct dkim_signing *signing, const struct mail_header *header,
    struct dkim_body_hashes *body, struct strbuf *reason)
{
	(void)reason;
	(void)dkim_body_hashes_want(body, signing->body_canon,
	    signing->algorithm == DKIM_RSA_SHA1 ? DKIM_SHA1 : DKIM_SHA256,
	    DKIM_BODY_WHOLE);
	return prepare(header, body);
}

static int
kind_key(
    void *signer, const struct dkim_signing *signing, struct strbuf *reason)
{
	return complete_signer(signer, signing, reason);
}

static struct slice
kind_text(void *signer)
{
	return dkim_signer_text(signer);
}

static struct slice
kind_digest(void *signer)
{
	return dkim_signer_digest(signer);
}

static int
kind_seal(void *signer, struct slice signature, struct strbuf *field)
{
	return dkim_signer_seal(signer, signature, field);
}

static void
kind_free(void *signer)
{
	dkim_signer_free(signer);
}

const struct dkim_kind dkim_kind_dkim = {
    .name = "dkim",
    .usual_canon = "relaxed",
    .canon = dkim_canon_parse_pair,
    .new = kind_new,
    .key = kind_key,
    .text = kind_text,
    .digest = kind_digest,
    .seal = kind_seal,
    .free = kind_free,
};
