/* What a signer takes to sign: its own fields, and nothing that looks like
 * them. */
#include <stdlib.h>

#include "dkim/arc.h"
#include "dkim/body_hashes.h"
#include "dkim/signed_text.h"
#include "dkim/signer.h"
#include "t/lib/letter.h"
#include "t/lib/unit.h"

#define TAGS                                                            \
	"v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=mail; " \
	"t=1700000000; h=from:to; bh=AAAA; b="
#define RELAXED "from:a@example.org\r\ndkim-signature:" TAGS
#define SIMPLE                                                             \
	"From: a@example.org\r\nDKIM-Signature: v=1; a=ed25519-sha256; "   \
	"c=simple/simple;\r\n\td=example.org; s=mail;\r\n\th=From:\r\n\t " \
	"To; bh=AAAA;\r\n\tb="
#define ARC_MESSAGE                                                       \
	"from:a@example.org\r\narc-message-signature:i=1; a=rsa-sha256; " \
	"c=relaxed/relaxed; d=example.net; s=arc; t=1; h=from; bh=AAAA; b="
#define ARC_SEAL                                            \
	"arc-authentication-results:i=1; mx; none\r\n"      \
	"arc-message-signature:i=1; a=rsa-sha256; b=AA\r\n" \
	"arc-seal:i=1; a=rsa-sha256; cv=none; d=example.net; s=arc; t=1; b="

static struct slice
with_end(struct slice text)
{
	/* The last octet of a block of its own: a read past it is seen. */
	char *copy = malloc(text.n + 1);

	memcpy(copy, text.p, text.n);
	return slice_from(copy, text.n);
}

static const char *
read_text(struct slice text, struct dkim_signed_text *to)
{
	struct slice copy = with_end(text);
	const char *why = dkim_signed_text_read(copy, to);

	free((void *)(uintptr_t)copy.p);
	return why;
}

static void
test_what_our_signers_write_is_read(void **state)
{
	static const struct {
		const char *text, *domain, *selector;
		enum dkim_text_kind kind;
		enum dkim_algorithm algorithm;
	} cases[] = {
	    {RELAXED, "example.org", "mail", DKIM_TEXT_SIGNATURE,
		DKIM_RSA_SHA256},
	    {SIMPLE, "example.org", "mail", DKIM_TEXT_SIGNATURE,
		DKIM_ED25519_SHA256},
	    {ARC_MESSAGE, "example.net", "arc", DKIM_TEXT_ARC_MESSAGE,
		DKIM_RSA_SHA256},
	    {ARC_SEAL, "example.net", "arc", DKIM_TEXT_ARC_SEAL,
		DKIM_RSA_SHA256},
	    {"dkim-signature:" TAGS, "example.org", "mail", DKIM_TEXT_SIGNATURE,
		DKIM_RSA_SHA256},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dkim_signed_text text;

		assert_null(
		    dkim_signed_text_read(slice_str(cases[i].text), &text));
		assert_int_equal(text.kind, cases[i].kind);
		assert_int_equal(text.algorithm, cases[i].algorithm);
		assert_slice_equal(text.domain, slice_str(cases[i].domain));
		assert_slice_equal(text.selector, slice_str(cases[i].selector));
	}
}

#define FIELD(tags) SLICE_INIT("from:a@b\r\ndkim-signature:" tags)

static void
test_what_is_none_of_ours_is_refused(void **state)
{
	static const struct {
		struct slice text;
		const char *why;
	} cases[] = {
	    {SLICE_INIT(""), "it does not begin with a field"},
	    {SLICE_INIT(" x\r\n" RELAXED), "it does not begin with a field"},
	    {SLICE_INIT("from:a\0b\r\n" RELAXED), "it has a NUL"},
	    {SLICE_INIT("from:a\rb\r\n" RELAXED), "it has a bare CR or LF"},
	    {SLICE_INIT("from:a\nb\r\n" RELAXED), "it has a bare CR or LF"},
	    {SLICE_INIT("from:a\r\r\n" RELAXED), "it has a bare CR or LF"},
	    {SLICE_INIT("from:a\n\r" RELAXED), "it has a bare CR or LF"},
	    {SLICE_INIT(RELAXED "\r"), "it has a bare CR or LF"},
	    {SLICE_INIT(RELAXED "\n"), "it has a bare CR or LF"},
	    {SLICE_INIT(RELAXED "\r\n"), "its last field goes on behind b="},
	    {SLICE_INIT("from:a@example.org"),
		"its last field is no signature"},
	    {SLICE_INIT("dkim-signature"), "its last field is no signature"},
	    {SLICE_INIT("dkim-signature :" TAGS),
		"its last field is no signature"},
	    {SLICE_INIT("domainkey-signature:" TAGS),
		"its last field is no signature"},
	    {SLICE_INIT(RELAXED "\r\nsubject:x"),
		"its last field is no signature"},
	    {FIELD(""), "its last field has a tag that is not ours"},
	    {FIELD("v=1; b"), "its last field has a tag that is not ours"},
	    {FIELD("v=1;; b="), "its last field has a tag that is not ours"},
	    {FIELD("v=1; l=5; b="),
		"its last field has a tag that is not ours"},
	    {FIELD("v=1; D=x; b="),
		"its last field has a tag that is not ours"},
	    {FIELD("v=1; cv=none; b="),
		"its last field has a tag that is not ours"},
	    {FIELD("v=1; d=a.b; d=c.d; b="), "its last field has a tag twice"},
	    {FIELD("v=1; b=; b="), "its last field has a tag twice"},
	    {FIELD("v=1; b=; d=x"), "its last field goes on behind b="},
	    {FIELD("v=1; b=AAAA"), "its b= is not empty"},
	    {FIELD("v=1; d=; b="), "its last field has an empty tag"},
	    {FIELD("v=1; b="), "its last field lacks a tag"},
	    {FIELD("v=1; b ="), "its last field goes on behind b="},
	    {SLICE_INIT(RELAXED ";"), "its last field goes on behind b="},
	    {SLICE_INIT(RELAXED " "), "its last field goes on behind b="},
	    {SLICE_INIT(SIMPLE "\r\n\t"), "its last field goes on behind b="},
	    {SLICE_INIT("dkim-signature: " TAGS),
		"its last field is not as its c= has it"},
	    {SLICE_INIT("DKIM-Signature:" TAGS),
		"its last field is not as its c= has it"},
	    {FIELD("v=1; a=rsa-sha256; c=relaxed/simple;\r\n d=a.b; s=s; "
		   "h=from; bh=A; b="),
		"its last field is not as its c= has it"},
	    {FIELD("v=1;  a=rsa-sha256; c=relaxed/simple; d=a.b; s=s; "
		   "h=from; bh=A; b="),
		"its last field is not as its c= has it"},
	    {FIELD("v=1; a=rsa-sha256; c=nofws; d=a.b; s=s; h=from; bh=A; b="),
		"its c= is not ours"},
	    {FIELD("v=1; a=rsa-sha1; c=relaxed/simple; d=a.b; s=s; h=from; "
		   "bh=A; b="),
		"its a= is not ours"},
	    {FIELD("v=1; a=x; c=relaxed/simple; d=a.b; s=s; h=from; bh=A; b="),
		"its a= is not ours"},
	    {FIELD("v=2; a=rsa-sha256; c=relaxed/simple; d=a.b; s=s; h=from; "
		   "bh=A; b="),
		"its v= is not ours"},
	    {SLICE_INIT("arc-message-signature:i=1; a=rsa-sha256; "
			"c=simple/simple; d=a.b; s=s; h=from; bh=A; b="),
		"its c= is not ours"},
	    {SLICE_INIT("ARC-Seal: i=1; a=rsa-sha256; cv=none; d=a.b; s=s; b="),
		"its last field is not as its c= has it"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dkim_signed_text text;
		const char *why = read_text(cases[i].text, &text);

		assert_non_null(why);
		assert_string_equal(why, cases[i].why);
	}
}

/* The text ends where it ends: no cut of it, and nothing put behind it, is
 * taken. */
static void
test_no_part_of_a_text_is_taken(void **state)
{
	struct slice text = SLICE(SIMPLE);
	struct dkim_signed_text read;

	(void)state;
	for (size_t n = 0; n < text.n; n++)
		assert_non_null(read_text(slice_first(text, n), &read));
}

/* --- with the signers themselves --- */

static void
assert_taken(struct slice text, enum dkim_text_kind kind, const char *domain)
{
	struct dkim_signed_text read;
	const char *why = read_text(text, &read);

	if (why != NULL)
		fail_msg("%s: %.*s", why, (int)text.n, text.p);
	assert_int_equal(
	    dkim_signed_text_read(text, &read) == NULL && read.kind == kind, 1);
	assert_slice_equal(read.domain, slice_str(domain));
	assert_slice_equal(read.selector, SLICE("xn--bcher-kva"));
}

/* With all that a field may have: names that fold, an identity with octets
 * that are encoded, a time to end. */
static void
test_what_signers_make_is_taken(void **state)
{
	static const enum dkim_canon canons[] = {
	    DKIM_CANON_SIMPLE, DKIM_CANON_RELAXED};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct dkim_signing signing = {
		    .domain = SLICE("example.org"),
		    .selector = SLICE("b\303\274cher"),
		    .identity = SLICE("a;=b c\001@mail.example.org"),
		    .algorithm = i < 2 ? DKIM_RSA_SHA256 : DKIM_ED25519_SHA256,
		    .header_canon = canons[i % 2],
		    .body_canon = canons[i / 2],
		    .time = 1700000000,
		    .expire = 1700000100,
		};
		struct dkim_body_hashes *hashes = dkim_body_hashes_new();
		struct dkim_signer *signer;
		struct strbuf reason;
		struct letter l;

		letter_init(&l, SLICE("From: a@example.org\n\nTo: x\n"));
		strbuf_init(&reason, 1000);
		signer = dkim_signer_new(&signing, l.header, hashes, &reason);
		assert_non_null(signer);
		dkim_body_hashes_end(hashes);
		assert_taken(dkim_signer_text(signer), DKIM_TEXT_SIGNATURE,
		    "example.org");
		dkim_signer_free(signer);
		dkim_body_hashes_free(hashes);
		strbuf_clear(&reason);
		letter_clear(&l);
	}
}

static void
test_what_a_sealer_makes_is_taken(void **state)
{
	struct dkim_arc_sealing sealing = {.domain = SLICE("example.net"),
	    .selector = SLICE("b\303\274cher"),
	    .algorithm = DKIM_RSA_SHA256,
	    .results = SLICE("mx.example.org;\r\n\tdkim=none"),
	    .chain = MAIL_VERDICT_NONE,
	    .time = 1700000000};
	struct dkim_body_hashes *hashes = dkim_body_hashes_new();
	struct dkim_arc_sealer *sealer;
	struct strbuf reason;
	struct letter l;

	(void)state;
	letter_init(&l, SLICE("From: a@example.org\n\nHello\n"));
	strbuf_init(&reason, 1000);
	sealer = dkim_arc_sealer_new(&sealing, l.header, hashes, &reason);
	assert_non_null(sealer);
	dkim_body_hashes_end(hashes);
	assert_taken(dkim_arc_sealer_message_text(sealer),
	    DKIM_TEXT_ARC_MESSAGE, "example.net");
	dkim_arc_sealer_message_seal(sealer, SLICE("signature"));
	assert_taken(
	    dkim_arc_sealer_text(sealer), DKIM_TEXT_ARC_SEAL, "example.net");
	dkim_arc_sealer_free(sealer);
	dkim_body_hashes_free(hashes);
	strbuf_clear(&reason);
	letter_clear(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_our_signers_write_is_read),
	    cmocka_unit_test(test_what_is_none_of_ours_is_refused),
	    cmocka_unit_test(test_no_part_of_a_text_is_taken),
	    cmocka_unit_test(test_what_signers_make_is_taken),
	    cmocka_unit_test(test_what_a_sealer_makes_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
