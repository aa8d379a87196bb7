/* smtp/conn: what is gathered, what is bounded, what is noticed, and that
 * nothing is called out of a call. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "smtp/conn.h"
#include "t/lib/steps.h"
#include "t/lib/talk.h"
#include "t/lib/unit.h"

struct owner {
	struct talk peer;
	struct smtp_conn *conn;
	unsigned inputs, drained, freed;
	size_t leave; /* of the input, by each `input` that finds more */
	bool takes, free_on_input, timed_out, closed;
	enum smtp_close how;
};

static void
on_input(void *ctx)
{
	struct owner *o = ctx;

	o->inputs++;
	if (o->takes && smtp_conn_input(o->conn).n > o->leave)
		smtp_conn_consume(
		    o->conn, smtp_conn_input(o->conn).n - o->leave);
	if (!o->free_on_input)
		return;
	smtp_conn_free(o->conn);
	assert_int_equal(o->freed, 0);
	o->conn = NULL;
}

static void
on_drained(void *ctx)
{
	struct owner *o = ctx;

	o->drained++;
}

static void
on_timeout(void *ctx)
{
	struct owner *o = ctx;

	o->timed_out = true;
}

static void
on_closed(void *ctx, enum smtp_close how, const char *why)
{
	struct owner *o = ctx;

	assert_false(o->closed);
	assert_true(why[0] != '\0');
	o->closed = true;
	o->how = how;
}

static void
on_freed(void *ctx)
{
	struct owner *o = ctx;

	o->freed++;
}

static const struct smtp_conn_ops ops = {
    .input = on_input,
    .drained = on_drained,
    .timeout = on_timeout,
    .closed = on_closed,
    .freed = on_freed,
};

static void
owner_init(struct owner *o)
{
	evutil_socket_t fd;

	*o = (struct owner){.inputs = 0};
	fd = talk_init(&o->peer);
	o->conn = smtp_conn_new(o->peer.base, fd, &ops, o);
}

static void
owner_clear(struct owner *o)
{
	smtp_conn_free(o->conn);
	assert_int_equal(o->freed, 1);
	talk_clear(&o->peer);
}

/* What one recv() of the peer's gives; 0 where there is nothing. */
static size_t
one_read(struct owner *o)
{
	static char bytes[256 * 1024];
	ssize_t n = recv(o->peer.fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	return n < 0 ? 0 : (size_t)n;
}

static void
turn(struct owner *o)
{
	(void)event_base_loop(o->peer.base, EVLOOP_NONBLOCK);
}

static void
test_writes_of_a_turn_are_gathered(void **state)
{
	struct owner o;

	(void)state;
	owner_init(&o);
	smtp_conn_write(o.conn, SLICE("one "));
	smtp_conn_write(o.conn, SLICE("two "));
	assert_int_equal(one_read(&o), 0);
	turn(&o);
	assert_int_equal(one_read(&o), 8);
	assert_int_equal(smtp_conn_unwritten(o.conn), 0);
	owner_clear(&o);
}

static void
test_a_cork_holds_up_to_high_water(void **state)
{
	static char chunk[SMTP_CONN_HIGH_WATER / 2];
	struct owner o;

	(void)state;
	owner_init(&o);
	smtp_conn_cork(o.conn, true);
	smtp_conn_write(o.conn, slice_from(chunk, sizeof(chunk)));
	turn(&o);
	assert_int_equal(one_read(&o), 0);
	smtp_conn_write(o.conn, slice_from(chunk, sizeof(chunk)));
	assert_true(one_read(&o) > 0);
	smtp_conn_write(o.conn, SLICE("more"));
	smtp_conn_cork(o.conn, false);
	turn(&o);
	assert_int_equal(smtp_conn_unwritten(o.conn), 0);
	owner_clear(&o);
}

static void
test_reading_keeps_to_its_bound(void **state)
{
	struct owner o;

	(void)state;
	owner_init(&o);
	talk_say(&o.peer, "0123456789");
	turn(&o);
	assert_false(smtp_conn_heard(o.conn));
	smtp_conn_read(o.conn, 4);
	turn(&o);
	turn(&o);
	assert_slice_equal(smtp_conn_input(o.conn), SLICE("0123"));
	smtp_conn_consume(o.conn, 3);
	smtp_conn_read(o.conn, 4);
	turn(&o);
	assert_slice_equal(smtp_conn_input(o.conn), SLICE("3456"));
	assert_true(smtp_conn_peek(o.conn));
	assert_int_equal(o.inputs, 2);
	owner_clear(&o);
}

/* What a large read brings is passed on as it came; what is not taken of it
 * stands in front of what comes next. */
static void
test_the_rest_of_a_large_read_is_kept(void **state)
{
	static char bytes[100 * 1000];
	struct owner o;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)('a' + i % 23);
	owner_init(&o);
	o.takes = true;
	o.leave = 5;
	smtp_conn_read(o.conn, SMTP_CONN_IN_MAX);
	assert_int_equal(
	    send(o.peer.fd, bytes, sizeof(bytes), MSG_DONTWAIT), sizeof(bytes));
	turn(&o);
	assert_int_equal(o.inputs, 1);
	assert_slice_equal(
	    smtp_conn_input(o.conn), slice_from(bytes + sizeof(bytes) - 5, 5));
	o.leave = 8;
	talk_say(&o.peer, "...");
	turn(&o);
	assert_int_equal(o.inputs, 2);
	assert_int_equal(smtp_conn_input(o.conn).n, 8);
	smtp_conn_consume(o.conn, 5);
	assert_slice_equal(smtp_conn_input(o.conn), SLICE("..."));
	smtp_conn_consume(o.conn, 3);
	o.leave = 0;
	assert_int_equal(
	    send(o.peer.fd, bytes, sizeof(bytes), MSG_DONTWAIT), sizeof(bytes));
	o.free_on_input = true;
	o.leave = 50000;
	turn(&o);
	assert_int_equal(o.freed, 1);
	owner_clear(&o);
}

static void
test_the_end_is_noticed_while_nothing_is_read(void **state)
{
	struct owner o;

	(void)state;
	owner_init(&o);
	smtp_conn_read(o.conn, 4);
	talk_say(&o.peer, "0123456789");
	talk_run(&o.peer, 10);
	talk_hang_up(&o.peer);
	talk_run_until(&o.peer, &o.closed);
	assert_int_equal(o.how, SMTP_CLOSE_RESET);
	assert_true(smtp_conn_lost(o.conn));
	owner_clear(&o);
}

/* Someone who does not heed the high water ends the connection; bytes are
 * never dropped out of its middle. */
static void
test_output_is_bounded(void **state)
{
	static char chunk[SMTP_CONN_HIGH_WATER];
	struct owner o;

	(void)state;
	owner_init(&o);
	for (int i = 0; i < 200 && !smtp_conn_lost(o.conn); i++)
		smtp_conn_write(o.conn, slice_from(chunk, sizeof(chunk)));
	assert_true(smtp_conn_unwritten(o.conn) <= SMTP_CONN_OUT_MAX);
	assert_false(o.closed);
	talk_run_until(&o.peer, &o.closed);
	assert_int_equal(o.how, SMTP_CLOSE_PROTOCOL);
	owner_clear(&o);
}

static void
test_drained_comes_below_low_water(void **state)
{
	static char chunk[SMTP_CONN_HIGH_WATER];
	struct owner o;

	(void)state;
	owner_init(&o);
	while (smtp_conn_unwritten(o.conn) < SMTP_CONN_HIGH_WATER)
		smtp_conn_write(o.conn, slice_from(chunk, sizeof(chunk)));
	smtp_conn_want_drained(o.conn);
	for (int i = 0; i < 10; i++)
		turn(&o);
	assert_int_equal(o.drained, 0);
	for (int i = 0; i < TALK_WAIT_MS / 10 &&
	     (o.drained == 0 || smtp_conn_unwritten(o.conn) > 0);
	     i++)
		talk_run(&o.peer, 10);
	assert_int_equal(o.drained, 1);
	assert_int_equal(smtp_conn_unwritten(o.conn), 0);
	owner_clear(&o);
}

static void
test_nothing_is_called_out_of_a_call(void **state)
{
	struct owner o;

	(void)state;
	owner_init(&o);
	smtp_conn_kick(o.conn);
	assert_int_equal(o.inputs, 0);
	turn(&o);
	assert_int_equal(o.inputs, 1);
	smtp_conn_timer(o.conn, 1);
	talk_run_until(&o.peer, &o.timed_out);
	smtp_conn_fail(o.conn, SMTP_CLOSE_TIMEOUT, "ours");
	assert_false(o.closed);
	turn(&o);
	assert_true(o.closed);
	assert_int_equal(o.how, SMTP_CLOSE_TIMEOUT);
	owner_clear(&o);
}

static void
test_free_within_a_callback_waits_for_its_end(void **state)
{
	struct owner o;

	(void)state;
	owner_init(&o);
	o.free_on_input = true;
	smtp_conn_write(o.conn, SLICE("never sent"));
	turn(&o);
	assert_int_equal(o.freed, 1);
	talk_hear_end(&o.peer);
	owner_clear(&o);
}

static void
test_finish_writes_first(void **state)
{
	struct owner o;

	(void)state;
	owner_init(&o);
	smtp_conn_cork(o.conn, true);
	smtp_conn_write(o.conn, SLICE("last words"));
	smtp_conn_finish(o.conn, SMTP_CLOSE_DONE, "done", false);
	smtp_conn_write(o.conn, SLICE("too late"));
	assert_false(o.closed);
	turn(&o);
	assert_true(o.closed);
	assert_int_equal(o.how, SMTP_CLOSE_DONE);
	talk_hear(&o.peer, "last words");
	owner_clear(&o);
}

/* Puts one into FAILED, CLOSED and FREED, as far as `how` goes. */
enum ending { FREE, FAIL_FREE, FAIL, CLOSE };

static void
end_it(struct owner *o, enum ending how)
{
	if (how == FAIL_FREE || how == FAIL)
		smtp_conn_fail(o->conn, SMTP_CLOSE_TIMEOUT, "ours");
	if (how == FAIL)
		turn(o);
	if (how == CLOSE) {
		talk_hang_up(&o->peer);
		talk_run_until(&o->peer, &o->closed);
	}
	assert_true(o->closed == (how == FAIL || how == CLOSE));
	owner_clear(o);
}

static void
owner_open(struct owner *o, const struct trace *trace)
{
	owner_init(o);
	smtp_conn_trace(o->conn, trace, smtp_conn_machine.name);
	smtp_conn_read(o->conn, 10);
}

static void
owner_finish(struct owner *o, const struct trace *trace, bool linger)
{
	owner_open(o, trace);
	smtp_conn_write(o->conn, SLICE("last words"));
	smtp_conn_finish(o->conn, SMTP_CLOSE_DONE, "done", linger);
}

static void
test_each_step_of_the_states(void **state)
{
	static const char *const table[] = {"OPEN FINISHING", "OPEN FAILED",
	    "OPEN CLOSED", "OPEN FREED", "FINISHING LINGERING",
	    "FINISHING FAILED", "FINISHING CLOSED", "FINISHING FREED",
	    "LINGERING FAILED", "LINGERING CLOSED", "LINGERING FREED",
	    "FAILED CLOSED", "FAILED FREED", "CLOSED FREED", NULL};
	static const enum ending endings[] = {FREE, FAIL_FREE, FAIL, CLOSE};
	struct log *log = steps_listen();
	struct trace trace = {log, 1};
	struct owner o;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		owner_open(&o, &trace);
		end_it(&o, endings[i]);
		owner_finish(&o, &trace, false);
		if (endings[i] == CLOSE)
			turn(&o);
		end_it(&o, endings[i]);
		owner_finish(&o, &trace, true);
		turn(&o);
		end_it(&o, endings[i]);
	}
	steps_check_taken(&smtp_conn_machine, steps_heard(log));
	steps_check_table(&smtp_conn_machine, table);
}

/* Of Nagle's: what we write goes at once, though an acknowledgement is due. */
static void
test_nothing_waits_for_an_acknowledgement(void **state)
{
	struct sockaddr_in at = {
	    .sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t n = sizeof(at), option_n = sizeof(int);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct event_base *base = event_base_new();
	struct owner o = {.inputs = 0};
	int on = 0;

	(void)state;
	assert_int_equal(bind(listener, (struct sockaddr *)&at, n), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &n), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, n), 0);
	o.conn = smtp_conn_new(base, fd, &ops, &o);
	assert_int_equal(
	    getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &option_n), 0);
	assert_true(on != 0);
	smtp_conn_free(o.conn);
	event_base_free(base);
	(void)close(listener);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_nothing_waits_for_an_acknowledgement),
	    cmocka_unit_test(test_writes_of_a_turn_are_gathered),
	    cmocka_unit_test(test_a_cork_holds_up_to_high_water),
	    cmocka_unit_test(test_reading_keeps_to_its_bound),
	    cmocka_unit_test(test_the_rest_of_a_large_read_is_kept),
	    cmocka_unit_test(test_the_end_is_noticed_while_nothing_is_read),
	    cmocka_unit_test(test_output_is_bounded),
	    cmocka_unit_test(test_drained_comes_below_low_water),
	    cmocka_unit_test(test_nothing_is_called_out_of_a_call),
	    cmocka_unit_test(test_free_within_a_callback_waits_for_its_end),
	    cmocka_unit_test(test_finish_writes_first),
	    cmocka_unit_test(test_each_step_of_the_states),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
