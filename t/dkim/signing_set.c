/* Signatures of several kinds, their keys at any time, the body in any cuts. */
#include <stdlib.h>

#include "base/base64.h"
#include "base/xalloc.h"
#include "dkim/body_hashes.h"
#include "dkim/hash.h"
#include "dkim/signing_set.h"
#include "t/lib/letter.h"
#include "t/lib/unit.h"

static const char plain[] = "From: Joe <joe@mail.example.org>\r\n"
			    "Subject: a  b\r\n"
			    "\r\n"
			    "Hello  you \r\n\r\nthere\r\n\r\n\r\n";

/* --- a third kind: a file, and a row --- */

struct plain_signer {
	struct dkim_body_hashes *body;
	int number;
	struct strbuf domain;
};

static int
plain_canon(struct slice word, enum dkim_canon *header, enum dkim_canon *body)
{
	*header = *body = DKIM_CANON_SIMPLE;
	return slice_equal_nocase(word, SLICE("simple")) ? 0 : -1;
}

static void *
plain_new(const struct dkim_signing *signing, const struct mail_header *header,
    struct dkim_body_hashes *body, struct strbuf *reason)
{
	struct plain_signer *s = xcalloc(1, sizeof(*s));

	(void)header;
	(void)reason;
	s->body = body;
	s->number = dkim_body_hashes_want(
	    body, signing->body_canon, DKIM_SHA256, DKIM_BODY_WHOLE);
	strbuf_init(&s->domain, 255);
	return s;
}

static int
plain_key(
    void *signer, const struct dkim_signing *signing, struct strbuf *reason)
{
	struct plain_signer *s = signer;

	(void)reason;
	return strbuf_add(&s->domain, signing->domain);
}

static struct slice
plain_digest(void *signer)
{
	struct plain_signer *s = signer;

	return dkim_body_hashes_digest(s->body, s->number);
}

static int
plain_seal(void *signer, struct slice signature, struct strbuf *field)
{
	struct plain_signer *s = signer;

	(void)strbuf_addf(field, "X-Plain: %s ", strbuf_text(&s->domain));
	(void)base64_encode(signature, field);
	return strbuf_add_str(field, "\r\n");
}

static void
plain_free(void *signer)
{
	struct plain_signer *s = signer;

	strbuf_clear(&s->domain);
	free(s);
}

static const struct dkim_kind kind_plain = {
    .name = "plain",
    .usual_canon = "simple",
    .canon = plain_canon,
    .new = plain_new,
    .key = plain_key,
    .digest = plain_digest,
    .seal = plain_seal,
    .free = plain_free,
};

/* --- what is signed --- */

static struct dkim_key *rsa, *ed25519;

static int
read_keys(void **state)
{
	(void)state;
	rsa = letter_key("rsa2048.pem");
	ed25519 = letter_key("ed25519.pem");
	return 0;
}

static int
free_keys(void **state)
{
	(void)state;
	dkim_key_free(rsa);
	dkim_key_free(ed25519);
	return 0;
}

static struct dkim_signing
signing_for(const char *domain, enum dkim_canon header, enum dkim_canon body)
{
	return (struct dkim_signing){
	    .domain = slice_str(domain),
	    .selector = SLICE("s"),
	    .header_canon = header,
	    .body_canon = body,
	    .time = 1000,
	    .expire = 2000,
	};
}

struct scene {
	struct letter letter;
	struct dkim_signing_set *set;
	struct strbuf reason, fields;
};

static void
begin(struct scene *s, const char *text)
{
	letter_init(&s->letter, slice_str(text));
	strbuf_init(&s->reason, 1000);
	strbuf_init(&s->fields, 1 << 20);
	s->set = dkim_signing_set_new();
}

static void
finish(struct scene *s)
{
	dkim_signing_set_free(s->set);
	strbuf_clear(&s->reason);
	strbuf_clear(&s->fields);
	letter_clear(&s->letter);
}

static int
add(struct scene *s, const struct dkim_kind *kind,
    const struct dkim_signing *signing)
{
	int number = dkim_signing_set_add(
	    s->set, kind, signing, s->letter.header, &s->reason);

	assert_int_equal(number<0, s->reason.n> 0);
	return number;
}

static int
give_key(struct scene *s, int number, const struct dkim_signing *signing,
    const struct dkim_key *key)
{
	int result =
	    dkim_signing_set_key(s->set, number, signing, key, &s->reason);

	assert_int_equal(result != 0, s->reason.n > 0);
	return result;
}

static void
seal_all(struct scene *s)
{
	assert_int_equal(
	    dkim_signing_set_seal_all(s->set, &s->fields, &s->reason), 0);
	assert_int_equal(s->reason.n, 0);
}

static bool
has(const struct scene *s, const char *what)
{
	return strstr(strbuf_text(&s->fields), what) != NULL;
}

/* --- keys and cuts --- */

enum { WISHES = 6 };

/* Of all kinds and more than one key, a parent's among them. */
static const struct wish {
	const struct dkim_kind *kind;
	enum dkim_canon header, body;
	enum dkim_algorithm algorithm;
	bool ed25519;
	const char *domain; /* the key's */
} wishes[WISHES] = {
    {&dkim_kind_dkim, DKIM_CANON_RELAXED, DKIM_CANON_RELAXED,
	DKIM_ALGORITHM_UNKNOWN, false, "mail.example.org"},
    {&dkim_kind_dkim, DKIM_CANON_SIMPLE, DKIM_CANON_SIMPLE,
	DKIM_ALGORITHM_UNKNOWN, true, "example.org"},
    {&dkim_kind_domainkeys, DKIM_CANON_NOFWS, DKIM_CANON_NOFWS, DKIM_RSA_SHA1,
	false, "mail.example.org"},
    {&dkim_kind_domainkeys, DKIM_CANON_SIMPLE, DKIM_CANON_SIMPLE, DKIM_RSA_SHA1,
	false, "example.org"},
    {&dkim_kind_dkim, DKIM_CANON_RELAXED, DKIM_CANON_RELAXED, DKIM_RSA_SHA1,
	false, "mail.example.org"},
    {&kind_plain, DKIM_CANON_SIMPLE, DKIM_CANON_SIMPLE, DKIM_ALGORITHM_UNKNOWN,
	true, "example.org"},
};

/* When a wish gets its key. */
enum when { AT_ONCE, AMID_BODY, AFTER_BODY, WHENS };

struct plan {
	size_t cut;
	enum when first; /* the first wish's; the next ones' in turn */
};

static struct dkim_signing
asked_for(const struct wish *wish)
{
	struct dkim_signing signing =
	    signing_for("mail.example.org", wish->header, wish->body);

	signing.algorithm = wish->algorithm;
	return signing;
}

static void
give_keys(struct scene *s, const int *numbers, const struct plan *plan,
    enum when when)
{
	for (size_t i = 0; i < WISHES; i++) {
		struct dkim_signing signing = asked_for(&wishes[i]);

		if ((plan->first + i) % WHENS != when)
			continue;
		signing.domain = slice_str(wishes[i].domain);
		assert_int_equal(give_key(s, numbers[i], &signing,
				     wishes[i].ed25519 ? ed25519 : rsa),
		    0);
	}
}

static void
sign_by_plan(struct scene *s, const struct plan *plan)
{
	struct slice rest;
	int numbers[WISHES];

	begin(s, plain);
	for (size_t i = 0; i < WISHES; i++) {
		struct dkim_signing signing = asked_for(&wishes[i]);

		numbers[i] = add(s, wishes[i].kind, &signing);
		assert_int_equal(numbers[i], i);
	}
	give_keys(s, numbers, plan, AT_ONCE);
	rest = s->letter.body;
	dkim_signing_set_body(s->set, slice_first(rest, plan->cut));
	give_keys(s, numbers, plan, AMID_BODY);
	while ((rest = slice_after(rest, plan->cut)).n > 0)
		dkim_signing_set_body(s->set, slice_first(rest, plan->cut));
	dkim_signing_set_end(s->set);
	give_keys(s, numbers, plan, AFTER_BODY);
	seal_all(s);
}

/* The fields that the signers make alone, one after the other. */
static void
sign_alone(const struct wish *wish, struct strbuf *fields)
{
	const struct dkim_key *key = wish->ed25519 ? ed25519 : rsa;
	struct dkim_signing signing = asked_for(wish);
	struct letter l;
	size_t before;

	letter_init(&l, slice_str(plain));
	before = l.text.n;
	signing.domain = slice_str(wish->domain);
	signing.algorithm =
	    dkim_kind_algorithm(wish->kind, wish->algorithm, key);
	if (wish->kind == &dkim_kind_dkim) {
		letter_sign(&l, &signing, key, 0);
	} else {
		struct dkim_domainkeys_signing what = {signing.domain,
		    signing.selector, signing.header_canon, signing.fields,
		    signing.received_hidden};

		letter_sign_domainkeys(&l, &what, key);
	}
	(void)strbuf_add(
	    fields, slice_first(strbuf_slice(&l.text), l.text.n - before));
	letter_clear(&l);
}

static void
test_each_is_as_if_it_were_alone(void **state)
{
	static const struct plan plan = {1000, AT_ONCE};
	struct strbuf alone;
	struct scene s;

	(void)state;
	strbuf_init(&alone, 1 << 20);
	for (size_t i = 0; i < WISHES; i++)
		if (wishes[i].kind != &kind_plain)
			sign_alone(&wishes[i], &alone);
	sign_by_plan(&s, &plan);
	assert_slice_equal(slice_first(strbuf_slice(&s.fields), alone.n),
	    strbuf_slice(&alone));
	assert_slice_equal(
	    slice_first(slice_after(strbuf_slice(&s.fields), alone.n), 21),
	    SLICE("X-Plain: example.org "));
	finish(&s);
	strbuf_clear(&alone);
}

static void
test_no_cut_and_no_late_key_changes_a_field(void **state)
{
	static const size_t cuts[] = {1, 2, 3, 7};
	static const struct plan whole = {1000, AT_ONCE};
	struct scene want, got;

	(void)state;
	sign_by_plan(&want, &whole);
	assert_true(want.fields.n > 0);
	for (size_t c = 0; c < sizeof(cuts) / sizeof(cuts[0]); c++)
		for (enum when first = AT_ONCE; first < WHENS; first++) {
			const struct plan plan = {cuts[c], first};

			sign_by_plan(&got, &plan);
			assert_slice_equal(strbuf_slice(&got.fields),
			    strbuf_slice(&want.fields));
			finish(&got);
		}
	finish(&want);
}

/* What p= would hold verifies what the third kind made. */
static void
test_another_kind_takes_a_file_and_a_row(void **state)
{
	struct dkim_signing signing =
	    signing_for("example.org", DKIM_CANON_SIMPLE, DKIM_CANON_SIMPLE);
	struct dkim_body_hashes *hashes = dkim_body_hashes_new();
	int body = dkim_body_hashes_want(
	    hashes, DKIM_CANON_SIMPLE, DKIM_SHA256, DKIM_BODY_WHOLE);
	struct strbuf octets, signature;
	struct dkim_public_key *public;
	enum mail_reason why;
	struct scene s;
	int number;

	(void)state;
	begin(&s, plain);
	number = add(&s, &kind_plain, &signing);
	assert_int_equal(give_key(&s, number, &signing, ed25519), 0);
	dkim_signing_set_body(s.set, s.letter.body);
	dkim_signing_set_end(s.set);
	seal_all(&s);
	dkim_body_hashes_write(hashes, s.letter.body);
	dkim_body_hashes_end(hashes);
	strbuf_init(&octets, DKIM_KEY_PUBLIC_MAX);
	strbuf_init(&signature, DKIM_KEY_SIGNATURE_MAX);
	assert_int_equal(dkim_key_public(ed25519, &octets), 0);
	public = dkim_public_key_parse(
	    DKIM_KEY_ED25519, strbuf_slice(&octets), &why);
	assert_int_equal(
	    base64_decode(slice_trim(slice_after(strbuf_slice(&s.fields), 21)),
		&signature),
	    0);
	assert_true(dkim_public_key_verify(public, DKIM_ED25519_SHA256,
	    dkim_body_hashes_digest(hashes, body), strbuf_slice(&signature)));
	dkim_public_key_free(public);
	strbuf_clear(&octets);
	strbuf_clear(&signature);
	dkim_body_hashes_free(hashes);
	finish(&s);
}

/* --- keys that are with somebody else --- */

static void
sign_text(struct slice text, bool is_text, const struct dkim_key *key,
    struct strbuf *signature)
{
	struct dkim_hash *hash = dkim_hash_new(DKIM_SHA256);

	sink_write_to(dkim_hash_sink(hash), text);
	assert_int_equal(dkim_key_sign(key,
			     is_text ? dkim_key_algorithm(key) : DKIM_RSA_SHA1,
			     is_text ? dkim_hash_end(hash) : text, signature),
	    0);
	dkim_hash_free(hash);
}

/* Names that are said twice, as when a key was replaced meanwhile, leave
 * nothing of the first. */
static void
test_a_field_is_the_same_where_another_signs(void **state)
{
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct dkim_signing signing = asked_for(&wishes[i]), first;
		const struct dkim_key *key = wishes[i].ed25519 ? ed25519 : rsa;
		struct strbuf alone, signature;
		struct scene s;
		int number;

		begin(&s, plain);
		strbuf_init(&alone, 1 << 20);
		strbuf_init(&signature, DKIM_KEY_SIGNATURE_MAX);
		sign_alone(&wishes[i], &alone);
		number = add(&s, wishes[i].kind, &signing);
		dkim_signing_set_body(s.set, s.letter.body);
		dkim_signing_set_end(s.set);
		first = signing;
		first.algorithm = dkim_kind_algorithm(
		    wishes[i].kind, wishes[i].algorithm, ed25519);
		assert_int_equal(
		    dkim_signing_set_name(s.set, number, &first, &s.reason), 0);
		assert_true(dkim_signing_set_text(s.set, number).n > 0);
		signing.domain = slice_str(wishes[i].domain);
		signing.algorithm = dkim_kind_algorithm(
		    wishes[i].kind, wishes[i].algorithm, key);
		assert_int_equal(
		    dkim_signing_set_name(s.set, number, &signing, &s.reason),
		    0);
		assert_int_equal(dkim_signing_set_has_text(s.set, number),
		    wishes[i].kind == &dkim_kind_dkim);
		sign_text(dkim_signing_set_text(s.set, number),
		    dkim_signing_set_has_text(s.set, number), key, &signature);
		assert_int_equal(
		    dkim_signing_set_put(s.set, number,
			strbuf_slice(&signature), &s.fields, &s.reason),
		    0);
		assert_slice_equal(
		    strbuf_slice(&s.fields), strbuf_slice(&alone));
		strbuf_clear(&alone);
		strbuf_clear(&signature);
		finish(&s);
	}
}

/* --- what is not made --- */

static void
test_what_is_not_made_leaves_the_others(void **state)
{
	struct dkim_signing good =
	    signing_for("example.org", DKIM_CANON_RELAXED, DKIM_CANON_RELAXED);
	struct dkim_signing keys =
	    signing_for("example.org", DKIM_CANON_NOFWS, DKIM_CANON_NOFWS);
	struct dkim_signing strange = good;
	struct scene s;
	int numbers[5];

	(void)state;
	begin(&s, plain);
	strange.identity = SLICE("@example.net");
	numbers[0] = add(&s, &dkim_kind_dkim, &strange);
	numbers[1] = add(&s, &dkim_kind_domainkeys, &keys);
	numbers[2] = add(&s, &dkim_kind_dkim, &good); /* stays without key */
	numbers[3] = add(&s, &dkim_kind_domainkeys, &keys);
	numbers[4] = add(&s, &dkim_kind_dkim, &good);
	assert_int_equal(give_key(&s, numbers[0], &strange, rsa), -1);
	assert_string_equal(strbuf_text(&s.reason),
	    "i= is outside of the signing domain: \"@example.net\"");
	strbuf_reset(&s.reason);
	assert_int_equal(give_key(&s, numbers[1], &keys, ed25519), -1);
	assert_string_equal(strbuf_text(&s.reason),
	    "the key is of another type than the algorithm");
	strbuf_reset(&s.reason);
	keys.domain = SLICE("example.net");
	assert_int_equal(give_key(&s, numbers[3], &keys, rsa), -1);
	assert_string_equal(
	    strbuf_text(&s.reason), "its key is of another domain");
	strbuf_reset(&s.reason);
	assert_int_equal(give_key(&s, numbers[4], &good, ed25519), 0);
	dkim_signing_set_body(s.set, s.letter.body);
	dkim_signing_set_end(s.set);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(dkim_signing_set_seal(
				     s.set, numbers[i], &s.fields, &s.reason),
		    -1);
		assert_string_equal(strbuf_text(&s.reason), "there is no key");
		strbuf_reset(&s.reason);
	}
	assert_int_equal(s.fields.n, 0);
	seal_all(&s);
	assert_true(has(&s, "a=ed25519-sha256;"));
	assert_false(has(&s, "DomainKey"));
	finish(&s);
}

/* DomainKeys can tell before there is a key, DKIM when it is there. */
static void
test_what_cannot_be_signed_is_refused_with_a_reason(void **state)
{
	struct dkim_signing signing =
	    signing_for("example.org", DKIM_CANON_SIMPLE, DKIM_CANON_SIMPLE);
	struct scene s;
	int number;

	(void)state;
	begin(&s, "To: a@example.org\r\n\r\n");
	assert_int_equal(add(&s, &dkim_kind_domainkeys, &signing), -1);
	strbuf_reset(&s.reason);
	number = add(&s, &dkim_kind_dkim, &signing);
	assert_int_equal(number, 0);
	assert_int_equal(give_key(&s, number, &signing, rsa), -1);
	assert_string_equal(strbuf_text(&s.reason), "no From field");
	finish(&s);
	dkim_signing_set_free(NULL);
}

static void
test_there_are_no_more_than_there_may_be(void **state)
{
	struct dkim_signing signing =
	    signing_for("example.org", DKIM_CANON_SIMPLE, DKIM_CANON_SIMPLE);
	struct scene s;

	(void)state;
	begin(&s, plain);
	for (int i = 0; i < DKIM_SIGNING_SET_MAX; i++)
		assert_int_equal(add(&s, &dkim_kind_dkim, &signing), i);
	assert_int_equal(add(&s, &dkim_kind_dkim, &signing), -1);
	assert_string_equal(strbuf_text(&s.reason), "too many signatures");
	finish(&s);
}

static void
test_a_field_that_does_not_fit_is_told_of(void **state)
{
	struct dkim_signing signing =
	    signing_for("example.org", DKIM_CANON_SIMPLE, DKIM_CANON_SIMPLE);
	struct strbuf small;
	struct scene s;
	int number;

	(void)state;
	begin(&s, plain);
	number = add(&s, &dkim_kind_dkim, &signing);
	assert_int_equal(give_key(&s, number, &signing, rsa), 0);
	dkim_signing_set_end(s.set);
	strbuf_init(&small, 100);
	assert_int_equal(
	    dkim_signing_set_seal_all(s.set, &small, &s.reason), -1);
	assert_string_equal(
	    strbuf_text(&s.reason), "the signature is too long");
	strbuf_clear(&small);
	finish(&s);
}

/* --- kinds --- */

static void
test_kinds_are_found_by_their_names(void **state)
{
	(void)state;
	assert_ptr_equal(dkim_kind_find(SLICE("dkim")), &dkim_kind_dkim);
	assert_ptr_equal(
	    dkim_kind_find(SLICE("DomainKeys")), &dkim_kind_domainkeys);
	assert_null(dkim_kind_find(SLICE("domainkey")));
	assert_null(dkim_kind_find(SLICE("plain")));
	assert_null(dkim_kind_find(SLICE("")));
}

static void
test_a_kinds_only_algorithm_comes_before_the_wish_and_the_key(void **state)
{
	static const struct {
		const struct dkim_kind *kind;
		enum dkim_algorithm wished, with_rsa, with_none;
	} cases[] = {
	    {&dkim_kind_dkim, DKIM_ALGORITHM_UNKNOWN, DKIM_RSA_SHA256,
		DKIM_ALGORITHM_UNKNOWN},
	    {&dkim_kind_dkim, DKIM_RSA_SHA1, DKIM_RSA_SHA1, DKIM_RSA_SHA1},
	    {&dkim_kind_dkim, DKIM_ED25519_SHA256, DKIM_ED25519_SHA256,
		DKIM_ED25519_SHA256},
	    {&dkim_kind_domainkeys, DKIM_ALGORITHM_UNKNOWN, DKIM_RSA_SHA1,
		DKIM_RSA_SHA1},
	    {&dkim_kind_domainkeys, DKIM_RSA_SHA256, DKIM_RSA_SHA1,
		DKIM_RSA_SHA1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(
		    dkim_kind_algorithm(cases[i].kind, cases[i].wished, rsa),
		    cases[i].with_rsa);
		assert_int_equal(
		    dkim_kind_algorithm(cases[i].kind, cases[i].wished, NULL),
		    cases[i].with_none);
	}
}

static void
test_a_kind_reads_its_own_canonicalizations(void **state)
{
	static const struct dkim_kind *const kinds[] = {
	    &dkim_kind_dkim, &dkim_kind_domainkeys, &kind_plain};
	enum dkim_canon header, body;

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		assert_int_equal(
		    kinds[i]->canon(
			slice_str(kinds[i]->usual_canon), &header, &body),
		    0);
	assert_int_equal(
	    dkim_kind_domainkeys.canon(SLICE("nofws"), &header, &body), 0);
	assert_int_equal(header, DKIM_CANON_NOFWS);
	assert_int_equal(body, DKIM_CANON_NOFWS);
	assert_int_equal(
	    dkim_kind_domainkeys.canon(SLICE("relaxed"), &header, &body), -1);
	assert_int_equal(
	    dkim_kind_dkim.canon(SLICE("relaxed"), &header, &body), 0);
	assert_int_equal(header, DKIM_CANON_RELAXED);
	assert_int_equal(body, DKIM_CANON_SIMPLE);
	assert_int_equal(
	    dkim_kind_dkim.canon(SLICE("nofws"), &header, &body), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_each_is_as_if_it_were_alone),
	    cmocka_unit_test(test_no_cut_and_no_late_key_changes_a_field),
	    cmocka_unit_test(test_another_kind_takes_a_file_and_a_row),
	    cmocka_unit_test(test_a_field_is_the_same_where_another_signs),
	    cmocka_unit_test(test_what_is_not_made_leaves_the_others),
	    cmocka_unit_test(
		test_what_cannot_be_signed_is_refused_with_a_reason),
	    cmocka_unit_test(test_there_are_no_more_than_there_may_be),
	    cmocka_unit_test(test_a_field_that_does_not_fit_is_told_of),
	    cmocka_unit_test(test_kinds_are_found_by_their_names),
	    cmocka_unit_test(
		test_a_kinds_only_algorithm_comes_before_the_wish_and_the_key),
	    cmocka_unit_test(test_a_kind_reads_its_own_canonicalizations),
	};

	return cmocka_run_group_tests(tests, read_keys, free_keys);
}
