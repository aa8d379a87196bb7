/* base/log: one bounded line per event, by level. Reads stderr back. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/log_wire.h"
#include "base/strbuf.h"
#include "t/lib/unit.h"

enum { READ_MAX = 100000 };

struct capture {
	int saved;
	FILE *file;
};

static struct capture
capture_begin(void)
{
	struct capture c = {dup(STDERR_FILENO), tmpfile()};

	assert_true(c.saved >= 0);
	assert_non_null(c.file);
	assert_true(dup2(fileno(c.file), STDERR_FILENO) >= 0);
	return c;
}

static void
capture_end(struct capture c, struct strbuf *out)
{
	char *to;
	ssize_t n;

	assert_true(dup2(c.saved, STDERR_FILENO) >= 0);
	strbuf_init(out, READ_MAX);
	to = strbuf_reserve(out, READ_MAX);
	assert_non_null(to);
	n = pread(fileno(c.file), to, READ_MAX, 0);
	assert_true(n >= 0);
	out->n = (size_t)n;
	to[n] = '\0';
	fclose(c.file);
	close(c.saved);
}

static void
test_lines_have_ident_and_pid(void **state)
{
	struct log *log = log_new("signpost/out", LOGGING_STDERR, LOGGING_INFO);
	struct capture c = capture_begin();
	struct strbuf got, want;

	(void)state;
	log_printf(log, LOGGING_ERROR, "%s %d", "a", 1);
	log_printf(log, LOGGING_DEBUG, "not wanted");
	log_event(log, LOGGING_INFO, SLICE("b"));
	capture_end(c, &got);
	strbuf_init(&want, 1000);
	(void)strbuf_addf(&want,
	    "signpost/out[%ld]: a 1\nsignpost/out[%ld]: b\n", (long)getpid(),
	    (long)getpid());
	assert_slice_equal(strbuf_slice(&got), strbuf_slice(&want));
	assert_int_equal(log_target(log), LOGGING_STDERR);
	log_free(log);
	strbuf_clear(&got);
	strbuf_clear(&want);
}

static void
test_json_lines_are_objects(void **state)
{
	struct log *log = log_new("a\"b", LOGGING_JSON, LOGGING_DEBUG);
	struct capture c = capture_begin();
	struct strbuf got;
	struct slice rest, line;
	char quotes[7000];

	(void)state;
	log_printf(log, LOGGING_DEBUG, "x \"%s\"", "\n");
	log_event(log, LOGGING_WARNING, SLICE("\"n\":1"));
	memset(quotes, '"', sizeof(quotes));
	log_printf(log, LOGGING_INFO, "%.*s", (int)sizeof(quotes), quotes);
	capture_end(c, &got);
	rest = strbuf_slice(&got);
	assert_true(slice_cut(&rest, '\n', &line));
	assert_true(slice_starts_nocase(line, SLICE("{\"time\":\"20")));
	assert_true(slice_search(line, SLICE("\"level\":\"debug\"")) < line.n);
	assert_true(slice_search(line, SLICE("\"ident\":\"a\\\"b\"")) < line.n);
	assert_true(slice_ends_nocase(
	    line, SLICE(",\"message\":\"x \\\"\\u000a\\\"\"}")));
	assert_true(slice_cut(&rest, '\n', &line));
	assert_true(
	    slice_search(line, SLICE("\"level\":\"warning\"")) < line.n);
	assert_true(slice_ends_nocase(line, SLICE(",\"n\":1}")));
	/* Of what is too long a part, which ends as it should. */
	assert_true(slice_cut(&rest, '\n', &line));
	assert_true(line.n > sizeof(quotes) / 2);
	assert_true(slice_ends_nocase(line, SLICE("\\\"\"}")));
	assert_int_equal(rest.n, 0);
	log_free(log);
	strbuf_clear(&got);
}

static void
test_lines_are_bounded(void **state)
{
	struct log *log = log_new("i", LOGGING_STDERR, LOGGING_INFO);
	struct strbuf huge, got;
	struct capture c;

	(void)state;
	strbuf_init(&huge, 60000);
	while (strbuf_add_char(&huge, 'x') == 0)
		continue;
	c = capture_begin();
	log_event(log, LOGGING_INFO, strbuf_slice(&huge));
	capture_end(c, &got);
	assert_true(got.n > 1000 && got.n <= (size_t)16 * 1024);
	assert_int_equal(slice_find(strbuf_slice(&got), '\n'), got.n - 1);
	log_free(log);
	strbuf_clear(&huge);
	strbuf_clear(&got);
}

/* stderr is one end; the other is returned and not read. */
static int
begin_unread(struct capture *c, bool is_pipe)
{
	int ends[2], small = 8192; /* two slots of a pipe */

	if (is_pipe) {
		assert_int_equal(pipe(ends), 0);
		assert_true(fcntl(ends[1], F_SETPIPE_SZ, small) > 0);
	} else {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
		assert_int_equal(setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF,
				     &small, sizeof(small)),
		    0);
	}
	assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	*c = capture_begin();
	assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
	close(ends[1]);
	return ends[0];
}

static void
read_all(int fd, struct strbuf *out)
{
	char bytes[4096];
	ssize_t n;

	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		(void)strbuf_add(out, slice_from(bytes, (size_t)n));
}

static void
check_unread(bool is_pipe)
{
	enum { LINES = 3000 };
	struct log *log = log_new("i", LOGGING_STDERR, LOGGING_INFO);
	struct capture c;
	struct strbuf got, none;
	struct slice rest, line;
	unsigned taken = 0, lost = 0;
	const char *at;
	int fd = begin_unread(&c, is_pipe), i;

	strbuf_init(&got, READ_MAX);
	alarm(20);
	for (i = 0; i < LINES; i++)
		log_printf(log, LOGGING_INFO, "taken");
	read_all(fd, &got);
	log_printf(log, LOGGING_INFO, "taken");
	read_all(fd, &got);
	alarm(0);
	capture_end(c, &none);
	rest = strbuf_slice(&got);
	while (slice_cut(&rest, '\n', &line) && line.n > 0)
		taken += slice_ends_nocase(line, SLICE("]: taken"));
	at = strstr(strbuf_text(&got), " lines are lost here: ");
	assert_non_null(at);
	while (at[-1] != ' ')
		at--;
	lost = (unsigned)strtoul(at, NULL, 10);
	assert_true(lost > 0);
	assert_int_equal(taken + lost, LINES + 1);
	close(fd);
	log_free(log);
	strbuf_clear(&got);
	strbuf_clear(&none);
}

static void
test_nobody_reads(void **state)
{
	(void)state;
	check_unread(true);
	check_unread(false);
}

/* One longer than a pipe takes at once, of which only the beginning went. */
static void
test_a_torn_line_ends(void **state)
{
	struct log *log = log_new("i", LOGGING_JSON, LOGGING_INFO);
	struct capture c;
	struct strbuf got, none, longest;
	struct slice rest, line;
	int fd = begin_unread(&c, true);

	(void)state;
	strbuf_init(&got, READ_MAX);
	strbuf_init(&longest, 6000);
	while (strbuf_add_char(&longest, 'x') == 0)
		continue;
	alarm(20);
	log_event(log, LOGGING_INFO, SLICE("\"n\":0"));
	log_event(log, LOGGING_INFO, strbuf_slice(&longest));
	read_all(fd, &got);
	log_event(log, LOGGING_INFO, SLICE("\"n\":1"));
	read_all(fd, &got);
	alarm(0);
	capture_end(c, &none);
	rest = strbuf_slice(&got);
	assert_true(slice_cut(&rest, '\n', &line));
	assert_true(slice_ends_nocase(line, SLICE(",\"n\":0}")));
	assert_true(slice_cut(&rest, '\n', &line));
	assert_true(slice_ends_nocase(line, SLICE("xxxx")));
	assert_true(slice_cut(&rest, '\n', &line));
	assert_true(
	    slice_search(line, SLICE("\"message\":\"1 lines are lost here: ")) <
	    line.n);
	assert_true(slice_ends_nocase(line, SLICE("\"}")));
	assert_true(slice_cut(&rest, '\n', &line));
	assert_true(slice_ends_nocase(line, SLICE(",\"n\":1}")));
	assert_int_equal(rest.n, 0);
	close(fd);
	log_free(log);
	strbuf_clear(&got);
	strbuf_clear(&none);
	strbuf_clear(&longest);
}

static void
test_no_log_takes_everything(void **state)
{
	struct capture c = capture_begin();
	struct strbuf got;

	(void)state;
	assert_false(log_wants(NULL, LOGGING_ERROR));
	log_printf(NULL, LOGGING_ERROR, "x");
	log_event(NULL, LOGGING_ERROR, SLICE("x"));
	log_free(NULL);
	capture_end(c, &got);
	assert_int_equal(got.n, 0);
	strbuf_clear(&got);
}

/* A process that may open no socket sends its lines to one that has a log. */
static void
test_lines_by_way_of_another(void **state)
{
	struct log *log =
	    log_new("signpost/master", LOGGING_STDERR, LOGGING_INFO);
	char datagram[LOG_DATAGRAM_MAX];
	int pair[2];
	struct log *far;
	struct capture c;
	struct strbuf got;
	ssize_t n;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	far = log_new_by(pair[0], LOGGING_INFO);
	log_printf(far, LOGGING_WARNING, "it is\nme");
	log_printf(far, LOGGING_DEBUG, "not wanted");
	n = recv(pair[1], datagram, sizeof(datagram), MSG_DONTWAIT);
	assert_true(n > 0);
	c = capture_begin();
	assert_int_equal(
	    log_take(log, "sealer 7", slice_from(datagram, (size_t)n)), 0);
	capture_end(c, &got);
	assert_non_null(
	    strstr(strbuf_text(&got), "]: sealer 7: it is\\x0ame\n"));
	strbuf_clear(&got);
	assert_int_equal(
	    recv(pair[1], datagram, sizeof(datagram), MSG_DONTWAIT), -1);
	/* Who takes nothing makes nobody wait, and what is no line is none. */
	for (int i = 0; i < 10000; i++)
		log_printf(far, LOGGING_ERROR, "%01000d", i);
	/* What is too long ends, and still says whose it is. */
	memset(datagram, 1, sizeof(datagram));
	datagram[0] = '1';
	c = capture_begin();
	assert_int_equal(
	    log_take(log, "sealer 7", slice_from(datagram, sizeof(datagram))),
	    0);
	capture_end(c, &got);
	assert_non_null(strstr(strbuf_text(&got), "]: sealer 7: \\x01\\x01"));
	strbuf_clear(&got);
	assert_int_equal(log_take(log, "x", SLICE("")), -1);
	assert_int_equal(log_take(log, "x", SLICE("3")), -1);
	assert_int_equal(log_take(log, "x", SLICE("9what")), -1);
	log_free(far);
	log_free(log);
	close(pair[0]);
	close(pair[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lines_by_way_of_another),
	    cmocka_unit_test(test_lines_have_ident_and_pid),
	    cmocka_unit_test(test_json_lines_are_objects),
	    cmocka_unit_test(test_lines_are_bounded),
	    cmocka_unit_test(test_nobody_reads),
	    cmocka_unit_test(test_a_torn_line_ends),
	    cmocka_unit_test(test_no_log_takes_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
