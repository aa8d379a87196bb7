/* DomainKeys, RFC 4870: signing, checking, policy. */
#include "dkim/domainkeys.h"
#include "dkim/body_hashes.h"
#include "dkim/signature.h"
#include "t/lib/letter.h"
#include "t/lib/unit.h"
#include "t/lib/zone.h"

static const struct dkim_rules strict = {0};

static const char plain[] = "Received: from a by b\r\n"
			    "From: Joe <joe@mail.example.org>\r\n"
			    "To: a@example.net,\r\n b@example.net\r\n"
			    "Subject : a  subject\t\r\n"
			    "X-Other: not signed\r\n"
			    "References:\r\n"
			    "Date: Mon, 1 Jan 2024 00:00:00 +0000\r\n"
			    "\r\n"
			    "\r\n  Hello \t there  \r\n\r\n \r\n\r\n";

struct run {
	struct dkim_body_hashes *hashes;
	struct dkim_domainkeys *check;
	struct zone *zone;
};

static bool
ask(void *state, struct dns_question *question)
{
	return dkim_domainkeys_ask(state, question);
}

static void
answer(void *state, const struct dns_question *question,
    const struct dns_answer *what)
{
	dkim_domainkeys_answer(state, question, what);
}

static const struct zone_subject subject = {ask, answer};

static void
run_init(struct run *run, const struct letter *l, const char *zone)
{
	run->hashes = dkim_body_hashes_new();
	run->check = dkim_domainkeys_new(&strict, l->header, run->hashes);
	run->zone = zone_new(zone);
	zone_begin(run->zone, ZONE_FORWARD, ZONE_NO_TIMEOUT);
	zone_run(run->zone, &subject, run->check);
	dkim_body_hashes_write(run->hashes, l->body);
	dkim_body_hashes_end(run->hashes);
	dkim_domainkeys_end(run->check);
	zone_run(run->zone, &subject, run->check);
	assert_true(dkim_domainkeys_done(run->check));
}

static void
run_clear(struct run *run)
{
	dkim_domainkeys_free(run->check);
	dkim_body_hashes_free(run->hashes);
	zone_free(run->zone);
}

static void
expect(const struct letter *l, const char *zone, enum mail_verdict want,
    const char *reason)
{
	struct dkim_finding finding;
	struct run run;

	run_init(&run, l, zone);
	assert_true(dkim_domainkeys_count(run.check) > 0);
	finding = dkim_domainkeys_finding(run.check, 0);
	if (finding.verdict != want)
		print_error("%s (%s)\n", mail_verdict_word(finding.verdict),
		    mail_reason_text(finding.reason));
	assert_int_equal(finding.verdict, want);
	assert_string_equal(mail_reason_text(finding.reason), reason);
	run_clear(&run);
}

static struct dkim_domainkeys_signing
signing_with(enum dkim_canon canon)
{
	return (struct dkim_domainkeys_signing){.domain = SLICE("example.org"),
	    .selector = SLICE("s1"),
	    .canon = canon};
}

static void
zone_of(const struct dkim_key *key, const char *tags, struct strbuf *zone)
{
	strbuf_init(zone, 10000);
	letter_record(key, "s1._domainkey.example.org", tags, zone);
}

static const enum dkim_canon canons[] = {DKIM_CANON_SIMPLE, DKIM_CANON_NOFWS};

static void
test_what_is_signed_verifies_until_it_is_changed(void **state)
{
	struct dkim_key *key = letter_key("rsa1024.pem");
	struct strbuf zone;

	(void)state;
	zone_of(key, "", &zone);
	for (size_t i = 0; i < 2; i++) {
		struct dkim_domainkeys_signing signing =
		    signing_with(canons[i]);
		struct letter l, other;

		letter_init(&l, slice_str(plain));
		letter_sign_domainkeys(&l, &signing, key);
		expect(&l, strbuf_text(&zone), MAIL_VERDICT_PASS, "");
		letter_init(&other, strbuf_slice(&l.text));
		letter_change(&other,
		    slice_search(strbuf_slice(&l.text), SLICE("Hello")));
		expect(&other, strbuf_text(&zone), MAIL_VERDICT_FAIL,
		    "the message is not the one that was signed");
		letter_clear(&other);
		letter_init(&other, strbuf_slice(&l.text));
		letter_change(&other,
		    slice_search(strbuf_slice(&l.text), SLICE("subject\t")));
		expect(&other, strbuf_text(&zone), MAIL_VERDICT_FAIL,
		    "the message is not the one that was signed");
		letter_clear(&other);
		letter_clear(&l);
	}
	strbuf_clear(&zone);
	dkim_key_free(key);
}

static void
test_fields_above_are_not_covered(void **state)
{
	struct dkim_domainkeys_signing signing =
	    signing_with(DKIM_CANON_SIMPLE);
	struct dkim_key *key = letter_key("rsa1024.pem");
	struct strbuf zone;
	struct letter l;

	(void)state;
	zone_of(key, "", &zone);
	letter_init(&l, slice_str(plain));
	letter_sign_domainkeys(&l, &signing, key);
	letter_put_on_top(&l, SLICE("Subject: above\r\nReceived: by x\r\n"));
	expect(&l, strbuf_text(&zone), MAIL_VERDICT_PASS, "");
	letter_clear(&l);
	strbuf_clear(&zone);
	dkim_key_free(key);
}

/* h= of the signature on top of the letter. */
static struct slice
names_of(const struct letter *l)
{
	struct slice raw = mail_header_at(l->header, 0)->raw;
	struct slice h = slice_after(raw, slice_search(raw, SLICE("h=")) + 2);

	return slice_first(h, slice_find(h, ';'));
}

static void
test_names_come_once_and_in_the_message_order(void **state)
{
	static const struct {
		const char *message, *names;
	} cases[] = {
	    {"Date: d\nFrom: a@example.org\nTo: b\n\n", "Date:From:To"},
	    {"Keywords: x\nTo: 1\nTo: 2\nFrom: a@example.org\nX-Y: z\n\n",
		"To:From"},
	    /* not signed in between, so still together */
	    {"To: 1\nX-Y: z\nTo: 2\nFrom: a@example.org\n\n", "To:From"},
	    /* scattered: readers differ on the order, so each is named */
	    {"To: 1\nFrom: a@example.org\nTo: 2\nTo: 3\n\n", "To:From:To:To"},
	    {"To: 1\nFrom: a@example.org\nTo: 2\nTo: 3\nDate: d\n\n",
		"To:From:To:To:Date"},
	    {"Date: d\nTo: 1\nFrom: a@example.org\nTo: 2\nTo: 3\n\n",
		"Date:To:From:To:To"},
	    {"From: a@example.org\nTo: 1\nTo: 2\n\n", "From:To"},
	    {"From: a@example.org\n\n", "From"},
	    {"Sender: a@example.org\nFrom: b@example.com\n\n", "Sender:From"},
	};
	struct dkim_domainkeys_signing signing = signing_with(DKIM_CANON_NOFWS);
	struct dkim_key *key = letter_key("rsa1024.pem");
	struct strbuf zone;

	(void)state;
	zone_of(key, "", &zone);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct letter l;

		letter_init(&l, slice_str(cases[i].message));
		letter_sign_domainkeys(&l, &signing, key);
		assert_slice_equal(names_of(&l), slice_str(cases[i].names));
		expect(&l, strbuf_text(&zone), MAIL_VERDICT_PASS, "");
		letter_clear(&l);
	}
	strbuf_clear(&zone);
	dkim_key_free(key);
}

static void
test_only_the_senders_domain_or_a_parent_signs(void **state)
{
	static const struct {
		const char *header, *domain, *reason;
	} cases[] = {
	    {"From: a@example.org\n\n", "example.org", NULL},
	    {"From: a@mail.example.org\n\n", "example.org", NULL},
	    {"From: a@EXAMPLE.org\n\n", "example.org", NULL},
	    {"From: a@example.com\nSender: b@example.org\n\n", "example.org",
		NULL},
	    {"From: a@example.org\nSender: b@example.com\n\n", "example.org",
		"the domain of Sender or From is not in the signing domain"},
	    {"From: a@notexample.org\n\n", "example.org",
		"the domain of Sender or From is not in the signing domain"},
	    {"From: a@example.org\n\n", "mail.example.org",
		"the domain of Sender or From is not in the signing domain"},
	    {"From: nobody\n\n", "example.org", "From names no address"},
	    {"Subject: x\n\n", "example.org", "there is no From field"},
	    {"Sender: a@example.org\n\n", "example.org",
		"there is no From field"},
	    {"From: a@example.org\nFrom: b@example.org\n\n", "example.org",
		"more than one From field"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dkim_body_hashes *hashes = dkim_body_hashes_new();
		struct dkim_domainkeys_signing signing =
		    signing_with(DKIM_CANON_NOFWS);
		struct dkim_domainkeys_signer *signer;
		struct strbuf reason;
		struct letter l;

		signing.domain = slice_str(cases[i].domain);
		strbuf_init(&reason, 1000);
		letter_init(&l, slice_str(cases[i].header));
		signer = dkim_domainkeys_signer_new(
		    &signing, l.header, hashes, &reason);
		assert_int_equal(signer == NULL, cases[i].reason != NULL);
		assert_string_equal(strbuf_text(&reason),
		    cases[i].reason == NULL ? "" : cases[i].reason);
		dkim_domainkeys_signer_free(signer);
		strbuf_clear(&reason);
		letter_clear(&l);
		dkim_body_hashes_free(hashes);
	}
}

static void
test_key_records_have_granularity_and_testing(void **state)
{
	static const struct {
		const char *tags;
		enum mail_verdict verdict;
		const char *reason;
	} cases[] = {
	    {"g=joe; ", MAIL_VERDICT_PASS, ""},
	    {"g=; ", MAIL_VERDICT_PASS, ""},
	    {"g=*; ", MAIL_VERDICT_PASS, ""},
	    {"k=rsa; t=y; ", MAIL_VERDICT_PASS, ""},
	    {"g=ann; ", MAIL_VERDICT_PERMERROR,
		"g= of the key record is not the sender's local part"},
	    {"k=dsa; ", MAIL_VERDICT_PERMERROR, "unknown k= in the key record"},
	    /* A record of DKIM serves as well. */
	    {"v=DKIM1; k=rsa; ", MAIL_VERDICT_PASS, ""},
	};
	struct dkim_domainkeys_signing signing = signing_with(DKIM_CANON_NOFWS);
	struct dkim_key *key = letter_key("rsa1024.pem");
	struct letter l;

	(void)state;
	letter_init(&l, slice_str(plain));
	letter_sign_domainkeys(&l, &signing, key);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct strbuf zone;

		zone_of(key, cases[i].tags, &zone);
		expect(
		    &l, strbuf_text(&zone), cases[i].verdict, cases[i].reason);
		strbuf_clear(&zone);
	}
	letter_clear(&l);
	dkim_key_free(key);
}

/* Without h=, all fields below the signature are signed. */
static void
test_a_signature_without_h_covers_all_below(void **state)
{
	static const char eml[] = "domainkeys-without-h.eml";
	struct strbuf zone;
	struct letter l, other;

	(void)state;
	letter_data("domainkeys.zone", &zone);
	letter_read(&l, eml);
	expect(&l, strbuf_text(&zone), MAIL_VERDICT_PASS, "");
	letter_init(&other, strbuf_slice(&l.text));
	letter_change(
	    &other, slice_search(strbuf_slice(&l.text), SLICE("X-Any")) + 8);
	expect(&other, strbuf_text(&zone), MAIL_VERDICT_FAIL,
	    "the message is not the one that was signed");
	letter_clear(&other);
	letter_clear(&l);
	/* Hashed by name, as Mail::DKIM does. */
	letter_read(&l, "domainkeys-by-name.eml");
	expect(&l, strbuf_text(&zone), MAIL_VERDICT_PASS, "");
	letter_clear(&l);
	strbuf_clear(&zone);
}

#define SIGNED(tags) "DomainKey-Signature: " tags "\r\n"

static void
test_bad_signatures_say_why(void **state)
{
	static const struct {
		const char *field;
		enum mail_verdict verdict;
		const char *reason;
	} cases[] = {
	    {SIGNED("a=rsa-sha256; d=example.org; s=s1; b=AAAA"),
		MAIL_VERDICT_NEUTRAL, "unknown algorithm in a="},
	    {SIGNED("c=relaxed; d=example.org; s=s1; b=AAAA"),
		MAIL_VERDICT_NEUTRAL, "unknown canonicalization in c="},
	    {SIGNED("q=http; d=example.org; s=s1; b=AAAA"),
		MAIL_VERDICT_NEUTRAL, "unknown query method in q="},
	    {SIGNED("s=s1; b=AAAA"), MAIL_VERDICT_NEUTRAL,
		"no d= in the signature"},
	    {SIGNED("d=example.org; b=AAAA"), MAIL_VERDICT_NEUTRAL,
		"no s= in the signature"},
	    {SIGNED("d=example.org; s=s1"), MAIL_VERDICT_NEUTRAL,
		"no b= in the signature"},
	    {SIGNED("d=example.org; s=s1; b=?"), MAIL_VERDICT_NEUTRAL,
		"b= is no signature in base64"},
	    {SIGNED("d=example.com; s=s1; b=AAAA"), MAIL_VERDICT_PERMERROR,
		"d= is not the domain of From"},
	    {SIGNED("d=example.org; s=s1; h=Subject; b=AAAA"),
		MAIL_VERDICT_PERMERROR,
		"From is not among the fields that are signed"},
	    {SIGNED("d=example.org; s=other; b=AAAA"), MAIL_VERDICT_PERMERROR,
		"no key record"},
	    {SIGNED("d=example.org; s=slow; b=AAAA"), MAIL_VERDICT_TEMPERROR,
		"the key record could not be looked up"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct letter l;

		letter_init(&l, slice_str(plain));
		letter_put_on_top(&l, slice_str(cases[i].field));
		expect(&l, "slow._domainkey.example.org TXT timeout\n",
		    cases[i].verdict, cases[i].reason);
		letter_clear(&l);
	}
}

static void
test_its_names_are_bounded(void **state)
{
	struct strbuf field;
	struct letter l;

	(void)state;
	strbuf_init(&field, 1 << 16);
	strbuf_add_str(&field,
	    "DomainKey-Signature: a=rsa-sha1; d=example.org; s=s1; b=AAAA; "
	    "h=From");
	for (int i = 0; i < DKIM_SIGNATURE_FIELDS_MAX; i++)
		strbuf_add_str(&field, ":x");
	strbuf_add_str(&field, "\r\n");
	letter_init(&l, slice_str(plain));
	letter_put_on_top(&l, strbuf_slice(&field));
	expect(&l, "", MAIL_VERDICT_NEUTRAL, "h= names too many fields");
	letter_clear(&l);
	strbuf_clear(&field);
}

static void
test_a_sender_above_the_signature_is_not_signed(void **state)
{
	struct letter l;

	(void)state;
	letter_init(&l, SLICE("To: b@example.net\n\n"));
	letter_put_on_top(&l, SLICE(SIGNED("d=example.org; s=s1; b=AAAA")));
	letter_put_on_top(&l, SLICE("From: a@example.org\r\n"));
	expect(&l, "", MAIL_VERDICT_PERMERROR,
	    "From is not among the fields that are signed");
	letter_clear(&l);
}

static void
test_signatures_and_hashes_are_bounded(void **state)
{
	struct letter l;
	struct run run;

	(void)state;
	letter_init(&l, slice_str(plain));
	for (int i = 0; i < DKIM_DOMAINKEYS_SIGNATURES_MAX + 3; i++)
		letter_put_on_top(
		    &l, SLICE(SIGNED("d=example.org; s=s1; b=AAAA")));
	run_init(&run, &l, "");
	assert_int_equal(dkim_domainkeys_count(run.check),
	    DKIM_DOMAINKEYS_SIGNATURES_MAX + 3);
	for (size_t i = 0; i < DKIM_DOMAINKEYS_SIGNATURES_MAX + 3; i++)
		assert_int_equal(dkim_domainkeys_finding(run.check, i).verdict,
		    i < DKIM_DOMAINKEYS_SIGNATURES_MAX ? MAIL_VERDICT_PERMERROR
						       : MAIL_VERDICT_POLICY);
	run_clear(&run);
	letter_clear(&l);
}

static void
test_without_a_hash_left_nothing_is_checked_or_signed(void **state)
{
	struct dkim_body_hashes *hashes = dkim_body_hashes_new();
	struct dkim_domainkeys_signing signing = signing_with(DKIM_CANON_NOFWS);
	struct dkim_domainkeys *check;
	struct strbuf reason;
	struct letter l;

	(void)state;
	for (uint64_t i = 0; i < DKIM_BODY_HASHES_MAX; i++)
		dkim_body_hashes_want(
		    hashes, DKIM_CANON_RELAXED, DKIM_SHA256, i);
	letter_init(&l, slice_str(plain));
	strbuf_init(&reason, 1000);
	assert_null(
	    dkim_domainkeys_signer_new(&signing, l.header, hashes, &reason));
	assert_string_equal(
	    strbuf_text(&reason), "too many different body hashes");
	letter_put_on_top(&l, SLICE(SIGNED("d=example.org; s=s1; b=AAAA")));
	check = dkim_domainkeys_new(&strict, l.header, hashes);
	assert_int_equal(
	    dkim_domainkeys_finding(check, 0).verdict, MAIL_VERDICT_POLICY);
	dkim_domainkeys_free(check);
	strbuf_clear(&reason);
	letter_clear(&l);
	dkim_body_hashes_free(hashes);
}

static void
test_a_message_without_a_sender_has_no_policy(void **state)
{
	static const struct {
		const char *header, *reason;
	} cases[] = {
	    {"To: b@example.net\n\n", "there is no From field"},
	    {"From: nobody\n\n", "From names no address"},
	    {"From: a@example..org\n\n", NULL},
	    {"From: a@[192.0.2.1]\n\n",
		"From has an address without a domain name"},
	    {"From: a@example.org\nFrom: b@example.org\n\n",
		"more than one From field"},
	    {"From: a@example.org\nSender: b@example.org\n"
	     "Sender: c@example.org\n\n",
		"more than one Sender field"},
	    {"From: a@example.org\nSender: nobody\n\n",
		"Sender names no address"},
	    {"From: a@example.org\nSender: a@[192.0.2.1]\n\n",
		"Sender has an address without a domain name"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct letter l;
		struct run run;

		letter_init(&l, slice_str(cases[i].header));
		letter_put_on_top(
		    &l, SLICE(SIGNED("d=example.org; s=s1; b=AAAA")));
		run_init(&run, &l, "");
		assert_int_equal(zone_asked_count(run.zone), 0);
		assert_int_equal(dkim_domainkeys_finding(run.check, 0).verdict,
		    MAIL_VERDICT_PERMERROR);
		assert_slice_equal(
		    dkim_domainkeys_overall(run.check).identity, SLICE(""));
		if (cases[i].reason != NULL)
			assert_string_equal(
			    mail_reason_text(
				dkim_domainkeys_finding(run.check, 0).reason),
			    cases[i].reason);
		run_clear(&run);
		letter_clear(&l);
	}
}

static void
test_the_policy_tells_what_unsigned_mail_is(void **state)
{
	static const struct {
		const char *field, *policy;
		enum mail_verdict verdict;
		const char *reason;
	} cases[] = {
	    {"", "", MAIL_VERDICT_NONE, ""},
	    {"", "TXT o=~", MAIL_VERDICT_NONE, ""},
	    {"", "TXT o=-", MAIL_VERDICT_FAIL,
		"not signed, but the domain signs all (o=-)"},
	    {"", "TXT o=-; r=x@example.org; n=note", MAIL_VERDICT_FAIL,
		"not signed, but the domain signs all (o=-)"},
	    {"", "TXT t=y; o=-", MAIL_VERDICT_NONE, ""},
	    {"", "TXT rubbish", MAIL_VERDICT_NONE, ""},
	    {"", "TXT timeout", MAIL_VERDICT_NONE,
		"the domain's policy could not be looked up"},
	    {SIGNED("d=mail.example.org; s=x; b=AAAA"), "TXT o=~",
		MAIL_VERDICT_PERMERROR, "no key record"},
	    {SIGNED("d=mail.example.org; s=x; b=AAAA"), "TXT o=-",
		MAIL_VERDICT_FAIL, "no key record"},
	    {SIGNED("d=mail.example.org; s=x; b=AAAA"), "TXT o=-; t=y",
		MAIL_VERDICT_NEUTRAL, "no key record"},
	    /* It may be signed well: nobody knows. */
	    {SIGNED("d=mail.example.org; s=x; b=AAAA"),
		"TXT o=-\nx._domainkey.mail.example.org TXT timeout",
		MAIL_VERDICT_TEMPERROR,
		"the key record could not be looked up"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct strbuf zone;
		struct letter l;
		struct run run;

		strbuf_init(&zone, 1000);
		if (cases[i].policy[0] != '\0')
			strbuf_addf(&zone, "_domainkey.mail.example.org %s\n",
			    cases[i].policy);
		letter_init(&l, slice_str(plain));
		letter_put_on_top(&l, slice_str(cases[i].field));
		run_init(&run, &l, strbuf_text(&zone));
		assert_int_equal(dkim_domainkeys_overall(run.check).verdict,
		    cases[i].verdict);
		assert_string_equal(
		    mail_reason_text(dkim_domainkeys_overall(run.check).reason),
		    cases[i].reason);
		assert_slice_equal(dkim_domainkeys_overall(run.check).identity,
		    SLICE("joe@mail.example.org"));
		run_clear(&run);
		letter_clear(&l);
		strbuf_clear(&zone);
	}
}

static void
test_the_best_of_several_signatures_counts(void **state)
{
	struct dkim_domainkeys_signing signing = signing_with(DKIM_CANON_NOFWS);
	struct dkim_key *key = letter_key("rsa1024.pem");
	struct dkim_finding finding;
	struct strbuf zone;
	struct letter l;
	struct run run;

	(void)state;
	zone_of(key, "", &zone);
	strbuf_add_str(&zone, "_domainkey.mail.example.org TXT o=-\n");
	letter_init(&l, slice_str(plain));
	letter_sign_domainkeys(&l, &signing, key);
	letter_put_on_top(&l, SLICE(SIGNED("d=example.org; s=none; b=AAAA")));
	run_init(&run, &l, strbuf_text(&zone));
	finding = dkim_domainkeys_overall(run.check);
	assert_int_equal(finding.verdict, MAIL_VERDICT_PASS);
	assert_slice_equal(finding.selector, SLICE("s1"));
	assert_int_equal(dkim_domainkeys_finding(run.check, 0).verdict,
	    MAIL_VERDICT_PERMERROR);
	run_clear(&run);
	letter_clear(&l);
	strbuf_clear(&zone);
	dkim_key_free(key);
}

static void
test_a_passing_signature_needs_no_policy(void **state)
{
	struct dkim_domainkeys_signing signing = signing_with(DKIM_CANON_NOFWS);
	struct dkim_key *key = letter_key("rsa1024.pem");
	struct strbuf zone;
	struct letter l;
	struct run run;

	(void)state;
	zone_of(key, "", &zone);
	letter_init(&l, slice_str(plain));
	letter_sign_domainkeys(&l, &signing, key);
	run_init(&run, &l, strbuf_text(&zone));
	assert_int_equal(zone_asked_count(run.zone), 1);
	assert_int_equal(
	    dkim_domainkeys_overall(run.check).verdict, MAIL_VERDICT_PASS);
	run_clear(&run);
	letter_clear(&l);
	strbuf_clear(&zone);
	dkim_key_free(key);
}

/* Each is asked for, and awaited, before the next is known to matter. */
static void
test_done_is_what_has_ended_and_got_every_answer(void **state)
{
	struct dkim_body_hashes *hashes = dkim_body_hashes_new();
	struct zone *zone = zone_new("_domainkey.mail.example.org TXT o=-\n");
	struct dkim_domainkeys *check;
	struct letter l;

	(void)state;
	letter_init(&l, slice_str(plain));
	letter_put_on_top(&l, SLICE(SIGNED("d=example.org; s=s1; b=AAAA")));
	check = dkim_domainkeys_new(&strict, l.header, hashes);
	zone_begin(zone, ZONE_FORWARD, ZONE_NO_TIMEOUT);
	dkim_body_hashes_end(hashes);
	dkim_domainkeys_end(check);
	assert_false(dkim_domainkeys_done(check));
	assert_true(zone_step(zone, &subject, check));
	assert_false(dkim_domainkeys_done(check));
	assert_int_equal(
	    dkim_domainkeys_overall(check).verdict, MAIL_VERDICT_PERMERROR);
	assert_true(zone_step(zone, &subject, check));
	assert_true(dkim_domainkeys_done(check));
	assert_int_equal(
	    dkim_domainkeys_overall(check).verdict, MAIL_VERDICT_FAIL);
	dkim_domainkeys_free(check);
	dkim_domainkeys_free(NULL);
	dkim_body_hashes_free(hashes);
	zone_free(zone);
	letter_clear(&l);
}

static void
test_without_a_signature_too_the_end_is_awaited(void **state)
{
	struct dkim_body_hashes *hashes = dkim_body_hashes_new();
	struct zone *zone = zone_new("");
	struct dkim_domainkeys *check;
	struct letter l;

	(void)state;
	letter_init(&l, slice_str(plain));
	check = dkim_domainkeys_new(&strict, l.header, hashes);
	zone_begin(zone, ZONE_FORWARD, ZONE_NO_TIMEOUT);
	zone_run(zone, &subject, check);
	assert_false(dkim_domainkeys_done(check));
	dkim_body_hashes_end(hashes);
	dkim_domainkeys_end(check);
	assert_true(dkim_domainkeys_done(check));
	dkim_domainkeys_free(check);
	dkim_body_hashes_free(hashes);
	zone_free(zone);
	letter_clear(&l);
}

static void
tell(struct dkim_domainkeys *check, const char *name, const char *text)
{
	struct dns_record record = {.value = slice_str(text)};
	struct dns_answer what = {
	    .status = DNS_OK, .records = &record, .count = 1};
	struct dns_question question;

	assert_int_equal(
	    dns_question_set(&question, DNS_TXT, slice_str(name)), 0);
	dkim_domainkeys_answer(check, &question, &what);
}

static void
test_only_an_answer_that_was_asked_for_is_the_policy(void **state)
{
	struct dkim_body_hashes *hashes = dkim_body_hashes_new();
	struct dkim_domainkeys *check;
	struct dns_question question;
	struct letter l;

	(void)state;
	letter_init(&l, slice_str(plain));
	check = dkim_domainkeys_new(&strict, l.header, hashes);
	tell(check, "_domainkey.mail.example.org", "o=-");
	assert_int_equal(
	    dkim_domainkeys_overall(check).verdict, MAIL_VERDICT_NONE);
	assert_true(dkim_domainkeys_ask(check, &question));
	tell(check, "_domainkey.example.com", "o=-");
	assert_int_equal(
	    dkim_domainkeys_overall(check).verdict, MAIL_VERDICT_NONE);
	tell(check, "_domainkey.mail.example.org", "o=-");
	assert_int_equal(
	    dkim_domainkeys_overall(check).verdict, MAIL_VERDICT_FAIL);
	tell(check, "_domainkey.mail.example.org", "o=~");
	assert_int_equal(
	    dkim_domainkeys_overall(check).verdict, MAIL_VERDICT_FAIL);
	dkim_domainkeys_free(check);
	dkim_body_hashes_free(hashes);
	letter_clear(&l);
}

static void
test_a_domain_too_long_for_a_policy_is_not_asked_about(void **state)
{
	struct strbuf text;
	struct letter l;
	struct run run;

	(void)state;
	strbuf_init(&text, 1000);
	strbuf_add_str(&text, "From: joe@");
	for (int i = 0; i < 24; i++)
		strbuf_add_str(&text, "label1234.");
	strbuf_add_str(&text, "example.org\r\n\r\n");
	letter_init(&l, strbuf_slice(&text));
	run_init(&run, &l, "");
	assert_int_equal(
	    dkim_domainkeys_overall(run.check).verdict, MAIL_VERDICT_NONE);
	assert_int_equal(zone_asked_count(run.zone), 0);
	run_clear(&run);
	letter_clear(&l);
	strbuf_clear(&text);
}

static void
test_the_algorithm_is_rsa_sha1_whether_said_or_not(void **state)
{
	static const char *const fields[] = {
	    SIGNED("d=example.org; s=s1; b=AAAA"),
	    SIGNED("a=rsa-sha1; d=example.org; s=s1; b=AAAA")};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct letter l;
		struct run run;

		letter_init(&l, slice_str(plain));
		letter_put_on_top(&l, slice_str(fields[i]));
		run_init(&run, &l, "");
		assert_slice_equal(
		    dkim_domainkeys_finding(run.check, 0).algorithm_text,
		    SLICE("rsa-sha1"));
		run_clear(&run);
		letter_clear(&l);
	}
}

/* Where both readings of h= are one, one hash is enough. */
static void
test_one_hash_is_spent_where_one_is_enough(void **state)
{
	static const struct {
		const char *names;
		enum mail_verdict verdict;
	} cases[] = {
	    {"From:To", MAIL_VERDICT_TEMPERROR}, /* its key is awaited */
	    {"To:From", MAIL_VERDICT_POLICY},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dkim_body_hashes *hashes = dkim_body_hashes_new();
		struct dkim_domainkeys *check;
		struct strbuf field;
		struct letter l;

		for (uint64_t n = 1; n < DKIM_BODY_HASHES_MAX; n++)
			dkim_body_hashes_want(
			    hashes, DKIM_CANON_RELAXED, DKIM_SHA256, n);
		strbuf_init(&field, 1000);
		strbuf_addf(&field, SIGNED("d=example.org; s=s1; b=AAAA; h=%s"),
		    cases[i].names);
		letter_init(&l, slice_str(plain));
		letter_put_on_top(&l, strbuf_slice(&field));
		check = dkim_domainkeys_new(&strict, l.header, hashes);
		assert_int_equal(dkim_domainkeys_finding(check, 0).verdict,
		    cases[i].verdict);
		dkim_domainkeys_free(check);
		dkim_body_hashes_free(hashes);
		strbuf_clear(&field);
		letter_clear(&l);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_is_signed_verifies_until_it_is_changed),
	    cmocka_unit_test(test_fields_above_are_not_covered),
	    cmocka_unit_test(test_names_come_once_and_in_the_message_order),
	    cmocka_unit_test(test_only_the_senders_domain_or_a_parent_signs),
	    cmocka_unit_test(test_key_records_have_granularity_and_testing),
	    cmocka_unit_test(test_a_signature_without_h_covers_all_below),
	    cmocka_unit_test(test_bad_signatures_say_why),
	    cmocka_unit_test(test_its_names_are_bounded),
	    cmocka_unit_test(test_a_sender_above_the_signature_is_not_signed),
	    cmocka_unit_test(test_signatures_and_hashes_are_bounded),
	    cmocka_unit_test(
		test_without_a_hash_left_nothing_is_checked_or_signed),
	    cmocka_unit_test(test_a_message_without_a_sender_has_no_policy),
	    cmocka_unit_test(test_the_policy_tells_what_unsigned_mail_is),
	    cmocka_unit_test(test_the_best_of_several_signatures_counts),
	    cmocka_unit_test(test_a_passing_signature_needs_no_policy),
	    cmocka_unit_test(test_done_is_what_has_ended_and_got_every_answer),
	    cmocka_unit_test(test_without_a_signature_too_the_end_is_awaited),
	    cmocka_unit_test(
		test_only_an_answer_that_was_asked_for_is_the_policy),
	    cmocka_unit_test(
		test_a_domain_too_long_for_a_policy_is_not_asked_about),
	    cmocka_unit_test(
		test_the_algorithm_is_rsa_sha1_whether_said_or_not),
	    cmocka_unit_test(test_one_hash_is_spent_where_one_is_enough),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
