/* The examples of RFC 6376 appendix A and RFC 8463 appendix A. */
#include "base/base64.h"
#include "dkim/body_hashes.h"
#include "dkim/signature.h"
#include "t/lib/letter_check.h"
#include "t/lib/unit.h"

#define BODY_HASH "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8="

static const struct dkim_rules strict = {0};

static void
check_example(const char *name, size_t count)
{
	struct letter_check check;
	struct strbuf zone;
	struct letter letter;

	letter_data("rfc.zone", &zone);
	letter_read(&letter, name);
	letter_check_init(
	    &check, &letter, strbuf_text(&zone), &strict, 1528637999);
	assert_int_equal(dkim_verifier_count(check.verifier), count);
	for (size_t i = 0; i < count; i++)
		letter_check_verdict(&check, i, MAIL_VERDICT_PASS);
	letter_check_clear(&check);
	letter_clear(&letter);
	strbuf_clear(&zone);
}

static void
test_rfc6376_appendix_a_verifies(void **state)
{
	(void)state;
	check_example("rfc6376-a.eml", 1);
}

static void
test_rfc8463_appendix_a_verifies_twice(void **state)
{
	(void)state;
	check_example("rfc8463-a.eml", 2);
}

static void
check_body_hash(const char *name, enum dkim_canon canon)
{
	struct dkim_body_hashes *hashes = dkim_body_hashes_new();
	int number =
	    dkim_body_hashes_want(hashes, canon, DKIM_SHA256, DKIM_BODY_WHOLE);
	struct letter letter;
	struct strbuf text;

	letter_read(&letter, name);
	dkim_body_hashes_write(hashes, letter.body);
	dkim_body_hashes_end(hashes);
	strbuf_init(&text, 100);
	base64_encode(dkim_body_hashes_digest(hashes, number), &text);
	assert_slice_equal(strbuf_slice(&text), SLICE(BODY_HASH));
	strbuf_clear(&text);
	letter_clear(&letter);
	dkim_body_hashes_free(hashes);
}

static void
test_body_hashes_are_the_rfcs(void **state)
{
	(void)state;
	check_body_hash("rfc6376-a.eml", DKIM_CANON_SIMPLE);
	check_body_hash("rfc8463-a.eml", DKIM_CANON_RELAXED);
}

/* RFC 8463 appendix A.3's header, hashed and signed with A.1's key. */
static void
test_rfc8463_signature_comes_out_bit_for_bit(void **state)
{
	struct dkim_key *key = letter_key("rfc8463-a-ed25519.pem");
	struct strbuf digest, signature, text;
	struct dkim_signature parsed;
	const struct mail_field *field;
	struct dkim_fault fault;
	struct letter letter;

	(void)state;
	letter_read(&letter, "rfc8463-a.eml");
	field = mail_header_at(letter.header, 0);
	dkim_signature_init(&parsed);
	assert_int_equal(
	    dkim_signature_parse(field->value, &parsed, &fault), 0);
	strbuf_init(&digest, 100);
	strbuf_init(&signature, 100);
	strbuf_init(&text, 100);
	dkim_signature_header_hash(
	    &parsed, field->raw, field, letter.header, &digest);
	assert_int_equal(dkim_key_sign(key, DKIM_ED25519_SHA256,
			     strbuf_slice(&digest), &signature),
	    0);
	base64_encode(strbuf_slice(&signature), &text);
	assert_string_equal(strbuf_text(&text),
	    "/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus"
	    "Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==");
	strbuf_clear(&digest);
	strbuf_clear(&signature);
	strbuf_clear(&text);
	dkim_signature_clear(&parsed);
	letter_clear(&letter);
	dkim_key_free(key);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rfc6376_appendix_a_verifies),
	    cmocka_unit_test(test_rfc8463_appendix_a_verifies_twice),
	    cmocka_unit_test(test_body_hashes_are_the_rfcs),
	    cmocka_unit_test(test_rfc8463_signature_comes_out_bit_for_bit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
