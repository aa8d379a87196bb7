/*
 * auth/from, and what auth/dmarc makes of it: a From that is faulty, missing
 * or there twice never passes, and hides no author of it who fails.
 */
#include "auth/from.h"
#include "auth/dmarc.h"
#include "base/strbuf.h"
#include "mail/header.h"
#include "t/lib/unit.h"
#include "t/lib/zone.h"

#define FAIL	  MAIL_VERDICT_FAIL
#define PERMERROR MAIL_VERDICT_PERMERROR

static const char reject[] =
    "_dmarc.example.com TXT v=DMARC1; p=reject\nexample.com A 192.0.2.1\n";

/* From fields that end where we do not read on. Other programs show
 * ceo@example.com: they must fail, and cannot pass. */
static const struct {
	const char *from, *fault;
} faulty[] = {
    {"From: CEO <ceo@example.com> x\r\n",
	"From cannot be read: unexpected character in address list"},
    {"From: <ceo@example.com> <x@evil.example>\r\n",
	"From cannot be read: unexpected character in address list"},
    {"From: \"CEO\" <ceo@example.com\r\n",
	"From cannot be read: address without its >"},
    {"From: ceo@example.com;\r\n",
	"From cannot be read: unexpected character in address list"},
    {"From: ceo@example.com.\r\n",
	"From cannot be read: bad domain in address"},
    {"From: CEO, Inc. <ceo@example.com>\r\n",
	"From cannot be read: address without a domain"},
    {"From: CEO @ Bank <ceo@example.com>\r\n",
	"From cannot be read: unexpected character in address list"},
    {"From: ceo@example.com, a@[192.0.2.1]\r\n",
	"From has an address without a domain name"},
    {"From: ceo@example.com, a@b.example, a@c.example, a@d.example, "
     "a@e.example\r\n",
	"From names more than four domains"},
    {"From: ceo@example.com\r\nFrom: a@b.example, a@c.example, a@d.example, "
     "a@e.example\r\n",
	"more than one From field"},
    {"From: ceo@example.com\r\nFrom: <b\r\n", "more than one From field"},
};

/* And such as name nobody that could be judged. */
static const struct {
	const char *header, *fault;
} nobody[] = {
    {"To: ceo@example.com\r\n", "there is no From field"},
    {"From:\r\n", "From names no address"},
    {"From: undisclosed:;\r\n", "From names no address"},
    {"From: root\r\n", "From cannot be read: address without a domain"},
    {"From: ceo@example.com\xe2\x80\xae\r\n",
	"From has an address without a domain name"},
    {"From: ceo@example.com\xff\r\n",
	"From cannot be read: bad domain in address"},
    {"From: ceo@[example.com]\r\n",
	"From has an address without a domain name"},
};

static bool
ask(void *dmarc, struct dns_question *question)
{
	return auth_dmarc_ask(dmarc, question);
}

static void
answer(void *dmarc, const struct dns_question *question,
    const struct dns_answer *given)
{
	auth_dmarc_answer(dmarc, question, given);
}

/* Judged with a DKIM signature of that domain; "": none. */
static struct auth_dmarc *
judge(struct zone *zone, const struct mail_header *header, const char *signer)
{
	static const struct zone_subject subject = {ask, answer};
	struct auth_dmarc *dmarc = auth_dmarc_new(header);

	if (signer[0] != '\0')
		auth_dmarc_identifier(
		    dmarc, AUTH_DMARC_DKIM, true, slice_str(signer));
	auth_dmarc_end(dmarc);
	zone_begin(zone, ZONE_FORWARD, ZONE_NO_TIMEOUT);
	(void)zone_run(zone, &subject, dmarc);
	assert_true(auth_dmarc_done(dmarc));
	return dmarc;
}

static void
check_faulty(struct zone *zone, struct mail_header *header, const char *signer,
    enum mail_verdict want, const char *fault)
{
	struct auth_dmarc *dmarc = judge(zone, header, signer);
	struct auth_dmarc_finding finding = auth_dmarc_finding(dmarc);

	assert_non_null(finding.from_fault);
	assert_string_equal(finding.from_fault, fault);
	if (finding.verdict != want)
		print_error("%s:\n", fault);
	assert_int_equal(finding.verdict, want);
	if (want == FAIL) {
		assert_string_equal(finding.disposition, "reject");
		assert_slice_equal(finding.domain, SLICE("example.com"));
	} else {
		assert_string_equal(finding.reason, fault);
		assert_null(finding.disposition);
	}
	assert_false(finding.sole);
	auth_dmarc_free(dmarc);
}

static struct mail_header *
header_of(const char *text)
{
	return mail_header_parse(slice_str(text), 1 << 20);
}

static void
test_a_faulty_from_fails_and_never_passes(void **state)
{
	struct zone *zone = zone_new(reject);

	(void)state;
	for (size_t i = 0; i < sizeof(faulty) / sizeof(faulty[0]); i++) {
		struct mail_header *header = header_of(faulty[i].from);

		check_faulty(zone, header, "", FAIL, faulty[i].fault);
		check_faulty(
		    zone, header, "example.com", PERMERROR, faulty[i].fault);
		mail_header_free(header);
	}
	for (size_t i = 0; i < sizeof(nobody) / sizeof(nobody[0]); i++) {
		struct mail_header *header = header_of(nobody[i].header);

		check_faulty(
		    zone, header, "example.com", PERMERROR, nobody[i].fault);
		mail_header_free(header);
	}
	zone_free(zone);
}

/* The bound on a list hides nobody before it, and deep comments nobody at
 * all. */
static void
test_long_from_fields(void **state)
{
	struct zone *zone = zone_new(reject);
	struct mail_header *header;
	struct auth_dmarc *dmarc;
	struct strbuf text;

	(void)state;
	strbuf_init(&text, 1 << 20);
	(void)strbuf_add_str(&text, "From: ceo@example.com");
	for (int i = 0; i < 1000; i++)
		(void)strbuf_add_str(&text, ",a@b.example");
	header = mail_header_parse(strbuf_slice(&text), 1 << 20);
	check_faulty(
	    zone, header, "", FAIL, "From cannot be read: too many addresses");
	mail_header_free(header);
	strbuf_reset(&text);
	(void)strbuf_add_str(&text, "From: ceo@example.com ");
	for (int i = 0; i < 51; i++)
		(void)strbuf_add_char(&text, '(');
	for (int i = 0; i < 51; i++)
		(void)strbuf_add_char(&text, ')');
	header = mail_header_parse(strbuf_slice(&text), 1 << 20);
	dmarc = judge(zone, header, "");
	assert_int_equal(auth_dmarc_finding(dmarc).verdict, FAIL);
	assert_null(auth_dmarc_finding(dmarc).from_fault);
	auth_dmarc_free(dmarc);
	mail_header_free(header);
	strbuf_clear(&text);
	zone_free(zone);
}

/* What a trusted ARC seal says is of one author's domain alone, so `sole` guards it. */
static void
test_only_one_from_field_is_the_sole_author(void **state)
{
	static const struct {
		const char *header;
		bool sole;
	} sole_cases[] = {
	    {"From: a@example.com\r\n", true},
	    {"From: a@example.com, b@example.com\r\n", true},
	    {"From: a@example.com, b@example.net\r\n", false},
	    {"From: a@example.com\r\nFrom: b@example.com\r\n", false},
	    {"From: a@example.com, <b\r\n", false},
	};
	struct zone *zone = zone_new(reject);

	(void)state;
	for (size_t i = 0; i < sizeof(sole_cases) / sizeof(sole_cases[0]);
	     i++) {
		struct mail_header *header = header_of(sole_cases[i].header);
		struct auth_dmarc *dmarc = judge(zone, header, "");

		mail_header_free(header);
		assert_int_equal(
		    auth_dmarc_finding(dmarc).sole, sole_cases[i].sole);
		auth_dmarc_free(dmarc);
	}
	zone_free(zone);
}

static void
test_domains_are_read_from_the_top_each_once(void **state)
{
	struct mail_header *header =
	    header_of("From: a@One.example, b@two.example.\r\n"
		      "FROM : a@ONE.example, c@b\xc3\xbc"
		      "cher.example\r\n");
	struct auth_from from;

	(void)state;
	auth_from_init(&from, header);
	mail_header_free(header);
	assert_int_equal(from.count, 3);
	assert_string_equal(from.domains[0], "one.example");
	assert_string_equal(from.domains[1], "two.example");
	assert_string_equal(from.domains[2], "xn--bcher-kva.example");
	assert_string_equal(
	    strbuf_text(&from.fault), "more than one From field");
	auth_from_clear(&from);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_faulty_from_fails_and_never_passes),
	    cmocka_unit_test(test_long_from_fields),
	    cmocka_unit_test(test_only_one_from_field_is_the_sole_author),
	    cmocka_unit_test(test_domains_are_read_from_the_top_each_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
