/* DKIM-Signature: RFC 6376 sections 3.5, 3.7 and 6.1.1; RFC 8616 section 5. */
#include "dkim/signature.h"

#include "base/number.h"
#include "dkim/body_hashes.h"
#include "dkim/canon_field.h"
#include "dkim/field_pick.h"
#include "dkim/hash.h"
#include "dkim/quoted.h"
#include "mail/address.h"
#include "mail/header.h"
#include "mail/idn.h"
#include "mail/taglist.h"

/* Digits of l= (RFC 6376 section 3.5); those of t= and x= are held to it. */
#define DIGITS_MAX 76

static int
fail_signature(struct dkim_fault *fault, enum mail_verdict verdict,
    enum mail_reason reason)
{
	*fault = (struct dkim_fault){verdict, reason};
	return -1;
}

/* RFC 8601 section 2.7.1: what cannot be parsed is neutral. */
static int
bad_signature(struct dkim_fault *fault, enum mail_reason reason)
{
	return fail_signature(fault, MAIL_VERDICT_NEUTRAL, reason);
}

void
dkim_signature_init(struct dkim_signature *s)
{
	*s = (struct dkim_signature){
	    .body_limit = DKIM_BODY_WHOLE, .time = -1, .expire = -1};
	strbuf_init(&s->ascii_domain, DKIM_SIGNATURE_DOMAIN_MAX);
	strbuf_init(&s->ascii_selector, DKIM_SIGNATURE_DOMAIN_MAX);
	strbuf_init(&s->identity, DKIM_SIGNATURE_IDENTITY_MAX);
	strbuf_init(&s->ascii_identity_domain, DKIM_SIGNATURE_DOMAIN_MAX);
}

void
dkim_signature_clear(struct dkim_signature *s)
{
	strbuf_clear(&s->ascii_domain);
	strbuf_clear(&s->ascii_selector);
	strbuf_clear(&s->identity);
	strbuf_clear(&s->ascii_identity_domain);
}

/* Digits, however many up to DIGITS_MAX: what does not fit is the most. RFC
 * 6376 has up to 76 digits: a time of the far future is no fault of form, so it
 * counts as the latest that we can hold. */
static int
parse_number(struct slice digits, uint64_t max, uint64_t *value)
{
	if (digits.n == 0 || digits.n > DIGITS_MAX)
		return -1;
	for (size_t i = 0; i < digits.n; i++)
		if (!ascii_is_digit(digits.p[i]))
			return -1;
	if (number_parse(digits, max, value) < 0)
		*value = max;
	return 0;
}

static int
parse_time(struct slice digits, int64_t *value)
{
	uint64_t number;

	if (digits.p == NULL)
		return 0;
	if (parse_number(digits, INT64_MAX, &number) < 0)
		return -1;
	*value = (int64_t)number;
	return 0;
}

/* Each tag's text, so that even a faulty signature can be named. */
static void
read_tags(const struct mail_taglist *tags, struct dkim_signature *s)
{
	const struct mail_tag *b = mail_taglist_find(tags, SLICE("b"));

	s->algorithm_text = mail_taglist_value(tags, SLICE("a"));
	s->algorithm = dkim_algorithm_parse(s->algorithm_text);
	s->domain = mail_taglist_value(tags, SLICE("d"));
	s->selector = mail_taglist_value(tags, SLICE("s"));
	s->fields = mail_taglist_value(tags, SLICE("h"));
	s->body_hash = mail_taglist_value(tags, SLICE("bh"));
	if (b != NULL) {
		s->signature = b->value;
		/* With its blanks: the hash is taken over the field with
		 * exactly these octets cut out. */
		s->signature_whole = b->whole;
	}
}

/* RFC 6376 section 3.5 says which tags must be there. The algorithm is judged
 * last, so that a field without d= is not blamed for its a=. */
static int
check_required(const struct dkim_signature *s, struct dkim_fault *fault)
{
	if (s->algorithm_text.n == 0)
		return bad_signature(fault, MAIL_REASON_NO_ALGORITHM);
	if (s->domain.n == 0)
		return bad_signature(fault, MAIL_REASON_NO_DOMAIN);
	if (s->selector.n == 0)
		return bad_signature(fault, MAIL_REASON_NO_SELECTOR);
	if (s->fields.n == 0)
		return bad_signature(fault, MAIL_REASON_NO_SIGNED_FIELDS);
	if (s->body_hash.n == 0)
		return bad_signature(fault, MAIL_REASON_NO_BODY_HASH);
	if (s->signature.n == 0)
		return bad_signature(fault, MAIL_REASON_NO_SIGNATURE);
	if (s->algorithm == DKIM_ALGORITHM_UNKNOWN)
		return bad_signature(fault, MAIL_REASON_ALGORITHM_UNKNOWN);
	return 0;
}

/* q=: a list; dns/txt must be in it. */
static int
check_query(struct slice methods, struct dkim_fault *fault)
{
	struct slice method;

	if (methods.p == NULL)
		return 0;
	while (slice_cut(&methods, ':', &method)) {
		method = slice_trim(method);
		/* RFC 4871's way to say it, still seen. */
		if (slice_equal_nocase(method, SLICE("dns/txt")) ||
		    slice_equal_nocase(method, SLICE("dns")))
			return 0;
	}
	return bad_signature(fault, MAIL_REASON_QUERY_UNKNOWN);
}

static int
read_numbers(const struct mail_taglist *tags, struct dkim_signature *s,
    struct dkim_fault *fault)
{
	struct slice limit = mail_taglist_value(tags, SLICE("l"));

	if (parse_time(mail_taglist_value(tags, SLICE("t")), &s->time) < 0)
		return bad_signature(fault, MAIL_REASON_TIME_BAD);
	if (parse_time(mail_taglist_value(tags, SLICE("x")), &s->expire) < 0)
		return bad_signature(fault, MAIL_REASON_EXPIRY_BAD);
	/* One less than DKIM_BODY_WHOLE, which l= must not mean. */
	if (limit.p != NULL &&
	    parse_number(limit, UINT64_MAX - 1, &s->body_limit) < 0)
		return bad_signature(fault, MAIL_REASON_LENGTH_BAD);
	/* Section 3.5: x= must be later than t=. */
	if (s->time >= 0 && s->expire >= 0 && s->expire <= s->time)
		return bad_signature(fault, MAIL_REASON_EXPIRY_BEFORE_TIME);
	return 0;
}

/* What DKIM-Signature and ARC-Message-Signature share. */
static int
parse_common(const struct mail_taglist *tags, struct dkim_signature *s,
    struct dkim_fault *fault)
{
	struct slice canon = mail_taglist_value(tags, SLICE("c"));
	struct slice fields, name;
	size_t count = 0;
	bool from = false;

	if (check_required(s, fault) < 0)
		return -1;
	if (mail_idn_to_ascii(s->domain, &s->ascii_domain) < 0)
		return bad_signature(fault, MAIL_REASON_DOMAIN_BAD);
	if (mail_idn_to_ascii(s->selector, &s->ascii_selector) < 0)
		return bad_signature(fault, MAIL_REASON_SELECTOR_BAD);
	/* Without c= it is simple/simple, which is 0. */
	if (canon.p != NULL &&
	    dkim_canon_parse_pair(canon, &s->header_canon, &s->body_canon) < 0)
		return bad_signature(fault, MAIL_REASON_CANON_UNKNOWN);
	if (read_numbers(tags, s, fault) < 0 ||
	    check_query(mail_taglist_value(tags, SLICE("q")), fault) < 0)
		return -1;
	fields = s->fields;
	/* Section 5.4: From must be among them. A signature that leaves it out
	 * could be put under anybody's name. */
	while (slice_cut(&fields, ':', &name)) {
		name = slice_trim(name);
		if (name.n == 0 || slice_has_space(name))
			return bad_signature(
			    fault, MAIL_REASON_SIGNED_FIELDS_BAD);
		/* Each name is looked for in the whole header: thousands of
		 * them would be a way to keep us busy. */
		if (++count > DKIM_SIGNATURE_FIELDS_MAX)
			return bad_signature(
			    fault, MAIL_REASON_SIGNED_FIELDS_TOO_MANY);
		from = from || slice_equal_nocase(name, SLICE("From"));
	}
	if (!from)
		return fail_signature(
		    fault, MAIL_VERDICT_PERMERROR, MAIL_REASON_FROM_UNSIGNED);
	return 0;
}

int
dkim_signature_parse(
    struct slice value, struct dkim_signature *s, struct dkim_fault *fault)
{
	struct mail_taglist tags;
	struct slice version;
	enum mail_reason reason;
	struct slice text, domain;

	if (mail_taglist_parse(value, &tags, &reason) < 0)
		return bad_signature(fault, reason);
	read_tags(&tags, s);
	version = mail_taglist_value(&tags, SLICE("v"));
	if (!slice_equal(version, SLICE("1")))
		return bad_signature(fault,
		    version.p == NULL ? MAIL_REASON_NO_VERSION
				      : MAIL_REASON_VERSION_UNKNOWN);
	if (parse_common(&tags, s, fault) < 0)
		return -1;
	/* Section 3.5: i= must be in or below d=. */
	text = mail_taglist_value(&tags, SLICE("i"));
	if (text.p == NULL) {
		strbuf_add_char(&s->identity, '@');
		strbuf_add(&s->identity, s->domain);
		strbuf_add(
		    &s->ascii_identity_domain, strbuf_slice(&s->ascii_domain));
		return 0;
	}
	if (dkim_quoted_decode(text, &s->identity) < 0)
		return bad_signature(fault, MAIL_REASON_IDENTITY_BAD);
	domain = mail_address_domain(strbuf_slice(&s->identity));
	if (mail_idn_to_ascii(domain, &s->ascii_identity_domain) < 0)
		return bad_signature(fault, MAIL_REASON_IDENTITY_NO_DOMAIN);
	if (!mail_domain_is_within(strbuf_slice(&s->ascii_identity_domain),
		strbuf_slice(&s->ascii_domain)))
		return fail_signature(fault, MAIL_VERDICT_PERMERROR,
		    MAIL_REASON_IDENTITY_OUTSIDE);
	return 0;
}

/* RFC 8617 section 4.1.2: as in DKIM, but without v=, whose place i= takes with
 * another meaning. */
int
dkim_signature_parse_arc(
    struct slice value, struct dkim_signature *s, struct dkim_fault *fault)
{
	struct mail_taglist tags;
	enum mail_reason reason;

	if (mail_taglist_parse(value, &tags, &reason) < 0)
		return bad_signature(fault, reason);
	read_tags(&tags, s);
	if (mail_taglist_find(&tags, SLICE("v")) != NULL)
		return bad_signature(fault, MAIL_REASON_VERSION_PRESENT);
	return parse_common(&tags, s, fault);
}

/* Clocks differ, so the future begins a little later; the past does not, since
 * the signer chose x= himself. */
int
dkim_signature_check_time(const struct dkim_signature *s, int64_t now,
    int64_t skew, struct dkim_fault *fault)
{
	if (s->expire >= 0 && s->expire < now)
		return fail_signature(
		    fault, MAIL_VERDICT_FAIL, MAIL_REASON_EXPIRED);
	if (s->time >= 0 && s->time > now && s->time - now > skew)
		return fail_signature(
		    fault, MAIL_VERDICT_POLICY, MAIL_REASON_FUTURE);
	return 0;
}

void
dkim_signature_header_hash(const struct dkim_signature *s, struct slice raw,
    const struct mail_field *itself, const struct mail_header *header,
    struct strbuf *digest)
{
	struct dkim_hash *hash =
	    dkim_hash_new(dkim_algorithm_digest(s->algorithm));

	dkim_field_pick_write(
	    header, s->fields, itself, s->header_canon, dkim_hash_sink(hash));
	/* Section 3.7: the field itself comes last, without the value of b=. */
	dkim_canon_field_without(
	    s->header_canon, raw, s->signature_whole, dkim_hash_sink(hash));
	strbuf_add(digest, dkim_hash_end(hash));
	dkim_hash_free(hash);
}
