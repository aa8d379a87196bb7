/* The rules of RFC 6376 section 6, RFC 8301, 8463 and 8616; and the bounds. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "dkim/body_hashes.h"
#include "dkim/record.h"
#include "dkim/signature.h"
#include "t/lib/letter_check.h"
#include "t/lib/unit.h"

#define NOW 1700000000

static const struct dkim_rules strict = {0};

static const char plain[] = "From: Joe <joe@example.org>\r\n"
			    "To: a@example.net\r\n"
			    "Subject: s\r\n"
			    "\r\n"
			    "Hello\r\n";

/* A body hash of plain's, so that faults found later are reached. */
#define FIELD(tags) "DKIM-Signature: " tags "\r\n"
#define GOOD	    "v=1; a=rsa-sha256; d=example.org; s=s1; h=From; bh=" BH "; b=AAAA"
#define BH	    "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="

static void
expect(const char *field, const char *zone, enum mail_verdict verdict,
    const char *reason)
{
	struct letter_check check;
	struct dkim_finding finding;
	struct letter l;

	letter_init(&l, slice_str(plain));
	letter_put_on_top(&l, slice_str(field));
	letter_check_init(&check, &l, zone, &strict, NOW);
	finding = dkim_verifier_finding(check.verifier, 0);
	if (strcmp(mail_reason_text(finding.reason), reason) != 0)
		print_error(
		    "%s: %s\n", field, mail_reason_text(finding.reason));
	assert_string_equal(mail_reason_text(finding.reason), reason);
	letter_check_verdict(&check, 0, verdict);
	letter_check_clear(&check);
	letter_clear(&l);
}

static void
test_faults_of_the_signature(void **state)
{
	static const struct {
		const char *field;
		enum mail_verdict verdict;
		const char *reason;
	} cases[] = {
	    {FIELD(GOOD), MAIL_VERDICT_PERMERROR, "no key record"},
	    {FIELD("a=rsa-sha256; d=e.org; s=s; h=From; bh=" BH "; b=AAAA"),
		MAIL_VERDICT_NEUTRAL, "no v= in the signature"},
	    {FIELD(
		 "v=2; a=rsa-sha256; d=e.org; s=s; h=From; bh=" BH "; b=AAAA"),
		MAIL_VERDICT_NEUTRAL, "v= of the signature is not 1"},
	    {FIELD("v=1; d=e.org; s=s; h=From; bh=" BH "; b=AAAA"),
		MAIL_VERDICT_NEUTRAL, "no a= in the signature"},
	    {FIELD("v=1; a=rsa-sha256; s=s; h=From; bh=" BH "; b=AAAA"),
		MAIL_VERDICT_NEUTRAL, "no d= in the signature"},
	    {FIELD("v=1; a=rsa-sha256; d=e.org; h=From; bh=" BH "; b=AAAA"),
		MAIL_VERDICT_NEUTRAL, "no s= in the signature"},
	    {FIELD("v=1; a=rsa-sha256; d=e.org; s=s; bh=" BH "; b=AAAA"),
		MAIL_VERDICT_NEUTRAL, "no h= in the signature"},
	    {FIELD("v=1; a=rsa-sha256; d=e.org; s=s; h=From; b=AAAA"),
		MAIL_VERDICT_NEUTRAL, "no bh= in the signature"},
	    {FIELD("v=1; a=rsa-sha256; d=e.org; s=s; h=From; bh=" BH),
		MAIL_VERDICT_NEUTRAL, "no b= in the signature"},
	    {FIELD("v=1; a=rsa-sha256; d=e.org; s=s; h=From; bh=" BH "; b="),
		MAIL_VERDICT_NEUTRAL, "no b= in the signature"},
	    {FIELD(
		 "v=1; a=rsa-sha512; d=e.org; s=s; h=From; bh=" BH "; b=AAAA"),
		MAIL_VERDICT_NEUTRAL, "unknown algorithm in a="},
	    {FIELD("v=1; a=rsa-sha1; d=e.org; s=s; h=From; bh=AAAA; b=AAAA"),
		MAIL_VERDICT_POLICY, "rsa-sha1 is no longer taken (RFC 8301)"},
	    {FIELD(GOOD "; c=nofws"), MAIL_VERDICT_NEUTRAL,
		"unknown canonicalization in c="},
	    {FIELD(GOOD "; q=http"), MAIL_VERDICT_NEUTRAL,
		"unknown query method in q="},
	    {FIELD(GOOD "; q=x/y : dns/txt"), MAIL_VERDICT_PERMERROR,
		"no key record"},
	    {FIELD(GOOD "; l=12a"), MAIL_VERDICT_NEUTRAL, "l= is no number"},
	    {FIELD(GOOD "; l=-1"), MAIL_VERDICT_NEUTRAL, "l= is no number"},
	    {FIELD(GOOD "; l="), MAIL_VERDICT_NEUTRAL, "l= is no number"},
	    {FIELD(GOOD "; t=soon"), MAIL_VERDICT_NEUTRAL, "t= is no number"},
	    {FIELD(GOOD "; x=1 2"), MAIL_VERDICT_NEUTRAL, "x= is no number"},
	    {FIELD(GOOD "; x=1699999999"), MAIL_VERDICT_FAIL,
		"signature expired"},
	    {FIELD(GOOD "; x=1700000000"), MAIL_VERDICT_PERMERROR,
		"no key record"},
	    {FIELD(GOOD "; t=5; x=5"), MAIL_VERDICT_NEUTRAL,
		"x= is not after t="},
	    {FIELD(GOOD "; t=1700000301"), MAIL_VERDICT_POLICY,
		"signature is of the future (t=)"},
	    {FIELD(GOOD "; t=1700000300"), MAIL_VERDICT_PERMERROR,
		"no key record"},
	    {FIELD(
		 GOOD "; x=99999999999999999999999999999999999999999999999999"),
		MAIL_VERDICT_PERMERROR, "no key record"},
	    {FIELD(GOOD "; i=joe@sub.example.org"), MAIL_VERDICT_PERMERROR,
		"no key record"},
	    {FIELD(GOOD "; i=@EXAMPLE.org"), MAIL_VERDICT_PERMERROR,
		"no key record"},
	    {FIELD(GOOD "; i=joe@example.com"), MAIL_VERDICT_PERMERROR,
		"i= is outside of the domain of d="},
	    {FIELD(GOOD "; i=joe@badexample.org"), MAIL_VERDICT_PERMERROR,
		"i= is outside of the domain of d="},
	    {FIELD(GOOD "; i=joe"), MAIL_VERDICT_NEUTRAL, "i= has no domain"},
	    {FIELD(GOOD "; i=jo=zz@example.org"), MAIL_VERDICT_NEUTRAL,
		"i= is malformed"},
	    {FIELD("v=1; a=rsa-sha256; d=e.org; s=s; h=To : Subject; bh=" BH
		   "; b=AAAA"),
		MAIL_VERDICT_PERMERROR, "From is not signed (h=)"},
	    {FIELD("v=1; a=rsa-sha256; d=e.org; s=s; h=From::To; bh=" BH
		   "; b=AAAA"),
		MAIL_VERDICT_NEUTRAL, "h= is malformed"},
	    {FIELD("v=1; a=rsa-sha256; d=e.org; s=s; h=From:T o; bh=" BH
		   "; b=AAAA"),
		MAIL_VERDICT_NEUTRAL, "h= is malformed"},
	    {FIELD(
		 "v=1; a=rsa-sha256; d=e..org; s=s; h=From; bh=" BH "; b=AAAA"),
		MAIL_VERDICT_NEUTRAL, "d= is no domain name"},
	    {FIELD("v=1; a=rsa-sha256; d=e.org; s=a b; h=From; bh=" BH
		   "; b=AAAA"),
		MAIL_VERDICT_NEUTRAL, "s= is no selector"},
	    {FIELD("v=1; a=rsa-sha256; d=e.org; s=s; h=From; bh=?; b=AAAA"),
		MAIL_VERDICT_NEUTRAL, "bh= is no hash in base64"},
	    {FIELD("v=1; a=rsa-sha256; d=e.org; s=s; h=From; bh=" BH "; b=A"),
		MAIL_VERDICT_NEUTRAL, "b= is no signature in base64"},
	    /* What we do not know is ignored, z= is not looked into. */
	    {FIELD(GOOD "; z=From:a=40b|To:\xc3\xa9; zz=1; n=x"),
		MAIL_VERDICT_PERMERROR, "no key record"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect(cases[i].field, "", cases[i].verdict, cases[i].reason);
}

static void
test_a_tag_that_comes_twice_spoils_the_signature(void **state)
{
	static const char *const fields[] = {FIELD(GOOD "; d=example.com"),
	    FIELD(GOOD "; v=1"), FIELD(GOOD "; z=1; z=2"), FIELD("v=1;;"),
	    FIELD("=1; " GOOD), FIELD("rubbish"), FIELD("")};

	(void)state;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		struct letter_check check;
		struct letter l;

		letter_init(&l, slice_str(plain));
		letter_put_on_top(&l, slice_str(fields[i]));
		letter_check_init(&check, &l, "", &strict, NOW);
		letter_check_verdict(&check, 0, MAIL_VERDICT_NEUTRAL);
		assert_int_equal(check.asked, 0);
		letter_check_clear(&check);
		letter_clear(&l);
	}
}

/* ---- key records ---- */

static void
sign(struct letter *l, const char *key_name, struct strbuf *record,
    const char *tags)
{
	struct dkim_key *key = letter_key(key_name);
	struct dkim_signing signing = {.domain = SLICE("example.org"),
	    .selector = SLICE("s1"),
	    .identity = SLICE("joe@mail.example.org"),
	    .algorithm = dkim_key_algorithm(key),
	    .header_canon = DKIM_CANON_RELAXED,
	    .body_canon = DKIM_CANON_RELAXED,
	    .time = NOW};

	letter_init(l, slice_str(plain));
	letter_sign(l, &signing, key, 0);
	letter_record(key, "s1._domainkey.example.org", tags, record);
	dkim_key_free(key);
}

/* Adds the record of that key, at the name that sign() signs with. */
static void
publish(const char *key_name, struct strbuf *zone)
{
	char name[64];
	struct dkim_key *key;

	snprintf(name, sizeof(name), "%s.pem", key_name);
	key = letter_key(name);
	letter_record(key, "s1._domainkey.example.org",
	    dkim_key_type(key) == DKIM_KEY_RSA ? "" : "k=ed25519; ", zone);
	dkim_key_free(key);
}

static void
test_key_records(void **state)
{
	static const struct {
		const char *tags;
		enum mail_verdict verdict;
		const char *reason;
	} cases[] = {
	    {"", MAIL_VERDICT_PASS, ""}, {"v=DKIM1; ", MAIL_VERDICT_PASS, ""},
	    {"v=DKIM1; k=rsa; h=sha256; s=email; n=note; x=y; ",
		MAIL_VERDICT_PASS, ""},
	    {"h=sha1:sha256; s=*; ", MAIL_VERDICT_PASS, ""},
	    {"h= sha1 : SHA256 ; s=other:email; ", MAIL_VERDICT_PASS, ""},
	    {"t=y; ", MAIL_VERDICT_PASS, ""},
	    {"g=; ", MAIL_VERDICT_PASS, ""}, /* RFC 6376 dropped g= */
	    {"v=DKIM2; ", MAIL_VERDICT_PERMERROR,
		"v= of the key record is not DKIM1"},
	    {"v=dkim1; ", MAIL_VERDICT_PERMERROR,
		"v= of the key record is not DKIM1"},
	    {"k=rsa; v=DKIM1; ", MAIL_VERDICT_PERMERROR,
		"v= of the key record is not DKIM1"},
	    {"k=ed25519; ", MAIL_VERDICT_PERMERROR,
		"k= of the key record does not fit a= of the signature"},
	    {"k=dsa; ", MAIL_VERDICT_PERMERROR, "unknown k= in the key record"},
	    {"h=sha1; ", MAIL_VERDICT_PERMERROR,
		"h= of the key record does not allow the hash of a="},
	    {"s=tlsrpt; ", MAIL_VERDICT_PERMERROR,
		"s= of the key record does not allow email"},
	    {"t=s; ", MAIL_VERDICT_PERMERROR,
		"t=s of the key record, but i= is below d="},
	    {"t=y:s; ", MAIL_VERDICT_NEUTRAL,
		"t=s of the key record, but i= is below d="},
	    {"p=AAAA; ", MAIL_VERDICT_PERMERROR,
		"the key record is malformed"}, /* then p= comes twice */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct letter_check check;
		struct strbuf zone;
		struct letter l;

		strbuf_init(&zone, 10000);
		sign(&l, "rsa1024.pem", &zone, cases[i].tags);
		letter_check_init(&check, &l, strbuf_text(&zone), &strict, NOW);
		letter_check_verdict(&check, 0, cases[i].verdict);
		assert_string_equal(
		    mail_reason_text(
			dkim_verifier_finding(check.verifier, 0).reason),
		    cases[i].reason);
		letter_check_clear(&check);
		letter_clear(&l);
		strbuf_clear(&zone);
	}
}

/* The signing key's record among them: the header was changed. No RSA key
 * there that made it: the key is wrong. Ed25519 tells nothing. */
static void
test_a_wrong_key_is_not_a_changed_header(void **state)
{
	static const struct {
		const char *signer, *published, *also;
		bool changed;
		enum mail_reason reason;
	} cases[] = {
	    {"rsa1024", "rsa1024", NULL, false, MAIL_REASON_NONE},
	    {"rsa1024", "rsa1024", NULL, true, MAIL_REASON_HEADER_CHANGED},
	    {"rsa1024", "rsa2048", NULL, false, MAIL_REASON_KEY_WRONG},
	    {"rsa1024", "rsa2048", NULL, true, MAIL_REASON_KEY_WRONG},
	    {"rsa2048", "rsa1024", NULL, false, MAIL_REASON_KEY_WRONG},
	    {"rsa2048", "rsa4096", "rsa1024", true, MAIL_REASON_KEY_WRONG},
	    {"rsa2048", "rsa1024", "rsa2048", true, MAIL_REASON_HEADER_CHANGED},
	    {"ed25519", "ed25519", NULL, true, MAIL_REASON_SIGNATURE_WRONG},
	    {"ed25519", "rfc8463-a-ed25519", NULL, false,
		MAIL_REASON_SIGNATURE_WRONG},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct letter_check check;
		struct strbuf zone;
		struct letter l;
		char name[64];

		strbuf_init(&zone, 10000);
		snprintf(name, sizeof(name), "%s.pem", cases[i].signer);
		sign(&l, name, &zone, "");
		if (cases[i].changed)
			letter_change(&l,
			    slice_search(
				strbuf_slice(&l.text), SLICE("a@example.net")));
		strbuf_reset(&zone);
		publish(cases[i].published, &zone);
		if (cases[i].also != NULL)
			publish(cases[i].also, &zone);
		letter_check_init(&check, &l, strbuf_text(&zone), &strict, NOW);
		assert_int_equal(
		    dkim_verifier_finding(check.verifier, 0).reason,
		    cases[i].reason);
		letter_check_clear(&check);
		letter_clear(&l);
		strbuf_clear(&zone);
	}
}

#define NAME "s1._domainkey.example.org "

static void
test_other_answers(void **state)
{
	static const struct {
		const char *zone;
		enum mail_verdict verdict;
		const char *reason;
	} cases[] = {
	    {NAME "TXT nxdomain", MAIL_VERDICT_PERMERROR, "no key record"},
	    {NAME "TXT nodata", MAIL_VERDICT_PERMERROR, "no key record"},
	    {NAME "TXT timeout", MAIL_VERDICT_TEMPERROR,
		"the key record could not be looked up"},
	    {NAME "TXT v=DKIM1; p=", MAIL_VERDICT_PERMERROR,
		"the key is revoked (empty p= in the key record)"},
	    {NAME "TXT v=DKIM1; p=;", MAIL_VERDICT_PERMERROR,
		"the key is revoked (empty p= in the key record)"},
	    {NAME "TXT v=DKIM1; k=rsa", MAIL_VERDICT_PERMERROR,
		"no p= in the key record"},
	    {NAME "TXT rubbish", MAIL_VERDICT_PERMERROR,
		"the key record is malformed"},
	    {NAME "TXT p=?", MAIL_VERDICT_PERMERROR,
		"p= of the key record is not base64"},
	    {NAME "TXT p=AAAA", MAIL_VERDICT_PERMERROR,
		"p= of the key record is no RSA key"},
	    /* Of several that fail the first one is told of. */
	    {NAME "TXT v=DKIM1; p=\n" NAME "TXT rubbish",
		MAIL_VERDICT_PERMERROR,
		"the key is revoked (empty p= in the key record)"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect(FIELD(GOOD), cases[i].zone, cases[i].verdict,
		    cases[i].reason);
}

static void
test_names_and_records_that_are_too_long(void **state)
{
	struct strbuf text;

	(void)state;
	strbuf_init(&text, 20000);
	strbuf_add_str(&text,
	    "DKIM-Signature: v=1; a=rsa-sha256; h=From; bh=" BH
	    "; b=AAAA; s=s; d=");
	for (int i = 0; i < 24; i++)
		strbuf_add_str(&text, "label1234.");
	strbuf_add_str(&text, "org\r\n");
	expect(strbuf_text(&text), "", MAIL_VERDICT_NEUTRAL,
	    "s= and d= make no name of the DNS");
	strbuf_reset(&text);
	strbuf_add_str(&text, NAME "TXT p=; n=");
	for (int i = 0; i < DKIM_RECORD_MAX; i++)
		strbuf_add_char(&text, 'x');
	expect(FIELD(GOOD), strbuf_text(&text), MAIL_VERDICT_PERMERROR,
	    "the key record is too long");
	strbuf_clear(&text);
}

static void
test_of_several_records_any_may_serve(void **state)
{
	struct letter_check check;
	struct strbuf zone;
	struct letter l;

	(void)state;
	strbuf_init(&zone, 10000);
	strbuf_add_str(&zone, NAME "TXT v=spf1 -all\n");
	strbuf_add_str(&zone, NAME "TXT v=DKIM1; p=\n");
	sign(&l, "rsa1024.pem", &zone, "v=DKIM1; ");
	letter_check_init(&check, &l, strbuf_text(&zone), &strict, NOW);
	letter_check_verdict(&check, 0, MAIL_VERDICT_PASS);
	assert_int_equal(dkim_verifier_finding(check.verifier, 0).bits, 1024);
	letter_check_clear(&check);
	letter_clear(&l);
	strbuf_clear(&zone);
}

/* A name with a wildcard's TXT records, or of other programs. */
static void
test_what_is_no_key_uses_up_no_number(void **state)
{
	struct letter_check check;
	struct strbuf zone;
	struct letter l;

	(void)state;
	strbuf_init(&zone, 100000);
	for (int i = 0; i < 50; i++)
		strbuf_addf(&zone,
		    NAME "TXT v=spf1 -all %d\n" NAME "TXT v=DKIM1; p=; n=%d\n",
		    i, i);
	sign(&l, "rsa1024.pem", &zone, "v=DKIM1; ");
	letter_check_init(&check, &l, strbuf_text(&zone), &strict, NOW);
	letter_check_verdict(&check, 0, MAIL_VERDICT_PASS);
	letter_check_clear(&check);
	letter_clear(&l);
	/* Keys cost something to look at: those are counted. */
	strbuf_reset(&zone);
	for (int i = 0; i < 4; i++)
		strbuf_addf(&zone, NAME "TXT v=DKIM1; p=AAA%d\n", i);
	sign(&l, "rsa1024.pem", &zone, "v=DKIM1; ");
	letter_check_init(&check, &l, strbuf_text(&zone), &strict, NOW);
	letter_check_verdict(&check, 0, MAIL_VERDICT_PERMERROR);
	letter_check_clear(&check);
	letter_clear(&l);
	strbuf_clear(&zone);
}

/* Strangers' signatures above the author's own. */
static void
test_the_authors_signature_is_looked_at_first(void **state)
{
	static const struct slice authors[] = {SLICE_INIT("example.org")};
	struct dkim_rules rules = {.authors = authors, .author_count = 1};
	struct letter_check check;
	struct strbuf zone;
	struct letter l;

	(void)state;
	strbuf_init(&zone, 10000);
	sign(&l, "rsa1024.pem", &zone, "");
	for (int i = 0; i < 12; i++)
		letter_put_on_top(&l,
		    SLICE("DKIM-Signature: v=1; a=rsa-sha256; d=evil.example; "
			  "s=s1; h=From; bh=" BH "; b=AAAA\r\n"));
	letter_put_on_top(&l,
	    SLICE("DKIM-Signature: v=1; a=rsa-sha256; s=s1; h=From; bh=" BH
		  "; b=AAAA; d= mail.example.org\r\n"));
	letter_check_init(&check, &l, strbuf_text(&zone), &rules, NOW);
	assert_int_equal(dkim_verifier_count(check.verifier), 14);
	/* In the order of the message: a domain below the author's, strangers
	 * as far as the number goes, the author's own. */
	assert_slice_equal(dkim_verifier_finding(check.verifier, 0).domain,
	    SLICE("mail.example.org"));
	for (size_t i = 1; i < 13; i++)
		letter_check_verdict(&check, i,
		    i <= 8 ? MAIL_VERDICT_PERMERROR : MAIL_VERDICT_POLICY);
	letter_check_verdict(&check, 13, MAIL_VERDICT_PASS);
	letter_check_clear(&check);
	letter_check_init(&check, &l, strbuf_text(&zone), &strict, NOW);
	letter_check_verdict(&check, 13, MAIL_VERDICT_POLICY);
	letter_check_clear(&check);
	letter_clear(&l);
	strbuf_clear(&zone);
}

/* The first d= counts, though no signature with two passes. */
static void
test_a_second_domain_brings_none_forward(void **state)
{
	static const struct slice authors[] = {SLICE_INIT("example.org")};
	struct dkim_rules rules = {
	    .authors = authors, .author_count = 1, .signatures = 1};
	struct letter_check check;
	struct letter l;

	(void)state;
	letter_init(&l, slice_str(plain));
	letter_put_on_top(&l,
	    SLICE("DKIM-Signature: v=1; a=rsa-sha256; d=@; d=example.org; "
		  "s=s1; h=From; bh=" BH "; b=AAAA\r\n"));
	letter_put_on_top(&l,
	    SLICE("DKIM-Signature: v=1; a=rsa-sha256; d=e.example; s=s1; "
		  "h=From; bh=" BH "; b=AAAA\r\n"));
	letter_check_init(&check, &l, "", &rules, NOW);
	letter_check_verdict(&check, 0, MAIL_VERDICT_PERMERROR);
	letter_check_verdict(&check, 1, MAIL_VERDICT_POLICY);
	letter_check_clear(&check);
	letter_clear(&l);
}

static void
test_a_signature_may_have_many_tags(void **state)
{
	struct letter_check check;
	struct strbuf field;
	struct letter l;

	(void)state;
	strbuf_init(&field, 100000);
	strbuf_add_str(&field, "DKIM-Signature: " GOOD);
	for (int i = 0; i < 500; i++)
		strbuf_addf(&field, "; t%d=%d", i, i);
	strbuf_add_str(&field, "\r\n");
	letter_init(&l, slice_str(plain));
	letter_put_on_top(&l, strbuf_slice(&field));
	letter_check_init(&check, &l, "", &strict, NOW);
	assert_int_equal(dkim_verifier_finding(check.verifier, 0).reason,
	    MAIL_REASON_NO_KEY_RECORD);
	letter_check_clear(&check);
	letter_clear(&l);
	strbuf_clear(&field);
}

static void
test_only_an_answer_that_was_asked_for_counts_and_once(void **state)
{
	static const struct dns_answer gone = {.status = DNS_NXDOMAIN};
	struct dkim_body_hashes *hashes = dkim_body_hashes_new();
	struct dkim_verifier *verifier;
	struct dns_question question;
	struct strbuf zone;
	struct zone *answers;
	struct letter l;

	(void)state;
	strbuf_init(&zone, 10000);
	sign(&l, "rsa1024.pem", &zone, "v=DKIM1; ");
	answers = zone_new(strbuf_text(&zone));
	verifier = dkim_verifier_new(&strict, l.header, hashes, NOW);
	assert_int_equal(
	    dns_question_set(&question, DNS_TXT,
		slice_first(slice_str(NAME), slice_find(slice_str(NAME), ' '))),
	    0);
	dkim_verifier_answer(verifier, &question, &gone);
	zone_begin(answers, ZONE_FORWARD, ZONE_NO_TIMEOUT);
	assert_int_equal(zone_run(answers, &letter_check_subject, verifier), 1);
	dkim_verifier_answer(verifier, &question, &gone);
	dkim_body_hashes_write(hashes, l.body);
	dkim_body_hashes_end(hashes);
	dkim_verifier_end(verifier);
	dkim_verifier_answer(verifier, &question, &gone);
	assert_int_equal(
	    dkim_verifier_finding(verifier, 0).verdict, MAIL_VERDICT_PASS);
	dkim_verifier_free(verifier);
	dkim_body_hashes_free(hashes);
	zone_free(answers);
	letter_clear(&l);
	strbuf_clear(&zone);
}

/* A record that cannot be used does not make the others' mail a test. */
static void
test_only_the_record_in_use_can_be_testing(void **state)
{
	struct letter_check check;
	struct strbuf zone;
	struct letter l;

	(void)state;
	strbuf_init(&zone, 10000);
	sign(&l, "rsa1024.pem", &zone, "v=DKIM1; ");
	strbuf_add_str(&zone, NAME "TXT v=DKIM1; t=y; p=\n");
	letter_change(&l, l.text.n - 4);
	letter_check_init(&check, &l, strbuf_text(&zone), &strict, NOW);
	letter_check_verdict(&check, 0, MAIL_VERDICT_FAIL);
	assert_false(dkim_verifier_finding(check.verifier, 0).testing);
	letter_check_clear(&check);
	letter_clear(&l);
	strbuf_clear(&zone);
}

/* The record of another key of that size, for p= alone matters here. */
static void
record_of(const char *name, struct strbuf *zone)
{
	struct strbuf text;

	letter_data(name, &text);
	strbuf_add(zone, strbuf_slice(&text));
	strbuf_clear(&text);
}

static void
test_short_and_huge_keys_never_pass(void **state)
{
	static const struct {
		const char *zone;
		bool weak;
		enum mail_verdict verdict;
		const char *reason;
	} cases[] = {
	    {"rsa512", false, MAIL_VERDICT_POLICY,
		"the RSA key has fewer than 1024 bits"},
	    {"rsa768", false, MAIL_VERDICT_POLICY,
		"the RSA key has fewer than 1024 bits"},
	    {"rsa512", true, MAIL_VERDICT_PASS, ""},
	    {"rsa768", true, MAIL_VERDICT_PASS, ""},
	    {"rsa8192", false, MAIL_VERDICT_PERMERROR,
		"the RSA key has more than 4096 bits"},
	    {"rsa8192", true, MAIL_VERDICT_PERMERROR,
		"the RSA key has more than 4096 bits"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dkim_rules rules = {.weak = cases[i].weak};
		struct letter_check check;
		struct strbuf zone;
		struct letter l;
		char name[64];

		strbuf_init(&zone, 10000);
		snprintf(name, sizeof(name), "%s.zone", cases[i].zone);
		record_of(name, &zone);
		snprintf(name, sizeof(name), "%s.eml", cases[i].zone);
		letter_read(&l, name);
		letter_check_init(&check, &l, strbuf_text(&zone), &rules, NOW);
		assert_string_equal(
		    mail_reason_text(
			dkim_verifier_finding(check.verifier, 0).reason),
		    cases[i].reason);
		letter_check_verdict(&check, 0, cases[i].verdict);
		letter_check_clear(&check);
		letter_clear(&l);
		strbuf_clear(&zone);
	}
}

static void
test_a_key_under_test_makes_failing_neutral(void **state)
{
	struct letter_check check;
	struct strbuf zone;
	struct letter l;

	(void)state;
	strbuf_init(&zone, 10000);
	sign(&l, "rsa1024.pem", &zone, "t=y; ");
	letter_change(&l, l.text.n - 4);
	letter_check_init(&check, &l, strbuf_text(&zone), &strict, NOW);
	letter_check_verdict(&check, 0, MAIL_VERDICT_NEUTRAL);
	assert_true(dkim_verifier_finding(check.verifier, 0).testing);
	letter_check_clear(&check);
	letter_clear(&l);
	strbuf_clear(&zone);
}

/* ---- l= : messages that Mail::DKIM signed ---- */

static void
test_limited_bodies(void **state)
{
	static const struct {
		const char *add;
		size_t less;
		bool whole;
		enum mail_verdict verdict;
		uint64_t unsigned_octets;
	} cases[] = {
	    {"", 0, false, MAIL_VERDICT_PASS, 0},
	    {"added\r\n", 0, false, MAIL_VERDICT_PASS, 7},
	    {"added\r\n", 0, true, MAIL_VERDICT_POLICY, 7},
	    {"", 0, true, MAIL_VERDICT_PASS, 0},
	    {"", 9, false, MAIL_VERDICT_FAIL, 0},
	};
	struct strbuf zone;

	(void)state;
	letter_data("domainkeys.zone", &zone);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dkim_rules rules = {.partial_body = !cases[i].whole};
		struct letter l, other;
		struct letter_check check;
		struct strbuf text;

		letter_read(&l, "limited.eml");
		strbuf_init(&text, 10000);
		strbuf_add(&text, strbuf_slice(&l.text));
		strbuf_truncate(&text, text.n - cases[i].less);
		strbuf_add_str(&text, cases[i].add);
		letter_init(&other, strbuf_slice(&text));
		letter_check_init(
		    &check, &other, strbuf_text(&zone), &rules, NOW);
		letter_check_verdict(&check, 0, cases[i].verdict);
		assert_int_equal(
		    dkim_verifier_finding(check.verifier, 0).unsigned_octets,
		    cases[i].unsigned_octets);
		letter_check_clear(&check);
		letter_clear(&l);
		letter_clear(&other);
		strbuf_clear(&text);
	}
	strbuf_clear(&zone);
}

/* ---- order and bounds ---- */

struct scene {
	const struct letter *letter;
	const char *zone;
};

static void
once(struct zone *zone, size_t timeout, void *arg)
{
	const struct scene *scene = arg;
	struct dkim_body_hashes *hashes = dkim_body_hashes_new();
	struct dkim_verifier *v =
	    dkim_verifier_new(&strict, scene->letter->header, hashes, NOW);

	assert_false(dkim_verifier_done(v));
	dkim_body_hashes_write(hashes, scene->letter->body);
	if (timeout % 2 == 0) {
		dkim_body_hashes_end(hashes);
		dkim_verifier_end(v);
		assert_false(dkim_verifier_done(v));
		zone_run(zone, &letter_check_subject, v);
	} else {
		zone_run(zone, &letter_check_subject, v);
		assert_false(dkim_verifier_done(v));
		dkim_body_hashes_end(hashes);
		dkim_verifier_end(v);
	}
	assert_true(dkim_verifier_done(v));
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(dkim_verifier_finding(v, i).verdict,
		    i == timeout ? MAIL_VERDICT_TEMPERROR : MAIL_VERDICT_PASS);
	dkim_verifier_free(v);
	dkim_body_hashes_free(hashes);
}

static void
test_answers_in_any_order(void **state)
{
	static const char *const keys[] = {
	    "rsa1024.pem", "rsa2048.pem", "ed25519.pem"};
	static const char *const selectors[] = {"s3", "s2", "s1"};
	struct scene scene;
	struct strbuf zone;
	struct letter l;

	(void)state;
	strbuf_init(&zone, 10000);
	letter_init(&l, slice_str(plain));
	for (size_t i = 0; i < 3; i++) {
		struct dkim_key *key = letter_key(keys[i]);
		struct dkim_signing signing = {.domain = SLICE("example.org"),
		    .selector = slice_str(selectors[i]),
		    .algorithm = dkim_key_algorithm(key),
		    .body_canon = (enum dkim_canon)(i & 1)};
		char name[64];

		snprintf(name, sizeof(name), "%s._domainkey.example.org",
		    selectors[i]);
		letter_sign(&l, &signing, key, 0);
		letter_record(key, name, i == 2 ? "k=ed25519; " : "", &zone);
		dkim_key_free(key);
	}
	scene.letter = &l;
	scene.zone = strbuf_text(&zone);
	struct zone *answers = zone_new(strbuf_text(&zone));

	zone_every_way(answers, once, &scene);
	zone_free(answers);
	letter_clear(&l);
	strbuf_clear(&zone);
}

static void
test_equal_questions_are_asked_once(void **state)
{
	struct letter_check check;
	struct letter l;

	(void)state;
	letter_init(&l, slice_str(plain));
	for (int i = 0; i < 5; i++)
		letter_put_on_top(&l, slice_str(FIELD(GOOD)));
	letter_check_init(&check, &l, "", &strict, NOW);
	assert_int_equal(check.asked, 1);
	for (size_t i = 0; i < 5; i++)
		letter_check_verdict(&check, i, MAIL_VERDICT_PERMERROR);
	letter_check_clear(&check);
	letter_clear(&l);
}

/* Of the processor. */
static double
seconds(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

static void
add_signatures(struct strbuf *text, int count, const char *names)
{
	for (int i = 0; i < count; i++)
		strbuf_addf(text,
		    "DKIM-Signature: v=1; a=rsa-sha256; d=example.org; "
		    "s=s%d; c=relaxed/relaxed; l=%d; h=From%s; bh=" BH
		    "; b=AAAA\r\n",
		    i, i, names);
}

static void
test_a_thousand_signatures_cost_ten(void **state)
{
	struct letter_check check;
	struct strbuf text;
	struct letter l;
	double begin = seconds();

	(void)state;
	strbuf_init(&text, 64 << 20);
	add_signatures(&text, 990, "");
	strbuf_add_str(&text, plain);
	letter_init(&l, strbuf_slice(&text));
	letter_check_init(&check, &l, "", &strict, NOW);
	assert_int_equal(dkim_verifier_count(check.verifier), 990);
	assert_int_equal(check.asked, DKIM_VERIFIER_HASHES_MAX);
	for (size_t i = 0; i < 990; i++)
		letter_check_verdict(&check, i,
		    i < DKIM_VERIFIER_HASHES_MAX ? MAIL_VERDICT_PERMERROR
						 : MAIL_VERDICT_POLICY);
	assert_true(seconds() - begin < 5);
	letter_check_clear(&check);
	letter_clear(&l);
	strbuf_clear(&text);
}

/* The rules say how many signatures and body hashes. */
static void
test_the_rules_say_how_many(void **state)
{
	static const struct {
		unsigned signatures, hashes, asked;
	} cases[] = {{1, 6, 1}, {3, 6, 3}, {10, 2, 2}, {20, 20, 20},
	    {1000, 1000, DKIM_VERIFIER_HASHES_MOST}};
	struct strbuf text;
	struct letter l;

	(void)state;
	strbuf_init(&text, 64 << 20);
	add_signatures(&text, 200, "");
	strbuf_add_str(&text, plain);
	letter_init(&l, strbuf_slice(&text));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dkim_rules rules = {.signatures = cases[i].signatures,
		    .hashes = cases[i].hashes};
		struct letter_check check;

		letter_check_init(&check, &l, "", &rules, NOW);
		assert_int_equal(check.asked, cases[i].asked);
		letter_check_clear(&check);
	}
	letter_clear(&l);
	strbuf_clear(&text);
}

static void
test_a_shared_hash_counts_once(void **state)
{
	struct letter_check check;
	struct letter l;

	(void)state;
	letter_init(&l, slice_str(plain));
	for (int i = 0; i < 10; i++) {
		char field[500];

		snprintf(field, sizeof(field),
		    "DKIM-Signature: " GOOD "; l=%d\r\n", i == 9 ? 77 : i / 8);
		letter_put_on_top(&l, slice_str(field));
	}
	letter_check_init(&check, &l, "", &strict, NOW);
	for (size_t i = 0; i < 10; i++)
		letter_check_verdict(&check, i, MAIL_VERDICT_PERMERROR);
	letter_check_clear(&check);
	letter_clear(&l);
}

static void
test_a_finding_has_what_a_report_needs(void **state)
{
	struct dkim_finding finding;
	struct letter_check check;
	struct letter l;

	(void)state;
	letter_init(&l, slice_str(plain));
	letter_put_on_top(&l,
	    SLICE(FIELD("v=1; a=RSA-sha256; d=Example.org; s=s1;\r\n\ti=joe=40"
			"x@sub.example.org; h=From; bh=" BH ";\r\n\tb=AA\r\n"
			"\tBB \tCC ; t=1")));
	letter_check_init(&check, &l, "", &strict, NOW);
	finding = dkim_verifier_finding(check.verifier, 0);
	assert_slice_equal(finding.signature, SLICE("AABBCC"));
	assert_slice_equal(finding.domain, SLICE("Example.org"));
	assert_slice_equal(finding.selector, SLICE("s1"));
	assert_slice_equal(finding.algorithm_text, SLICE("RSA-sha256"));
	assert_slice_equal(finding.identity, SLICE("joe@x@sub.example.org"));
	assert_int_equal(finding.algorithm, DKIM_RSA_SHA256);
	letter_check_clear(&check);
	letter_clear(&l);
}

/* Ten signatures over ten thousand names and a field of 5 MB. */
static void
test_hostile_headers_cost_bounded_time(void **state)
{
	struct strbuf text, names;
	struct letter_check check;
	struct letter l;
	double begin = seconds();

	(void)state;
	strbuf_init(&text, 64 << 20);
	strbuf_init(&names, 1 << 20);
	for (int i = 0; i < 1990; i++)
		strbuf_addf(&names, ":x%d", i < 990 ? i % 7 : i);
	add_signatures(&text, 10, strbuf_text(&names));
	strbuf_add_str(&text, "X1:");
	for (int i = 0; i < 1 << 20; i++)
		strbuf_add_str(&text, " a\r\n ");
	strbuf_add_str(&text, "a\r\n");
	for (int i = 0; i < 900; i++)
		strbuf_add_str(&text, "X0: 1\r\n");
	strbuf_add_str(&text, plain);
	letter_init(&l, strbuf_slice(&text));
	letter_check_init(&check, &l, "", &strict, NOW);
	for (size_t i = 0; i < DKIM_VERIFIER_HASHES_MAX; i++)
		letter_check_verdict(&check, i, MAIL_VERDICT_PERMERROR);
	assert_true(seconds() - begin < 5);
	letter_check_clear(&check);
	letter_clear(&l);
	strbuf_clear(&text);
	strbuf_clear(&names);
}

static void
test_too_many_names_and_too_long_a_field(void **state)
{
	struct strbuf text;

	(void)state;
	strbuf_init(&text, 1 << 20);
	strbuf_add_str(
	    &text, "DKIM-Signature: v=1; a=rsa-sha256; d=e.org; s=s; h=From");
	for (int i = 0; i < DKIM_SIGNATURE_FIELDS_MAX; i++)
		strbuf_add_str(&text, ":x");
	strbuf_add_str(&text, "; bh=" BH "; b=AAAA\r\n");
	expect(strbuf_text(&text), "", MAIL_VERDICT_NEUTRAL,
	    "h= names too many fields");
	strbuf_reset(&text);
	strbuf_add_str(&text, "DKIM-Signature: " GOOD "; n=");
	for (int i = 0; i < DKIM_VERIFIER_FIELD_MAX; i++)
		strbuf_add_char(&text, 'x');
	strbuf_add_str(&text, "\r\n");
	expect(strbuf_text(&text), "", MAIL_VERDICT_NEUTRAL,
	    "the signature's field is too long");
	strbuf_clear(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_faults_of_the_signature),
	    cmocka_unit_test(test_a_tag_that_comes_twice_spoils_the_signature),
	    cmocka_unit_test(test_key_records),
	    cmocka_unit_test(test_a_wrong_key_is_not_a_changed_header),
	    cmocka_unit_test(test_other_answers),
	    cmocka_unit_test(
		test_only_an_answer_that_was_asked_for_counts_and_once),
	    cmocka_unit_test(test_names_and_records_that_are_too_long),
	    cmocka_unit_test(test_of_several_records_any_may_serve),
	    cmocka_unit_test(test_what_is_no_key_uses_up_no_number),
	    cmocka_unit_test(test_the_authors_signature_is_looked_at_first),
	    cmocka_unit_test(test_a_second_domain_brings_none_forward),
	    cmocka_unit_test(test_a_signature_may_have_many_tags),
	    cmocka_unit_test(test_only_the_record_in_use_can_be_testing),
	    cmocka_unit_test(test_short_and_huge_keys_never_pass),
	    cmocka_unit_test(test_a_key_under_test_makes_failing_neutral),
	    cmocka_unit_test(test_limited_bodies),
	    cmocka_unit_test(test_answers_in_any_order),
	    cmocka_unit_test(test_equal_questions_are_asked_once),
	    cmocka_unit_test(test_a_shared_hash_counts_once),
	    cmocka_unit_test(test_a_finding_has_what_a_report_needs),
	    cmocka_unit_test(test_a_thousand_signatures_cost_ten),
	    cmocka_unit_test(test_the_rules_say_how_many),
	    cmocka_unit_test(test_hostile_headers_cost_bounded_time),
	    cmocka_unit_test(test_too_many_names_and_too_long_a_field),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
