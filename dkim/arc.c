/* Judging a chain: RFC 8617 section 5.2. */
#include "dkim/arc.h"

#include <stdlib.h>

#include "base/xalloc.h"
#include "dkim/arc_private.h"
#include "dkim/body_hashes.h"
#include "dkim/canon_field.h"
#include "dkim/check.h"
#include "dkim/check_group.h"
#include "dkim/hash.h"
#include "dkim/signature.h"
#include "mail/header.h"
#include "mail/idn.h"

#define TEXT_MAX 512

struct sealed {
	struct strbuf domain, results;
	struct dkim_check check;
};

struct dkim_arc {
	struct dkim_rules rules;
	struct dkim_body_hashes *body;
	bool settled;
	enum mail_verdict verdict; /* NONE until settled */
	enum mail_reason reason;
	struct strbuf text;	   /* the reason in words */
	unsigned highest;	   /* as found; `count` are checked */
	unsigned count;		   /* 0 where the structure is broken */
	struct dkim_check message; /* the highest ARC-Message-Signature */
	/* That one is 0, the seals are by instance; none where the structure
	 * is broken. */
	struct dkim_check_group checks;
	struct sealed sets[DKIM_ARC_SETS_MAX + 1]; /* by instance */
};

static void
settle_chain(
    struct dkim_arc *arc, enum mail_verdict verdict, enum mail_reason reason)
{
	arc->settled = true;
	arc->verdict = verdict;
	arc->reason = reason;
	strbuf_add_str(&arc->text, mail_reason_text(reason));
}

/* Why the highest ARC-Message-Signature cannot be checked. */
static enum mail_reason
begin_signature(struct dkim_arc *arc, struct dkim_signature *s,
    const struct mail_field *field, int64_t now)
{
	struct dkim_check *c = &arc->message;
	struct dkim_fault fault;
	struct slice names, name;

	if (dkim_signature_parse_arc(field->value, s, &fault) < 0 ||
	    dkim_signature_check_time(s, now, DKIM_VERIFIER_SKEW, &fault) < 0)
		return fault.reason;
	if (s->algorithm == DKIM_RSA_SHA1)
		return MAIL_REASON_ALGORITHM_SHA1;
	names = s->fields;
	/* RFC 8617 section 4.1.2: it may not cover seals, which come after
	 * it. */
	while (slice_cut(&names, ':', &name))
		if (slice_equal_nocase(slice_trim(name), SLICE("ARC-Seal")))
			return MAIL_REASON_ARC_SEAL_SIGNED;
	c->algorithm = s->algorithm;
	c->body_limit = s->body_limit;
	c->body_number = dkim_body_hashes_want(arc->body, s->body_canon,
	    dkim_algorithm_digest(s->algorithm), s->body_limit);
	if (c->body_number < 0)
		return MAIL_REASON_BODY_HASHES_TOO_MANY;
	return MAIL_REASON_NONE;
}

/* `before` has hashed all sets below, and is given this one. */
static void
begin_seal(struct sealed *sealed, const struct dkim_arc_set *set,
    struct dkim_hash *before)
{
	struct dkim_check *c = &sealed->check;
	struct dkim_arc_seal seal;
	struct dkim_hash *hash;
	struct strbuf selector;
	enum mail_reason reason;

	dkim_arc_set_write(set, false, dkim_hash_sink(before));
	/* Each seal covers all sets below it. Copied in the middle, one hash
	 * serves all fifty of them: anew for each it would be the square of
	 * that. */
	hash = dkim_hash_copy(before);
	dkim_canon_field(
	    DKIM_CANON_RELAXED, set->seal->raw, dkim_hash_sink(before));
	/* It was parsed when the chain was collected. */
	(void)dkim_arc_seal_parse(set->seal->value, &seal, &reason);
	dkim_canon_field_without(DKIM_CANON_RELAXED, set->seal->raw,
	    seal.signature_whole, dkim_hash_sink(hash));
	/* Kept, since the header goes before the verdict comes. */
	strbuf_add(&c->digest, dkim_hash_end(hash));
	dkim_hash_free(hash);
	strbuf_add(
	    &sealed->results, dkim_arc_results_payload(set->results->value));
	c->algorithm = seal.algorithm;
	strbuf_init(&selector, DKIM_SIGNATURE_DOMAIN_MAX);
	if (mail_idn_to_ascii(seal.domain, &sealed->domain) < 0 ||
	    mail_idn_to_ascii(seal.selector, &selector) < 0)
		dkim_check_judge(
		    c, MAIL_VERDICT_FAIL, MAIL_REASON_KEY_NAME_BAD);
	else if (dkim_check_decode(c, seal.signature, SLICE("")) == 0)
		(void)dkim_check_name(
		    c, strbuf_slice(&selector), strbuf_slice(&sealed->domain));
	strbuf_clear(&selector);
}

struct dkim_arc *
dkim_arc_new(const struct dkim_rules *rules, const struct mail_header *header,
    struct dkim_body_hashes *body, int64_t now)
{
	struct dkim_arc *arc = xcalloc(1, sizeof(*arc));
	struct dkim_arc_chain chain;

	arc->rules = *rules;
	arc->body = body;
	arc->checks.body = body;
	strbuf_init(&arc->text, TEXT_MAX);
	dkim_arc_chain_collect(&chain, header);
	arc->highest = chain.highest;
	if (chain.fault != MAIL_REASON_NONE)
		settle_chain(arc, MAIL_VERDICT_FAIL, chain.fault);
	else if (chain.highest == 0)
		settle_chain(arc, MAIL_VERDICT_NONE, MAIL_REASON_NONE);
	else {
		struct dkim_hash *hash = dkim_hash_new(DKIM_SHA256);
		const struct mail_field *field;
		struct dkim_check *c;
		struct dkim_signature s;
		enum mail_reason why;

		arc->count = chain.highest;
		dkim_check_init(&arc->message, &arc->rules);
		dkim_check_group_add(&arc->checks, &arc->message);
		/* Only the newest one must verify (section 5.2): those below
		 * may be broken by whoever changed the message, which is why it
		 * was sealed again. */
		field = chain.sets[chain.highest].message;
		c = &arc->message;
		dkim_signature_init(&s);
		why = begin_signature(arc, &s, field, now);
		if (why != MAIL_REASON_NONE)
			dkim_check_judge(c, MAIL_VERDICT_FAIL, why);
		else if (dkim_check_decode(c, s.signature, s.body_hash) == 0 &&
		    dkim_check_name(c, strbuf_slice(&s.ascii_selector),
			strbuf_slice(&s.ascii_domain)) == 0)
			dkim_signature_header_hash(
			    &s, field->raw, field, header, &c->digest);
		dkim_signature_clear(&s);
		for (unsigned i = 1; i <= arc->count; i++) {
			struct sealed *sealed = &arc->sets[i];

			strbuf_init(&sealed->domain, DKIM_SIGNATURE_DOMAIN_MAX);
			strbuf_init(
			    &sealed->results, chain.sets[i].results->value.n);
			dkim_check_init(&sealed->check, &arc->rules);
			dkim_check_group_add(&arc->checks, &sealed->check);
			begin_seal(sealed, &chain.sets[i], hash);
		}
		dkim_hash_free(hash);
	}
	return arc;
}

bool
dkim_arc_ask(struct dkim_arc *arc, struct dns_question *question)
{
	return dkim_check_group_ask(&arc->checks, question);
}

static void
explain(struct dkim_arc *arc, enum mail_verdict verdict, unsigned i,
    enum mail_reason reason)
{
	strbuf_addf(&arc->text,
	    "%s i=%u: ", i == 0 ? "ARC-Message-Signature" : "ARC-Seal",
	    i == 0 ? arc->count : i);
	settle_chain(arc, verdict, reason);
}

/* Once all are: the message's signature first, then the seals from the highest
 * down; what fails for good outweighs what could not be looked up. */
static void
settle_if_judged(struct dkim_arc *arc)
{
	const struct dkim_check *lost = NULL, *c;
	unsigned lost_at = 0;

	if (arc->settled || !arc->checks.ended ||
	    !dkim_check_group_judged(&arc->checks))
		return;
	for (unsigned n = 0; n <= arc->count; n++) {
		unsigned i = n == 0 ? 0 : arc->count + 1 - n;

		c = arc->checks.list[i];
		if (c->outcome.verdict == MAIL_VERDICT_PASS)
			continue;
		if (c->outcome.verdict != MAIL_VERDICT_TEMPERROR) {
			explain(arc, MAIL_VERDICT_FAIL, i, c->outcome.reason);
			return;
		}
		if (lost == NULL) {
			lost = c;
			lost_at = i;
		}
	}
	if (lost != NULL)
		explain(
		    arc, MAIL_VERDICT_TEMPERROR, lost_at, lost->outcome.reason);
	else
		settle_chain(arc, MAIL_VERDICT_PASS, MAIL_REASON_NONE);
}

void
dkim_arc_answer(struct dkim_arc *arc, const struct dns_question *question,
    const struct dns_answer *answer)
{
	dkim_check_group_answer(&arc->checks, question, answer);
	settle_if_judged(arc);
}

void
dkim_arc_end(struct dkim_arc *arc)
{
	dkim_check_group_end(&arc->checks);
	settle_if_judged(arc);
}

bool
dkim_arc_done(const struct dkim_arc *arc)
{
	return arc->settled && arc->checks.ended;
}

struct dkim_arc_finding
dkim_arc_finding(const struct dkim_arc *arc)
{
	if (!arc->settled)
		return (struct dkim_arc_finding){
		    .verdict = MAIL_VERDICT_TEMPERROR,
		    .instance = arc->highest,
		    .reason = MAIL_REASON_NOT_CHECKED,
		    .text = mail_reason_text(MAIL_REASON_NOT_CHECKED)};
	return (struct dkim_arc_finding){.verdict = arc->verdict,
	    .instance = arc->highest,
	    .reason = arc->reason,
	    .text = strbuf_text(&arc->text)};
}

/* Nothing is told of a set unless the whole chain has passed: before, its words
 * may be anybody's. */
static const struct sealed *
passed(const struct dkim_arc *arc, unsigned instance)
{
	if (arc->verdict != MAIL_VERDICT_PASS || instance == 0 ||
	    instance > arc->count)
		return NULL;
	return &arc->sets[instance];
}

struct slice
dkim_arc_sealer_domain(const struct dkim_arc *arc, unsigned instance)
{
	const struct sealed *sealed = passed(arc, instance);

	return sealed == NULL ? SLICE("") : strbuf_slice(&sealed->domain);
}

struct slice
dkim_arc_results(const struct dkim_arc *arc, unsigned instance)
{
	const struct sealed *sealed = passed(arc, instance);

	return sealed == NULL ? SLICE("") : strbuf_slice(&sealed->results);
}

void
dkim_arc_free(struct dkim_arc *arc)
{
	if (arc == NULL)
		return;
	dkim_check_clear(&arc->message);
	for (unsigned i = 1; i <= arc->count; i++) {
		strbuf_clear(&arc->sets[i].domain);
		strbuf_clear(&arc->sets[i].results);
		dkim_check_clear(&arc->sets[i].check);
	}
	strbuf_clear(&arc->text);
	free(arc);
}
