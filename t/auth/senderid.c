/* auth/senderid: a case for each rule of RFC 4407 section 2; and which
 * record speaks for the address (RFC 4406 section 4.4). */
#include "auth/senderid.h"
#include "auth/spf.h"
#include "mail/header.h"
#include "t/lib/unit.h"
#include "t/lib/zone.h"

/* `address` "": there is none. */
static const struct {
	const char *header, *field, *address;
} cases[] = {
    /* 1. Resent-Sender. */
    {"Resent-Sender: a@x.example\r\nResent-From: b@x.example\r\n"
     "Sender: c@x.example\r\nFrom: d@x.example\r\n",
	"resent-sender", "a@x.example"},
    {"From: d@x.example\r\nSender: c@x.example\r\n"
     "Resent-From: b@x.example\r\nResent-Sender: a@x.example\r\n",
	"resent-sender", "a@x.example"},
    {"Resent-Sender: a@x.example\r\nResent-Sender: b@x.example\r\n"
     "From: d@x.example\r\n",
	"resent-sender", "a@x.example"},
    {"Resent-Sender:  \r\nResent-Sender: b@x.example\r\n", "resent-sender",
	"b@x.example"},
    /* ... but not of an earlier resending: Resent-From above it with
	     * a trace field between. */
    {"Resent-From: b@x.example\r\nReceived: x\r\n"
     "Resent-Sender: a@x.example\r\nFrom: d@x.example\r\n",
	"resent-from", "b@x.example"},
    {"Resent-From: b@x.example\r\nReturn-Path: <x@y>\r\n"
     "Resent-Sender: a@x.example\r\nFrom: d@x.example\r\n",
	"resent-from", "b@x.example"},
    {"Received: x\r\nResent-From: b@x.example\r\nSubject: x\r\n"
     "Resent-Sender: a@x.example\r\nReceived: y\r\n",
	"resent-sender", "a@x.example"},
    {"Resent-From: \r\nReceived: x\r\nResent-Sender: a@x.example\r\n",
	"resent-sender", "a@x.example"},
    /* 2. Resent-From. */
    {"Sender: c@x.example\r\nResent-From: b@x.example\r\n"
     "Resent-From: e@x.example\r\nFrom: d@x.example\r\n",
	"resent-from", "b@x.example"},
    /* 3. Sender, exactly one. */
    {"From: d@x.example\r\nSender: c@x.example\r\n", "sender", "c@x.example"},
    {"From: d@x.example\r\nSender: c@x.example\r\nSender: \r\n", "sender",
	"c@x.example"},
    {"From: d@x.example\r\nSender: c@x.example\r\n"
     "Sender: e@x.example\r\n",
	"sender", ""},
    /* 4. From, exactly one. */
    {"From: \"D\" <d@x.example> (c)\r\n", "from", "d@x.example"},
    {"From: d@x.example\r\nFrom: e@x.example\r\n", "from", ""},
    {"Subject: x\r\n", "from", ""},
    {"From:\r\n", "from", ""},
    /* 5. A single mailbox with a domain; no other field is tried. */
    {"From: d@x.example, e@x.example\r\n", "from", ""},
    {"From: x:;\r\n", "from", ""},
    {"From: nobody\r\n", "from", ""},
    {"From: <d@x.example\r\n", "from", ""},
    {"Resent-Sender: hopeless (\r\nFrom: d@x.example\r\n", "resent-sender", ""},
    {"Resent-From: a@x.example, b@x.example\r\n"
     "Sender: c@x.example\r\nFrom: d@x.example\r\n",
	"resent-from", ""},
    {"Sender: c\r\nFrom: d@x.example\r\n", "sender", ""},
};

static void
test_the_address_is_found_in_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mail_header *header =
		    mail_header_parse(slice_str(cases[i].header), 1 << 20);
		struct auth_senderid_pra pra;
		enum mail_reason reason = MAIL_REASON_NONE;
		bool wanted = cases[i].address[0] != '\0';

		if (auth_senderid_find(header, &pra, &reason) !=
		    (wanted ? 0 : -1)) {
			print_error("%s: %s\n", cases[i].header,
			    mail_reason_text(reason));
			fail();
		}
		assert_string_equal(pra.field, cases[i].field);
		if (wanted)
			assert_slice_equal(strbuf_slice(&pra.address),
			    slice_str(cases[i].address));
		else
			assert_int_not_equal(reason, MAIL_REASON_NONE);
		strbuf_clear(&pra.address);
		mail_header_free(header);
	}
}

static bool
ask(void *spf, struct dns_question *question)
{
	return auth_spf_ask(spf, question);
}

static void
answer(void *spf, const struct dns_question *question,
    const struct dns_answer *given)
{
	auth_spf_answer(spf, question, given);
}

static const struct zone_subject subject = {ask, answer};

static enum mail_verdict
check(const char *text, const char *domain, enum auth_spf_version version)
{
	struct auth_spf_identity identity = {.address = SLICE("192.0.2.1"),
	    .domain = slice_str(domain),
	    .sender = SLICE("a@x.example")};
	struct zone *zone = zone_new(text);
	struct auth_spf *spf = auth_spf_new(&identity, version);
	enum mail_verdict verdict;

	zone_begin(zone, ZONE_FORWARD, ZONE_NO_TIMEOUT);
	(void)zone_run(zone, &subject, spf);
	assert_true(auth_spf_done(spf));
	verdict = auth_spf_finding(spf).verdict;
	auth_spf_free(spf);
	zone_free(zone);
	return verdict;
}

static void
test_which_record_speaks(void **state)
{
	static const struct {
		const char *zone;
		enum mail_verdict v1, mfrom, pra;
	} records[] = {
	    {"x.example TXT v=spf1 -all\n", MAIL_VERDICT_FAIL,
		MAIL_VERDICT_FAIL, MAIL_VERDICT_FAIL},
	    {"x.example TXT v=spf1 -all\nx.example TXT spf2.0/pra +all\n",
		MAIL_VERDICT_FAIL, MAIL_VERDICT_FAIL, MAIL_VERDICT_PASS},
	    {"x.example TXT v=spf1 -all\nx.example TXT spf2.0/mfrom +all\n",
		MAIL_VERDICT_FAIL, MAIL_VERDICT_PASS, MAIL_VERDICT_FAIL},
	    {"x.example TXT v=spf1 -all\n"
	     "x.example TXT spf2.0/mfrom,pra ~all\n",
		MAIL_VERDICT_FAIL, MAIL_VERDICT_SOFTFAIL,
		MAIL_VERDICT_SOFTFAIL},
	    {"x.example TXT SPF2.0/PRA,MFROM ?all\n", MAIL_VERDICT_NONE,
		MAIL_VERDICT_NEUTRAL, MAIL_VERDICT_NEUTRAL},
	    {"x.example TXT spf2.0/pra +all\nx.example TXT spf2.0/pra -all\n",
		MAIL_VERDICT_NONE, MAIL_VERDICT_NONE, MAIL_VERDICT_PERMERROR},
	    {"x.example TXT spf2.0/pra +all\nx.example TXT spf2.0/mfrom "
	     "-all\n",
		MAIL_VERDICT_NONE, MAIL_VERDICT_FAIL, MAIL_VERDICT_PASS},
	    {"x.example TXT spf2.0/pra\nx.example TXT v=spf1 -all\n",
		MAIL_VERDICT_FAIL, MAIL_VERDICT_FAIL, MAIL_VERDICT_NEUTRAL},
	    {"x.example TXT spf2.0pra +all\n", MAIL_VERDICT_NONE,
		MAIL_VERDICT_NONE, MAIL_VERDICT_NONE},
	    {"x.example TXT hello\n", MAIL_VERDICT_NONE, MAIL_VERDICT_NONE,
		MAIL_VERDICT_NONE},
	    /* RFC 4406 section 4.3: a domain that is not there fails. */
	    {"", MAIL_VERDICT_NONE, MAIL_VERDICT_NONE, MAIL_VERDICT_FAIL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		const char *zone = records[i].zone;

		assert_int_equal(
		    check(zone, "x.example", AUTH_SPF_V1), records[i].v1);
		assert_int_equal(
		    check(zone, "x.example", AUTH_SPF_MFROM), records[i].mfrom);
		assert_int_equal(
		    check(zone, "x.example", AUTH_SPF_PRA), records[i].pra);
	}
}

static void
test_a_malformed_domain_fails(void **state)
{
	(void)state;
	assert_int_equal(
	    check("", "[192.0.2.1]", AUTH_SPF_PRA), MAIL_VERDICT_FAIL);
	assert_int_equal(
	    check("", "a..example", AUTH_SPF_PRA), MAIL_VERDICT_FAIL);
	assert_int_equal(
	    check("", "[192.0.2.1]", AUTH_SPF_V1), MAIL_VERDICT_NONE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_address_is_found_in_order),
	    cmocka_unit_test(test_which_record_speaks),
	    cmocka_unit_test(test_a_malformed_domain_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
