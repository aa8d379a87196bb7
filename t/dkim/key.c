/* Private keys from PEM, public ones from DER. */
#include <stdio.h>
#include <stdlib.h>

#include "base/base64.h"
#include "dkim/key.h"
#include "dkim/key_der.h"
#include "t/lib/letter.h"
#include "t/lib/unit.h"

static const char digest32[] = "0123456789abcdef0123456789abcdef";

static void
test_pem_forms(void **state)
{
	static const struct {
		const char *file;
		enum dkim_key_type type;
		unsigned bits;
	} cases[] = {
	    {"rsa1024.pem", DKIM_KEY_RSA, 1024},
	    {"rsa2048.pem", DKIM_KEY_RSA, 2048},
	    {"rsa2048-pkcs1.pem", DKIM_KEY_RSA, 2048},
	    {"rsa4096.pem", DKIM_KEY_RSA, 4096},
	    {"ed25519.pem", DKIM_KEY_ED25519, 256},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dkim_key *key = letter_key(cases[i].file);

		assert_int_equal(dkim_key_type(key), cases[i].type);
		if (cases[i].type == DKIM_KEY_RSA)
			assert_int_equal(dkim_key_bits(key), cases[i].bits);
		assert_int_equal(dkim_key_fits(key, DKIM_RSA_SHA256),
		    cases[i].type == DKIM_KEY_RSA);
		assert_int_equal(dkim_key_fits(key, DKIM_RSA_SHA1),
		    cases[i].type == DKIM_KEY_RSA);
		assert_int_equal(dkim_key_fits(key, DKIM_ED25519_SHA256),
		    cases[i].type == DKIM_KEY_ED25519);
		assert_false(dkim_key_fits(key, DKIM_ALGORITHM_UNKNOWN));
		dkim_key_free(key);
	}
}

static void
test_refused_keys_say_why(void **state)
{
	static const struct {
		const char *file, *reason;
	} cases[] = {
	    {"rsa512.pem",
		"the RSA key has 512 bits, not between 1024 and 4096"},
	    {"rsa8192.pem",
		"the RSA key has 8192 bits, not between 1024 and 4096"},
	    {"ec.pem", "DKIM has no use for a key of type EC"},
	    {"rsa1024-encrypted.pem",
		"the key is encrypted (openssl pkey -in FILE -out NEW "
		"decrypts it)"},
	    {"rsa1024-encrypted-pkcs1.pem",
		"the key is encrypted (openssl pkey -in FILE -out NEW "
		"decrypts it)"},
	    {"rfc.zone",
		"no usable key: the file holds no private key in PEM form"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct strbuf pem, reason;

		letter_data(cases[i].file, &pem);
		strbuf_init(&reason, 1000);
		assert_null(dkim_key_parse(strbuf_slice(&pem), &reason));
		assert_string_equal(strbuf_text(&reason), cases[i].reason);
		strbuf_clear(&pem);
		strbuf_clear(&reason);
	}
}

/* RFC 8410 section 10.3: one key in all its forms. */
#define SEED   "1O5y2/kTWErVttjx92n4rTr+fCjL8dT74Jeoj0R1WEI="
#define PUBLIC "Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE="
#define PEM(text) \
	"-----BEGIN PRIVATE KEY-----\n" text "\n-----END PRIVATE KEY-----\n"
#define V1 "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC"
#define V2                                                                   \
	"MHICAQEwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n" \
	"oB8wHQYKKoZIhvcNAQkJFDEPDA1DdXJkbGUgQ2hhaXJzgSEAGb9ECWmEzf6FQbrB\n"
/* Both in base64: 64 octets. */
#define BOTH                                                           \
	"1O5y2/kTWErVttjx92n4rTr+fCjL8dT74Jeoj0R1WEIZv0QJaYTN/oVBusFn" \
	"3DuWyFCGqjC2tssMXDitcDFm4Q=="

static void
test_forms_of_one_ed25519_key(void **state)
{
	static const char *const forms[] = {PEM(V1),
	    PEM(V2 "Z9w7lshQhqowtrbLDFw4rXAxZuE="), "text\n" PEM(V1) "more",
	    SEED, SEED "\n", " " SEED "\r\n", BOTH "\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct strbuf reason, octets, text;
		struct dkim_key *key;

		strbuf_init(&reason, 1000);
		strbuf_init(&octets, 100);
		strbuf_init(&text, 100);
		key = dkim_key_parse(slice_str(forms[i]), &reason);
		if (key == NULL)
			fail_msg("%zu: %s", i, strbuf_text(&reason));
		assert_int_equal(dkim_key_type(key), DKIM_KEY_ED25519);
		assert_int_equal(dkim_key_public(key, &octets), 0);
		assert_int_equal(
		    base64_encode(strbuf_slice(&octets), &text), 0);
		assert_string_equal(strbuf_text(&text), PUBLIC);
		dkim_key_free(key);
		strbuf_clear(&reason);
		strbuf_clear(&octets);
		strbuf_clear(&text);
	}
}

static void
test_what_is_no_usable_key_is_called_by_its_name(void **state)
{
	static const struct {
		const char *text, *name;
	} cases[] = {
	    {PEM(V2 "Z9w7lshQhqowtrbLDFw4rXAxZuF="), "damaged PKCS#8"},
	    {PEM(V2 "Z9w7lshQhqowtrbLDFw4rXAxZuI="),
		"the public key in the file is not that of the private one"},
	    {"-----BEGIN PRIVATE KEY-----\n" V1, "cut: its END line"},
	    {"-----BEGIN RSA PRIVATE KEY-----\n" V1, "PKCS#1 private key"},
	    {"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n"
	     "-----END RSA PRIVATE KEY-----\n",
		"damaged PKCS#1"},
	    {"-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n"
	     "-----END OPENSSH PRIVATE KEY-----\n",
		"OpenSSH"},
	    {"---- BEGIN SSH2 PUBLIC KEY ----\n", "no private key"},
	    {"-----BEGIN PGP PRIVATE KEY BLOCK-----\n", "OpenPGP"},
	    {"-----BEGIN PUBLIC KEY-----\n" PUBLIC, "a public key, where the"},
	    {"-----BEGIN RSA PUBLIC KEY-----\n", "a public key, where the"},
	    {"-----BEGIN CERTIFICATE-----\n", "a certificate"},
	    {"-----BEGIN CERTIFICATE REQUEST-----\n", "a certificate"},
	    {"-----BEGIN DH PARAMETERS-----\n", "a PEM block of another kind"},
	    {"---BEGIN PRIVATE KEY---\n" V1 "\n---END PRIVATE KEY---",
		"BEGIN line is damaged"},
	    {"-----BEGIN PRIVATE KEY-----\\n" V1, "line ends are written as"},
	    {"PuTTY-User-Key-File-3: ssh-rsa\n", "PuTTY"},
	    {"Private-key-format: v1.3\n", "DNSSEC"},
	    {"ssh-ed25519 AAAA me@host\n", "a public key of OpenSSH's"},
	    {"v=DKIM1; k=rsa; p=AAAA\n", "a key record"},
	    {"{\"kty\":\"OKP\"}", "JSON"},
	    {"<RSAKeyValue>", "XML"},
	    {"\xff\xfe-", "UTF-16"},
	    {"0\x82\x04\xa2\x02\x01\x01", "DER, not PEM"},
	    {"0\x82\x04\xa2\x02\x01\x03", "PKCS#12"},
	    {V1, "a key in base64 without its BEGIN and END lines"},
	    {"d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842",
		"hexadecimal digits"},
	    {"AAAA", "other than 32 octets"},
	    {" \n\n", "nothing but white space"},
	    {"hello, world", "no private key in PEM form"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct strbuf reason;

		strbuf_init(&reason, 1000);
		if (dkim_key_parse(slice_str(cases[i].text), &reason) != NULL)
			fail_msg("%zu is taken: %s", i, cases[i].text);
		if (strstr(strbuf_text(&reason), cases[i].name) == NULL)
			fail_msg("%zu: %s: %s", i, strbuf_text(&reason),
			    cases[i].name);
		strbuf_clear(&reason);
	}
}

static void
test_sizes_of_a_file_are_bounded(void **state)
{
	struct strbuf pem, reason;

	(void)state;
	strbuf_init(&pem, 1 << 20);
	strbuf_init(&reason, 1000);
	assert_null(dkim_key_parse(strbuf_slice(&pem), &reason));
	assert_string_equal(strbuf_text(&reason), "the key file is empty");
	strbuf_reset(&reason);
	for (int i = 0; i <= DKIM_KEY_PEM_MAX; i++)
		strbuf_add_char(&pem, '\n');
	assert_null(dkim_key_parse(strbuf_slice(&pem), &reason));
	assert_string_equal(strbuf_text(&reason), "the key file is too big");
	strbuf_clear(&pem);
	strbuf_clear(&reason);
}

static void
check_pair(const struct dkim_key *key, enum dkim_algorithm algorithm)
{
	struct slice digest = slice_first(slice_str(digest32),
	    dkim_algorithm_digest(algorithm) == DKIM_SHA1 ? 20 : 32);
	struct strbuf octets, signature;
	struct dkim_public_key *public;
	enum mail_reason reason;

	strbuf_init(&octets, DKIM_KEY_PUBLIC_MAX);
	strbuf_init(&signature, DKIM_KEY_SIGNATURE_MAX);
	assert_int_equal(dkim_key_public(key, &octets), 0);
	public = dkim_public_key_parse(
	    dkim_key_type(key), strbuf_slice(&octets), &reason);
	assert_non_null(public);
	assert_int_equal(dkim_public_key_bits(public),
	    dkim_key_type(key) == DKIM_KEY_RSA ? dkim_key_bits(key) : 256);
	for (int i = 0; i < 3; i++) {
		strbuf_reset(&signature);
		assert_int_equal(
		    dkim_key_sign(key, algorithm, digest, &signature), 0);
		assert_true(dkim_public_key_verify(
		    public, algorithm, digest, strbuf_slice(&signature)));
	}
	signature.p[7] ^= 1;
	assert_false(dkim_public_key_verify(
	    public, algorithm, digest, strbuf_slice(&signature)));
	signature.p[7] ^= 1;
	assert_false(dkim_public_key_verify(public, algorithm, digest,
	    slice_first(strbuf_slice(&signature), 10)));
	dkim_public_key_free(public);
	strbuf_clear(&octets);
	strbuf_clear(&signature);
}

static void
test_what_one_signs_the_other_verifies(void **state)
{
	static const struct {
		const char *file;
		enum dkim_algorithm algorithm;
	} cases[] = {
	    {"rsa1024.pem", DKIM_RSA_SHA256},
	    {"rsa1024.pem", DKIM_RSA_SHA1},
	    {"rsa4096.pem", DKIM_RSA_SHA256},
	    {"ed25519.pem", DKIM_ED25519_SHA256},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dkim_key *key = letter_key(cases[i].file);

		check_pair(key, cases[i].algorithm);
		dkim_key_free(key);
	}
}

/* Every third octet of it, changed in turn: either it is refused, or
 * the key still signs what its own public half verifies. */
static void
test_a_damaged_rsa_key_is_refused(void **state)
{
	static const char begin[] = "-----BEGIN PRIVATE KEY-----\n";
	struct strbuf pem, der, text, reason;
	struct slice inside;
	size_t refused = 0;

	(void)state;
	letter_data("rsa1024.pem", &pem);
	strbuf_init(&der, 1000);
	strbuf_init(&text, 2000);
	strbuf_init(&reason, 1 << 20);
	inside = slice_after(strbuf_slice(&pem), strlen(begin));
	inside = slice_first(inside, slice_find(inside, '-'));
	assert_int_equal(base64_decode(inside, &der), 0);
	for (size_t i = 0; i < der.n; i += 3) {
		struct dkim_key *key;

		der.p[i] ^= 0x10;
		strbuf_reset(&text);
		strbuf_add_str(&text, begin);
		base64_encode(strbuf_slice(&der), &text);
		strbuf_add_str(&text, "\n-----END PRIVATE KEY-----\n");
		key = dkim_key_parse(strbuf_slice(&text), &reason);
		if (key != NULL)
			check_pair(key, DKIM_RSA_SHA256);
		else
			refused++;
		dkim_key_free(key);
		der.p[i] ^= 0x10;
	}
	/* The modulus and the public exponent at least. */
	assert_true(refused > 128 / 3);
	strbuf_clear(&pem);
	strbuf_clear(&der);
	strbuf_clear(&text);
	strbuf_clear(&reason);
}

static void
test_made_keys_are_printed_and_read_again(void **state)
{
	static const enum dkim_key_type types[] = {
	    DKIM_KEY_RSA, DKIM_KEY_ED25519};
	struct strbuf pem, reason, one, two;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct dkim_key *made, *read;

		strbuf_init(&pem, DKIM_KEY_PEM_MAX);
		strbuf_init(&reason, 1000);
		strbuf_init(&one, DKIM_KEY_PUBLIC_MAX);
		strbuf_init(&two, DKIM_KEY_PUBLIC_MAX);
		made = dkim_key_generate(types[i], 1024, &reason);
		assert_non_null(made);
		assert_int_equal(dkim_key_print(made, &pem), 0);
		read = dkim_key_parse(strbuf_slice(&pem), &reason);
		assert_non_null(read);
		assert_int_equal(dkim_key_public(made, &one), 0);
		assert_int_equal(dkim_key_public(read, &two), 0);
		assert_slice_equal(strbuf_slice(&one), strbuf_slice(&two));
		check_pair(read, dkim_key_algorithm(read));
		dkim_key_free(made);
		dkim_key_free(read);
		strbuf_wipe(&pem);
		strbuf_clear(&one);
		strbuf_clear(&two);
		strbuf_clear(&reason);
	}
}

static void
test_key_sizes_to_make_are_bounded(void **state)
{
	static const unsigned bits[] = {0, 512, 1023, 4097, 100000};
	struct strbuf reason;

	(void)state;
	strbuf_init(&reason, 1000);
	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
		strbuf_reset(&reason);
		assert_null(dkim_key_generate(DKIM_KEY_RSA, bits[i], &reason));
		assert_true(reason.n > 0);
	}
	strbuf_clear(&reason);
}

/* Each octet of a public key changed, cut off or added: never a crash, and
 * the DER's frame must be whole. */
static void
test_public_keys_are_strict(void **state)
{
	struct dkim_key *key = letter_key("rsa1024.pem");
	struct dkim_rsa_numbers numbers;
	struct strbuf octets;
	struct slice der;
	enum mail_reason reason;

	(void)state;
	strbuf_init(&octets, DKIM_KEY_PUBLIC_MAX);
	assert_int_equal(dkim_key_public(key, &octets), 0);
	der = strbuf_slice(&octets);
	assert_int_equal(dkim_key_der_parse(der, &numbers), 0);
	assert_int_equal(numbers.modulus.n, 128);
	assert_slice_equal(numbers.exponent, SLICE("\x01\x00\x01"));
	for (size_t n = 0; n < der.n; n++)
		assert_int_equal(
		    dkim_key_der_parse(slice_first(der, n), &numbers), -1);
	for (size_t i = 0; i < der.n; i++) {
		octets.p[i] ^= 0x40;
		dkim_public_key_free(dkim_public_key_parse(
		    DKIM_KEY_RSA, strbuf_slice(&octets), &reason));
		octets.p[i] ^= 0x40;
	}
	strbuf_add_char(&octets, '\0');
	assert_int_equal(
	    dkim_key_der_parse(strbuf_slice(&octets), &numbers), -1);
	strbuf_clear(&octets);
	dkim_key_free(key);
}

static void
test_der_lengths_are_the_shortest_and_definite(void **state)
{
	static const struct slice bad[] = {
	    SLICE_INIT("\x30"),
	    SLICE_INIT("\x30\x80\x02\x01\x03\x02\x01\x03"),
	    SLICE_INIT("\x30\x81\x06\x02\x01\x03\x02\x01\x03"),
	    SLICE_INIT("\x30\x82\x00\x06\x02\x01\x03\x02\x01\x03"),
	    SLICE_INIT("\x30\x83\x00\x06\x02\x01\x03\x02\x01\x03"),
	    SLICE_INIT("\x30\x83\x01\x00\x02\x01\x03\x02\x01\x03"),
	    SLICE_INIT("\x30\x07\x02\x01\x03\x02\x01\x03"),
	    SLICE_INIT("\x30\x05\x02\x01\x03\x02\x01\x03"),
	};
	struct dkim_rsa_numbers numbers;

	(void)state;
	assert_int_equal(
	    dkim_key_der_parse(
		SLICE("\x30\x06\x02\x01\x03\x02\x01\x03"), &numbers),
	    0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		/* Of its own size, so that a sanitizer sees its end. */
		char *copy = malloc(bad[i].n);

		assert_non_null(copy);
		memcpy(copy, bad[i].p, bad[i].n);
		assert_int_equal(
		    dkim_key_der_parse(slice_from(copy, bad[i].n), &numbers),
		    -1);
		free(copy);
	}
}

static void
test_a_key_of_another_kind_verifies_nothing(void **state)
{
	struct dkim_key *key = letter_key("ed25519.pem");
	struct strbuf octets, signature;
	struct dkim_public_key *public;
	enum mail_reason reason;

	(void)state;
	strbuf_init(&octets, DKIM_KEY_PUBLIC_MAX);
	strbuf_init(&signature, DKIM_KEY_SIGNATURE_MAX);
	assert_int_equal(dkim_key_public(key, &octets), 0);
	public = dkim_public_key_parse(
	    DKIM_KEY_ED25519, strbuf_slice(&octets), &reason);
	assert_non_null(public);
	assert_int_equal(dkim_key_sign(key, DKIM_ED25519_SHA256,
			     slice_str(digest32), &signature),
	    0);
	assert_false(dkim_public_key_verify(public, DKIM_RSA_SHA256,
	    slice_str(digest32), strbuf_slice(&signature)));
	assert_false(dkim_public_key_verify(public, DKIM_ALGORITHM_UNKNOWN,
	    slice_str(digest32), strbuf_slice(&signature)));
	assert_int_equal(dkim_key_sign(key, DKIM_RSA_SHA256,
			     slice_str(digest32), &signature),
	    -1);
	assert_null(dkim_public_key_parse(
	    DKIM_KEY_ED25519, slice_first(strbuf_slice(&octets), 31), &reason));
	assert_int_equal(reason, MAIL_REASON_KEY_NOT_ED25519);
	dkim_public_key_free(public);
	strbuf_clear(&octets);
	strbuf_clear(&signature);
	dkim_key_free(key);
}

/* RSAPublicKey itself, as the text of RFC 6376 section 3.6.1 has it: what
 * SubjectPublicKeyInfo holds behind 22 octets of frame. */
static void
test_a_bare_rsa_public_key_is_taken(void **state)
{
	struct dkim_key *key = letter_key("rsa1024.pem");
	struct dkim_public_key *public;
	struct strbuf octets;
	enum mail_reason reason;

	(void)state;
	strbuf_init(&octets, DKIM_KEY_PUBLIC_MAX);
	assert_int_equal(dkim_key_public(key, &octets), 0);
	public = dkim_public_key_parse(
	    DKIM_KEY_RSA, slice_after(strbuf_slice(&octets), 22), &reason);
	assert_non_null(public);
	assert_int_equal(dkim_public_key_bits(public), 1024);
	dkim_public_key_free(public);
	strbuf_clear(&octets);
	dkim_key_free(key);
}

static void
add_der(struct strbuf *out, char tag, struct slice value)
{
	strbuf_add_char(out, tag);
	if (value.n >= 256) {
		strbuf_add_char(out, '\x82');
		strbuf_add_char(out, (char)(value.n >> 8));
	} else if (value.n >= 128) {
		strbuf_add_char(out, '\x81');
	}
	strbuf_add_char(out, (char)(value.n & 255));
	strbuf_add(out, value);
}

/* A key of the same size too; octets that no key signed; too few of them. */
static void
test_the_right_key_knows_what_it_made(void **state)
{
	struct dkim_key *key = letter_key("rsa1024.pem");
	struct dkim_public_key *public, *other;
	struct strbuf reason, octets, signature;
	struct dkim_key *another;
	enum mail_reason why;
	struct slice made;

	(void)state;
	strbuf_init(&reason, 1000);
	strbuf_init(&octets, 1000);
	strbuf_init(&signature, DKIM_KEY_SIGNATURE_MAX);
	assert_int_equal(dkim_key_public(key, &octets), 0);
	public =
	    dkim_public_key_parse(DKIM_KEY_RSA, strbuf_slice(&octets), &why);
	another = dkim_key_generate(DKIM_KEY_RSA, 1024, &reason);
	strbuf_reset(&octets);
	assert_int_equal(dkim_key_public(another, &octets), 0);
	other =
	    dkim_public_key_parse(DKIM_KEY_RSA, strbuf_slice(&octets), &why);
	assert_int_equal(dkim_key_sign(key, DKIM_RSA_SHA256,
			     slice_str(digest32), &signature),
	    0);
	made = strbuf_slice(&signature);
	assert_true(dkim_public_key_made(public, made));
	assert_false(dkim_public_key_made(other, made));
	assert_false(dkim_public_key_made(public, slice_first(made, 127)));
	assert_false(dkim_public_key_made(public, SLICE("")));
	signature.p[100] ^= 1;
	assert_false(dkim_public_key_made(public, made));
	dkim_public_key_free(public);
	dkim_public_key_free(other);
	dkim_key_free(another);
	dkim_key_free(key);
	strbuf_clear(&reason);
	strbuf_clear(&octets);
	strbuf_clear(&signature);
}

static void
test_public_keys_out_of_bounds(void **state)
{
	static const struct {
		size_t octets;
		struct slice exponent;
		enum mail_reason reason;
	} cases[] = {
	    {128, SLICE_INIT("\x03"), MAIL_REASON_NONE},
	    {512, SLICE_INIT("\x01\x00\x01"), MAIL_REASON_NONE},
	    {513, SLICE_INIT("\x03"), MAIL_REASON_KEY_OVER_4096},
	    {63, SLICE_INIT("\x03"), MAIL_REASON_KEY_UNDER_512},
	    {128, SLICE_INIT("\x01"), MAIL_REASON_KEY_NUMBERS},
	    {128, SLICE_INIT("\x04"), MAIL_REASON_KEY_NUMBERS},
	    {128, SLICE_INIT("\x01\x02\x03\x04\x05\x06\x07\x08\x09"),
		MAIL_REASON_KEY_NUMBERS},
	    {128, SLICE_INIT("\x00"), MAIL_REASON_KEY_NOT_RSA},
	    {128, SLICE_INIT("\x83"), MAIL_REASON_KEY_NOT_RSA},
	};
	char modulus[513];

	(void)state;
	memset(modulus, 0x7f, sizeof(modulus));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct strbuf inner, der;
		struct dkim_public_key *key;
		enum mail_reason reason;

		strbuf_init(&inner, 2000);
		strbuf_init(&der, 2000);
		add_der(&inner, '\x02', slice_from(modulus, cases[i].octets));
		add_der(&inner, '\x02', cases[i].exponent);
		add_der(&der, '\x30', strbuf_slice(&inner));
		key = dkim_public_key_parse(
		    DKIM_KEY_RSA, strbuf_slice(&der), &reason);
		if (cases[i].reason == MAIL_REASON_NONE)
			assert_non_null(key);
		else
			assert_int_equal(reason, cases[i].reason);
		dkim_public_key_free(key);
		strbuf_clear(&inner);
		strbuf_clear(&der);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_pem_forms),
	    cmocka_unit_test(test_refused_keys_say_why),
	    cmocka_unit_test(test_forms_of_one_ed25519_key),
	    cmocka_unit_test(test_what_is_no_usable_key_is_called_by_its_name),
	    cmocka_unit_test(test_a_damaged_rsa_key_is_refused),
	    cmocka_unit_test(test_sizes_of_a_file_are_bounded),
	    cmocka_unit_test(test_what_one_signs_the_other_verifies),
	    cmocka_unit_test(test_made_keys_are_printed_and_read_again),
	    cmocka_unit_test(test_key_sizes_to_make_are_bounded),
	    cmocka_unit_test(test_public_keys_are_strict),
	    cmocka_unit_test(test_der_lengths_are_the_shortest_and_definite),
	    cmocka_unit_test(test_a_key_of_another_kind_verifies_nothing),
	    cmocka_unit_test(test_a_bare_rsa_public_key_is_taken),
	    cmocka_unit_test(test_the_right_key_knows_what_it_made),
	    cmocka_unit_test(test_public_keys_out_of_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
