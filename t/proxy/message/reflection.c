/* proxy/message/reflection: whose mail it is, what proves that, and what is
 * refused. */
#include <string.h>

#include "mail/header.h"
#include "proxy/message/reflection.h"
#include "t/lib/unit.h"

#define OWN "check-auth@example.net"

static void
set_envelope(
    struct proxy_envelope *e, const char *sender, const char *const *recipients)
{
	proxy_envelope_init(e);
	(void)strbuf_add_str(&e->sender, sender);
	(void)strbuf_add_str(&e->client_address, "192.0.2.9");
	for (; *recipients != NULL; recipients++)
		proxy_envelope_add_recipient(e, slice_str(*recipients));
}

static void
test_recipients(void **state)
{
	static const struct {
		const char *recipients[4];
		bool wanted, alone;
	} cases[] = {
	    {{OWN}, true, true},
	    {{"Check-Auth+word@EXAMPLE.net"}, true, true},
	    {{"\"check-auth\"@example.net", OWN}, true, true},
	    {{OWN, "ann@example.net"}, true, false},
	    {{"ann@example.net"}, false, false},
	    {{"check-auth@example.org"}, false, false},
	    {{NULL}, false, false},
	};
	struct auth_results results = {.count = 0};
	struct mail_header *header =
	    mail_header_parse(SLICE("Subject: x\r\n\r\n"), 1000);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct proxy_envelope e;
		struct proxy_reflection r;

		set_envelope(&e, "ann@example.org", cases[i].recipients);
		r = proxy_reflection_judge(OWN, &e, &results, header);
		assert_int_equal(r.wanted, cases[i].wanted);
		assert_int_equal(r.alone, cases[i].alone);
		r = proxy_reflection_judge(NULL, &e, &results, header);
		assert_false(r.wanted);
		proxy_envelope_clear(&e);
	}
	mail_header_free(header);
}

#define SPF(v, s)                                                            \
	{                                                                    \
		.method = AUTH_SPF, .verdict = MAIL_VERDICT_##v, .scope = s, \
		.domain = SLICE_INIT("example.org")                          \
	}
#define DKIM(v, d, h)                                             \
	{                                                         \
		.method = AUTH_DKIM, .verdict = MAIL_VERDICT_##v, \
		.domain = SLICE_INIT(d), .fields = SLICE_INIT(h)  \
	}
#define TO	   "To: Me <" OWN ">\r\n"
#define TO_ANOTHER "To: bob@example.net\r\n"

static void
test_proofs(void **state)
{
	static const struct {
		const char *header;
		struct auth_result results[3];
		enum record_proof proof;
	} cases[] = {
	    {TO, {SPF(PASS, "mfrom")}, RECORD_PROOF_SPF},
	    {TO, {SPF(PASS, "helo")}, RECORD_PROOF_NONE},
	    {TO, {SPF(SOFTFAIL, "mfrom")}, RECORD_PROOF_NONE},
	    {TO, {SPF(FAIL, "mfrom")}, RECORD_PROOF_REFUTED},
	    {TO, {SPF(FAIL, "helo")}, RECORD_PROOF_NONE},
	    {TO, {DKIM(PASS, "example.org", "from:to")}, RECORD_PROOF_DKIM},
	    {TO, {DKIM(PASS, "EXAMPLE.org", "From : TO")}, RECORD_PROOF_DKIM},
	    {"Cc: b@x.example,\r\n Check-Auth+1@example.net\r\n",
		{DKIM(PASS, "example.org", "cc")}, RECORD_PROOF_DKIM},
	    {TO, {SPF(FAIL, "mfrom"), DKIM(PASS, "example.org", "to")},
		RECORD_PROOF_DKIM},
	    {TO, {DKIM(FAIL, "example.org", "to")}, RECORD_PROOF_NONE},
	    {TO, {DKIM(PASS, "example.org", "from")}, RECORD_PROOF_NONE},
	    {TO, {DKIM(PASS, "example.com", "to")}, RECORD_PROOF_NONE},
	    {TO, {DKIM(PASS, "a.example.org", "to")}, RECORD_PROOF_NONE},
	    {TO, {DKIM(PASS, "ple.org", "to")}, RECORD_PROOF_NONE},
	    {TO_ANOTHER, {DKIM(PASS, "example.org", "to")}, RECORD_PROOF_NONE},
	    /* The lowest is the signed one. */
	    {TO TO_ANOTHER, {DKIM(PASS, "example.org", "to")},
		RECORD_PROOF_NONE},
	    {TO_ANOTHER TO, {DKIM(PASS, "example.org", "to")},
		RECORD_PROOF_DKIM},
	    {TO TO_ANOTHER, {DKIM(PASS, "example.org", "to:to")},
		RECORD_PROOF_DKIM},
	    {TO,
		{DKIM(PASS, "example.com", "to"),
		    DKIM(PASS, "example.org", "to")},
		RECORD_PROOF_DKIM},
	};
	static const char *const recipients[] = {OWN, NULL};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mail_header *header =
		    mail_header_parse(slice_str(cases[i].header), 1000);
		struct auth_results results = {.count = 2};
		struct proxy_envelope e;
		struct proxy_reflection r;

		memcpy(
		    results.list, cases[i].results, sizeof(cases[i].results));
		set_envelope(&e, "ann@example.org", recipients);
		r = proxy_reflection_judge(OWN, &e, &results, header);
		if (r.proof != cases[i].proof)
			fail_msg("%zu: %s", i, record_proof_word(r.proof));
		proxy_envelope_clear(&e);
		mail_header_free(header);
	}
}

/* The domain of the sender may be below that of the signature, and nobody is
 * nobody's. */
static void
test_senders(void **state)
{
	static const struct {
		const char *sender;
		enum record_proof proof;
	} cases[] = {
	    {"ann@bounces.example.org", RECORD_PROOF_DKIM},
	    {"ann@Example.ORG", RECORD_PROOF_DKIM},
	    {"ann@org", RECORD_PROOF_NONE},
	    {"ann@notexample.org", RECORD_PROOF_NONE},
	    {"ann", RECORD_PROOF_NONE},
	    {"", RECORD_PROOF_NONE},
	};
	static const char *const recipients[] = {OWN, NULL};
	struct auth_results results = {
	    .count = 1, .list = {DKIM(PASS, "example.org", "to")}};
	struct mail_header *header = mail_header_parse(SLICE(TO), 1000);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct proxy_envelope e;
		struct proxy_reflection r;

		set_envelope(&e, cases[i].sender, recipients);
		r = proxy_reflection_judge(OWN, &e, &results, header);
		if (r.proof != cases[i].proof)
			fail_msg("%s: %s", cases[i].sender,
			    record_proof_word(r.proof));
		proxy_envelope_clear(&e);
	}
	mail_header_free(header);
}

static void
test_refusals(void **state)
{
	static const char *const recipients[] = {OWN, NULL};
	static char long_name[200];
	struct auth_results results = {
	    .count = 1, .list = {SPF(FAIL, "mfrom")}};
	struct mail_header *header = mail_header_parse(SLICE(TO), 1000);
	struct proxy_reflection r;
	struct proxy_refusal refusal;
	struct proxy_envelope e;

	(void)state;
	set_envelope(&e, "ann@example.org", recipients);
	r = proxy_reflection_judge(OWN, &e, &results, header);
	refusal = proxy_reflection_refusal(&r, &e, &results);
	assert_int_equal(refusal.verdict, PROXY_REFUSE);
	assert_int_equal(refusal.cause, PROXY_CAUSE_SPF);
	assert_non_null(strstr(refusal.text,
	    "SPF fails: the record of example.org does not let "
	    "192.0.2.9 send"));
	/* It can stand on one line of a reply, whatever the domain. */
	memset(long_name, 'x', sizeof(long_name));
	results.list[0].domain = slice_from(long_name, sizeof(long_name));
	refusal = proxy_reflection_refusal(&r, &e, &results);
	assert_non_null(strstr(refusal.text, "write again"));
	results.list[0].domain = SLICE("a\r\n250 b");
	refusal = proxy_reflection_refusal(&r, &e, &results);
	assert_null(strchr(refusal.text, '\r'));

	e.queued = true;
	assert_int_equal(
	    proxy_reflection_refusal(&r, &e, &results).verdict, PROXY_PASS);
	e.queued = false;
	results.list[0].verdict = MAIL_VERDICT_SOFTFAIL;
	r = proxy_reflection_judge(OWN, &e, &results, header);
	assert_int_equal(
	    proxy_reflection_refusal(&r, &e, &results).verdict, PROXY_PASS);
	proxy_envelope_clear(&e);
	mail_header_free(header);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_recipients),
	    cmocka_unit_test(test_proofs),
	    cmocka_unit_test(test_senders),
	    cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
