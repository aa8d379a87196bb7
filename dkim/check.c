/* Key records and verifying: RFC 6376 sections 6.1.2 and 6.1.3, RFC 8301. */
#include "dkim/check.h"

#include "base/base64.h"
#include "dkim/body_hashes.h"
#include "dkim/key.h"
#include "dkim/record.h"

void
dkim_check_init(struct dkim_check *c, const struct dkim_rules *rules)
{
	*c = (struct dkim_check){.body_limit = DKIM_BODY_WHOLE,
	    .weak = rules->weak,
	    .partial_body = rules->partial_body,
	    .body_number = -1};
	strbuf_init(&c->signature, DKIM_CHECK_SIGNATURE_MAX);
	strbuf_init(&c->b, DKIM_VERIFIER_FIELD_MAX);
	strbuf_init(&c->digest, DKIM_DIGEST_MAX);
	strbuf_init(&c->body_hash, DKIM_DIGEST_MAX);
}

void
dkim_check_clear(struct dkim_check *c)
{
	strbuf_clear(&c->signature);
	strbuf_clear(&c->b);
	strbuf_clear(&c->digest);
	strbuf_clear(&c->body_hash);
	for (size_t i = 0; i < c->key_count; i++)
		dkim_public_key_free(c->keys[i]);
	c->key_count = 0;
}

void
dkim_check_judge(
    struct dkim_check *c, enum mail_verdict verdict, enum mail_reason reason)
{
	/* RFC 6376 section 3.6.1, t=y: no worse than mail without. */
	if (c->testing && verdict != MAIL_VERDICT_PASS &&
	    verdict != MAIL_VERDICT_TEMPERROR)
		verdict = MAIL_VERDICT_NEUTRAL;
	c->outcome = (struct dkim_fault){verdict, reason};
	c->state = DKIM_CHECK_JUDGED;
}

int
dkim_check_name(
    struct dkim_check *c, struct slice selector, struct slice domain)
{
	struct strbuf name;
	int result;

	strbuf_init(&name, sizeof(c->question.name));
	strbuf_add(&name, selector);
	strbuf_add_str(&name, "._domainkey.");
	strbuf_add(&name, domain);
	result = name.full
	    ? -1
	    : dns_question_set(&c->question, DNS_TXT, strbuf_slice(&name));
	strbuf_clear(&name);
	if (result < 0)
		dkim_check_judge(
		    c, MAIL_VERDICT_NEUTRAL, MAIL_REASON_KEY_NAME_BAD);
	return result;
}

/* Without the blanks that folding put there: header.b of a result is a prefix
 * of this (RFC 8601 section 2.7.1, RFC 6008). */
void
dkim_check_keep_b(struct dkim_check *c, struct slice signature)
{
	for (size_t i = 0; i < signature.n; i++)
		if (signature.p[i] != ' ' && signature.p[i] != '\t' &&
		    signature.p[i] != '\r' && signature.p[i] != '\n')
			strbuf_add_char(&c->b, signature.p[i]);
}

int
dkim_check_decode(
    struct dkim_check *c, struct slice signature, struct slice body_hash)
{
	if (base64_decode(signature, &c->signature) < 0 ||
	    c->signature.n == 0) {
		dkim_check_judge(
		    c, MAIL_VERDICT_NEUTRAL, MAIL_REASON_SIGNATURE_NOT_BASE64);
		return -1;
	}
	if (body_hash.n > 0 &&
	    (base64_decode(body_hash, &c->body_hash) < 0 ||
		c->body_hash.n == 0)) {
		dkim_check_judge(
		    c, MAIL_VERDICT_NEUTRAL, MAIL_REASON_BODY_HASH_NOT_BASE64);
		return -1;
	}
	return 0;
}

/* Why this record cannot serve, by what DKIM and DomainKeys differ in. */
static enum mail_reason
check_refuses(const struct dkim_check *c, const struct dkim_record *record)
{
	enum mail_reason why = dkim_record_refuses(record, c->algorithm);

	if (why != MAIL_REASON_NONE)
		return why;
	/* RFC 6376 section 3.6.1, t=s: i= must be d= itself. */
	if (!c->domainkeys && record->strict && c->subdomain)
		return MAIL_REASON_KEY_STRICT;
	if (c->domainkeys && record->has_granularity &&
	    !slice_equal(record->granularity, SLICE("*")) &&
	    !slice_equal(record->granularity, c->local))
		return MAIL_REASON_KEY_GRANULARITY;
	return MAIL_REASON_NONE;
}

/* What one record came to. */
struct taken {
	struct dkim_fault fault; /* none: its key was taken */
	bool is_key;		 /* it is a key record at all */
	bool tried;		 /* its key was looked at, which costs */
	bool testing;
};

static struct taken
take_checked_record(struct dkim_check *c, struct slice text)
{
	struct taken taken = {.fault = {.verdict = MAIL_VERDICT_PERMERROR}};
	enum mail_reason *why = &taken.fault.reason;
	struct dkim_public_key *key;
	struct dkim_record record;
	int parsed = c->domainkeys
	    ? dkim_record_parse_domainkeys(text, &record, why)
	    : dkim_record_parse(text, &record, why);

	if (parsed < 0)
		return taken;
	taken.is_key = true;
	taken.testing = record.testing;
	*why = check_refuses(c, &record);
	if (*why != MAIL_REASON_NONE)
		return taken;
	taken.tried = true;
	key = dkim_record_public_key(&record, why);
	if (key == NULL)
		return taken;
	c->bits = dkim_public_key_bits(key);
	/* RFC 8301 section 3.2: a short RSA key can be broken by anybody with
	 * some money, so that what it signed proves nothing. */
	if (record.key_type == DKIM_KEY_RSA && c->bits < DKIM_KEY_BITS_MIN &&
	    !c->weak) {
		dkim_public_key_free(key);
		taken.fault = (struct dkim_fault){
		    MAIL_VERDICT_POLICY, MAIL_REASON_KEY_UNDER_1024};
		return taken;
	}
	c->keys[c->key_count++] = key;
	return taken;
}

/* Where no record serves, the first is told of that is a key record, or the
 * first of all. What is none, or is refused unread, counts for nothing. */
static void
take_records(struct dkim_check *c, const struct dns_answer *answer)
{
	struct taken told = {
	    .fault = {MAIL_VERDICT_PERMERROR, MAIL_REASON_NO_KEY_RECORD}};

	size_t tries = 0;

	for (size_t i = 0;
	     i < answer->count && tries < (size_t)DKIM_CHECK_KEYS_MAX; i++) {
		struct taken taken =
		    take_checked_record(c, answer->records[i].value);

		/* RFC 6376 section 3.6.2.2 leaves open what several records
		 * mean. Each that has a key is tried, but a name with hundreds
		 * of them costs no more than a few. */
		tries += taken.tried;
		if (taken.fault.reason == MAIL_REASON_NONE && c->key_count == 1)
			c->testing = taken.testing;
		if (i == 0 || (taken.is_key && !told.is_key))
			told = taken;
	}
	if (c->key_count > 0) {
		c->state = DKIM_CHECK_KEYED;
		return;
	}
	c->testing = told.testing;
	dkim_check_judge(c, told.fault.verdict, told.fault.reason);
}

void
dkim_check_answer(struct dkim_check *c, const struct dns_answer *answer)
{
	c->authentic = answer->authentic;
	switch (answer->status) {
	case DNS_OK:
		take_records(c, answer);
		break;
	case DNS_NODATA:
	case DNS_NXDOMAIN:
		dkim_check_judge(
		    c, MAIL_VERDICT_PERMERROR, MAIL_REASON_NO_KEY_RECORD);
		break;
	/* Not "fail": the sender cannot help it, and the next try may find
	 * it. */
	case DNS_TEMPFAIL:
		dkim_check_judge(c, MAIL_VERDICT_TEMPERROR,
		    MAIL_REASON_KEY_RECORD_UNREACHABLE);
		break;
	}
}

static bool
verifies(const struct dkim_check *c, struct slice digest)
{
	for (size_t i = 0; i < c->key_count; i++)
		if (dkim_public_key_verify(c->keys[i], c->algorithm, digest,
			strbuf_slice(&c->signature)))
			return true;
	return false;
}

/* RFC 6376 hashes the header once; DomainKeys may have two readings. */
static bool
any_verifies(const struct dkim_check *c, const struct dkim_body_hashes *body)
{
	if (c->digest.n > 0)
		return verifies(c, strbuf_slice(&c->digest));
	for (size_t i = 0; i < c->number_count; i++)
		if (verifies(c, dkim_body_hashes_digest(body, c->numbers[i])))
			return true;
	return false;
}

/*
 * Why the signature fits none of the digests. With RSA the right key brings
 * its padding out whatever was signed, so a wrong key and a changed message
 * can be told apart; with Ed25519 they cannot.
 */
static enum mail_reason
mismatch(const struct dkim_check *c)
{
	if (dkim_algorithm_key_type(c->algorithm) != DKIM_KEY_RSA)
		return MAIL_REASON_SIGNATURE_WRONG;
	for (size_t i = 0; i < c->key_count; i++)
		if (dkim_public_key_made(
			c->keys[i], strbuf_slice(&c->signature)))
			return c->domainkeys ? MAIL_REASON_MESSAGE_CHANGED
					     : MAIL_REASON_HEADER_CHANGED;
	return MAIL_REASON_KEY_WRONG;
}

/* None where the body is what was signed. */
static enum mail_reason
body_fault(struct dkim_check *c, const struct dkim_body_hashes *body)
{
	uint64_t length;

	if (c->body_number < 0)
		return MAIL_REASON_NONE;
	length = dkim_body_hashes_length(body, c->body_number);
	/* Somebody has cut the message: l= is a promise of how much there
	 * is. */
	if (c->body_limit != DKIM_BODY_WHOLE && c->body_limit > length)
		return MAIL_REASON_BODY_SHORTER;
	if (!slice_equal(dkim_body_hashes_digest(body, c->body_number),
		strbuf_slice(&c->body_hash)))
		return MAIL_REASON_BODY_CHANGED;
	if (c->body_limit < length)
		c->unsigned_octets = length - c->body_limit;
	return MAIL_REASON_NONE;
}

void
dkim_check_end(struct dkim_check *c, const struct dkim_body_hashes *body)
{
	enum mail_reason fault;

	if (c->state != DKIM_CHECK_KEYED)
		return;
	/* The body first: it costs a comparison, the signature a computation
	 * with the key, and a list's footer is the most frequent of all
	 * causes. */
	fault = body_fault(c, body);
	if (fault != MAIL_REASON_NONE)
		dkim_check_judge(c, MAIL_VERDICT_FAIL, fault);
	else if (!any_verifies(c, body))
		dkim_check_judge(c, MAIL_VERDICT_FAIL, mismatch(c));
	else if (c->unsigned_octets > 0 && !c->partial_body)
		dkim_check_judge(
		    c, MAIL_VERDICT_POLICY, MAIL_REASON_BODY_PARTLY_SIGNED);
	else
		dkim_check_judge(c, MAIL_VERDICT_PASS,
		    c->unsigned_octets > 0 ? MAIL_REASON_BODY_PARTLY_SIGNED
					   : MAIL_REASON_NONE);
}

void
dkim_check_report(const struct dkim_check *c, struct dkim_finding *finding)
{
	bool judged = c->state == DKIM_CHECK_JUDGED;

	finding->verdict = judged ? c->outcome.verdict : MAIL_VERDICT_TEMPERROR;
	finding->reason = judged ? c->outcome.reason : MAIL_REASON_NOT_CHECKED;
	finding->signature = strbuf_slice(&c->b);
	finding->algorithm = c->algorithm;
	finding->bits = c->bits;
	finding->testing = c->testing;
	finding->authenticated = c->authentic;
	finding->unsigned_octets = c->unsigned_octets;
}
