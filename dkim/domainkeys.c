/* Checking DomainKeys: RFC 4870 sections 3.3 to 3.7. */
#include "dkim/domainkeys.h"

#include <stdlib.h>

#include "base/xalloc.h"
#include "dkim/body_hashes.h"
#include "dkim/check.h"
#include "dkim/check_group.h"
#include "dkim/domainkeys_private.h"
#include "dkim/signature.h"
#include "mail/address.h"
#include "mail/header.h"
#include "mail/idn.h"
#include "mail/taglist.h"

struct checked {
	struct strbuf raw; /* a copy of the field; the slices look at it */
	struct slice domain, selector, algorithm, fields, b;
	enum dkim_canon canon;
	struct dkim_check check;
};

enum policy_state { POLICY_UNASKED, POLICY_ASKED, POLICY_KNOWN };

struct dkim_domainkeys {
	struct dkim_rules rules;
	struct dkim_body_hashes *body;
	/* The sending address; `no_sender` says why there is none. */
	enum mail_reason no_sender;
	struct slice sender_field;
	struct strbuf local, domain, address;
	size_t fields, count;
	struct checked list[DKIM_DOMAINKEYS_SIGNATURES_MAX];
	struct dkim_check_group checks; /* those of the list */
	/* _domainkey.DOMAIN */
	enum policy_state policy;
	struct dns_question question;
	bool signs_all, testing, unreachable;
};

/* What cannot be understood says nothing for or against (RFC 8601 section
 * 2.7.1). */
static int
bad_domainkeys(struct checked *one, enum mail_reason reason)
{
	dkim_check_judge(&one->check, MAIL_VERDICT_NEUTRAL, reason);
	return -1;
}

static int
refused(struct checked *one, enum mail_reason reason)
{
	dkim_check_judge(&one->check, MAIL_VERDICT_PERMERROR, reason);
	return -1;
}

/* Section 3.3. a=, c= and q= may be left out; d= and s= must be there. */
static int
parse_tags(struct checked *one, struct slice value)
{
	struct mail_taglist tags;
	struct slice canon, query;
	enum mail_reason reason;
	struct slice fields, name;
	size_t count;

	if (mail_taglist_parse(value, &tags, &reason) < 0)
		return bad_domainkeys(one, reason);
	one->domain = mail_taglist_value(&tags, SLICE("d"));
	one->selector = mail_taglist_value(&tags, SLICE("s"));
	one->algorithm = mail_taglist_value(&tags, SLICE("a"));
	one->fields = mail_taglist_value(&tags, SLICE("h"));
	one->b = mail_taglist_value(&tags, SLICE("b"));
	/* Before anything may be refused: a report names a signature by its
	 * b=. */
	dkim_check_keep_b(&one->check, one->b);
	canon = mail_taglist_value(&tags, SLICE("c"));
	query = mail_taglist_value(&tags, SLICE("q"));
	/* A tag that is there must be understood; the default is for one that
	 * is not. */
	if (one->algorithm.p != NULL &&
	    dkim_algorithm_parse(one->algorithm) != DKIM_RSA_SHA1)
		return bad_domainkeys(one, MAIL_REASON_ALGORITHM_UNKNOWN);
	if (canon.p != NULL &&
	    dkim_canon_parse_domainkeys(canon, &one->canon) < 0)
		return bad_domainkeys(one, MAIL_REASON_CANON_UNKNOWN);
	if (query.p != NULL && !slice_equal_nocase(query, SLICE("dns")))
		return bad_domainkeys(one, MAIL_REASON_QUERY_UNKNOWN);
	if (one->domain.n == 0)
		return bad_domainkeys(one, MAIL_REASON_NO_DOMAIN);
	if (one->selector.n == 0)
		return bad_domainkeys(one, MAIL_REASON_NO_SELECTOR);
	if (one->b.n == 0)
		return bad_domainkeys(one, MAIL_REASON_NO_SIGNATURE);
	fields = one->fields;
	count = 0;
	while (slice_cut(&fields, ':', &name))
		if (++count > DKIM_SIGNATURE_FIELDS_MAX)
			return bad_domainkeys(
			    one, MAIL_REASON_SIGNED_FIELDS_TOO_MANY);
	return 0;
}

static bool
names(struct slice list, struct slice name)
{
	struct slice item;

	while (slice_cut(&list, ':', &item))
		if (slice_equal_nocase(slice_trim(item), name))
			return true;
	return false;
}

static bool
speaks_of_from(const struct dkim_domainkeys *d)
{
	return slice_equal(d->sender_field, SLICE("From"));
}

/* Whose mail is it, and does the signature speak of that? The sender must be
 * below the field: a relay puts its fields on top, and only what was there when
 * it was signed is covered. */
static int
check_sender(const struct dkim_domainkeys *d, struct checked *one,
    const struct mail_header *header, size_t index)
{
	size_t place = mail_header_count(header);
	struct strbuf domain;
	bool within;

	if (d->no_sender != MAIL_REASON_NONE)
		return refused(one, d->no_sender);
	(void)mail_header_find_up(header, d->sender_field, &place);
	if (place < index ||
	    (one->fields.p != NULL && !names(one->fields, d->sender_field)))
		return refused(one,
		    speaks_of_from(d) ? MAIL_REASON_DOMAINKEYS_FROM_UNSIGNED
				      : MAIL_REASON_DOMAINKEYS_SENDER_UNSIGNED);
	strbuf_init(&domain, DKIM_SIGNATURE_DOMAIN_MAX);
	within = mail_idn_to_ascii(one->domain, &domain) == 0 &&
	    mail_domain_is_within(
		strbuf_slice(&d->domain), strbuf_slice(&domain));
	strbuf_clear(&domain);
	if (!within)
		return refused(one,
		    speaks_of_from(d) ? MAIL_REASON_DOMAINKEYS_NOT_FROM
				      : MAIL_REASON_DOMAINKEYS_NOT_SENDER);
	return 0;
}

static int
set_question(struct checked *one)
{
	struct strbuf domain, selector;
	int result = -1;

	strbuf_init(&domain, DKIM_SIGNATURE_DOMAIN_MAX);
	strbuf_init(&selector, DKIM_SIGNATURE_DOMAIN_MAX);
	if (mail_idn_to_ascii(one->domain, &domain) < 0 ||
	    mail_idn_to_ascii(one->selector, &selector) < 0)
		(void)bad_domainkeys(one, MAIL_REASON_KEY_NAME_BAD);
	else
		result = dkim_check_name(&one->check, strbuf_slice(&selector),
		    strbuf_slice(&domain));
	strbuf_clear(&domain);
	strbuf_clear(&selector);
	return result;
}

static int
want(const struct dkim_domainkeys *d, struct checked *one,
    const struct mail_field *const *fields, size_t count, size_t octets)
{
	struct strbuf text;
	int number;

	strbuf_init(&text, octets);
	dkim_domainkeys_canon(one->canon, fields, count, &text);
	number = dkim_body_hashes_want_message(
	    d->body, one->canon, DKIM_SHA1, strbuf_slice(&text));
	strbuf_clear(&text);
	if (number < 0) {
		dkim_check_judge(&one->check, MAIL_VERDICT_POLICY,
		    MAIL_REASON_BODY_HASHES_TOO_MANY);
		return -1;
	}
	one->check.numbers[one->check.number_count++] = number;
	return 0;
}

static void
look_at_header_field(
    struct dkim_domainkeys *d, const struct mail_header *header, size_t index)
{
	const struct mail_field *field = mail_header_at(header, index);
	struct checked *one;

	d->fields++;
	/* Counted and not looked at: each costs a look-up and a hash of the
	 * whole message, and anybody can write thousands of them. */
	if (d->count == DKIM_DOMAINKEYS_SIGNATURES_MAX)
		return;
	one = &d->list[d->count++];
	dkim_check_init(&one->check, &d->rules);
	dkim_check_group_add(&d->checks, &one->check);
	strbuf_init(&one->raw, DKIM_VERIFIER_FIELD_MAX);
	/* The header goes before the checks do, so the field is copied. */
	if (strbuf_add(&one->raw, field->raw) < 0)
		(void)bad_domainkeys(one, MAIL_REASON_SIGNATURE_FIELD_LONG);
	else {
		const struct mail_field *its_field =
		    mail_header_at(header, index);
		struct slice raw = strbuf_slice(&one->raw);
		struct slice value =
		    slice_from(raw.p + (its_field->value.p - its_field->raw.p),
			its_field->value.n);

		one->check.domainkeys = true;
		one->check.algorithm = DKIM_RSA_SHA1;
		one->check.local = strbuf_slice(&d->local);
		if (parse_tags(one, value) >= 0 &&
		    check_sender(d, one, header, index) >= 0 &&
		    dkim_check_decode(&one->check, one->b, SLICE("")) >= 0 &&
		    set_question(one) >= 0) {
			/* Asks for the message's hash, or for two: where h=
			 * names a field once that is there several times
			 * among others, some signers have hashed the fields
			 * as they stand, others all of one name together. */
			size_t room = mail_header_count(header) + 1, standing,
			       grouped;
			size_t octets = mail_header_size(header) + 2;
			const struct mail_field **as_stand =
			    xcalloc(room, sizeof(*as_stand));
			const struct mail_field **by_name =
			    xcalloc(room, sizeof(*by_name));

			standing = dkim_domainkeys_as_they_stand(
			    one->fields, header, index, as_stand);
			grouped = dkim_domainkeys_by_name(
			    one->fields, header, index, by_name);
			if (want(d, one, as_stand, standing, octets) == 0 &&
			    (grouped != standing ||
				memcmp(as_stand, by_name,
				    standing * sizeof(*by_name)) != 0))
				(void)want(d, one, by_name, grouped, octets);
			free(as_stand);
			free(by_name);
		}
	}
}

struct dkim_domainkeys *
dkim_domainkeys_new(const struct dkim_rules *rules,
    const struct mail_header *header, struct dkim_body_hashes *body)
{
	struct dkim_domainkeys *d = xcalloc(1, sizeof(*d));
	const struct mail_field *field;
	struct strbuf name;

	d->rules = *rules;
	d->body = body;
	d->checks.body = body;
	strbuf_init(&d->local, DKIM_SIGNATURE_IDENTITY_MAX);
	strbuf_init(&d->domain, DKIM_SIGNATURE_DOMAIN_MAX);
	strbuf_init(&d->address, DKIM_SIGNATURE_IDENTITY_MAX * 2);
	d->no_sender = dkim_domainkeys_sender(
	    header, &d->sender_field, &d->local, &d->domain);
	if (d->no_sender == MAIL_REASON_NONE) {
		strbuf_add(&d->address, strbuf_slice(&d->local));
		strbuf_add_char(&d->address, '@');
		strbuf_add(&d->address, strbuf_slice(&d->domain));
	}
	strbuf_init(&name, sizeof(d->question.name));
	strbuf_add_str(&name, "_domainkey.");
	strbuf_add(&name, strbuf_slice(&d->domain));
	if (d->no_sender != MAIL_REASON_NONE || name.full ||
	    dns_question_set(&d->question, DNS_TXT, strbuf_slice(&name)) < 0)
		/* There is nobody to ask, and no policy is what is known. */
		d->policy = POLICY_KNOWN;
	strbuf_clear(&name);
	for (size_t i = 0; (field = mail_header_at(header, i)) != NULL; i++)
		if (slice_equal_nocase(
			field->name, SLICE("DomainKey-Signature")))
			look_at_header_field(d, header, i);
	return d;
}

static bool
any_passes(const struct dkim_domainkeys *d)
{
	for (size_t i = 0; i < d->count; i++)
		if (d->list[i].check.outcome.verdict == MAIL_VERDICT_PASS)
			return true;
	return false;
}

/* The policy is asked for last and seldom: it matters only where no signature
 * passes. */
bool
dkim_domainkeys_ask(struct dkim_domainkeys *d, struct dns_question *question)
{
	if (dkim_check_group_ask(&d->checks, question))
		return true;
	if (d->policy != POLICY_UNASKED ||
	    !dkim_check_group_judged(&d->checks) || any_passes(d))
		return false;
	d->policy = POLICY_ASKED;
	*question = d->question;
	return true;
}

void
dkim_domainkeys_answer(struct dkim_domainkeys *d,
    const struct dns_question *question, const struct dns_answer *answer)
{
	struct mail_taglist tags;

	if (d->policy == POLICY_ASKED &&
	    dns_question_equal(&d->question, question)) {
		size_t i = 0;

		d->policy = POLICY_KNOWN;
		d->unreachable = answer->status == DNS_TEMPFAIL;
		/* The first that can be read: there should be one. o=-: all
		 * mail is signed. t=y: do not act on it. */
		while (i < answer->count &&
		    mail_taglist_parse(answer->records[i].value, &tags, NULL) <
			0)
			i++;
		if (i < answer->count) {
			d->signs_all = slice_equal(
			    mail_taglist_value(&tags, SLICE("o")), SLICE("-"));
			d->testing = slice_equal_nocase(
			    mail_taglist_value(&tags, SLICE("t")), SLICE("y"));
		}
	}
	dkim_check_group_answer(&d->checks, question, answer);
}

void
dkim_domainkeys_end(struct dkim_domainkeys *d)
{
	dkim_check_group_end(&d->checks);
}

bool
dkim_domainkeys_done(const struct dkim_domainkeys *d)
{
	return d->checks.ended && dkim_check_group_judged(&d->checks) &&
	    (any_passes(d) || d->policy == POLICY_KNOWN);
}

size_t
dkim_domainkeys_count(const struct dkim_domainkeys *d)
{
	return d->fields;
}

struct dkim_finding
dkim_domainkeys_finding(const struct dkim_domainkeys *d, size_t index)
{
	struct dkim_finding finding = {.verdict = MAIL_VERDICT_POLICY,
	    .reason = MAIL_REASON_SIGNATURES_TOO_MANY};
	const struct checked *one;

	if (index >= d->count)
		return finding;
	one = &d->list[index];
	finding.domain = one->domain;
	finding.selector = one->selector;
	finding.algorithm_text =
	    one->algorithm.p != NULL ? one->algorithm : SLICE("rsa-sha1");
	finding.identity = strbuf_slice(&d->address);
	dkim_check_report(&one->check, &finding);
	return finding;
}

/* The signature to tell of: one that passes, else the top one. */
static struct dkim_finding
best(const struct dkim_domainkeys *d)
{
	for (size_t i = 0; i < d->count; i++) {
		struct dkim_finding finding = dkim_domainkeys_finding(d, i);

		if (finding.verdict == MAIL_VERDICT_PASS)
			return finding;
	}
	if (d->count > 0)
		return dkim_domainkeys_finding(d, 0);
	return (struct dkim_finding){.verdict = MAIL_VERDICT_NONE,
	    .domain = strbuf_slice(&d->domain),
	    .identity = strbuf_slice(&d->address),
	    .reason = d->unreachable ? MAIL_REASON_DOMAINKEYS_UNREACHABLE
				     : MAIL_REASON_NONE};
}

struct dkim_finding
dkim_domainkeys_overall(const struct dkim_domainkeys *d)
{
	struct dkim_finding finding = best(d);

	if (finding.verdict == MAIL_VERDICT_PASS ||
	    finding.verdict == MAIL_VERDICT_TEMPERROR)
		return finding;
	/* A domain that says it is only trying must not lose mail by it. */
	if (d->testing) {
		finding.testing = true;
		if (finding.verdict != MAIL_VERDICT_NONE)
			finding.verdict = MAIL_VERDICT_NEUTRAL;
	} else if (d->signs_all) {
		finding.verdict = MAIL_VERDICT_FAIL;
		if (d->count == 0)
			finding.reason = MAIL_REASON_DOMAINKEYS_SIGNS_ALL;
	}
	return finding;
}

void
dkim_domainkeys_free(struct dkim_domainkeys *d)
{
	if (d == NULL)
		return;
	for (size_t i = 0; i < d->count; i++) {
		strbuf_clear(&d->list[i].raw);
		dkim_check_clear(&d->list[i].check);
	}
	strbuf_clear(&d->local);
	strbuf_clear(&d->domain);
	strbuf_clear(&d->address);
	free(d);
}
