/* proxy/process: what stands in /proc/PID/stat, whatever the program is called;
 * and this process as the kernel has it. */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "proxy/figures/process.h"
#include "t/lib/unit.h"

#define BEHIND                                                              \
	" S 1 2 3 4 -1 5 6 7 8 9 250 50 0 0 20 0 1 0 12345 4096000 100 18 " \
	"1 1 0 0\n"

static void
test_a_line_is_read_whatever_the_name(void **state)
{
	static const char *const good[] = {"12 (signpost)" BEHIND,
	    "12 (a b) c)" BEHIND, "12 (x) S 1 2)" BEHIND};
	static const char *const bad[] = {"", "12", "12 (a", "12 (a)",
	    "12 (a) S 1 2 3\n",
	    ("12 (a) S 1 2 3 4 -1 5 6 7 8 9 x 50 0 0 20 0 1 0 "
	     "12345 4096000 100 18\n")};
	double tick = (double)sysconf(_SC_CLK_TCK);
	struct proxy_process is;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(
		    proxy_process_parse(slice_str(good[i]), 1000.5, &is), 0);
		assert_true(is.cpu_seconds == 300 / tick);
		assert_true(is.started == 1000.5 + 12345 / tick);
		assert_int_equal(is.virtual, 4096000);
		assert_int_equal(is.resident, 100 * sysconf(_SC_PAGESIZE));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(
		    proxy_process_parse(slice_str(bad[i]), 0, &is), -1);
}

static void
test_what_this_one_says_of_itself(void **state)
{
	struct proxy_counters *c = xcalloc(1, sizeof(*c));
	struct proxy_process_eyes eyes = {.open = false};
	struct proxy_process is;
	int before, fd;

	(void)state;
	assert_false(proxy_process_counted(c, &is));
	proxy_process_count(&eyes, c);
	assert_false(proxy_process_counted(c, &is));
	proxy_process_eyes_open(&eyes);
	proxy_process_count(&eyes, c);
	assert_true(proxy_process_counted(c, &is));
	assert_true(is.resident > 100000 && is.virtual >= is.resident);
	assert_in_range((int64_t)is.started, time(NULL) - 60, time(NULL) + 1);
	before = (int)proxy_counter_get(c, PROXY_COUNT_FDS);
	fd = dup(STDIN_FILENO);
	assert_true(fd >= 0);
	proxy_process_count(&eyes, c);
	assert_int_equal(proxy_counter_get(c, PROXY_COUNT_FDS), before + 1);
	close(fd);
	proxy_process_eyes_close(&eyes);
	assert_int_equal(proxy_process_read(-1, &is), -1);
	free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_line_is_read_whatever_the_name),
	    cmocka_unit_test(test_what_this_one_says_of_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
