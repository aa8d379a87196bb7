/* Which signals an ending process puts off, and which it must not. */
#include <signal.h>

#include "proxy/process/signals.h"
#include "t/lib/unit.h"

static void
test_what_is_sent_waits_and_what_happens_does_not(void **state)
{
	static const int sent[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};
	/* The sandbox's is among these: the kernel ends a process that blocks
	 * it, and then nobody is told which call it was. */
	static const int happens[] = {SIGSYS, SIGSEGV, SIGBUS, SIGABRT, SIGFPE};
	sigset_t before, now;

	(void)state;
	assert_int_equal(sigprocmask(SIG_SETMASK, NULL, &before), 0);
	proxy_signals_block();
	assert_int_equal(sigprocmask(SIG_SETMASK, &before, &now), 0);
	for (size_t i = 0; i < sizeof(sent) / sizeof(sent[0]); i++)
		assert_int_equal(sigismember(&now, sent[i]), 1);
	for (size_t i = 0; i < sizeof(happens) / sizeof(happens[0]); i++)
		assert_int_equal(sigismember(&now, happens[i]), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_is_sent_waits_and_what_happens_does_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
