/* record/reflect: what of the original gets into an answer to whom, and that
 * nothing of it gets out of its place. */
#include <string.h>

#include <stdlib.h>

#include "record/kept.h"
#include "record/reflect.h"
#include "t/lib/unit.h"

static struct record_reflection
reflection(enum record_proof proof)
{
	return (struct record_reflection){
	    .proof = proof,
	    .from = SLICE("check-auth@example.org"),
	    .to = SLICE("a@example.com"),
	    .summary = SLICE("Summary of Results\n\nSPF check: pass\n"
			     "ARC check: none\n\nDetails\n"),
	    .spam = SLICE("ham (score 0.1, spam from 5.0)"),
	    .rules = SLICE("ALL_TRUSTED, NO_BODY"),
	    .header = SLICE("Subject: hello\r\n\tyou\r\nX: \x01\r\n"),
	    .subject = SLICE(" hello\r\n\tyou"),
	    .message_id = SLICE("<1@example.com>"),
	    .id = SLICE("77"),
	    .now = 1000080000,
	};
}

#define TOP_FIELDS(to, subject)                      \
	"From: <check-auth@example.org>\r\n"         \
	"To: " to "\r\n"                             \
	"Subject: Summary of Results" subject "\r\n" \
	"Date: Mon, 10 Sep 2001 00:00:00 +0000\r\n"  \
	"Message-ID: <77@example.org>\r\n"           \
	"In-Reply-To: <1@example.com>\r\n"

#define LOWER_FIELDS(encoding)                        \
	"Auto-Submitted: auto-replied\r\n"            \
	"MIME-Version: 1.0\r\n"                       \
	"Content-Type: text/plain; charset=utf-8\r\n" \
	"Content-Transfer-Encoding: " encoding "\r\n\r\n"

#define SUMMARY                                                  \
	"Summary of Results\r\n"                                 \
	"\r\n"                                                   \
	"SPF check: pass\r\n"                                    \
	"ARC check: none\r\n"                                    \
	"SpamAssassin check: ham (score 0.1, spam from 5.0)\r\n" \
	"\r\n"                                                   \
	"Details\r\n"

static void
test_prints_for_a_proven_sender(void **state)
{
	struct record_reflection r = reflection(RECORD_PROOF_SPF);
	struct strbuf mail;

	(void)state;
	strbuf_init(&mail, RECORD_REFLECT_MAIL_MAX);
	assert_int_equal(record_reflect_print(&r, &mail), 0);
	assert_string_equal(strbuf_text(&mail),
	    TOP_FIELDS("<a@example.com>", ": hello you") "References: "
							 "<1@example.com>"
							 "\r\n" LOWER_FIELDS(
							     "7bit") SUMMARY
	    "\r\n"
	    "SpamAssassin: ham (score 0.1, spam from 5.0)\r\n"
	    "  Rules: ALL_TRUSTED, NO_BODY\r\n"
	    "\r\n"
	    "The header of your message, as it came to us:\r\n"
	    "\r\n"
	    "> Subject: hello\r\n"
	    "> \tyou\r\n"
	    "> X: ?\r\n");
	r.spam = r.rules = slice_from(NULL, 0);
	strbuf_reset(&mail);
	assert_int_equal(record_reflect_print(&r, &mail), 0);
	assert_null(strstr(strbuf_text(&mail), "SpamAssassin"));

	r.proof = RECORD_PROOF_DKIM;
	strbuf_reset(&mail);
	assert_int_equal(record_reflect_print(&r, &mail), 0);
	assert_non_null(strstr(strbuf_text(&mail),
	    "\r\n\r\nWhat your signature covers of your message's header,"));
	strbuf_clear(&mail);
}

static void
test_a_stranger_gets_words_of_ours(void **state)
{
	struct record_reflection r = reflection(RECORD_PROOF_NONE);
	struct strbuf mail;

	(void)state;
	strbuf_init(&mail, RECORD_REFLECT_MAIL_MAX);
	assert_int_equal(record_reflect_print(&r, &mail), 0);
	assert_string_equal(strbuf_text(&mail),
	    TOP_FIELDS("undisclosed-recipients:;", "") LOWER_FIELDS("7bit")
		SUMMARY);
	strbuf_clear(&mail);
}

/* In whole lines, whatever the report and the addresses. */
static void
test_to_a_stranger_it_is_bounded(void **state)
{
	static char report[20000];
	struct record_reflection r = reflection(RECORD_PROOF_NONE);
	struct strbuf mail;

	(void)state;
	for (size_t i = 0; i < sizeof(report); i++)
		report[i] = i % 60 == 0 ? '\n' : 'x';
	for (size_t n = 1; n < sizeof(report); n = n * 3 / 2 + 1) {
		r.summary = slice_from(report, n);
		strbuf_init(&mail, RECORD_REFLECT_MAIL_MAX);
		assert_int_equal(record_reflect_print(&r, &mail), 0);
		assert_in_range(mail.n, 1, 2048);
		assert_true(
		    slice_ends_nocase(strbuf_slice(&mail), SLICE("\r\n")));
		strbuf_clear(&mail);
	}
}

static void
test_which_ids_are_answered(void **state)
{
	static const struct {
		const char *id;
		bool stranger, proven;
	} cases[] = {
	    {"<1.a@example.com>", true, true},
	    {"<\"x y\"@example.com>", false, true},
	    {"<a@b c>", false, true},
	    {"<a@[192.0.2.1]>", false, true},
	    {"<buy@here.example> or", false, true},
	    {"(see www.example) <1@example.com>", false, true},
	    {"<1@example.com", false, true},
	    {"<1@b\xc3\xbc.example>", false, false},
	    {"<1@x>\r\nBcc: <b@example.com>", false, false},
	    {"<"
	     "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	     "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	     "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	     "@example.com>",
		false, true},
	    {"", false, false},
	};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		bool proven = i % 2 == 1;
		struct record_reflection r =
		    reflection(proven ? RECORD_PROOF_SPF : RECORD_PROOF_NONE);
		struct strbuf mail;

		r.message_id = slice_str(cases[i / 2].id);
		strbuf_init(&mail, RECORD_REFLECT_MAIL_MAX);
		assert_int_equal(record_reflect_print(&r, &mail), 0);
		if ((strstr(strbuf_text(&mail), "In-Reply-To") != NULL) !=
		    (proven ? cases[i / 2].proven : cases[i / 2].stranger))
			fail_msg("%s, %d", cases[i / 2].id, proven);
		assert_null(strstr(strbuf_text(&mail), "Bcc"));
		strbuf_clear(&mail);
	}
}

static void
test_subjects(void **state)
{
	static const struct {
		const char *subject, *printed;
	} cases[] = {
	    {" hello", "Subject: Summary of Results: hello\r\n"},
	    {"", "Subject: Summary of Results\r\n"},
	    {" a\r\n b\x01\tc", "Subject: Summary of Results: a b? c\r\n"},
	    {" =?utf-8?Q?x?=",
		"Subject: Summary of Results: =?utf-8?Q?x?=\r\n"},
	    {" gr\xc3\xbc\xc3\x9f"
	     "e",
		"Subject: Summary of Results: =?utf-8?B?Z3LDvMOfZQ==?=\r\n"},
	    {" gr\xfc", "Subject: Summary of Results: gr?\r\n"},
	    {" one two three four five six seven eight nine ten eleven",
		"Subject: Summary of Results: one two three four five six "
		"seven eight nine ten\r\n\televen\r\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct record_reflection r = reflection(RECORD_PROOF_SPF);
		struct strbuf mail;

		r.subject = slice_str(cases[i].subject);
		strbuf_init(&mail, RECORD_REFLECT_MAIL_MAX);
		assert_int_equal(record_reflect_print(&r, &mail), 0);
		if (strstr(strbuf_text(&mail), cases[i].printed) == NULL)
			fail_msg(
			    "%s: %s", cases[i].subject, strbuf_text(&mail));
		strbuf_clear(&mail);
	}
}

/* Quoted-printable; and whom it goes to only the envelope says. */
static void
test_no_octet_is_raw(void **state)
{
	struct record_reflection r = reflection(RECORD_PROOF_SPF);
	struct strbuf mail;

	(void)state;
	r.to = SLICE("gr\xc3\xbc@example.com");
	r.header = SLICE("X: gr\xc3\xbc = \r\n");
	r.subject = slice_from(NULL, 0);
	strbuf_init(&mail, RECORD_REFLECT_MAIL_MAX);
	assert_int_equal(record_reflect_print(&r, &mail), 0);
	for (size_t i = 0; i < mail.n; i++)
		assert_in_range((unsigned char)mail.p[i], '\t', 0x7e);
	assert_non_null(strstr(
	    strbuf_text(&mail), "Content-Transfer-Encoding: quoted-printable"));
	assert_non_null(
	    strstr(strbuf_text(&mail), "\r\n> X: gr=C3=BC =3D=20\r\n"));
	assert_non_null(
	    strstr(strbuf_text(&mail), "\r\nTo: undisclosed-recipients:;\r\n"));
	strbuf_clear(&mail);
}

static void
test_nothing_breaks_the_header(void **state)
{
	struct record_reflection r = reflection(RECORD_PROOF_SPF);
	struct strbuf mail;

	(void)state;
	strbuf_init(&mail, RECORD_REFLECT_MAIL_MAX);
	r.to = SLICE("a@example.com>\r\nBcc: <b@example.com");
	assert_int_equal(record_reflect_print(&r, &mail), -1);
	strbuf_clear(&mail);
}

static void
test_a_huge_header_is_cut(void **state)
{
	static char header[200000];
	struct record_reflection r = reflection(RECORD_PROOF_SPF);
	struct strbuf mail;

	(void)state;
	memset(header, 'x', sizeof(header));
	r.header = slice_from(header, sizeof(header));
	strbuf_init(&mail, RECORD_REFLECT_MAIL_MAX);
	assert_int_equal(record_reflect_print(&r, &mail), 0);
	assert_in_range(mail.n, 0, 40000);
	assert_non_null(strstr(strbuf_text(&mail), "(cut here)"));

	/* Short lines, very many. */
	memset(header, '\n', sizeof(header));
	strbuf_reset(&mail);
	assert_int_equal(record_reflect_print(&r, &mail), 0);
	assert_non_null(strstr(strbuf_text(&mail), "(cut here)"));
	strbuf_clear(&mail);
}

static void
test_proofs_have_words(void **state)
{
	(void)state;
	for (int i = 0; i <= RECORD_PROOF_DKIM; i++) {
		enum record_proof proof;

		assert_int_equal(record_proof_parse(slice_str(record_proof_word(
							(enum record_proof)i)),
				     &proof),
		    0);
		assert_int_equal(proof, i);
	}
}

/* --- what a worker says of it --- */

static bool
is_within(const char *proof, enum record_tag tag, size_t n, int times)
{
	struct strbuf datagram;
	struct record_kept kept;
	char *value = calloc(1, n + 1);
	bool within;

	strbuf_init(&datagram, 4 * RECORD_KEPT_MAX);
	(void)record_kept_add(&datagram, RECORD_TIME, SLICE("1"));
	if (proof != NULL)
		(void)record_kept_add(
		    &datagram, RECORD_PROOF, slice_str(proof));
	while (times-- > 0)
		(void)record_kept_add(&datagram, tag, slice_from(value, n));
	assert_int_equal(record_kept_parse(strbuf_slice(&datagram), &kept), 0);
	within = record_reflect_is_within(&kept);
	strbuf_clear(&datagram);
	free(value);
	return within;
}

static void
test_what_a_worker_says_is_bounded_again(void **state)
{
	(void)state;
	assert_true(is_within(NULL, RECORD_STATUS, 4, 1));
	assert_true(
	    is_within("none", RECORD_SUMMARY, RECORD_REFLECT_SUMMARY_MAX, 1));
	assert_false(is_within(
	    "none", RECORD_SUMMARY, RECORD_REFLECT_SUMMARY_MAX + 1, 1));
	assert_true(is_within(
	    "spf", RECORD_SUMMARY, RECORD_REFLECT_SUMMARY_MAX + 1, 1));
	assert_false(is_within("none", RECORD_HEADER, 1, 1));
	assert_false(is_within("none", RECORD_SUBJECT, 1, 1));
	assert_true(
	    is_within("dkim", RECORD_HEADER, RECORD_REFLECT_HEADER_MAX + 1, 1));
	assert_false(
	    is_within("dkim", RECORD_HEADER, RECORD_REFLECT_HEADER_MAX + 2, 1));
	assert_true(is_within("dkim", RECORD_SUBJECT, 2048, 1));
	assert_false(is_within("dkim", RECORD_SUBJECT, 2049, 1));
	assert_false(is_within("dkim", RECORD_ANSWER_TO, 1, 2));
	assert_false(is_within("surely", RECORD_ANSWER_TO, 1, 1));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_prints_for_a_proven_sender),
	    cmocka_unit_test(test_a_stranger_gets_words_of_ours),
	    cmocka_unit_test(test_to_a_stranger_it_is_bounded),
	    cmocka_unit_test(test_which_ids_are_answered),
	    cmocka_unit_test(test_subjects),
	    cmocka_unit_test(test_no_octet_is_raw),
	    cmocka_unit_test(test_nothing_breaks_the_header),
	    cmocka_unit_test(test_a_huge_header_is_cut),
	    cmocka_unit_test(test_proofs_have_words),
	    cmocka_unit_test(test_what_a_worker_says_is_bounded_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
