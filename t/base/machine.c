/* base/machine: a table's steps are taken and told, and no others. */
#include "base/machine.h"
#include "t/lib/steps.h"
#include "t/lib/unit.h"

enum { RED, GREEN, YELLOW };

static const char *const names[] = {"RED", "GREEN", "YELLOW"};
static const unsigned next[] = {
    [RED] = MACHINE_BIT(RED) | MACHINE_BIT(GREEN),
    [GREEN] = MACHINE_BIT(YELLOW),
    [YELLOW] = MACHINE_BIT(RED),
};
static const struct machine light = {"light", names, next, 3};

static void
test_steps_of_the_table_are_taken_and_told(void **state)
{
	struct log *log = steps_listen();
	struct trace trace = {log, 7};
	const char *heard;

	(void)state;
	assert_int_equal(machine_step(&light, &trace, RED, GREEN), GREEN);
	assert_int_equal(
	    machine_step_logged(&light, log, "north: ", GREEN, YELLOW), YELLOW);
	assert_int_equal(
	    machine_step_logged(&light, log, "", YELLOW, RED), RED);
	assert_int_equal(machine_step(&light, NULL, RED, GREEN), GREEN);
	assert_int_equal(machine_step(&light, &trace, RED, RED), RED);
	heard = steps_heard(log);
	steps_check_taken(&light, heard);
	assert_non_null(strstr(heard, "session 7: light: RED -> GREEN\n"));
	assert_non_null(strstr(heard, ": north: light: GREEN -> YELLOW\n"));
	assert_null(strstr(heard, "RED -> RED"));
}

static void
test_others_are_refused(void **state)
{
	static const char *const wanted[] = {
	    "RED RED", "RED GREEN", "GREEN YELLOW", "YELLOW RED", NULL};

	(void)state;
	steps_check_table(&light, wanted);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_steps_of_the_table_are_taken_and_told),
	    cmocka_unit_test(test_others_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
