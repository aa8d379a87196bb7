/* All DKIM signatures of a message: RFC 6376 section 6, 8301, 8463, 8616. */
#include "dkim/verifier.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "dkim/body_hashes.h"
#include "dkim/check.h"
#include "dkim/check_group.h"
#include "dkim/signature.h"
#include "mail/address.h"
#include "mail/header.h"
#include "mail/idn.h"

enum { NOT_LOOKED_AT = 255 };

struct checked {
	struct strbuf raw; /* a copy of the field; `signature` looks at it */
	struct dkim_signature signature;
	struct dkim_check check;
};

struct dkim_verifier {
	struct dkim_rules rules;
	struct dkim_body_hashes *body;
	int64_t now;
	/* Of each DKIM-Signature field, from the top, which of the list it is;
	 * NOT_LOOKED_AT for the others. */
	size_t fields;
	unsigned char *places;
	size_t count; /* those looked at, in the order of looking */
	struct checked *list;
	struct dkim_check_group checks;		/* those of the list */
	int numbers[DKIM_VERIFIER_HASHES_MOST]; /* body hashes taken */
	size_t number_count;
};

/* Asks for the body's hash, within this message's share of them. */
static int
want_body(struct dkim_verifier *v, struct checked *one)
{
	const struct dkim_signature *s = &one->signature;
	int number = -1;

	if (v->number_count < v->rules.hashes)
		number = dkim_body_hashes_want(v->body, s->body_canon,
		    dkim_algorithm_digest(s->algorithm), s->body_limit);
	else
		number = dkim_body_hashes_find(v->body, s->body_canon,
		    dkim_algorithm_digest(s->algorithm), s->body_limit);
	one->check.body_number = number;
	one->check.body_limit = s->body_limit;
	if (number < 0) {
		dkim_check_judge(&one->check, MAIL_VERDICT_POLICY,
		    MAIL_REASON_BODY_HASHES_TOO_MANY);
		return -1;
	}
	for (size_t i = 0; i < v->number_count; i++)
		if (v->numbers[i] == number)
			return 0;
	if (v->number_count < v->rules.hashes)
		v->numbers[v->number_count++] = number;
	return 0;
}

/* Everything that can be said before the key is there. */
static void
begin_check(struct dkim_verifier *v, struct checked *one,
    const struct mail_field *field, const struct mail_header *header)
{
	struct slice raw = strbuf_slice(&one->raw);
	struct dkim_signature *s = &one->signature;
	struct dkim_check *c = &one->check;
	struct dkim_fault fault;
	struct slice value =
	    slice_from(raw.p + (field->value.p - field->raw.p), field->value.n);
	int parsed = dkim_signature_parse(value, s, &fault);

	dkim_check_keep_b(c, s->signature);
	c->algorithm = s->algorithm;
	if (parsed < 0 ||
	    dkim_signature_check_time(s, v->now, DKIM_VERIFIER_SKEW, &fault) <
		0) {
		dkim_check_judge(c, fault.verdict, fault.reason);
		return;
	}
	if (s->algorithm == DKIM_RSA_SHA1 && !v->rules.weak) {
		dkim_check_judge(
		    c, MAIL_VERDICT_POLICY, MAIL_REASON_ALGORITHM_SHA1);
		return;
	}
	c->subdomain =
	    !slice_equal_nocase(strbuf_slice(&s->ascii_identity_domain),
		strbuf_slice(&s->ascii_domain));
	if (dkim_check_decode(c, s->signature, s->body_hash) < 0 ||
	    dkim_check_name(c, strbuf_slice(&s->ascii_selector),
		strbuf_slice(&s->ascii_domain)) < 0 ||
	    want_body(v, one) < 0)
		return;
	dkim_signature_header_hash(s, raw, field, header, &c->digest);
}

static void
look_at_field(struct dkim_verifier *v, const struct mail_field *field,
    const struct mail_header *header)
{
	struct checked *one = &v->list[v->count++];

	dkim_signature_init(&one->signature);
	dkim_check_init(&one->check, &v->rules);
	dkim_check_group_add(&v->checks, &one->check);
	strbuf_init(&one->raw, DKIM_VERIFIER_FIELD_MAX);
	if (strbuf_add(&one->raw, field->raw) < 0)
		dkim_check_judge(&one->check, MAIL_VERDICT_NEUTRAL,
		    MAIL_REASON_SIGNATURE_FIELD_LONG);
	else
		begin_check(v, one, field, header);
}

/* How near d= is to an author's domain, which it is compared with in A-labels:
 * the same, above or below it, or neither. Which organization a domain belongs
 * to is not known here. */
enum nearness { THE_SAME, RELATED, ANOTHERS };

/* Of the first d= alone, wherever it stands: a tag that is not parsed here is
 * judged when the signature's turn comes. A second d= spoils it, and to look at
 * thousands of them would cost. */
static enum nearness
nearness_of(const struct dkim_rules *rules, const struct mail_field *field)
{
	enum nearness nearest = ANOTHERS;
	struct slice rest = field->value, tag;
	struct strbuf domain;

	strbuf_init(&domain, DKIM_SIGNATURE_DOMAIN_MAX);
	while (slice_cut(&rest, ';', &tag)) {
		size_t equals = slice_find(tag, '=');

		if (!slice_equal(
			slice_trim(slice_first(tag, equals)), SLICE("d")))
			continue;
		(void)mail_idn_to_ascii(
		    slice_trim(slice_after(tag, equals + 1)), &domain);
		break;
	}
	for (size_t i = 0; i < rules->author_count && domain.n > 0; i++) {
		struct slice author = rules->authors[i];

		if (slice_equal_nocase(strbuf_slice(&domain), author))
			nearest = THE_SAME;
		else if (nearest == ANOTHERS &&
		    (mail_domain_is_within(strbuf_slice(&domain), author) ||
			mail_domain_is_within(author, strbuf_slice(&domain))))
			nearest = RELATED;
	}
	strbuf_clear(&domain);
	return nearest;
}

static unsigned
bound(unsigned wish, unsigned otherwise, unsigned most)
{
	if (wish == 0)
		return otherwise;
	return wish < most ? wish : most;
}

struct dkim_verifier *
dkim_verifier_new(const struct dkim_rules *rules,
    const struct mail_header *header, struct dkim_body_hashes *body,
    int64_t now)
{
	struct dkim_verifier *v = xcalloc(1, sizeof(*v));
	unsigned char *nearness;
	const struct mail_field *field;
	size_t n;

	v->rules = *rules;
	v->rules.signatures = bound(rules->signatures,
	    DKIM_VERIFIER_SIGNATURES_MAX, DKIM_VERIFIER_SIGNATURES_MOST);
	v->rules.hashes = bound(
	    rules->hashes, DKIM_VERIFIER_HASHES_MAX, DKIM_VERIFIER_HASHES_MOST);
	v->list = xcalloc(v->rules.signatures, sizeof(*v->list));
	v->body = body;
	v->checks.body = body;
	v->now = now;
	v->fields = mail_header_count_of(header, SLICE("DKIM-Signature"));
	v->places = xmalloc(v->fields + 1);
	memset(v->places, NOT_LOOKED_AT, v->fields + 1);
	/* The signatures of the authors' own domains first, since they
	 * decide about DMARC: strangers' signatures above them must not use
	 * up the number. */
	nearness = xcalloc(v->fields + 1, sizeof(*nearness));
	for (unsigned wanted = THE_SAME; wanted <= ANOTHERS; wanted++) {
		n = 0;
		for (size_t i = 0; (field = mail_header_at(header, i)) != NULL;
		     i++) {
			if (!slice_equal_nocase(
				field->name, SLICE("DKIM-Signature")))
				continue;
			if (wanted == THE_SAME)
				nearness[n] = (unsigned char)nearness_of(
				    &v->rules, field);
			if (nearness[n] == wanted &&
			    v->count < v->rules.signatures) {
				v->places[n] = (unsigned char)v->count;
				look_at_field(v, field, header);
			}
			n++;
		}
	}
	free(nearness);
	v->rules.authors = NULL; /* borrowed until here */
	v->rules.author_count = 0;
	return v;
}

bool
dkim_verifier_ask(struct dkim_verifier *v, struct dns_question *question)
{
	return dkim_check_group_ask(&v->checks, question);
}

void
dkim_verifier_answer(struct dkim_verifier *v,
    const struct dns_question *question, const struct dns_answer *answer)
{
	dkim_check_group_answer(&v->checks, question, answer);
}

void
dkim_verifier_end(struct dkim_verifier *v)
{
	dkim_check_group_end(&v->checks);
}

bool
dkim_verifier_done(const struct dkim_verifier *v)
{
	return v->checks.ended && dkim_check_group_judged(&v->checks);
}

size_t
dkim_verifier_count(const struct dkim_verifier *v)
{
	return v->fields;
}

struct dkim_finding
dkim_verifier_finding(const struct dkim_verifier *v, size_t index)
{
	struct dkim_finding finding = {.verdict = MAIL_VERDICT_POLICY,
	    .reason = MAIL_REASON_SIGNATURES_TOO_MANY};
	const struct checked *one;

	if (index >= v->fields || v->places[index] == NOT_LOOKED_AT)
		return finding;
	one = &v->list[v->places[index]];
	finding.domain = one->signature.domain;
	finding.selector = one->signature.selector;
	finding.algorithm_text = one->signature.algorithm_text;
	finding.identity = strbuf_slice(&one->signature.identity);
	finding.fields = one->signature.fields;
	dkim_check_report(&one->check, &finding);
	return finding;
}

void
dkim_verifier_free(struct dkim_verifier *v)
{
	if (v == NULL)
		return;
	for (size_t i = 0; i < v->count; i++) {
		strbuf_clear(&v->list[i].raw);
		dkim_signature_clear(&v->list[i].signature);
		dkim_check_clear(&v->list[i].check);
	}
	free(v->places);
	free(v->list);
	free(v);
}
