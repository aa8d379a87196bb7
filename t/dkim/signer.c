/* What is signed here verifies here; what is changed after does not. */
#include <stdio.h>

#include "dkim/body_hashes.h"
#include "dkim/field_list.h"
#include "dkim/signature.h"
#include "t/lib/letter_check.h"
#include "t/lib/unit.h"

#define NOW 1700000000

static const struct dkim_rules strict = {0};
static const struct dkim_rules weak = {.weak = true};

static const char plain[] = "Received: from a by b;\r\n"
			    "\tMon, 1 Jan 2024 00:00:00 +0000\r\n"
			    "From: Joe <joe@example.org>\r\n"
			    "To: a@example.net,\r\n b@example.net\r\n"
			    "Subject : a  subject\t\r\n"
			    "X-Other: not signed\r\n"
			    "References:\r\n"
			    "Comments: one\r\n"
			    "Date: Mon, 1 Jan 2024 00:00:00 +0000\r\n"
			    "\r\n"
			    "\r\n  Hello \t there  \r\n.dot\r\n\r\n"
			    "caf\xc3\xa9 \xff\r\n\r\n \r\n\r\n";

static const struct {
	enum dkim_algorithm algorithm;
	const char *key;
} kinds[] = {
    {DKIM_RSA_SHA256, "rsa1024.pem"},
    {DKIM_RSA_SHA256, "rsa2048.pem"},
    {DKIM_RSA_SHA256, "rsa2048-pkcs1.pem"},
    {DKIM_RSA_SHA256, "rsa4096.pem"},
    {DKIM_ED25519_SHA256, "ed25519.pem"},
    {DKIM_RSA_SHA1, "rsa1024.pem"},
};

static struct dkim_signing
signing_with(enum dkim_algorithm algorithm, int canons)
{
	return (struct dkim_signing){.domain = SLICE("example.org"),
	    .selector = SLICE("s1"),
	    .algorithm = algorithm,
	    .header_canon = (enum dkim_canon)(canons & 1),
	    .body_canon = (enum dkim_canon)(canons >> 1),
	    .time = NOW};
}

static void
zone_of(const struct dkim_key *key, struct strbuf *zone)
{
	strbuf_init(zone, 10000);
	letter_record(key, "s1._domainkey.example.org",
	    dkim_key_type(key) == DKIM_KEY_RSA ? "v=DKIM1; "
					       : "v=DKIM1; k=ed25519; ",
	    zone);
}

static enum mail_verdict
verdict_of(const struct letter *l, const char *zone)
{
	struct letter_check check;
	enum mail_verdict verdict;

	letter_check_init(&check, l, zone, &weak, NOW);
	verdict = dkim_verifier_finding(check.verifier, 0).verdict;
	letter_check_clear(&check);
	return verdict;
}

static void
test_every_way_to_sign_verifies(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct dkim_key *key = letter_key(kinds[i].key);
		struct strbuf zone;

		zone_of(key, &zone);
		for (int canons = 0; canons < 4; canons++) {
			struct dkim_signing signing =
			    signing_with(kinds[i].algorithm, canons);
			struct letter l;

			letter_init(&l, slice_str(plain));
			letter_sign(&l, &signing, key, 0);
			assert_int_equal(verdict_of(&l, strbuf_text(&zone)),
			    MAIL_VERDICT_PASS);
			letter_clear(&l);
		}
		strbuf_clear(&zone);
		dkim_key_free(key);
	}
}

static void
test_the_cut_of_the_body_does_not_matter(void **state)
{
	struct dkim_key *key = letter_key("ed25519.pem");
	struct dkim_signing signing = signing_with(DKIM_ED25519_SHA256, 3);
	struct letter whole, cut;

	(void)state;
	letter_init(&whole, slice_str(plain));
	letter_sign(&whole, &signing, key, 0);
	for (size_t at = 1; at < 20; at++) {
		letter_init(&cut, slice_str(plain));
		letter_sign(&cut, &signing, key, at);
		assert_slice_equal(
		    strbuf_slice(&cut.text), strbuf_slice(&whole.text));
		letter_clear(&cut);
	}
	letter_clear(&whole);
	dkim_key_free(key);
}

/* Where in the signed text a change must not go unseen. */
static bool
is_covered(const struct letter *l, size_t at)
{
	for (size_t i = 1; i < mail_header_count(l->header); i++) {
		const struct mail_field *f = mail_header_at(l->header, i);

		if (at < f->offset || at >= f->offset + f->raw.n)
			continue;
		return !slice_equal(f->name, SLICE("Received")) &&
		    !slice_equal(f->name, SLICE("X-Other")) &&
		    !slice_equal(f->name, SLICE("Comments"));
	}
	return true;
}

/* Under simple everything counts: any octet of what is covered. */
static void
test_one_changed_octet_fails(void **state)
{
	struct dkim_key *key = letter_key("ed25519.pem");
	struct dkim_signing signing = signing_with(DKIM_ED25519_SHA256, 0);
	struct strbuf zone;
	struct letter l;
	size_t begin, end, changed = 0;

	(void)state;
	zone_of(key, &zone);
	letter_init(&l, slice_str(plain));
	letter_sign(&l, &signing, key, 0);
	/* The signature's own field up to b=, then what it covers; not the
	 * CRLFs at the end, of which simple keeps one. */
	begin = mail_header_at(l.header, 1)->offset;
	end = l.text.n - 4;
	for (size_t at = begin; at < end; at++) {
		struct letter other;

		if (!is_covered(&l, at) || l.text.p[at] == '\r' ||
		    l.text.p[at] == '\n')
			continue;
		letter_init(&other, strbuf_slice(&l.text));
		letter_change(&other, at);
		assert_int_not_equal(
		    verdict_of(&other, strbuf_text(&zone)), MAIL_VERDICT_PASS);
		letter_clear(&other);
		changed++;
	}
	assert_true(changed > 100);
	letter_clear(&l);
	strbuf_clear(&zone);
	dkim_key_free(key);
}

static void
test_each_octet_of_the_signature_counts(void **state)
{
	struct dkim_key *key = letter_key("ed25519.pem");
	struct dkim_signing signing = signing_with(DKIM_ED25519_SHA256, 0);
	const struct mail_field *field;
	struct strbuf zone;
	struct letter l;

	(void)state;
	zone_of(key, &zone);
	letter_init(&l, slice_str(plain));
	letter_sign(&l, &signing, key, 0);
	field = mail_header_at(l.header, 0);
	for (size_t at = 0; at < field->raw.n; at++) {
		struct letter other;

		if (strchr("\r\n\t ", field->raw.p[at]) != NULL)
			continue;
		letter_init(&other, strbuf_slice(&l.text));
		letter_change(&other, at);
		assert_int_not_equal(
		    verdict_of(&other, strbuf_text(&zone)), MAIL_VERDICT_PASS);
		letter_clear(&other);
	}
	letter_clear(&l);
	strbuf_clear(&zone);
	dkim_key_free(key);
}

static void
test_relaxed_forgives_what_it_promises(void **state)
{
	static const char changed[] =
	    "Received: from elsewhere\r\n"
	    "From:   Joe\r\n\t<joe@example.org>  \r\n"
	    "TO: a@example.net, b@example.net\r\n"
	    "subject: a subject\r\n"
	    "X-Other: changed\r\n"
	    "References:  \r\n"
	    "Date: Mon,\r\n 1 Jan 2024 00:00:00 +0000\r\n"
	    "\r\n"
	    "\r\n Hello there\r\n.dot\r\n\t\r\ncaf\xc3\xa9  \xff\r\n";
	struct dkim_key *key = letter_key("ed25519.pem");
	struct dkim_signing signing = signing_with(DKIM_ED25519_SHA256, 3);
	struct strbuf zone;
	struct letter l, other;

	(void)state;
	zone_of(key, &zone);
	letter_init(&l, slice_str(plain));
	letter_sign(&l, &signing, key, 0);
	letter_init(&other, slice_str(changed));
	letter_put_on_top(&other, mail_header_at(l.header, 0)->raw);
	assert_int_equal(
	    verdict_of(&other, strbuf_text(&zone)), MAIL_VERDICT_PASS);
	letter_clear(&other);
	letter_clear(&l);
	strbuf_clear(&zone);
	dkim_key_free(key);
}

static void
test_an_added_field_breaks_what_is_oversigned(void **state)
{
	static const struct {
		const char *field;
		enum mail_verdict verdict;
	} added[] = {
	    {"From: evil@example.com\r\n", MAIL_VERDICT_FAIL},
	    {"Subject: other\r\n", MAIL_VERDICT_FAIL},
	    {"To: c@example.com\r\n", MAIL_VERDICT_FAIL},
	    {"Cc: c@example.com\r\n", MAIL_VERDICT_FAIL},
	    /* Postfix may add these after us. */
	    {"Message-ID: <1@example.org>\r\n", MAIL_VERDICT_PASS},
	    {"Received: from x\r\n", MAIL_VERDICT_PASS},
	    {"Date: Tue, 2 Jan 2024 00:00:00 +0000\r\n", MAIL_VERDICT_PASS},
	};
	struct dkim_key *key = letter_key("ed25519.pem");
	struct dkim_signing signing = signing_with(DKIM_ED25519_SHA256, 3);
	struct strbuf zone;

	(void)state;
	zone_of(key, &zone);
	for (size_t i = 0; i < sizeof(added) / sizeof(added[0]); i++) {
		struct letter l;

		letter_init(&l, slice_str(plain));
		letter_sign(&l, &signing, key, 0);
		letter_put_on_top(&l, slice_str(added[i].field));
		assert_int_equal(
		    verdict_of(&l, strbuf_text(&zone)), added[i].verdict);
		letter_clear(&l);
	}
	strbuf_clear(&zone);
	dkim_key_free(key);
}

static void
test_two_signatures_in_one_pass_share_the_body(void **state)
{
	struct dkim_key *rsa = letter_key("rsa2048.pem");
	struct dkim_key *ed = letter_key("ed25519.pem");
	struct dkim_signing one = signing_with(DKIM_RSA_SHA256, 3);
	struct dkim_signing two = signing_with(DKIM_ED25519_SHA256, 3);
	struct strbuf zone;
	struct letter_check check;
	struct letter l;

	(void)state;
	two.selector = SLICE("s2");
	zone_of(rsa, &zone);
	letter_record(
	    ed, "s2._domainkey.example.org", "v=DKIM1; k=ed25519; ", &zone);
	letter_init(&l, slice_str(plain));
	letter_sign(&l, &one, rsa, 0);
	letter_sign(&l, &two, ed, 0);
	letter_check_init(&check, &l, strbuf_text(&zone), &strict, NOW);
	assert_int_equal(dkim_verifier_count(check.verifier), 2);
	letter_check_verdict(&check, 0, MAIL_VERDICT_PASS);
	letter_check_verdict(&check, 1, MAIL_VERDICT_PASS);
	/* One wish for both, so the next one is number 1. */
	assert_int_equal(dkim_body_hashes_find(check.hashes, DKIM_CANON_RELAXED,
			     DKIM_SHA256, DKIM_BODY_WHOLE),
	    0);
	assert_int_equal(dkim_body_hashes_find(check.hashes, DKIM_CANON_SIMPLE,
			     DKIM_SHA256, DKIM_BODY_WHOLE),
	    -1);
	letter_check_clear(&check);
	letter_clear(&l);
	strbuf_clear(&zone);
	dkim_key_free(rsa);
	dkim_key_free(ed);
}

static void
test_the_field_is_tidy(void **state)
{
	struct dkim_key *key = letter_key("rsa2048.pem");
	struct dkim_signing signing = signing_with(DKIM_RSA_SHA256, 3);
	struct slice rest, line;
	struct letter l;

	(void)state;
	signing.expire = NOW + 604800;
	signing.identity = SLICE("joe=smith@mail.example.org");
	letter_init(&l, slice_str(plain));
	letter_sign(&l, &signing, key, 0);
	rest = mail_header_at(l.header, 0)->raw;
	print_message("%.*s", (int)rest.n, rest.p);
	assert_true(slice_search(rest, SLICE("\r\n\tb=")) < rest.n ||
	    slice_search(rest, SLICE("; b=")) < rest.n);
	assert_true(slice_search(rest,
			SLICE("i=joe=3Dsmith@mail.example.org;")) < rest.n);
	assert_true(slice_search(rest, SLICE("t=1700000000;")) < rest.n);
	assert_true(slice_search(rest, SLICE("x=1700604800;")) < rest.n);
	assert_int_equal(slice_search(rest, SLICE("l=")), rest.n);
	while (slice_cut(&rest, '\n', &line)) {
		size_t columns = line.n;

		if (line.n > 0 && line.p[0] == '\t')
			columns += 7;
		assert_true(columns <= 78 + 1); /* CR */
	}
	letter_clear(&l);
	dkim_key_free(key);
}

static void
test_internationalized_names_become_a_labels(void **state)
{
	struct dkim_key *key = letter_key("ed25519.pem");
	struct dkim_signing signing = signing_with(DKIM_ED25519_SHA256, 3);
	struct letter_check check;
	struct strbuf zone;
	struct letter l;
	struct slice raw;

	(void)state;
	signing.domain = SLICE("b\xc3\xbc"
			       "cher.example");
	signing.selector = SLICE("s\xc3\xa9l");
	signing.identity = SLICE("j\xc3\xb6"
				 "e@b\xc3\xbc"
				 "cher.example");
	strbuf_init(&zone, 1000);
	letter_record(key, "xn--sl-bja._domainkey.xn--bcher-kva.example",
	    "v=DKIM1; k=ed25519; ", &zone);
	letter_init(&l, slice_str(plain));
	letter_sign(&l, &signing, key, 0);
	raw = mail_header_at(l.header, 0)->raw;
	assert_true(
	    slice_search(raw, SLICE("d=xn--bcher-kva.example;")) < raw.n);
	assert_true(slice_search(raw,
			SLICE("i=j=C3=B6e@xn--bcher-kva.example;")) < raw.n);
	letter_check_init(&check, &l, strbuf_text(&zone), &strict, NOW);
	letter_check_verdict(&check, 0, MAIL_VERDICT_PASS);
	letter_check_clear(&check);
	letter_clear(&l);
	strbuf_clear(&zone);
	dkim_key_free(key);
}

static void
test_what_cannot_be_signed_is_refused_with_a_reason(void **state)
{
	static const struct {
		const char *message, *domain, *selector, *identity, *reason;
	} cases[] = {
	    {"To: a@b\r\n\r\n", "example.org", "s", "", "no From field"},
	    {plain, "", "s", "", "no domain name to sign for: \"\""},
	    {plain, "a..b", "s", "", "no domain name to sign for: \"a..b\""},
	    {plain, "a;b", "s", "", "no domain name to sign for: \"a;b\""},
	    {plain, "example.org", "", "", "no selector: \"\""},
	    {plain, "example.org", "s", "joe@example.com",
		"i= is outside of the signing domain: \"joe@example.com\""},
	    {plain, "example.org", "s", "joe@xample.org",
		"i= is outside of the signing domain: \"joe@xample.org\""},
	    {plain, "example.org", "s", "joe", "i= has no domain: \"joe\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dkim_body_hashes *hashes = dkim_body_hashes_new();
		struct dkim_signing signing = signing_with(DKIM_RSA_SHA256, 3);
		struct strbuf reason;
		struct letter l;

		signing.domain = slice_str(cases[i].domain);
		signing.selector = slice_str(cases[i].selector);
		signing.identity = slice_str(cases[i].identity);
		strbuf_init(&reason, 1000);
		letter_init(&l, slice_str(cases[i].message));
		assert_null(
		    dkim_signer_new(&signing, l.header, hashes, &reason));
		assert_string_equal(strbuf_text(&reason), cases[i].reason);
		strbuf_clear(&reason);
		letter_clear(&l);
		dkim_body_hashes_free(hashes);
	}
}

/* A message with so many fields of so long a name, all listed. */
static void
init_crowded(struct letter *l, struct dkim_field_list **list)
{
	static const char name[] = "X-Forty-Octets-Of-A-Name----------------";
	struct strbuf text;

	strbuf_init(&text, 1 << 20);
	strbuf_add_str(&text, name);
	strbuf_add_str(&text, " From");
	*list = dkim_field_list_parse(strbuf_slice(&text), NULL);
	strbuf_reset(&text);
	for (size_t i = 0; i < MAIL_HEADER_FIELDS_MAX - 1; i++)
		strbuf_addf(&text, "%s:\r\n", name);
	strbuf_add_str(&text, "From: joe@example.org\r\n\r\n");
	letter_init(l, strbuf_slice(&text));
	strbuf_clear(&text);
}

/* NULL, or why not. */
static const char *
try_to_sign(const struct letter *l, const struct dkim_signing *signing,
    struct dkim_body_hashes *hashes)
{
	static char why[2000];
	struct dkim_signer *s;
	struct strbuf reason;

	strbuf_init(&reason, sizeof(why));
	s = dkim_signer_new(signing, l->header, hashes, &reason);
	assert_int_equal(s == NULL, reason.n > 0);
	snprintf(why, sizeof(why), "%s", strbuf_text(&reason));
	dkim_signer_free(s);
	strbuf_clear(&reason);
	return why[0] == '\0' ? NULL : why;
}

static void
test_what_dkim_does_not_know_is_refused(void **state)
{
	struct dkim_body_hashes *hashes = dkim_body_hashes_new();
	struct dkim_signing signing;
	struct letter l;

	(void)state;
	letter_init(&l, slice_str(plain));
	signing = signing_with(DKIM_ALGORITHM_UNKNOWN, 3);
	assert_string_equal(
	    try_to_sign(&l, &signing, hashes), "no algorithm to sign with");
	signing = signing_with(DKIM_RSA_SHA256, 3);
	signing.header_canon = DKIM_CANON_NOFWS;
	assert_string_equal(
	    try_to_sign(&l, &signing, hashes), "nofws is DomainKeys' alone");
	signing = signing_with(DKIM_RSA_SHA256, 3);
	signing.body_canon = DKIM_CANON_NOFWS;
	assert_string_equal(
	    try_to_sign(&l, &signing, hashes), "nofws is DomainKeys' alone");
	dkim_body_hashes_free(hashes);
	letter_clear(&l);
}

static void
test_too_much_to_sign_is_refused_with_a_reason(void **state)
{
	struct dkim_body_hashes *hashes = dkim_body_hashes_new();
	struct dkim_signing signing = signing_with(DKIM_RSA_SHA256, 3);
	struct dkim_field_list *list;
	struct letter l;

	(void)state;
	init_crowded(&l, &list);
	signing.fields = list;
	assert_string_equal(
	    try_to_sign(&l, &signing, hashes), "too many fields to sign");
	dkim_field_list_free(list);
	letter_clear(&l);
	letter_init(&l, slice_str(plain));
	signing = signing_with(DKIM_RSA_SHA256, 3);
	for (uint64_t i = 0; i < DKIM_BODY_HASHES_MAX; i++)
		dkim_body_hashes_want(
		    hashes, DKIM_CANON_SIMPLE, DKIM_SHA256, i);
	assert_string_equal(try_to_sign(&l, &signing, hashes),
	    "too many different body hashes");
	dkim_body_hashes_free(hashes);
	letter_clear(&l);
}

static void
test_an_identity_has_a_longest_length(void **state)
{
	struct dkim_body_hashes *hashes = dkim_body_hashes_new();
	struct dkim_signing signing = signing_with(DKIM_RSA_SHA256, 3);
	struct strbuf identity;
	struct letter l;

	(void)state;
	letter_init(&l, slice_str(plain));
	strbuf_init(&identity, 2000);
	while (
	    identity.n < DKIM_SIGNATURE_IDENTITY_MAX - strlen("@example.org"))
		strbuf_add_char(&identity, '=');
	strbuf_add_str(&identity, "@example.org");
	signing.identity = strbuf_slice(&identity);
	assert_null(try_to_sign(&l, &signing, hashes));
	strbuf_reset(&identity);
	while (identity.n < DKIM_SIGNATURE_IDENTITY_MAX - strlen("example.org"))
		strbuf_add_char(&identity, '=');
	strbuf_add_str(&identity, "@example.org");
	signing.identity = strbuf_slice(&identity);
	assert_non_null(try_to_sign(&l, &signing, hashes));
	strbuf_clear(&identity);
	dkim_body_hashes_free(hashes);
	letter_clear(&l);
}

static void
test_a_field_over_its_bound_is_refused_not_cut(void **state)
{
	static const size_t lengths[] = {64, 48900, 60000};
	static char octets[60000];

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct dkim_body_hashes *hashes = dkim_body_hashes_new();
		struct dkim_signing signing = signing_with(DKIM_RSA_SHA256, 3);
		struct strbuf reason, field;
		struct dkim_signer *s;
		struct letter l;

		letter_init(&l, slice_str(plain));
		strbuf_init(&reason, 1000);
		strbuf_init(&field, 1 << 20);
		s = dkim_signer_new(&signing, l.header, hashes, &reason);
		dkim_body_hashes_end(hashes);
		assert_int_equal(
		    dkim_signer_seal(s, slice_from(octets, lengths[i]), &field),
		    i == 0 ? 0 : -1);
		assert_int_equal(field.n > 0, i == 0);
		dkim_signer_free(s);
		dkim_signer_free(NULL);
		dkim_body_hashes_free(hashes);
		strbuf_clear(&reason);
		strbuf_clear(&field);
		letter_clear(&l);
	}
}

static void
test_the_callers_list_is_what_h_names(void **state)
{
	static const struct {
		const char *list, *h;
	} cases[] = {
	    {"From", "h=From; bh="},
	    {"From To", "h=From:To; bh="},
	    {"+From", "h=From:From; bh="},
	};
	struct dkim_key *key = letter_key("ed25519.pem");
	struct strbuf zone;

	(void)state;
	zone_of(key, &zone);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dkim_signing signing =
		    signing_with(DKIM_ED25519_SHA256, 3);
		struct dkim_field_list *list =
		    dkim_field_list_parse(slice_str(cases[i].list), NULL);
		struct slice raw;
		struct letter l;
		struct strbuf text;

		signing.fields = list;
		letter_init(&l, slice_str(plain));
		letter_sign(&l, &signing, key, 0);
		strbuf_init(&text, 10000);
		raw = mail_header_at(l.header, 0)->raw;
		for (size_t at = 0; at < raw.n; at++)
			if (strchr("\r\n", raw.p[at]) == NULL)
				strbuf_add_char(
				    &text, raw.p[at] == '\t' ? ' ' : raw.p[at]);
		assert_non_null(strstr(strbuf_text(&text), cases[i].h));
		assert_int_equal(
		    verdict_of(&l, strbuf_text(&zone)), MAIL_VERDICT_PASS);
		strbuf_clear(&text);
		dkim_field_list_free(list);
		letter_clear(&l);
	}
	strbuf_clear(&zone);
	dkim_key_free(key);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_way_to_sign_verifies),
	    cmocka_unit_test(test_the_cut_of_the_body_does_not_matter),
	    cmocka_unit_test(test_one_changed_octet_fails),
	    cmocka_unit_test(test_each_octet_of_the_signature_counts),
	    cmocka_unit_test(test_relaxed_forgives_what_it_promises),
	    cmocka_unit_test(test_an_added_field_breaks_what_is_oversigned),
	    cmocka_unit_test(test_two_signatures_in_one_pass_share_the_body),
	    cmocka_unit_test(test_the_field_is_tidy),
	    cmocka_unit_test(test_internationalized_names_become_a_labels),
	    cmocka_unit_test(test_what_dkim_does_not_know_is_refused),
	    cmocka_unit_test(test_too_much_to_sign_is_refused_with_a_reason),
	    cmocka_unit_test(test_an_identity_has_a_longest_length),
	    cmocka_unit_test(test_a_field_over_its_bound_is_refused_not_cut),
	    cmocka_unit_test(test_the_callers_list_is_what_h_names),
	    cmocka_unit_test(
		test_what_cannot_be_signed_is_refused_with_a_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
