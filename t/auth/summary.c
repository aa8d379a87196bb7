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
	    cmocka_unit_test(test_nothing_forges_a_line),
	    cmocka_unit_test(test_the_most_results_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
