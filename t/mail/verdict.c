/* mail/verdict: RFC 8601 section 2.7's words, both ways. */
#include "mail/verdict.h"
#include "t/lib/unit.h"

static void
test_every_word_goes_both_ways(void **state)
{
	static const struct {
		enum mail_verdict verdict;
		const char *word;
	} cases[] = {
	    {MAIL_VERDICT_NONE, "none"},
	    {MAIL_VERDICT_PASS, "pass"},
	    {MAIL_VERDICT_FAIL, "fail"},
	    {MAIL_VERDICT_POLICY, "policy"},
	    {MAIL_VERDICT_NEUTRAL, "neutral"},
	    {MAIL_VERDICT_SOFTFAIL, "softfail"},
	    {MAIL_VERDICT_TEMPERROR, "temperror"},
	    {MAIL_VERDICT_PERMERROR, "permerror"},
	};

	(void)state;
	assert_int_equal(sizeof(cases) / sizeof(cases[0]), MAIL_VERDICT_COUNT);
	for (size_t i = 0; i < MAIL_VERDICT_COUNT; i++) {
		enum mail_verdict back;

		assert_string_equal(
		    mail_verdict_word(cases[i].verdict), cases[i].word);
		assert_int_equal(
		    mail_verdict_parse(slice_str(cases[i].word), &back), 0);
		assert_int_equal(back, cases[i].verdict);
	}
}

static void
test_case_is_ignored_and_other_words_are_refused(void **state)
{
	enum mail_verdict verdict = MAIL_VERDICT_NONE;

	(void)state;
	assert_int_equal(mail_verdict_parse(SLICE("PaSS"), &verdict), 0);
	assert_int_equal(verdict, MAIL_VERDICT_PASS);
	assert_int_equal(mail_verdict_parse(SLICE("passed"), &verdict), -1);
	assert_int_equal(mail_verdict_parse(SLICE("pas"), &verdict), -1);
	assert_int_equal(mail_verdict_parse(SLICE(""), &verdict), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_word_goes_both_ways),
	    cmocka_unit_test(test_case_is_ignored_and_other_words_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
