/* proxy/message/refusal: which results refuse a message, with which answer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "proxy/message/refusal.h"
#include "t/lib/unit.h"

#define PASS	  MAIL_VERDICT_PASS
#define FAIL	  MAIL_VERDICT_FAIL
#define NEUTRAL	  MAIL_VERDICT_NEUTRAL
#define TEMPERROR MAIL_VERDICT_TEMPERROR
#define PERMERROR MAIL_VERDICT_PERMERROR
#define NONE	  MAIL_VERDICT_NONE

enum {
	DKIM = PROXY_REJECT_DKIM,
	REQUIRED = PROXY_REJECT_DKIM_REQUIRED,
	SPF = PROXY_REJECT_SPF,
	DMARC = PROXY_REJECT_DMARC,
	ALL = DKIM | REQUIRED | SPF | DMARC
};

struct given {
	enum auth_method method;
	enum mail_verdict verdict;
	const char *disposition;
	bool testing;
	const char *from_fault;
};

#define ONE(m, v)                               \
	{                                       \
		{                               \
			m, v, NULL, false, NULL \
		}                               \
	}
#define TWO(m, v, m2, v2)                         \
	{                                         \
		{m, v, NULL, false, NULL},        \
		{                                 \
			m2, v2, NULL, false, NULL \
		}                                 \
	}

static const struct {
	const char *name;
	unsigned reject;
	bool tempfail, excepted;
	struct given given[3];
	unsigned code;
	const char *enhanced;
} cases[] = {
    {"nothing is refused where nothing is asked", 0, false, false,
	TWO(AUTH_DKIM, FAIL, AUTH_SPF, FAIL), 0, ""},
    {"no signature passes", DKIM, false, false, ONE(AUTH_DKIM, FAIL), 550,
	"5.7.20"},
    {"a broken one is a signature", DKIM, false, false, ONE(AUTH_DKIM, NEUTRAL),
	550, "5.7.20"},
    {"one of two passes", DKIM, false, false,
	TWO(AUTH_DKIM, FAIL, AUTH_DKIM, PASS), 0, ""},
    {"a weak key is not enough", DKIM, false, false,
	ONE(AUTH_DKIM, MAIL_VERDICT_POLICY), 550, "5.7.20"},
    {"unsigned mail is none of dkim's", DKIM, false, false,
	ONE(AUTH_DKIM, NONE), 0, ""},
    {"but of dkim-required's", REQUIRED, false, false, ONE(AUTH_DKIM, NONE),
	550, "5.7.20"},
    {"a test is no signature", DKIM, false, false,
	{{AUTH_DKIM, NEUTRAL, NULL, true, NULL}}, 0, ""},
    {"and not one that is required", REQUIRED, false, false,
	{{AUTH_DKIM, NEUTRAL, NULL, true, NULL}}, 550, "5.7.20"},
    {"a test that passes is one", REQUIRED, false, false,
	{{AUTH_DKIM, PASS, NULL, true, NULL}}, 0, ""},
    {"a key that cannot be had is no failure", DKIM, false, false,
	ONE(AUTH_DKIM, TEMPERROR), 0, ""},
    {"but may be waited for", DKIM, true, false, ONE(AUTH_DKIM, TEMPERROR), 451,
	"4.7.5"},
    {"with nothing to refuse too", 0, true, false, ONE(AUTH_DKIM, TEMPERROR),
	451, "4.7.5"},
    {"unless another passes", ALL, true, false,
	TWO(AUTH_DKIM, TEMPERROR, AUTH_DKIM, PASS), 0, ""},
    {"DomainKeys counts", REQUIRED, false, false, ONE(AUTH_DOMAINKEYS, PASS), 0,
	""},
    {"SPF fail", SPF, false, false, ONE(AUTH_SPF, FAIL), 550, "5.7.23"},
    {"SPF softfail", SPF, false, false, ONE(AUTH_SPF, MAIL_VERDICT_SOFTFAIL), 0,
	""},
    {"SPF permerror", SPF, false, false, ONE(AUTH_SPF, PERMERROR), 0, ""},
    {"SPF temperror waits", 0, true, false, ONE(AUTH_SPF, TEMPERROR), 451,
	"4.4.3"},
    {"SPF temperror passes", SPF, false, false, ONE(AUTH_SPF, TEMPERROR), 0,
	""},
    {"DMARC reject", DMARC, false, false,
	{{AUTH_DMARC, FAIL, "reject", false, NULL}}, 550, "5.7.26"},
    {"DMARC reject of a list's", DMARC, false, true,
	{{AUTH_DMARC, FAIL, "reject", false, NULL}}, 0, ""},
    {"DMARC quarantine", DMARC, false, false,
	{{AUTH_DMARC, FAIL, "quarantine", false, NULL}}, 0, ""},
    {"a faulty From", DMARC, false, false,
	{{AUTH_DMARC, PERMERROR, NULL, false, "there is no From field"}}, 550,
	"5.6.0 there is no From field"},
    {"a faulty From that fails too", DMARC, false, false,
	{{AUTH_DMARC, FAIL, "reject", false, "more than one From field"}}, 550,
	"5.6.0 more than one From field"},
    {"a faulty From in doubt", DMARC, true, false,
	{{AUTH_DMARC, TEMPERROR, "none", false, "From names no address"}}, 550,
	"5.6.0 From names no address"},
    {"a faulty From of a list's", DMARC, false, true,
	{{AUTH_DMARC, PERMERROR, NULL, false, "there is no From field"}}, 0,
	""},
    {"a faulty From without reject = dmarc", DKIM | SPF, false, false,
	{{AUTH_DMARC, PERMERROR, NULL, false, "there is no From field"}}, 0,
	""},
    {"a record that cannot be used", DMARC, false, false,
	ONE(AUTH_DMARC, PERMERROR), 0, ""},
    {"no DMARC result, as for a trusted client", DMARC, false, false,
	ONE(AUTH_DKIM, NONE), 0, ""},
    {"DMARC pass", DMARC, false, false,
	{{AUTH_DMARC, PASS, "none", false, NULL}}, 0, ""},
    {"DMARC temperror waits", DMARC, true, false, ONE(AUTH_DMARC, TEMPERROR),
	451, "4.4.3"},
    {"DMARC pass settles SPF temperror", DMARC, true, false,
	TWO(AUTH_SPF, TEMPERROR, AUTH_DMARC, PASS), 0, ""},
    {"what lasts comes before what may pass", SPF, true, false,
	TWO(AUTH_DKIM, TEMPERROR, AUTH_SPF, FAIL), 550, "5.7.23"},
};

static void
test_each_case(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct auth_results *results = xcalloc(1, sizeof(*results));
		struct proxy_checking_rules rules = {.reject = cases[i].reject,
		    .on_dns_error = cases[i].tempfail ? PROXY_ON_ERROR_TEMPFAIL
						      : PROXY_ON_ERROR_PASS};
		struct proxy_refusal refusal;
		char line[PROXY_REFUSAL_TEXT_MAX + 10];
		unsigned code;

		for (size_t j = 0; j < 3; j++) {
			const struct given *given = &cases[i].given[j];

			if (j > 0 && given->verdict == NONE)
				break;
			results->list[results->count++] =
			    (struct auth_result){.method = given->method,
				.verdict = given->verdict,
				.selector = SLICE("s"),
				.disposition = given->disposition,
				.testing = given->testing,
				.from_fault = given->from_fault};
		}
		refusal = proxy_refusal_judge(
		    &rules, results, SLICE("192.0.2.9"), cases[i].excepted);
		code = refusal.verdict == PROXY_PASS  ? 0
		    : refusal.verdict == PROXY_REFUSE ? 550
						      : 451;
		(void)snprintf(line, sizeof(line), "%u.%s %s", code / 100,
		    proxy_cause_code(refusal.cause), refusal.text);
		if (code != cases[i].code)
			print_error("%s:\n", cases[i].name);
		assert_int_equal(code, cases[i].code);
		if (code != 0)
			assert_memory_equal(
			    line, cases[i].enhanced, strlen(cases[i].enhanced));
		free(results);
	}
}

static void
test_the_text_says_who_and_why(void **state)
{
	static const struct {
		unsigned reject;
		bool tempfail;
		struct auth_result result;
		const char *text;
	} texts[] = {
	    {SPF, false,
		{.method = AUTH_SPF,
		    .verdict = FAIL,
		    .domain = SLICE_INIT("e.example"),
		    .record_name = SLICE_INIT("spf.example"),
		    .mechanism = "-all",
		    .explanation = SLICE_INIT("ask\r\n\tpost\xc3\xa9")},
		"SPF fail: 192.0.2.9 may not send mail of e.example; "
		"policy of spf.example: -all; ask???post??"},
	    {DMARC, false,
		{.method = AUTH_DMARC,
		    .verdict = FAIL,
		    .disposition = "reject",
		    .domain = SLICE_INIT("d.example"),
		    .record_name = SLICE_INIT("example")},
		"DMARC fail: mail of d.example from 192.0.2.9 has no "
		"SPF "
		"or DKIM; policy of example: reject"},
	    {DKIM, false,
		{.method = AUTH_DKIM,
		    .verdict = FAIL,
		    .domain = SLICE_INIT("d.example"),
		    .code = MAIL_REASON_BODY_CHANGED},
		"no passing DKIM signature found: fail of d.example "
		"(body-changed) from 192.0.2.9; policy of this host"},
	    {REQUIRED, false, {.method = AUTH_DKIM, .verdict = NONE},
		"no passing DKIM signature found: unsigned mail from "
		"192.0.2.9; policy of this host"},
	    {0, true,
		{.method = AUTH_SPF,
		    .verdict = TEMPERROR,
		    .domain = SLICE_INIT("d.example")},
		"the SPF policy of d.example cannot be looked up now, "
		"for "
		"mail from 192.0.2.9"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct auth_results *results = xcalloc(1, sizeof(*results));
		struct proxy_checking_rules rules = {.reject = texts[i].reject,
		    .on_dns_error = texts[i].tempfail ? PROXY_ON_ERROR_TEMPFAIL
						      : PROXY_ON_ERROR_PASS};

		results->count = 1;
		results->list[0] = texts[i].result;
		assert_string_equal(proxy_refusal_judge(&rules, results,
					SLICE("192.0.2.9"), false)
					.text,
		    texts[i].text);
		free(results);
	}
}

/* Whatever a stranger's domain has to say. */
static void
test_the_text_is_bounded(void **state)
{
	struct auth_results *results = xcalloc(1, sizeof(*results));
	struct proxy_checking_rules rules = {.reject = SPF};
	struct proxy_refusal refusal;
	char name[250], long_text[2000];

	(void)state;
	memset(name, 'n', sizeof(name));
	memset(long_text, '\n', sizeof(long_text));
	long_text[sizeof(long_text) - 1] = '\0';
	for (int i = 0; i < 2; i++) {
		struct slice whose = i == 0 ? slice_from(name, sizeof(name))
					    : SLICE("a.example");

		results->count = 1;
		results->list[0] = (struct auth_result){.method = AUTH_SPF,
		    .verdict = FAIL,
		    .domain = whose,
		    .record_name = whose,
		    .mechanism = long_text,
		    .explanation = slice_str(long_text)};
		refusal = proxy_refusal_judge(&rules, results, whose, false);
		assert_true(strlen(refusal.text) <= 189);
		assert_true(strlen(refusal.text) > 150);
		for (const char *p = refusal.text; *p != '\0'; p++)
			assert_true(*p >= ' ' && *p <= '~');
	}
	free(results);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_each_case),
	    cmocka_unit_test(test_the_text_says_who_and_why),
	    cmocka_unit_test(test_the_text_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
