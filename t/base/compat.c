/* base/compat: what this system has and what does elsewhere (COMPAT_PLAIN)
 * keep the same promises. */
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/compat.h"
#include "t/lib/unit.h"

static void
test_closes_all_from_one_on(void **state)
{
	int wire[2], high, status;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(wire), 0);
	pid = fork();
	if (pid == 0) {
		high = fcntl(wire[0], F_DUPFD, 500);
		if (high < 500 || compat_close_from(wire[1]) != 0)
			_exit(1);
		/* What is below stays, all else is gone. */
		_exit(fcntl(wire[0], F_GETFD) >= 0 &&
			    fcntl(wire[1], F_GETFD) < 0 &&
			    fcntl(high, F_GETFD) < 0
			? 0
			: 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(wire[0]);
	close(wire[1]);
}

static void
test_writes_nothing_that_waits(void **state)
{
	static char bytes[4096];
	struct iovec piece = {bytes, sizeof(bytes)};
	int wire[2], i;
	ssize_t n = 0;

	(void)state;
	assert_int_equal(pipe(wire), 0);
	for (i = 0; i < 1000 && n >= 0; i++)
		n = compat_write_nowait(wire[1], &piece);
	assert_int_equal(n, -1);
	if (T_COMPAT_PLAIN != 0) {
		assert_true(errno == EOPNOTSUPP || errno == ENOSYS);
	} else {
		assert_int_equal(errno, EAGAIN);
		assert_true(i > 1); /* the pipe took some before */
	}
	close(wire[0]);
	close(wire[1]);
}

static void
test_keeps_a_heap_that_works(void **state)
{
	char *p;

	(void)state;
	compat_keep_heap(1 << 20);
	p = malloc(1 << 19);
	assert_non_null(p);
	free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_closes_all_from_one_on),
	    cmocka_unit_test(test_writes_nothing_that_waits),
	    cmocka_unit_test(test_keeps_a_heap_that_works),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
