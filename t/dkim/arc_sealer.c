/* The next set of an ARC chain: what it covers, what is refused. That it
 * verifies is t/dkim/arc.c's. */
#include "dkim/arc.h"
#include "dkim/body_hashes.h"
#include "dkim/field_list.h"
#include "t/lib/letter_chain.h"
#include "t/lib/unit.h"

/* Octets of the letter above its first field that is not of ARC. */
static struct slice
top_set(const struct letter *l)
{
	return slice_first(
	    strbuf_slice(&l->text), mail_header_at(l->header, 3)->offset);
}

static void
test_a_seal_that_says_fail_covers_its_own_set_alone(void **state)
{
	struct letter one, other;
	struct letter_chain_keys k;

	(void)state;
	letter_chain_keys_init(&k);
	letter_chain_init(&one, &k, 2);
	letter_replaced(&one, "spf=pass", 1, "spf=fail", &other);
	assert_null(letter_chain_seal(&one, k.ed, "ed", MAIL_VERDICT_FAIL));
	assert_null(letter_chain_seal(&other, k.ed, "ed", MAIL_VERDICT_FAIL));
	assert_true(
	    slice_search(top_set(&one), SLICE("cv=fail;")) < top_set(&one).n);
	assert_slice_equal(top_set(&one), top_set(&other));
	letter_clear(&one);
	letter_clear(&other);
	letter_chain_keys_clear(&k);
}

/* It passes for no one, whatever the caller has found before. */
static void
test_a_chain_without_structure_is_sealed_as_failed_or_not_at_all(void **state)
{
	struct letter l, broken;
	struct letter_chain_keys k;

	(void)state;
	letter_chain_keys_init(&k);
	letter_chain_init(&l, &k, 2);
	letter_replaced(&l, "ARC-Seal: i=1", 0, "X-Gone: i=1", &broken);
	assert_string_equal(
	    letter_chain_seal(&broken, k.ed, "ed", MAIL_VERDICT_PASS),
	    "the ARC chain is broken");
	assert_string_equal(
	    letter_chain_seal(&broken, k.ed, "ed", MAIL_VERDICT_NONE),
	    "the ARC chain is not the one that was checked");
	assert_null(letter_chain_seal(&broken, k.ed, "ed", MAIL_VERDICT_FAIL));
	assert_true(slice_search(top_set(&broken), SLICE("cv=fail;")) <
	    top_set(&broken).n);
	letter_clear(&broken);
	letter_clear(&l);
	letter_chain_keys_clear(&k);
}

/* h= of the ARC-Message-Signature on top, without its folding. */
static void
names_of(const struct letter *l, struct strbuf *names)
{
	struct slice raw = mail_header_at(l->header, 1)->raw;
	struct slice h = slice_after(raw, slice_search(raw, SLICE("h=")) + 2);

	strbuf_reset(names);
	for (size_t i = 0; i < slice_find(h, ';'); i++)
		if (strchr("\r\n\t ", h.p[i]) == NULL)
			strbuf_add_char(names, h.p[i]);
}

/* RFC 8617 section 4.1.2. */
static void
test_what_was_signed_before_is_signed_each_once(void **state)
{
	static const struct {
		const char *message, *fields, *names;
	} cases[] = {
	    {"From: a@b\n\n", NULL, "From:From:Subject:To:Cc"},
	    {"DKIM-Signature: 1\nDKIM-Signature: 2\nFrom: a@b\n\n", NULL,
		"From:From:Subject:To:Cc:DKIM-Signature:DKIM-Signature"},
	    {"DKIM-Signature: 1\nDKIM-Signature: 2\nFrom: a@b\nTo: c\n\n",
		"From To", "From:To:DKIM-Signature:DKIM-Signature"},
	    {"DKIM-Signature: 1\nDKIM-Signature: 2\nFrom: a@b\n\n",
		"DKIM-Signature From", "DKIM-Signature:DKIM-Signature:From"},
	};
	struct strbuf names;
	struct letter_chain_keys k;

	(void)state;
	letter_chain_keys_init(&k);
	strbuf_init(&names, 1000);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dkim_arc_sealing sealing =
		    letter_chain_sealing(k.ed, "ed", MAIL_VERDICT_NONE);
		struct dkim_field_list *list = NULL;
		struct letter l;

		if (cases[i].fields != NULL)
			list = dkim_field_list_parse(
			    slice_str(cases[i].fields), NULL);
		sealing.fields = list;
		letter_init(&l, slice_str(cases[i].message));
		assert_null(letter_seal(&l, &sealing, k.ed));
		names_of(&l, &names);
		assert_string_equal(strbuf_text(&names), cases[i].names);
		dkim_field_list_free(list);
		letter_clear(&l);
	}
	strbuf_clear(&names);
	letter_chain_keys_clear(&k);
}

static void
test_results_stay_within_78_columns(void **state)
{
	static const char name[] = "ARC-Authentication-Results: i=1;";
	static const char results[] =
	    "mx.example.net; spf=pass smtp.mailfrom=abcdefgh";
	struct letter_chain_keys k;

	(void)state;
	letter_chain_keys_init(&k);
	for (size_t n = strlen(results) - 2; n <= strlen(results); n++) {
		struct dkim_arc_sealing sealing =
		    letter_chain_sealing(k.ed, "ed", MAIL_VERDICT_NONE);
		struct slice raw, line;
		struct letter l;

		sealing.results = slice_from(results, n);
		letter_init(&l, SLICE(LETTER_CHAIN_TEXT));
		assert_null(letter_seal(&l, &sealing, k.ed));
		raw = mail_header_at(l.header, 2)->raw;
		assert_true(slice_cut(&raw, '\r', &line));
		assert_int_equal(line.n,
		    strlen(name) + 1 + n <= 78 ? strlen(name) + 1 + n
					       : strlen(name));
		letter_clear(&l);
	}
	letter_chain_keys_clear(&k);
}

static void
test_what_is_asked_for_twice_is_the_same(void **state)
{
	struct dkim_body_hashes *hashes = dkim_body_hashes_new();
	struct dkim_arc_sealing sealing;
	struct dkim_arc_sealer *s;
	struct strbuf reason, first;
	struct letter l;
	struct letter_chain_keys k;

	(void)state;
	letter_chain_keys_init(&k);
	letter_init(&l, SLICE(LETTER_CHAIN_TEXT));
	strbuf_init(&reason, 1000);
	strbuf_init(&first, 1000);
	sealing = letter_chain_sealing(k.ed, "ed", MAIL_VERDICT_NONE);
	s = dkim_arc_sealer_new(&sealing, l.header, hashes, &reason);
	dkim_body_hashes_end(hashes);
	strbuf_add(&first, dkim_arc_sealer_message_digest(s));
	assert_slice_equal(
	    dkim_arc_sealer_message_digest(s), strbuf_slice(&first));
	dkim_arc_sealer_message_seal(s, SLICE("signature"));
	strbuf_reset(&first);
	strbuf_add(&first, dkim_arc_sealer_digest(s));
	assert_slice_equal(dkim_arc_sealer_digest(s), strbuf_slice(&first));
	dkim_arc_sealer_free(s);
	dkim_arc_sealer_free(NULL);
	dkim_body_hashes_free(hashes);
	strbuf_clear(&reason);
	strbuf_clear(&first);
	letter_clear(&l);
	letter_chain_keys_clear(&k);
}

/* A signature so long goes into no field: nothing is added, nothing cut. */
static void
test_a_set_over_its_bound_is_refused_not_cut(void **state)
{
	static const size_t lengths[][2] = {
	    {64, 64}, {60000, 64}, {64, 60000}, {48900, 64}, {64, 48900}};
	static char octets[60000];
	struct letter_chain_keys k;

	(void)state;
	letter_chain_keys_init(&k);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct dkim_body_hashes *hashes = dkim_body_hashes_new();
		struct dkim_arc_sealing sealing =
		    letter_chain_sealing(k.ed, "ed", MAIL_VERDICT_NONE);
		struct strbuf reason, fields;
		struct dkim_arc_sealer *s;
		struct letter l;

		letter_init(&l, SLICE(LETTER_CHAIN_TEXT));
		strbuf_init(&reason, 1000);
		strbuf_init(&fields, DKIM_ARC_FIELDS_MAX);
		s = dkim_arc_sealer_new(&sealing, l.header, hashes, &reason);
		assert_non_null(s);
		dkim_body_hashes_end(hashes);
		dkim_arc_sealer_message_seal(
		    s, slice_from(octets, lengths[i][0]));
		assert_int_equal(
		    dkim_arc_sealer_seal(
			s, slice_from(octets, lengths[i][1]), &fields),
		    i == 0 ? 0 : -1);
		assert_int_equal(fields.n > 0, i == 0);
		dkim_arc_sealer_free(s);
		dkim_body_hashes_free(hashes);
		strbuf_clear(&reason);
		strbuf_clear(&fields);
		letter_clear(&l);
	}
	letter_chain_keys_clear(&k);
}

static void
test_too_much_to_seal_is_refused_with_a_reason(void **state)
{
	struct dkim_field_list *list =
	    dkim_field_list_parse(SLICE("From X-Forty-Octets-Of-A-Name-----"
					"------------"),
		NULL);
	struct dkim_arc_sealing sealing;
	struct strbuf text;
	struct letter l;
	struct letter_chain_keys k;

	(void)state;
	letter_chain_keys_init(&k);
	strbuf_init(&text, 1 << 20);
	for (size_t i = 0; i < DKIM_SIGNER_FIELD_MAX; i++)
		strbuf_add_str(&text, "x ");
	letter_init(&l, SLICE(LETTER_CHAIN_TEXT));
	sealing = letter_chain_sealing(k.ed, "ed", MAIL_VERDICT_NONE);
	sealing.results = strbuf_slice(&text);
	assert_string_equal(
	    letter_seal(&l, &sealing, k.ed), "the ARC set is too long");
	letter_clear(&l);
	strbuf_reset(&text);
	for (size_t i = 0; i < MAIL_HEADER_FIELDS_MAX - 1; i++)
		strbuf_add_str(
		    &text, "X-Forty-Octets-Of-A-Name-----------------:\r\n");
	strbuf_add_str(&text, "From: a@example.org\r\n\r\n");
	letter_init(&l, strbuf_slice(&text));
	sealing = letter_chain_sealing(k.ed, "ed", MAIL_VERDICT_NONE);
	sealing.fields = list;
	assert_string_equal(
	    letter_seal(&l, &sealing, k.ed), "too many fields to sign");
	letter_clear(&l);
	dkim_field_list_free(list);
	strbuf_clear(&text);
	letter_chain_keys_clear(&k);
}

static void
test_only_algorithms_of_today_seal(void **state)
{
	static const enum dkim_algorithm none[] = {
	    DKIM_ALGORITHM_UNKNOWN, DKIM_RSA_SHA1};
	struct dkim_arc_sealing sealing;
	struct letter l;
	struct letter_chain_keys k;

	(void)state;
	letter_chain_keys_init(&k);
	letter_init(&l, SLICE(LETTER_CHAIN_TEXT));
	sealing = letter_chain_sealing(k.rsa, "rsa", MAIL_VERDICT_NONE);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		sealing.algorithm = none[i];
		assert_string_equal(letter_seal(&l, &sealing, k.rsa),
		    "no algorithm to seal with");
	}
	letter_clear(&l);
	letter_chain_keys_clear(&k);
}

static void
test_what_cannot_be_sealed(void **state)
{
	struct dkim_arc_sealing sealing;
	struct letter l, bare;
	struct letter_chain_keys k;

	(void)state;
	letter_chain_keys_init(&k);
	letter_chain_init(&l, &k, 1);
	assert_string_equal(
	    letter_chain_seal(&l, k.ed, "ed", MAIL_VERDICT_NONE),
	    "the ARC chain is not the one that was checked");
	assert_string_equal(
	    letter_chain_seal(&l, k.ed, "ed", MAIL_VERDICT_TEMPERROR),
	    "the ARC chain could not be checked");
	assert_string_equal(
	    letter_chain_seal(&l, k.ed, "", MAIL_VERDICT_PASS), "no selector");
	letter_clear(&l);
	letter_init(&bare, SLICE(LETTER_CHAIN_TEXT));
	assert_string_equal(
	    letter_chain_seal(&bare, k.ed, "ed", MAIL_VERDICT_PASS),
	    "the ARC chain is not the one that was checked");
	letter_clear(&bare);
	letter_init(&bare, SLICE(LETTER_CHAIN_TEXT));
	sealing = letter_chain_sealing(k.ed, "ed", MAIL_VERDICT_NONE);
	sealing.results = SLICE(" \r\n\t");
	assert_string_equal(
	    letter_seal(&bare, &sealing, k.ed), "no results to seal");
	letter_clear(&bare);
	letter_init(&bare, SLICE("To: a@b\n\n"));
	assert_string_equal(
	    letter_chain_seal(&bare, k.ed, "ed", MAIL_VERDICT_NONE),
	    "no From field");
	letter_clear(&bare);
	letter_chain_keys_clear(&k);
}

static void
test_without_a_hash_left_nothing_is_sealed(void **state)
{
	struct dkim_body_hashes *hashes = dkim_body_hashes_new();
	struct dkim_arc_sealing sealing;
	struct strbuf reason;
	struct letter l;
	struct letter_chain_keys k;

	(void)state;
	letter_chain_keys_init(&k);
	letter_init(&l, SLICE(LETTER_CHAIN_TEXT));
	for (uint64_t i = 0; i < DKIM_BODY_HASHES_MAX; i++)
		dkim_body_hashes_want(
		    hashes, DKIM_CANON_SIMPLE, DKIM_SHA256, i);
	strbuf_init(&reason, 1000);
	sealing = letter_chain_sealing(k.ed, "ed", MAIL_VERDICT_NONE);
	assert_null(dkim_arc_sealer_new(&sealing, l.header, hashes, &reason));
	assert_string_equal(
	    strbuf_text(&reason), "too many different body hashes");
	strbuf_clear(&reason);
	dkim_body_hashes_free(hashes);
	letter_clear(&l);
	letter_chain_keys_clear(&k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		test_a_seal_that_says_fail_covers_its_own_set_alone),
	    cmocka_unit_test(
		test_a_chain_without_structure_is_sealed_as_failed_or_not_at_all),
	    cmocka_unit_test(test_what_was_signed_before_is_signed_each_once),
	    cmocka_unit_test(test_results_stay_within_78_columns),
	    cmocka_unit_test(test_what_is_asked_for_twice_is_the_same),
	    cmocka_unit_test(test_a_set_over_its_bound_is_refused_not_cut),
	    cmocka_unit_test(test_too_much_to_seal_is_refused_with_a_reason),
	    cmocka_unit_test(test_only_algorithms_of_today_seal),
	    cmocka_unit_test(test_what_cannot_be_sealed),
	    cmocka_unit_test(test_without_a_hash_left_nothing_is_sealed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
