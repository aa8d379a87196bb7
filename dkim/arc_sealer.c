/* Adding a set to a chain: RFC 8617 section 5.1. */
#include <stdlib.h>

#include "base/xalloc.h"
#include "dkim/arc.h"
#include "dkim/arc_private.h"
#include "dkim/body_hashes.h"
#include "dkim/canon_field.h"
#include "dkim/field_list.h"
#include "dkim/field_pick.h"
#include "dkim/hash.h"
#include "dkim/print_private.h"
#include "dkim/signature.h"
#include "dkim/signer.h"
#include "mail/fold.h"
#include "mail/header.h"
#include "mail/idn.h"

struct dkim_arc_sealer {
	struct dkim_body_hashes *body;
	int body_number;
	enum dkim_algorithm algorithm;
	unsigned instance;
	const char *chain; /* cv= */
	int64_t time;
	struct strbuf domain, selector;
	struct strbuf results, message, seal; /* the three fields */
	struct mail_fold message_fold, seal_fold;
	/* What each of the two signs; whole once its own field is in it. */
	struct strbuf message_text, seal_text;
	bool message_whole, seal_whole;
	struct dkim_hash *message_hash, *seal_hash; /* NULL until asked for */
	struct slice message_digest, seal_digest;
};

/* The chain so far decides instance and cv=; -1: there is no next set. */
static int
continue_chain(struct dkim_arc_sealer *s, const struct dkim_arc_chain *chain,
    enum mail_verdict verdict, struct strbuf *reason)
{
	s->instance = chain->highest + 1;
	/* RFC 8617 section 5.1: nobody adds to a chain that was sealed as
	 * failed. */
	if (chain->ended)
		return strbuf_fail(reason, "the ARC chain has ended (cv=fail)");
	if (chain->highest == DKIM_ARC_SETS_MAX)
		return strbuf_fail(reason, "the ARC chain has 50 sets already");
	/* To seal it either way would state what we do not know, and for
	 * good. */
	if (verdict == MAIL_VERDICT_TEMPERROR)
		return strbuf_fail(
		    reason, "the ARC chain could not be checked");
	/* The verdict was of a header as it came. Where fields were changed
	 * since, a seal over them would vouch for what nobody has checked. */
	if ((verdict == MAIL_VERDICT_NONE) !=
	    (chain->highest == 0 && chain->fault == MAIL_REASON_NONE))
		return strbuf_fail(
		    reason, "the ARC chain is not the one that was checked");
	if (verdict == MAIL_VERDICT_PASS && chain->fault != MAIL_REASON_NONE)
		return strbuf_fail(reason, "the ARC chain is broken");
	s->chain = verdict == MAIL_VERDICT_NONE ? "none"
	    : verdict == MAIL_VERDICT_PASS	? "pass"
						: "fail";
	return 0;
}

static void
print_instance(struct mail_fold *fold, unsigned instance)
{
	dkim_print_time(fold, "i", instance);
}

static void
print_names(struct dkim_arc_sealer *s, struct mail_fold *fold)
{
	dkim_print_tag(fold, "d", strbuf_slice(&s->domain));
	dkim_print_tag(fold, "s", strbuf_slice(&s->selector));
	dkim_print_time(fold, "t", s->time);
}

/* The fields of the list, and what was signed before us (section 4.1.2). */
static int
pick_fields(const struct dkim_field_list *fields,
    const struct mail_header *header, struct strbuf *names)
{
	struct dkim_field_list *built_in =
	    fields == NULL ? dkim_field_list_new() : NULL;
	size_t times = mail_header_count_of(header, SLICE("DKIM-Signature"));

	if (built_in != NULL)
		fields = built_in;
	(void)dkim_field_list_pick(fields, header, names);
	/* Once for each that is there, and no more: those that others put on
	 * top later break nothing. */
	if (!dkim_field_list_has(fields, SLICE("DKIM-Signature")))
		for (; times > 0; times--)
			strbuf_add_str(names, ":DKIM-Signature");
	dkim_field_list_free(built_in);
	return names->full ? -1 : 0;
}

/* A seal that says cv=fail, as one over a broken chain does, covers its own
 * set alone (section 5.1.2). */
static void
begin_seal(struct dkim_arc_sealer *s, const struct dkim_arc_chain *chain)
{
	struct mail_fold *fold = &s->seal_fold;
	struct strbuf_sink text;

	mail_fold_begin(fold, &s->seal, SLICE("ARC-Seal"));
	print_instance(fold, s->instance);
	dkim_print_tag(fold, "a", slice_str(dkim_algorithm_name(s->algorithm)));
	dkim_print_tag(fold, "cv", slice_str(s->chain));
	print_names(s, fold);
	dkim_print_fresh_line(fold);
	mail_fold_word(fold, SLICE("b="));
	/* What is broken cannot be put in order: its fields may be there
	 * twice. */
	if (strcmp(s->chain, "fail") == 0)
		return;
	strbuf_sink_init(&text, &s->seal_text);
	/* In the order of the instances and not as they stand (section 5.1.1),
	 * so that a relay may sort fields and break nothing. */
	for (unsigned i = 1; i <= chain->highest; i++)
		dkim_arc_set_write(&chain->sets[i], true, &text.sink);
}

static int
begin_set(struct dkim_arc_sealer *s, const struct dkim_arc_sealing *sealing,
    const struct mail_header *header, struct strbuf *reason)
{
	struct slice results = slice_trim(sealing->results);
	struct dkim_arc_chain chain;
	static const char name[] = "ARC-Authentication-Results";
	size_t first;
	struct mail_fold *fold;
	struct strbuf_sink text;
	struct strbuf names;
	int outcome;

	/* RFC 8301 has done away with SHA-1, and ARC never had it. */
	if (s->algorithm == DKIM_ALGORITHM_UNKNOWN ||
	    s->algorithm == DKIM_RSA_SHA1)
		return strbuf_fail(reason, "no algorithm to seal with");
	if (mail_header_count_of(header, SLICE("From")) == 0)
		return strbuf_fail(reason, "no From field");
	if (results.n == 0)
		return strbuf_fail(reason, "no results to seal");
	if (mail_idn_to_ascii(sealing->domain, &s->domain) < 0)
		return strbuf_fail(reason, "no domain name to seal for");
	if (mail_idn_to_ascii(sealing->selector, &s->selector) < 0)
		return strbuf_fail(reason, "no selector");
	dkim_arc_chain_collect(&chain, header);
	if (continue_chain(s, &chain, sealing->chain, reason) != 0)
		return -1;
	first = slice_find(results, '\r');
	strbuf_addf(&s->results, "%s: i=%u;", name, s->instance);
	/* Folded as it will be sent: the seal covers these octets. */
	strbuf_add_str(&s->results,
	    s->results.n + 1 + first > MAIL_FOLD_COLUMNS ? "\r\n\t" : " ");
	strbuf_add(&s->results, results);
	strbuf_add_str(&s->results, "\r\n");
	fold = &s->message_fold;
	outcome = 0;
	strbuf_init(&names, DKIM_SIGNER_FIELD_MAX / 2);
	if (pick_fields(sealing->fields, header, &names) < 0) {
		outcome = strbuf_fail(reason, "too many fields to sign");
	} else {
		mail_fold_begin(
		    fold, &s->message, SLICE("ARC-Message-Signature"));
		print_instance(fold, s->instance);
		dkim_print_tag(
		    fold, "a", slice_str(dkim_algorithm_name(s->algorithm)));
		dkim_print_tag(fold, "c", SLICE("relaxed/relaxed"));
		print_names(s, fold);
		dkim_print_names(fold, strbuf_slice(&names));
		strbuf_sink_init(&text, &s->message_text);
		dkim_field_pick_write(header, strbuf_slice(&names), NULL,
		    DKIM_CANON_RELAXED, &text.sink);
	}
	strbuf_clear(&names);
	if (outcome != 0)
		return -1;
	begin_seal(s, &chain);
	if (s->results.full)
		return strbuf_fail(reason, "the ARC set is too long");
	s->body_number = dkim_body_hashes_want(
	    s->body, DKIM_CANON_RELAXED, DKIM_SHA256, DKIM_BODY_WHOLE);
	return s->body_number < 0
	    ? strbuf_fail(reason, "too many different body hashes")
	    : 0;
}

struct dkim_arc_sealer *
dkim_arc_sealer_new(const struct dkim_arc_sealing *sealing,
    const struct mail_header *header, struct dkim_body_hashes *body,
    struct strbuf *reason)
{
	struct dkim_arc_sealer *s = xcalloc(1, sizeof(*s));

	s->body = body;
	s->algorithm = sealing->algorithm;
	s->time = sealing->time;
	strbuf_init(&s->domain, DKIM_SIGNATURE_DOMAIN_MAX);
	strbuf_init(&s->selector, DKIM_SIGNATURE_DOMAIN_MAX);
	strbuf_init(&s->results, DKIM_SIGNER_FIELD_MAX);
	strbuf_init(&s->message, DKIM_SIGNER_FIELD_MAX);
	strbuf_init(&s->seal, DKIM_SIGNER_FIELD_MAX);
	strbuf_init(&s->message_text,
	    mail_header_size(header) + 2 * DKIM_SIGNER_FIELD_MAX);
	strbuf_init(&s->seal_text,
	    mail_header_size(header) + 3 * DKIM_SIGNER_FIELD_MAX);
	if (begin_set(s, sealing, header, reason) == 0)
		return s;
	dkim_arc_sealer_free(s);
	return NULL;
}

static struct slice
hash_text(struct dkim_hash **hash, struct slice text)
{
	*hash = dkim_hash_new(DKIM_SHA256);
	sink_write_to(dkim_hash_sink(*hash), text);
	return dkim_hash_end(*hash);
}

/* Whole only when the body is through, whose hash stands in the field
 * itself. */
struct slice
dkim_arc_sealer_message_text(struct dkim_arc_sealer *s)
{
	struct strbuf_sink text;

	if (s->message_whole)
		return strbuf_slice(&s->message_text);
	s->message_whole = true;
	strbuf_sink_init(&text, &s->message_text);
	dkim_print_fresh_line(&s->message_fold);
	dkim_print_hash(&s->message_fold, "bh",
	    dkim_body_hashes_digest(s->body, s->body_number));
	dkim_print_fresh_line(&s->message_fold);
	mail_fold_word(&s->message_fold, SLICE("b="));
	dkim_canon_field_open(
	    DKIM_CANON_RELAXED, strbuf_slice(&s->message), &text.sink);
	return strbuf_slice(&s->message_text);
}

struct slice
dkim_arc_sealer_message_digest(struct dkim_arc_sealer *s)
{
	if (s->message_hash == NULL)
		s->message_digest = hash_text(
		    &s->message_hash, dkim_arc_sealer_message_text(s));
	return s->message_digest;
}

void
dkim_arc_sealer_message_seal(struct dkim_arc_sealer *s, struct slice signature)
{
	(void)dkim_arc_sealer_message_text(s);
	dkim_print_signature(&s->message_fold, signature);
}

struct slice
dkim_arc_sealer_text(struct dkim_arc_sealer *s)
{
	struct strbuf_sink text;
	struct sink *out = &text.sink;

	if (s->seal_whole)
		return strbuf_slice(&s->seal_text);
	s->seal_whole = true;
	strbuf_sink_init(&text, &s->seal_text);
	/* This order is the RFC's (section 5.1.1): results, message, seal. The
	 * seal comes last with an empty b=, and without its line end. */
	dkim_canon_field(DKIM_CANON_RELAXED, strbuf_slice(&s->results), out);
	dkim_canon_field(DKIM_CANON_RELAXED, strbuf_slice(&s->message), out);
	dkim_canon_field_open(DKIM_CANON_RELAXED, strbuf_slice(&s->seal), out);
	return strbuf_slice(&s->seal_text);
}

struct slice
dkim_arc_sealer_digest(struct dkim_arc_sealer *s)
{
	if (s->seal_hash == NULL)
		s->seal_digest =
		    hash_text(&s->seal_hash, dkim_arc_sealer_text(s));
	return s->seal_digest;
}

int
dkim_arc_sealer_seal(
    struct dkim_arc_sealer *s, struct slice signature, struct strbuf *fields)
{
	(void)dkim_arc_sealer_text(s);
	dkim_print_signature(&s->seal_fold, signature);
	if (s->seal.full || s->message.full || s->seal_text.full ||
	    s->message_text.full)
		return -1;
	/* On top of the header the newest stands first, the seal above all. */
	strbuf_add(fields, strbuf_slice(&s->seal));
	strbuf_add(fields, strbuf_slice(&s->message));
	return strbuf_add(fields, strbuf_slice(&s->results));
}

void
dkim_arc_sealer_free(struct dkim_arc_sealer *s)
{
	if (s == NULL)
		return;
	strbuf_clear(&s->domain);
	strbuf_clear(&s->selector);
	strbuf_clear(&s->results);
	strbuf_clear(&s->message);
	strbuf_clear(&s->seal);
	strbuf_clear(&s->message_text);
	strbuf_clear(&s->seal_text);
	dkim_hash_free(s->message_hash);
	dkim_hash_free(s->seal_hash);
	free(s);
}
