/* milter/session: whole conversations, what may not come, every state and octet. */
#include "milter/session.h"
#include "milter/packet.h"
#include "t/lib/steps.h"
#include "t/lib/unit.h"

/* Codes one after another: "-" behind one that broke a message off, "!" behind
 * the one that was wrong, where it ends. */
static enum milter_state
converse(const char *codes, char *said)
{
	enum milter_state state = MILTER_BEGINNING, next;

	for (; *codes != '\0'; codes++) {
		bool had = milter_session_has_message(state);
		enum milter_meaning meaning =
		    milter_session_look(state, *codes, &next);

		*said++ = *codes;
		if (meaning == MILTER_IS_WRONG) {
			*said++ = '!';
			break;
		}
		if (meaning == MILTER_BREAKS_OFF && had)
			*said++ = '-';
		if (meaning == MILTER_IS_ASIDE)
			assert_int_equal(state, next);
		else if (next != state)
			state = (enum milter_state)machine_check(
			    &milter_session_machine, state, next);
	}
	*said = '\0';
	return state;
}

static void
test_conversations(void **state)
{
	static const struct {
		const char *codes, *want;
		enum milter_state end;
	} cases[] = {
	    {"ODCDHDMDRDTLLNBBDE", "ODCDHDMDRDTLLNBBDE", MILTER_COMPLETE},
	    {"OCHMRLNE", "OCHMRLNE", MILTER_COMPLETE},
	    {"OCHMRNE", "OCHMRNE", MILTER_COMPLETE},
	    {"OMRLNBE", "OMRLNBE", MILTER_COMPLETE},
	    {"OCHMRLBE", "OCHMRLBE", MILTER_COMPLETE},
	    {"OCMRLNBEA", "OCMRLNBEA-", MILTER_CLIENT},
	    {"OCHHMA", "OCHHMA-", MILTER_CLIENT},
	    {"OCHMRAMRLNBE", "OCHMRA-MRLNBE", MILTER_COMPLETE},
	    {"OCHMRM", "OCHMRM-", MILTER_SENDER},
	    {"OCHMRLH", "OCHMRLH-", MILTER_CLIENT},
	    {"OCHKC", "OCHKC", MILTER_CLIENT},
	    {"OCHMRLKCHM", "OCHMRLK-CHM", MILTER_SENDER},
	    {"OAQ", "OAQ", MILTER_OVER},
	    {"OUCUHUMURULUNUBUQ", "OUCUHUMURULUNUBUQ-", MILTER_OVER},
	    {"Q", "Q", MILTER_OVER},
	    {"QO", "QO!", MILTER_OVER},
	    {"C", "C!", MILTER_BEGINNING},
	    {"D", "D!", MILTER_BEGINNING},
	    {"A", "A!", MILTER_BEGINNING},
	    {"OO", "OO!", MILTER_AGREED},
	    {"OR", "OR!", MILTER_AGREED},
	    {"OCL", "OCL!", MILTER_CLIENT},
	    {"OCE", "OCE!", MILTER_CLIENT},
	    {"OCHMRNL", "OCHMRNL!", MILTER_CHUNKS},
	    {"OCHMRLR", "OCHMRLR!", MILTER_FIELDS},
	    {"OCHMRLNN", "OCHMRLNN!", MILTER_CHUNKS},
	    {"OCHMLNBEB", "OCHMLNBEB!", MILTER_COMPLETE},
	    {"OCHMLNBEE", "OCHMLNBEE!", MILTER_COMPLETE},
	    {"OX", "OX!", MILTER_AGREED},
	};
	char said[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(converse(cases[i].codes, said), cases[i].end);
		assert_string_equal(said, cases[i].want);
	}
}

/* Whatever comes, it leads to a state that the table has. */
static void
test_every_state_and_octet(void **state)
{
	(void)state;
	for (unsigned s = 0; s < MILTER_STATES; s++) {
		for (int c = 0; c < 256; c++) {
			enum milter_state next;
			enum milter_meaning meaning = milter_session_look(
			    (enum milter_state)s, (char)c, &next);

			if (meaning == MILTER_IS_WRONG ||
			    meaning == MILTER_IS_ASIDE)
				assert_int_equal(next, s);
			else
				assert_true(machine_may(
				    &milter_session_machine, s, next));
			if (s == MILTER_OVER)
				assert_int_equal(meaning, MILTER_IS_WRONG);
		}
	}
}

static void
test_each_step(void **state)
{
	static const char *const table[] = {"BEGINNING AGREED",
	    "BEGINNING OVER", "AGREED AGREED", "AGREED CLIENT", "AGREED SENDER",
	    "AGREED OVER", "CLIENT AGREED", "CLIENT CLIENT", "CLIENT SENDER",
	    "CLIENT OVER", "SENDER AGREED", "SENDER CLIENT", "SENDER SENDER",
	    "SENDER OVER", "SENDER FIELDS", "SENDER CHUNKS", "SENDER COMPLETE",
	    "FIELDS AGREED", "FIELDS CLIENT", "FIELDS SENDER", "FIELDS OVER",
	    "FIELDS FIELDS", "FIELDS CHUNKS", "FIELDS COMPLETE",
	    "CHUNKS AGREED", "CHUNKS CLIENT", "CHUNKS SENDER", "CHUNKS OVER",
	    "CHUNKS CHUNKS", "CHUNKS COMPLETE", "COMPLETE AGREED",
	    "COMPLETE CLIENT", "COMPLETE SENDER", "COMPLETE OVER", NULL};

	(void)state;
	steps_check_table(&milter_session_machine, table);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_conversations),
	    cmocka_unit_test(test_every_state_and_octet),
	    cmocka_unit_test(test_each_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
