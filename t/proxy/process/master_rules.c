/* proxy/process/master_rules: every state and every decision of the master's. */
#include "proxy/process/master_rules.h"
#include "proxy/process/master.h"
#include "proxy/process/worker.h"
#include "t/lib/steps.h"
#include "t/lib/unit.h"

static void
test_each_step_of_the_master(void **state)
{
	static const char *const table[] = {"BEGINNING SERVING",
	    "BEGINNING STOPPING", "SERVING CHECKING", "SERVING STOPPING",
	    "CHECKING CHANGING", "CHECKING SERVING", "CHECKING STOPPING",
	    "CHANGING SERVING", "CHANGING STOPPING", NULL};

	(void)state;
	steps_check_table(&proxy_master_machine, table);
}

static void
test_each_step_of_a_seat(void **state)
{
	static const char *const table[] = {"EMPTY STARTING",
	    "STARTING SERVING", "STARTING EMPTY", "SERVING EMPTY", NULL};

	(void)state;
	steps_check_table(&proxy_seat_machine, table);
}

static void
test_one_reload_at_a_time(void **state)
{
	static const enum proxy_turn wanted[PROXY_MASTER_STATES] = {
	    [PROXY_MASTER_BEGINNING] = PROXY_TURN_LATER,
	    [PROXY_MASTER_SERVING] = PROXY_TURN_NOW,
	    [PROXY_MASTER_CHECKING] = PROXY_TURN_LATER,
	    [PROXY_MASTER_CHANGING] = PROXY_TURN_LATER,
	    [PROXY_MASTER_STOPPING] = PROXY_TURN_NEVER,
	};

	(void)state;
	for (unsigned s = 0; s < PROXY_MASTER_STATES; s++) {
		assert_int_equal(
		    proxy_rule_reload((enum proxy_master_state)s), wanted[s]);
		/* Who is let in at once can go where a reload goes. */
		assert_true(wanted[s] != PROXY_TURN_NOW ||
		    machine_may(
			&proxy_master_machine, s, PROXY_MASTER_CHECKING));
	}
}

static void
test_who_is_replaced(void **state)
{
	(void)state;
	assert_int_equal(proxy_rule_seat(false, false), PROXY_FATE_IS_REPLACED);
	assert_int_equal(proxy_rule_seat(false, true), PROXY_FATE_GIVES_UP);
	assert_int_equal(proxy_rule_seat(true, false), PROXY_FATE_STAYS_EMPTY);
	assert_int_equal(proxy_rule_seat(true, true), PROXY_FATE_STAYS_EMPTY);
}

static void
test_pauses_double_and_begin_anew(void **state)
{
	static const unsigned wanted[] = {1, 2, 4, 8, 16, 32, 60, 60};
	unsigned pause = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		pause = proxy_rule_pause(pause, PROXY_MASTER_PAUSE_LAST - 1);
		assert_int_equal(pause, wanted[i]);
	}
	assert_int_equal(proxy_rule_pause(pause, PROXY_MASTER_PAUSE_LAST),
	    PROXY_MASTER_PAUSE_FIRST);
	assert_int_equal(proxy_rule_pause(0, 0), PROXY_MASTER_PAUSE_FIRST);
}

static void
test_silence_is_told_once_and_then_ended(void **state)
{
	unsigned watchdog = 6 * PROXY_WORKER_TICK_S;

	(void)state;
	for (unsigned rounds = 0; rounds <= 6; rounds++)
		assert_int_equal(
		    proxy_rule_silence(rounds, watchdog), PROXY_SILENCE_BORNE);
	assert_int_equal(proxy_rule_silence(7, watchdog), PROXY_SILENCE_TOLD);
	assert_int_equal(proxy_rule_silence(8, watchdog), PROXY_SILENCE_ENDS);
	assert_int_equal(proxy_rule_silence(99, watchdog), PROXY_SILENCE_ENDS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_each_step_of_the_master),
	    cmocka_unit_test(test_each_step_of_a_seat),
	    cmocka_unit_test(test_one_reload_at_a_time),
	    cmocka_unit_test(test_who_is_replaced),
	    cmocka_unit_test(test_pauses_double_and_begin_anew),
	    cmocka_unit_test(test_silence_is_told_once_and_then_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
