/* auth/summary: the classic lines, the details, and advice for whatever is
 * no pass; nothing of the message forges a line. */
#include <string.h>

#include "auth/summary.h"
#include "t/lib/unit.h"

static void
print(const struct auth_summary *about, struct strbuf *out)
{
	strbuf_init(out, AUTH_SUMMARY_MAX);
	assert_int_equal(auth_summary_print(about, out), 0);
}

static void
test_the_classic_lines(void **state)
{
	static struct auth_results results = {.count = 7,
	    .list = {{.method = AUTH_SPF, .verdict = MAIL_VERDICT_PASS},
		{.method = AUTH_SENDERID, .verdict = MAIL_VERDICT_PASS},
		{.method = AUTH_DOMAINKEYS, .verdict = MAIL_VERDICT_PASS},
		{.method = AUTH_DKIM, .verdict = MAIL_VERDICT_FAIL},
		{.method = AUTH_DKIM, .verdict = MAIL_VERDICT_PASS},
		{.method = AUTH_DMARC, .verdict = MAIL_VERDICT_PASS},
		{.method = AUTH_ARC, .verdict = MAIL_VERDICT_NONE}}};
	struct auth_summary about = {.results = &results, .spam = SLICE("ham")};
	static const char want[] = "Summary of Results\n\n"
				   "SPF check: pass\n"
				   "DomainKeys check: pass\n"
				   "DKIM check: pass\n"
				   "Sender-ID check: pass\n"
				   "DMARC check: pass\n"
				   "ARC check: none\n"
				   "iprev check: not checked\n"
				   "SpamAssassin check: ham\n\n";
	struct strbuf out;

	(void)state;
	print(&about, &out);
	assert_slice_equal(
	    slice_first(strbuf_slice(&out), sizeof(want) - 1), slice_str(want));
	strbuf_clear(&out);
}

static void
test_what_was_not_made_is_said(void **state)
{
	static struct auth_results results;
	struct auth_summary about = {.results = &results};
	struct strbuf out;

	(void)state;
	print(&about, &out);
	assert_non_null(strstr(strbuf_text(&out), "SPF check: not checked\n"));
	assert_null(strstr(strbuf_text(&out), "SpamAssassin"));
	strbuf_clear(&out);
}

static void
test_every_failure_has_its_advice(void **state)
{
	static const struct {
		struct auth_result result;
		const char *advice;
	} cases[] = {
	    {{.method = AUTH_SPF,
		 .verdict = MAIL_VERDICT_NONE,
		 .domain = SLICE_INIT("a.example")},
		"\"v=spf1 ip4:192.0.2.9 -all\""},
	    {{.method = AUTH_DKIM,
		 .verdict = MAIL_VERDICT_PERMERROR,
		 .domain = SLICE_INIT("a.example"),
		 .selector = SLICE_INIT("s1"),
		 .code = MAIL_REASON_NO_KEY_RECORD},
		"Publish the TXT record s1._domainkey.a.example:"},
	    {{.method = AUTH_DKIM,
		 .verdict = MAIL_VERDICT_FAIL,
		 .code = MAIL_REASON_BODY_CHANGED},
		"The body was changed after it was signed."},
	    {{.method = AUTH_DKIM,
		 .verdict = MAIL_VERDICT_FAIL,
		 .code = MAIL_REASON_BODY_SHORTER},
		"Part of the body was lost after it was signed."},
	    {{.method = AUTH_DKIM,
		 .verdict = MAIL_VERDICT_PERMERROR,
		 .code = MAIL_REASON_KEY_OVER_4096},
		"The key is larger than receivers need to take."},
	    {{.method = AUTH_DKIM,
		 .verdict = MAIL_VERDICT_FAIL,
		 .code = MAIL_REASON_KEY_WRONG},
		"is not the one that signed. \"signpost"},
	    {{.method = AUTH_DKIM,
		 .verdict = MAIL_VERDICT_FAIL,
		 .code = MAIL_REASON_HEADER_CHANGED},
		"A signed header field was changed on the way."},
	    {{.method = AUTH_DMARC,
		 .verdict = MAIL_VERDICT_NONE,
		 .domain = SLICE_INIT("a.example")},
		"v=DMARC1; p=none;"},
	    {{.method = AUTH_IPREV, .verdict = MAIL_VERDICT_FAIL},
		"The address 192.0.2.9 should have a name"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct auth_results results = {
		    .count = 1, .list = {cases[i].result}};
		struct auth_summary about = {
		    .results = &results, .client = SLICE("192.0.2.9")};
		struct strbuf out;

		print(&about, &out);
		if (strstr(strbuf_text(&out), cases[i].advice) == NULL)
			fail_msg("no \"%s\" in %s", cases[i].advice,
			    strbuf_text(&out));
		strbuf_clear(&out);
	}
}

/* Every verdict that asks for something to be done gets advice, a pass and
 * ARC's or iprev's "none" do not. */
static void
test_advice_is_complete(void **state)
{
	(void)state;
	for (int method = 0; method < AUTH_METHODS; method++)
		for (int verdict = 0; verdict < MAIL_VERDICT_COUNT; verdict++) {
			struct auth_results results = {.count = 1,
			    .list = {{.method = (enum auth_method)method,
				.verdict = (enum mail_verdict)verdict}}};
			struct auth_summary about = {.results = &results};
			bool bad = verdict == MAIL_VERDICT_FAIL ||
			    verdict == MAIL_VERDICT_TEMPERROR ||
			    verdict == MAIL_VERDICT_PERMERROR;
			struct strbuf out;

			print(&about, &out);
			if (bad)
				assert_non_null(
				    strstr(strbuf_text(&out), "What to do:"));
			if (verdict == MAIL_VERDICT_PASS)
				assert_null(
				    strstr(strbuf_text(&out), "What to do:"));
			strbuf_clear(&out);
		}
}

/* Results of one message, and what of its summary must and must not stand
 * in it. */
struct told {
	struct auth_summary about;
	struct auth_result list[5];
	const char *there[4], *not_there[3];
};

static void
expect(const struct told *told)
{
	struct auth_results results = {.count = 0};
	struct auth_summary about = told->about;
	struct strbuf out;

	while (results.count < 5 &&
	    (told->list[results.count].verdict != MAIL_VERDICT_NONE ||
		told->list[results.count].domain.n > 0)) {
		results.list[results.count] = told->list[results.count];
		results.count++;
	}
	about.results = &results;
	print(&about, &out);
	for (size_t i = 0; i < 4 && told->there[i] != NULL; i++)
		if (strstr(strbuf_text(&out), told->there[i]) == NULL)
			fail_msg("no \"%s\" in %s", told->there[i],
			    strbuf_text(&out));
	for (size_t i = 0; i < 3 && told->not_there[i] != NULL; i++)
		if (strstr(strbuf_text(&out), told->not_there[i]) != NULL)
			fail_msg("\"%s\" in %s", told->not_there[i],
			    strbuf_text(&out));
	strbuf_clear(&out);
}

#define RESULT(m, v, d) \
	.method = AUTH_##m, .verdict = MAIL_VERDICT_##v, .domain = SLICE_INIT(d)
#define REJECT \
	.policy = "reject", .record = SLICE_INIT("v=DMARC1; p=reject; rua=x:y")

static const struct told
    words[] =
	{
	    /* What the policy comes to. */
	    {.list = {{RESULT(DMARC, PASS, "a.example"), REJECT,
		 .disposition = "none"}},
		.there = {"\nnothing to do\n",
		    "p=reject; not applied, since it passed\n"},
		.not_there = {"What to do", "Remark"}},
	    {.list = {{RESULT(DMARC, FAIL, "a.example"), REJECT,
		 .disposition = "quarantine"}},
		.there = {"p=reject; for this message: quarantine\n"}},
	    {.list = {{RESULT(DMARC, PASS, "a.example"), .policy = "none",
		 .record = SLICE_INIT("v=DMARC1; p=none")}},
		.there = {"\nnothing to do\n", "p=none asks", "has no rua=,"}},
	    /* What follows from another fault is no thing of its own. */
	    {.list = {{RESULT(SPF, SOFTFAIL, "a.example")},
		 {RESULT(SENDERID, SOFTFAIL, "a.example")},
		 {RESULT(DMARC, FAIL, "a.example"), REJECT}},
		.there = {"\n1 thing to do\n", "\nSender-ID: softfail\n\n"}},
	    {.list = {{RESULT(SPF, PASS, "b.example")},
		 {RESULT(DKIM, PASS, "b.example")},
		 {RESULT(DMARC, FAIL, "a.example"), REJECT}},
		.there = {"\n1 thing to do\n", "sign with d=a.example"}},
	    {.list = {{RESULT(DKIM, TEMPERROR, "a.example")},
		 {RESULT(DMARC, TEMPERROR, "a.example")},
		 {RESULT(SPF, TEMPERROR, "b.example")}},
		.there = {"\n2 things to do\n"}},
	    /* From. */
	    {.list = {{RESULT(DMARC, FAIL, "a.example"), REJECT,
			  .from_fault = "more than one From field",
			  .from_code = MAIL_REASON_FROM_TWICE},
		 {RESULT(DKIM, PERMERROR, "a.example")}},
		.there = {"more than one From field", "\n2 things to do\n"},
		.not_there = {"one domain that can be looked up"}},
	    /* A list is told from a signer's own changes. */
	    {.about = {.listed = true},
		.list = {{RESULT(DKIM, FAIL, "a.example"),
			     .code = MAIL_REASON_BODY_CHANGED},
		    {RESULT(DMARC, FAIL, "a.example"), REJECT}},
		.there = {"\n1 thing to do\n", "A mailing list, or",
		    "after a.example had"},
		.not_there = {"a virus scanner"}},
	    {.list = {{RESULT(DKIM, FAIL, "a.example"),
			  .code = MAIL_REASON_HEADER_CHANGED},
		 {RESULT(DKIM, PASS, "list.example")},
		 {RESULT(DMARC, FAIL, "a.example"), REJECT}},
		.there = {"A mailing list, or"}},
	    {.about = {.listed = true},
		.list = {{RESULT(DKIM, FAIL, "a.example"),
			     .code = MAIL_REASON_KEY_WRONG},
		    {RESULT(DMARC, FAIL, "a.example"), REJECT}},
		.not_there = {"A mailing list"}},
	    /* Historic checks take a line. */
	    {.list = {{RESULT(DOMAINKEYS, NONE, "a.example")},
		 {RESULT(SENDERID, NEUTRAL, "a.example")}},
		.there = {"\nDomainKeys: none\n", "Sender-ID: neutral\n  "}},
	    /* The sender's addresses. */
	    {.about = {.mail_from = SLICE_INIT(""), .helo = SLICE_INIT("pc")},
		.there = {"  MAIL FROM:  <>\n", "no full host name"}},
	    {.about = {.helo = SLICE_INIT("192.0.2.1")},
		.there = {"no full host name"},
		.not_there = {"MAIL FROM:"}},
	    {.about = {.helo = SLICE_INIT("mail.a.example")},
		.not_there = {"no full host name"}},
	    {.about = {.client = SLICE_INIT("2001:db8::9")},
		.list = {{RESULT(SPF, NONE, "a.example")}},
		.there = {"\"v=spf1 ip6:2001:db8::9 -all\""}},
	    /* Who has no signpost is not told to set it. */
	    {.about = {.foreign = true},
		.list = {{RESULT(DKIM, FAIL, "a.example"),
			     .selector = SLICE_INIT("s"),
			     .code = MAIL_REASON_KEY_WRONG},
		    {RESULT(DKIM, PERMERROR, "b.example"),
			.code = MAIL_REASON_NO_KEY_RECORD}},
		.there = {"s._domainkey.a.example the public half"},
		.not_there = {"signpost", "[", "|"}},
};

static void
test_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		expect(&words[i]);
}

/* Behind the lines on top. */
static void
test_failures_come_first(void **state)
{
	struct auth_results results = {.count = 3,
	    .list = {{RESULT(SPF, PASS, "a.example")},
		{RESULT(DKIM, PASS, "a.example")},
		{RESULT(IPREV, FAIL, "a.example")}}};
	struct auth_summary about = {.results = &results};
	struct strbuf out;

	(void)state;
	print(&about, &out);
	assert_true(strstr(strbuf_text(&out), "\niprev: fail") <
	    strstr(strbuf_text(&out), "\nSPF: pass"));
	strbuf_clear(&out);
}

static void
test_a_stranger_gets_no_foreign_word(void **state)
{
#define WORDS "buy at www.spam.example"
	struct auth_results results = {.count = 4,
	    .list = {{.method = AUTH_SPF,
			 .verdict = MAIL_VERDICT_NEUTRAL,
			 .domain = SLICE_INIT(WORDS),
			 .record = SLICE_INIT(WORDS),
			 .mechanism = WORDS,
			 .explanation = SLICE_INIT(WORDS),
			 .reason = WORDS},
		{.method = AUTH_DKIM,
		    .verdict = MAIL_VERDICT_PERMERROR,
		    .code = MAIL_REASON_NO_KEY_RECORD,
		    .domain = SLICE_INIT(WORDS),
		    .selector = SLICE_INIT(WORDS),
		    .identity = SLICE_INIT(WORDS),
		    .algorithm = SLICE_INIT(WORDS)},
		{.method = AUTH_DMARC,
		    .verdict = MAIL_VERDICT_NONE,
		    .domain = SLICE_INIT("a.example")},
		{.method = AUTH_IPREV, .verdict = MAIL_VERDICT_FAIL}}};
	struct auth_summary about = {.results = &results,
	    .client = SLICE(WORDS),
	    .helo = SLICE(WORDS),
	    .mail_from = SLICE("\"" WORDS "\"@" WORDS),
	    .stranger = true,
	    .foreign = true};

	(void)state;
	for (size_t cap = 400; cap < 3000; cap += 50) {
		struct strbuf out;

		strbuf_init(&out, cap);
		assert_int_equal(auth_summary_print(&about, &out), 0);
		assert_null(strstr(strbuf_text(&out), "spam"));
		assert_non_null(
		    strstr(strbuf_text(&out), "\n4 things to do\n"));
		if (cap > 2000)
			assert_non_null(
			    strstr(strbuf_text(&out), "The address ADDRESS"));
		else if (cap < 1000)
			assert_non_null(
			    strstr(strbuf_text(&out), "does not fit"));
		strbuf_clear(&out);
	}
}

static void
test_nothing_forges_a_line(void **state)
{
#define EVIL "x\nDKIM check: pass\r\x1b[2J"
	struct auth_results results = {.count = 1,
	    .list = {{.method = AUTH_DKIM,
		.verdict = MAIL_VERDICT_FAIL,
		.domain = SLICE_INIT(EVIL),
		.selector = SLICE_INIT(EVIL),
		.algorithm = SLICE_INIT(EVIL),
		.reason = EVIL}}};
	struct auth_summary about = {.results = &results,
	    .client = SLICE(EVIL),
	    .helo = SLICE(EVIL),
	    .mail_from = SLICE(EVIL),
	    .spam = SLICE(EVIL)};
	struct strbuf out;

	(void)state;
	print(&about, &out);
	assert_null(strstr(strbuf_text(&out), "\nDKIM check: pass"));
	assert_null(strchr(strbuf_text(&out), '\x1b'));
	assert_null(strchr(strbuf_text(&out), '\r'));
	strbuf_clear(&out);
}

static void
test_the_most_results_fit(void **state)
{
	static struct auth_results results;
	static char long_text[2000];
	struct auth_summary about = {.results = &results};
	struct strbuf out;

	(void)state;
	memset(long_text, 0xff, sizeof(long_text));
	results.count = AUTH_RESULTS_MAX;
	for (size_t i = 0; i < AUTH_RESULTS_MAX; i++)
		results.list[i] = (struct auth_result){.method = AUTH_DKIM,
		    .verdict = MAIL_VERDICT_FAIL,
		    .domain = slice_from(long_text, sizeof(long_text)),
		    .selector = slice_from(long_text, 63)};
	print(&about, &out);
	print_message("the largest summary: %zu bytes\n", out.n);
	strbuf_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_classic_lines),
	    cmocka_unit_test(test_what_was_not_made_is_said),
	    cmocka_unit_test(test_every_failure_has_its_advice),
	    cmocka_unit_test(test_advice_is_complete),
	    cmocka_unit_test(test_words),
	    cmocka_unit_test(test_failures_come_first),
	    cmocka_unit_test(test_a_stranger_gets_no_foreign_word),
	    cmocka_unit_test(test_nothing_forges_a_line),
	    cmocka_unit_test(test_the_most_results_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
