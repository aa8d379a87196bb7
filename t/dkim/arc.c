/* ARC chains: sealed here, judged here, broken in every way. */
#include <stdio.h>

#include "dkim/arc.h"
#include "dkim/body_hashes.h"
#include "t/lib/letter_chain.h"
#include "t/lib/unit.h"
#include "t/lib/zone.h"

static const struct dkim_rules strict = {0};

struct judgement {
	struct dkim_body_hashes *hashes;
	struct dkim_arc *arc;
	struct zone *zone;
};

static bool
ask(void *state, struct dns_question *question)
{
	return dkim_arc_ask(state, question);
}

static void
answer(void *state, const struct dns_question *question,
    const struct dns_answer *what)
{
	dkim_arc_answer(state, question, what);
}

static const struct zone_subject subject = {ask, answer};

static void
judgement_init(struct judgement *j, const struct letter *l, const char *zone)
{
	j->hashes = dkim_body_hashes_new();
	j->arc = dkim_arc_new(&strict, l->header, j->hashes, LETTER_CHAIN_TIME);
	j->zone = zone_new(zone);
	zone_begin(j->zone, ZONE_FORWARD, ZONE_NO_TIMEOUT);
	zone_run(j->zone, &subject, j->arc);
	dkim_body_hashes_write(j->hashes, l->body);
	dkim_body_hashes_end(j->hashes);
	dkim_arc_end(j->arc);
	assert_true(dkim_arc_done(j->arc));
}

static void
judgement_clear(struct judgement *j)
{
	dkim_arc_free(j->arc);
	dkim_body_hashes_free(j->hashes);
	zone_free(j->zone);
}

static void
expect(const struct letter *l, const char *zone, enum mail_verdict verdict,
    unsigned instance, const char *reason)
{
	struct dkim_arc_finding finding;
	struct judgement j;

	judgement_init(&j, l, zone);
	finding = dkim_arc_finding(j.arc);
	if (finding.verdict != verdict)
		print_error("%s (%s)\n", mail_verdict_word(finding.verdict),
		    finding.text);
	assert_int_equal(finding.verdict, verdict);
	assert_int_equal(finding.instance, instance);
	if (reason != NULL)
		assert_string_equal(finding.text, reason);
	judgement_clear(&j);
}

static void
test_chains_of_one_to_fifty_sets_pass(void **state)
{
	struct letter l;
	struct letter_chain_keys k;

	(void)state;
	letter_chain_keys_init(&k);
	letter_init(&l, SLICE(LETTER_CHAIN_TEXT));
	expect(&l, "", MAIL_VERDICT_NONE, 0, "");
	for (unsigned i = 1; i <= DKIM_ARC_SETS_MAX; i++) {
		assert_null(letter_chain_seal(&l, i % 2 ? k.ed : k.rsa,
		    i % 2 ? "ed" : "rsa",
		    i == 1 ? MAIL_VERDICT_NONE : MAIL_VERDICT_PASS));
		if (i < 6 || i == DKIM_ARC_SETS_MAX)
			expect(
			    &l, strbuf_text(&k.zone), MAIL_VERDICT_PASS, i, "");
	}
	assert_string_equal(
	    letter_chain_seal(&l, k.ed, "ed", MAIL_VERDICT_PASS),
	    "the ARC chain has 50 sets already");
	letter_clear(&l);
	letter_chain_keys_clear(&k);
}

static void
test_a_chain_shows_sealers_and_results(void **state)
{
	static const unsigned absent[] = {
	    0, 3, DKIM_ARC_SETS_MAX, DKIM_ARC_SETS_MAX + 1, 1000000};
	struct judgement j;
	struct letter l;
	struct letter_chain_keys k;

	(void)state;
	letter_chain_keys_init(&k);
	letter_chain_init(&l, &k, 2);
	print_message(
	    "%.*s", (int)mail_header_at(l.header, 6)->offset, l.text.p);
	judgement_init(&j, &l, strbuf_text(&k.zone));
	for (unsigned i = 1; i <= 2; i++) {
		assert_slice_equal(
		    dkim_arc_sealer_domain(j.arc, i), SLICE("example.net"));
		assert_slice_equal(dkim_arc_results(j.arc, i),
		    SLICE("mx.example.net; spf=pass\r\n\tsmtp.mailfrom=a"));
	}
	for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++) {
		assert_slice_equal(
		    dkim_arc_sealer_domain(j.arc, absent[i]), SLICE(""));
		assert_slice_equal(
		    dkim_arc_results(j.arc, absent[i]), SLICE(""));
	}
	/* Two keys, asked once each. */
	assert_int_equal(zone_asked_count(j.zone), 2);
	judgement_clear(&j);
	letter_clear(&l);
	letter_chain_keys_clear(&k);
}

static void
test_a_broken_chain_fails_and_says_where(void **state)
{
	static const struct {
		const char *what;
		unsigned nth;
		const char *with, *reason;
	} cases[] = {
	    {"Hello", 0, "Hullo",
		"ARC-Message-Signature i=3: the body is not the one that was "
		"signed (bh=)"},
	    {"Subject: s", 0, "Subject: t",
		"ARC-Message-Signature i=3: the signature does not verify"},
	    {"From: Joe", 0, "From: x@y\r\nFrom: Joe",
		"ARC-Message-Signature i=3: the signature does not verify"},
	    /* The text of a result, from the top: i=3, i=2, i=1. */
	    {"spf=pass", 0, "spf=fail",
		"ARC-Seal i=3: the signature does not verify"},
	    {"spf=pass", 1, "spf=fail",
		"ARC-Seal i=3: the signature does not verify"},
	    {"spf=pass", 2, "spf=fail",
		"ARC-Seal i=3: the signature does not verify"},
	    /* Structure. */
	    {"ARC-Seal: i=2", 0, "X-Gone: i=2", "an ARC set is not whole"},
	    {"ARC-Authentication-Results: i=1", 0, "X-Gone: i=1",
		"an ARC set is not whole"},
	    {"ARC-Message-Signature: i=3", 0, "X-Gone: i=3",
		"an ARC set is not whole"},
	    {"ARC-Seal: i=2", 0, "ARC-Seal: i=3",
		"an ARC field comes twice in one instance"},
	    {"ARC-Seal: i=3", 0, "ARC-Seal: i=4", "an ARC set is not whole"},
	    {"ARC-Seal: i=1", 0, "ARC-Seal: i=0",
		"an ARC field without an instance from 1 to 50"},
	    {"ARC-Seal: i=1", 0, "ARC-Seal: i=51",
		"an ARC field without an instance from 1 to 50"},
	    {"ARC-Seal: i=1", 0, "ARC-Seal: i=x",
		"an ARC field without an instance from 1 to 50"},
	    {"ARC-Authentication-Results: i=1;", 0,
		"ARC-Authentication-Results: j=1;",
		"an ARC field without an instance from 1 to 50"},
	    {"ARC-Authentication-Results: i=1;", 0,
		"ARC-Authentication-Results: i=0;",
		"an ARC field without an instance from 1 to 50"},
	    {"ARC-Authentication-Results: i=1;", 0,
		"ARC-Authentication-Results: i=51;",
		"an ARC field without an instance from 1 to 50"},
	    {"cv=none", 0, "cv=pass",
		"cv= of an ARC-Seal is not what its instance must have"},
	    {"cv=pass", 0, "cv=none",
		"cv= of an ARC-Seal is not what its instance must have"},
	    {"cv=pass", 1, "cv=fail",
		"cv= of an ARC-Seal is not what its instance must have"},
	    {"cv=pass", 0, "cv=fail", "the highest ARC-Seal says cv=fail"},
	    {"cv=pass", 0, "cv=maybe",
		"no cv= in an ARC-Seal, or an unknown one"},
	    {"cv=pass;", 0, "cv=pass; h=from;", "h= in an ARC-Seal"},
	    {"cv=pass; d=example.net;", 0, "cv=pass;",
		"no d= or no s= in an ARC-Seal"},
	    {"a=ed25519-sha256; cv=pass", 0, "a=rsa-sha1; cv=pass",
		"unknown algorithm in a= of an ARC-Seal"},
	    {"ARC-Message-Signature: i=3;", 0,
		"ARC-Message-Signature: i=3; v=1;",
		"ARC-Message-Signature i=3: v= in the signature"},
	    {"ARC-Message-Signature: i=3; a=ed25519-sha256", 0,
		"ARC-Message-Signature: i=3; a=rsa-sha1",
		"ARC-Message-Signature i=3: rsa-sha1 is no longer taken (RFC "
		"8301)"},
	    {"t=1700000000", 1, "t=1800000000",
		"ARC-Message-Signature i=3: signature is of the future (t=)"},
	    {"t=1700000000", 1, "t=1600000000; x=1600000001",
		"ARC-Message-Signature i=3: signature expired"},
	    {"h=From:", 0, "h=ARC-Seal:From:",
		"ARC-Message-Signature i=3: h= names ARC-Seal"},
	    {"h=From:From:", 0, "h=To:To:",
		"ARC-Message-Signature i=3: From is not signed (h=)"},
	    {"d=example.net; s=ed;", 0, "d=example.net; s=none;",
		"ARC-Seal i=3: no key record"},
	    {"d=example.net; s=rsa;", 0, "d=example.net; s=ed;",
		"ARC-Seal i=3: the signature does not verify"},
	};
	struct letter l, other;
	struct letter_chain_keys k;

	(void)state;
	letter_chain_keys_init(&k);
	letter_chain_init(&l, &k, 3);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned highest = strstr(cases[i].with, "i=4") != NULL ? 4 : 3;

		letter_replaced(
		    &l, cases[i].what, cases[i].nth, cases[i].with, &other);
		expect(&other, strbuf_text(&k.zone), MAIL_VERDICT_FAIL, highest,
		    cases[i].reason);
		letter_clear(&other);
	}
	letter_clear(&l);
	letter_chain_keys_clear(&k);
}

static void
test_a_chain_that_does_not_pass_shows_nothing(void **state)
{
	struct letter l, other;
	struct judgement j;
	struct letter_chain_keys k;

	(void)state;
	letter_chain_keys_init(&k);
	letter_chain_init(&l, &k, 2);
	letter_replaced(&l, "Hello", 0, "Hullo", &other);
	judgement_init(&j, &other, strbuf_text(&k.zone));
	assert_int_equal(dkim_arc_finding(j.arc).verdict, MAIL_VERDICT_FAIL);
	assert_slice_equal(dkim_arc_sealer_domain(j.arc, 1), SLICE(""));
	assert_slice_equal(dkim_arc_results(j.arc, 1), SLICE(""));
	judgement_clear(&j);
	letter_clear(&other);
	letter_clear(&l);
	letter_chain_keys_clear(&k);
}

/* Though all that was asked for is known to be missing. */
static void
test_nothing_is_said_before_the_end_of_the_body(void **state)
{
	struct dkim_body_hashes *hashes = dkim_body_hashes_new();
	struct zone *zone = zone_new("");
	struct dkim_arc *arc;
	struct letter l;
	struct letter_chain_keys k;

	(void)state;
	letter_chain_keys_init(&k);
	letter_chain_init(&l, &k, 2);
	arc = dkim_arc_new(&strict, l.header, hashes, LETTER_CHAIN_TIME);
	zone_begin(zone, ZONE_FORWARD, ZONE_NO_TIMEOUT);
	zone_run(zone, &subject, arc);
	assert_int_equal(dkim_arc_finding(arc).verdict, MAIL_VERDICT_TEMPERROR);
	assert_string_equal(dkim_arc_finding(arc).text, "not yet checked");
	assert_false(dkim_arc_done(arc));
	assert_slice_equal(dkim_arc_results(arc, 1), SLICE(""));
	dkim_body_hashes_end(hashes);
	dkim_arc_end(arc);
	assert_int_equal(dkim_arc_finding(arc).verdict, MAIL_VERDICT_FAIL);
	assert_true(dkim_arc_done(arc));
	dkim_arc_free(arc);
	dkim_body_hashes_free(hashes);
	zone_free(zone);
	letter_clear(&l);
	letter_chain_keys_clear(&k);
}

static void
test_without_a_chain_too_the_end_is_awaited(void **state)
{
	struct dkim_body_hashes *hashes = dkim_body_hashes_new();
	struct dkim_arc *arc;
	struct letter l;

	(void)state;
	letter_init(&l, SLICE(LETTER_CHAIN_TEXT));
	arc = dkim_arc_new(&strict, l.header, hashes, LETTER_CHAIN_TIME);
	assert_false(dkim_arc_done(arc));
	dkim_body_hashes_end(hashes);
	dkim_arc_end(arc);
	assert_true(dkim_arc_done(arc));
	dkim_arc_free(arc);
	dkim_arc_free(NULL);
	dkim_body_hashes_free(hashes);
	letter_clear(&l);
}

static void
use_up(struct dkim_body_hashes *hashes)
{
	for (uint64_t i = 0; i < DKIM_BODY_HASHES_MAX; i++)
		assert_true(dkim_body_hashes_want(hashes, DKIM_CANON_SIMPLE,
				DKIM_SHA256, i) >= 0);
}

static void
test_without_a_hash_left_a_chain_fails(void **state)
{
	struct dkim_body_hashes *hashes = dkim_body_hashes_new();
	struct dkim_arc *arc;
	struct zone *zone;
	struct letter l;
	struct letter_chain_keys k;

	(void)state;
	letter_chain_keys_init(&k);
	letter_chain_init(&l, &k, 1);
	use_up(hashes);
	arc = dkim_arc_new(&strict, l.header, hashes, LETTER_CHAIN_TIME);
	zone = zone_new(strbuf_text(&k.zone));
	zone_begin(zone, ZONE_FORWARD, ZONE_NO_TIMEOUT);
	zone_run(zone, &subject, arc);
	zone_free(zone);
	dkim_body_hashes_end(hashes);
	dkim_arc_end(arc);
	assert_int_equal(dkim_arc_finding(arc).verdict, MAIL_VERDICT_FAIL);
	assert_string_equal(dkim_arc_finding(arc).text,
	    "ARC-Message-Signature i=1: too many different body hashes in "
	    "one message");
	dkim_arc_free(arc);
	dkim_body_hashes_free(hashes);
	letter_clear(&l);
	letter_chain_keys_clear(&k);
}

/* Any octet of a set that relaxed does not forgive. */
static void
test_one_changed_octet_of_a_set_fails(void **state)
{
	struct letter l, other;
	struct letter_chain_keys k;
	size_t end;

	(void)state;
	letter_chain_keys_init(&k);
	letter_chain_init(&l, &k, 2);
	end = mail_header_at(l.header, 6)->offset;
	for (size_t at = 0; at < end; at++) {
		struct judgement j;

		if (strchr(" \t\r\n:", l.text.p[at]) != NULL)
			continue;
		letter_init(&other, strbuf_slice(&l.text));
		letter_change(&other, at);
		judgement_init(&j, &other, strbuf_text(&k.zone));
		assert_int_equal(
		    dkim_arc_finding(j.arc).verdict, MAIL_VERDICT_FAIL);
		judgement_clear(&j);
		letter_clear(&other);
	}
	letter_clear(&l);
	letter_chain_keys_clear(&k);
}

static void
test_a_lost_answer_is_a_temperror(void **state)
{
	struct letter l;
	struct letter_chain_keys k;

	(void)state;
	letter_chain_keys_init(&k);
	letter_chain_init(&l, &k, 2);
	strbuf_reset(&k.zone);
	letter_record(
	    k.ed, "ed._domainkey.example.net", "k=ed25519; ", &k.zone);
	strbuf_add_str(&k.zone, "rsa._domainkey.example.net TXT timeout\n");
	expect(&l, strbuf_text(&k.zone), MAIL_VERDICT_TEMPERROR, 2,
	    "ARC-Message-Signature i=2: the key record could not be looked "
	    "up");
	/* What fails for good outweighs it. */
	strbuf_reset(&k.zone);
	strbuf_add_str(&k.zone, "rsa._domainkey.example.net TXT timeout\n");
	expect(&l, strbuf_text(&k.zone), MAIL_VERDICT_FAIL, 2,
	    "ARC-Seal i=1: no key record");
	letter_clear(&l);
	letter_chain_keys_clear(&k);
}

static void
once(struct zone *zone, size_t timeout, void *arg)
{
	const struct letter *l = arg;
	struct dkim_body_hashes *hashes = dkim_body_hashes_new();
	struct dkim_arc *arc =
	    dkim_arc_new(&strict, l->header, hashes, LETTER_CHAIN_TIME);
	bool early = timeout == ZONE_NO_TIMEOUT || timeout % 2 == 0;

	if (early)
		zone_run(zone, &subject, arc);
	dkim_body_hashes_write(hashes, l->body);
	dkim_body_hashes_end(hashes);
	dkim_arc_end(arc);
	assert_int_equal(dkim_arc_done(arc), early);
	zone_run(zone, &subject, arc);
	assert_true(dkim_arc_done(arc));
	assert_int_equal(dkim_arc_finding(arc).verdict,
	    timeout == ZONE_NO_TIMEOUT ? MAIL_VERDICT_PASS
				       : MAIL_VERDICT_TEMPERROR);
	dkim_arc_free(arc);
	dkim_body_hashes_free(hashes);
}

/* In order, in reverse, each one lost in turn; before the end and after. */
static void
test_answers_in_any_order(void **state)
{
	struct zone *zone;
	struct letter l;
	struct letter_chain_keys k;
	size_t hops = 5;

	(void)state;
	letter_chain_keys_init(&k);
	letter_init(&l, SLICE(LETTER_CHAIN_TEXT));
	for (size_t i = 1; i <= hops; i++) {
		char name[64];

		snprintf(name, sizeof(name), "s%zu", i);
		assert_null(letter_chain_seal(&l, k.ed, name,
		    i == 1 ? MAIL_VERDICT_NONE : MAIL_VERDICT_PASS));
		snprintf(name, sizeof(name), "s%zu._domainkey.example.net", i);
		letter_record(k.ed, name, "k=ed25519; ", &k.zone);
	}
	zone = zone_new(strbuf_text(&k.zone));
	zone_every_way(zone, once, &l);
	zone_free(zone);
	letter_clear(&l);
	letter_chain_keys_clear(&k);
}

static void
test_a_broken_chain_is_sealed_once_as_failed(void **state)
{
	struct letter l, other;
	struct letter_chain_keys k;

	(void)state;
	letter_chain_keys_init(&k);
	letter_chain_init(&l, &k, 2);
	letter_replaced(&l, "Subject: s", 0, "Subject: [list] s", &other);
	expect(&other, strbuf_text(&k.zone), MAIL_VERDICT_FAIL, 2, NULL);
	assert_null(letter_chain_seal(&other, k.ed, "ed", MAIL_VERDICT_FAIL));
	expect(&other, strbuf_text(&k.zone), MAIL_VERDICT_FAIL, 3,
	    "the highest ARC-Seal says cv=fail");
	assert_string_equal(
	    letter_chain_seal(&other, k.ed, "ed", MAIL_VERDICT_FAIL),
	    "the ARC chain has ended (cv=fail)");
	letter_clear(&other);
	letter_clear(&l);
	letter_chain_keys_clear(&k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_chains_of_one_to_fifty_sets_pass),
	    cmocka_unit_test(test_a_chain_shows_sealers_and_results),
	    cmocka_unit_test(test_a_broken_chain_fails_and_says_where),
	    cmocka_unit_test(test_one_changed_octet_of_a_set_fails),
	    cmocka_unit_test(test_a_lost_answer_is_a_temperror),
	    cmocka_unit_test(test_answers_in_any_order),
	    cmocka_unit_test(test_a_broken_chain_is_sealed_once_as_failed),
	    cmocka_unit_test(test_a_chain_that_does_not_pass_shows_nothing),
	    cmocka_unit_test(test_nothing_is_said_before_the_end_of_the_body),
	    cmocka_unit_test(test_without_a_chain_too_the_end_is_awaited),
	    cmocka_unit_test(test_without_a_hash_left_a_chain_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
