/* base/trace: one connection's lines, where somebody looks, harmless. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/trace.h"
#include "t/lib/unit.h"

/* What is written to stderr between the two. */
static int saved, file;

static void
listen_begin(void)
{
	char name[] = "/tmp/trace.XXXXXX";

	file = mkstemp(name);
	assert_true(file >= 0);
	assert_int_equal(unlink(name), 0);
	saved = dup(STDERR_FILENO);
	assert_true(dup2(file, STDERR_FILENO) >= 0);
}

static const char *
listen_end(void)
{
	static char text[4096];
	ssize_t n;

	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	n = pread(file, text, sizeof(text) - 1, 0);
	assert_true(n >= 0);
	text[n] = '\0';
	close(file);
	close(saved);
	return text;
}

static void
say_all(const struct trace *trace)
{
	trace_line(trace, "to client: %03u", 250U);
	trace_state(trace, "session", "OPEN", "READY");
	trace_state(trace, "session", "READY", "READY");
	trace_line(
	    trace, "key of %s", trace_name(SLICE("a\nb\x1b[31m\xff\"c")).text);
}

static void
test_lines_have_the_connections_name(void **state)
{
	struct log *log = log_new("x", LOGGING_STDERR, LOGGING_DEBUG);
	struct trace trace = trace_begin(log, 17);
	char want[400];

	(void)state;
	assert_true(trace_wants(&trace));
	listen_begin();
	say_all(&trace);
	(void)snprintf(want, sizeof(want),
	    "x[%ld]: session 17: to client: 250\n"
	    "x[%ld]: session 17: session: OPEN -> READY\n"
	    "x[%ld]: session 17: key of a\\x0ab\\x1b[31m\\xff\\x22c\n",
	    (long)getpid(), (long)getpid(), (long)getpid());
	assert_string_equal(listen_end(), want);
	log_free(log);
}

static void
test_nobody_looks(void **state)
{
	struct log *log = log_new("x", LOGGING_STDERR, LOGGING_INFO);
	struct trace trace = trace_begin(log, 17), none = {NULL, 0};

	(void)state;
	assert_false(trace_wants(&trace));
	assert_false(trace_wants(&none));
	assert_false(trace_wants(NULL));
	listen_begin();
	say_all(&trace);
	say_all(&none);
	say_all(NULL);
	assert_string_equal(listen_end(), "");
	log_free(log);
}

static void
test_a_name_is_cut(void **state)
{
	char name[2 * TRACE_NAME_MAX];

	(void)state;
	memset(name, '\n', sizeof(name));
	assert_in_range(strlen(trace_name(slice_from(name, sizeof(name))).text),
	    TRACE_NAME_MAX - 5, TRACE_NAME_MAX - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lines_have_the_connections_name),
	    cmocka_unit_test(test_nobody_looks),
	    cmocka_unit_test(test_a_name_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
