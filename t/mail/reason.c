/* Reasons: each value has a word and a text of its own. */
#include "mail/reason.h"
#include "t/lib/unit.h"

static void
test_each_reason_has_a_word_and_a_text(void **state)
{
	(void)state;
	assert_string_equal(mail_reason_code(MAIL_REASON_NONE), "");
	assert_string_equal(mail_reason_text(MAIL_REASON_NONE), "");
	for (enum mail_reason r = 1; r < MAIL_REASON_COUNT; r++) {
		assert_non_null(mail_reason_code(r));
		assert_non_null(mail_reason_text(r));
		assert_string_not_equal(mail_reason_code(r), "");
		assert_string_not_equal(mail_reason_text(r), "");
	}
}

/* One who reads JSON must be able to tell them apart. */
static void
test_no_two_reasons_are_told_alike(void **state)
{
	(void)state;
	for (enum mail_reason r = 1; r < MAIL_REASON_COUNT; r++)
		for (enum mail_reason s = 1; s < r; s++) {
			assert_string_not_equal(
			    mail_reason_code(r), mail_reason_code(s));
			assert_string_not_equal(
			    mail_reason_text(r), mail_reason_text(s));
		}
}

static void
test_words_are_of_small_letters_digits_and_dashes(void **state)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-";

	(void)state;
	for (enum mail_reason r = 1; r < MAIL_REASON_COUNT; r++)
		assert_int_equal(strspn(mail_reason_code(r), allowed),
		    strlen(mail_reason_code(r)));
	assert_string_equal(
	    mail_reason_code(MAIL_REASON_BODY_CHANGED), "body-changed");
	assert_string_equal(
	    mail_reason_code(MAIL_REASON_KEY_OVER_4096), "key-over-4096");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_each_reason_has_a_word_and_a_text),
	    cmocka_unit_test(test_no_two_reasons_are_told_alike),
	    cmocka_unit_test(test_words_are_of_small_letters_digits_and_dashes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
