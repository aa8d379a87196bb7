/*
 * smtp/relay with a scripted relay: what is said and heard in each state,
 * how each way of losing it is told, the timers, back-pressure, and that
 * what comes unasked is never taken for an answer.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "smtp/relay.h"
#include "t/lib/steps.h"
#include "t/lib/talk.h"
#include "t/lib/unit.h"

struct back {
	struct talk server; /* the scripted relay */
	struct smtp_relay *relay;
	struct strbuf log;
	const char *next; /* a command to give from within `reply` */
	bool free_on_reply, tags;
	bool drained, closed;
};

static void
on_reply(void *ctx, const struct smtp_reply *reply)
{
	struct back *b = ctx;
	const char *next = b->next;

	if (b->tags)
		strbuf_addf(&b->log, "%u:", smtp_relay_answered(b->relay));
	strbuf_add(&b->log, reply->wire);
	b->next = NULL;
	if (next != NULL)
		smtp_relay_command(b->relay, slice_str(next));
	if (!b->free_on_reply)
		return;
	smtp_relay_free(b->relay);
	b->relay = NULL;
}

static void
on_drained(void *ctx)
{
	struct back *b = ctx;

	b->drained = true;
}

static void
on_closed(void *ctx, enum smtp_close close, const char *why)
{
	struct back *b = ctx;

	strbuf_addf(&b->log, "closed(%s: %s)", smtp_close_name(close), why);
	b->closed = true;
}

static const struct smtp_relay_ops ops = {on_reply, on_drained, on_closed};

static const struct smtp_target patient;

static void
back_init(struct back *b, const struct smtp_target *target)
{
	evutil_socket_t fd;

	*b = (struct back){.next = NULL};
	strbuf_init(&b->log, 1 << 20);
	fd = talk_init(&b->server);
	b->relay = smtp_relay_new_on(b->server.base, fd, target, &ops, b);
}

static void
back_clear(struct back *b)
{
	smtp_relay_free(b->relay);
	talk_clear(&b->server);
	strbuf_clear(&b->log);
}

/* Waits until the log is as long as `want`, and compares. */
static void
check_log(struct back *b, const char *want)
{
	for (int i = 0; i < 500 && b->log.n < strlen(want); i++)
		talk_run(&b->server, 1);
	assert_slice_equal(strbuf_slice(&b->log), slice_str(want));
	strbuf_reset(&b->log);
}

static void
check_closed(struct back *b, const char *how)
{
	talk_run_until(&b->server, &b->closed);
	assert_true(
	    slice_starts_nocase(strbuf_slice(&b->log), SLICE("closed")));
	assert_slice_equal(
	    slice_first(slice_after(strbuf_slice(&b->log), 6), strlen(how)),
	    slice_str(how));
}

static void
exchange(struct back *b, const char *line, const char *reply)
{
	char wire[200];

	smtp_relay_command(b->relay, slice_str(line));
	(void)snprintf(wire, sizeof(wire), "%s\r\n", line);
	talk_hear(&b->server, wire);
	talk_say(&b->server, reply);
	check_log(b, reply);
}

static void
greet(struct back *b)
{
	talk_say(&b->server, "220 them\r\n");
	check_log(b, "220 them\r\n");
}

static void
begin_body(struct back *b)
{
	greet(b);
	exchange(b, "DATA", "354 go\r\n");
}

static void
test_a_message(void **state)
{
	struct back b;

	(void)state;
	back_init(&b, &patient);
	greet(&b);
	exchange(&b, "EHLO us", "250-them\r\n250-DSN\r\n250 SIZE\r\n");
	exchange(&b, "MAIL FROM:<\xc3\xa9>", "250 2.1.0 \xc3\xa9 Ok\r\n");
	exchange(&b, "RCPT TO:<b>", "550-5.1.1 no\r\n550 5.1.1 such\r\n");
	exchange(&b, "RCPT TO:<c>", "250\r\n");
	exchange(&b, "data", "451 4.3.0 not now\r\n");
	exchange(&b, "data", "354 go\r\n");
	assert_true(smtp_relay_body(b.relay, SLICE("A: b\r\n\r\n.x\r")));
	assert_true(smtp_relay_body(b.relay, SLICE("\n")));
	assert_true(smtp_relay_body(b.relay, SLICE(".\r\ny")));
	smtp_relay_body_end(b.relay);
	talk_hear(&b.server, "A: b\r\n\r\n..x\r\n..\r\ny\r\n.\r\n");
	talk_say(&b.server, "250 2.0.0 queued\r\n");
	check_log(&b, "250 2.0.0 queued\r\n");
	exchange(&b, "QUIT", "221 bye\r\n");
	talk_hang_up(&b.server);
	check_closed(&b, "(eof: ");
	back_clear(&b);
}

static void
test_replies_in_pieces_and_together(void **state)
{
	struct back b;

	(void)state;
	back_init(&b, &patient);
	greet(&b);
	smtp_relay_command(b.relay, SLICE("MAIL FROM:<>"));
	smtp_relay_command(b.relay, SLICE("RCPT TO:<a>"));
	smtp_relay_command(b.relay, SLICE("DATA"));
	talk_hear(&b.server, "MAIL FROM:<>\r\nRCPT TO:<a>\r\nDATA\r\n");
	talk_say(&b.server, "2");
	talk_run(&b.server, 10);
	talk_say(&b.server, "50-a\r\n250 b\r\n550 c\r\n354");
	check_log(&b, "250-a\r\n250 b\r\n550 c\r\n");
	talk_say(&b.server, " go\r\n");
	check_log(&b, "354 go\r\n");
	assert_true(smtp_relay_body(b.relay, SLICE("x")));
	back_clear(&b);
}

/* --- lost --- */

static void
test_lost_at_each_state(void **state)
{
	(void)state;
	for (int s = 0; s < 5; s++) {
		struct back b;

		back_init(&b, &patient);
		if (s == 1 || s == 2)
			greet(&b);
		if (s == 2)
			smtp_relay_command(b.relay, SLICE("MAIL FROM:<>"));
		if (s >= 3)
			begin_body(&b);
		if (s == 4) {
			smtp_relay_body_end(b.relay);
			talk_hear(&b.server, ".\r\n");
		}
		talk_run(&b.server, 10);
		talk_hang_up(&b.server);
		check_closed(&b, s == 0 ? "(connect: " : "(eof: ");
		/* What still comes is dropped, not a crash. */
		smtp_relay_command(b.relay, SLICE("NOOP"));
		assert_false(smtp_relay_body(b.relay, SLICE("x")));
		smtp_relay_body_end(b.relay);
		back_clear(&b);
	}
}

static void
test_a_late_421_is_no_answer(void **state)
{
	struct back b;

	(void)state;
	back_init(&b, &patient);
	greet(&b);
	talk_say(&b.server, "421 4.4.2 idle for \x01 too long\r\n");
	check_closed(&b,
	    "(eof: relay closed the idle connection: "
	    "421 4.4.2 idle for \\x01 too long)");
	back_clear(&b);
}

/* The 421 lies in the socket, unseen, when the next command is given. */
static void
test_a_late_421_not_yet_seen_is_no_answer(void **state)
{
	struct back b;

	(void)state;
	back_init(&b, &patient);
	greet(&b);
	assert_true(send(b.server.fd, "421 late\r\n", 10, MSG_NOSIGNAL) == 10);
	(void)usleep(2100 * 1000);
	smtp_relay_command(b.relay, SLICE("MAIL FROM:<>"));
	check_closed(&b, "(eof: relay closed the idle connection)");
	back_clear(&b);
}

/* It came in one piece with the last answer, whose taker asks on. */
static void
test_what_stands_behind_an_answer_is_no_answer(void **state)
{
	struct back b;

	(void)state;
	back_init(&b, &patient);
	greet(&b);
	smtp_relay_command(b.relay, SLICE("RSET"));
	talk_hear(&b.server, "RSET\r\n");
	b.next = "MAIL FROM:<>";
	talk_say(&b.server, "250 ok\r\n421 closing\r\n");
	talk_run_until(&b.server, &b.closed);
	check_log(&b,
	    "250 ok\r\n"
	    "closed(eof: relay closed the idle connection: "
	    "421 closing)");
	smtp_relay_free(b.relay);
	b.relay = NULL;
	talk_hear_end(&b.server);
	back_clear(&b);
}

static void
test_spoken_to_unasked(void **state)
{
	(void)state;
	for (int s = 0; s < 3; s++) {
		struct back b;

		back_init(&b, &patient);
		if (s == 0)
			greet(&b);
		else
			begin_body(&b);
		if (s == 2) {
			(void)smtp_relay_body(b.relay, SLICE("x\r\n"));
			talk_hear(&b.server, "x\r\n");
		}
		talk_say(&b.server, "250 ok\r\n");
		check_closed(&b, "(protocol: relay spoke unasked: 250 ok)");
		back_clear(&b);
	}
}

static void
test_no_reply_at_all(void **state)
{
	static const char *const junk[] = {"hello\r\n", "250 ok\n",
	    "250-a\r\n251 b\r\n", "999 x\r\n", "250 a\rb\r\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(junk) / sizeof(junk[0]); i++)
		for (int greeted = 0; greeted < 2; greeted++) {
			struct back b;

			back_init(&b, &patient);
			if (greeted) {
				greet(&b);
				smtp_relay_command(b.relay, SLICE("NOOP"));
				talk_hear(&b.server, "NOOP\r\n");
			}
			talk_say(&b.server, junk[i]);
			check_closed(&b, "(protocol: ");
			back_clear(&b);
		}
}

static void
test_an_endless_reply(void **state)
{
	struct back b;

	(void)state;
	back_init(&b, &patient);
	for (int i = 0; i < 5000 && !b.closed; i++) {
		(void)send(b.server.fd, "220-x\r\n", 7, MSG_NOSIGNAL);
		(void)event_base_loop(b.server.base, EVLOOP_NONBLOCK);
	}
	check_closed(&b, "(protocol: reply of too many lines)");
	back_clear(&b);
}

/* --- timers --- */

static void
test_silence(void **state)
{
	/* Only the timer in question is short: were it another one that runs
	 * there, nothing would be heard of it. */
	static const struct {
		struct smtp_target target;
		const char *how;
	} cases[] = {
	    {{.connect_ms = 50},
		"(timeout: no connection or no greeting in time)"},
	    {{.command_ms = 50}, "(timeout: no answer to a command in time)"},
	    {{.command_ms = 50}, "(timeout: no answer to a command in time)"},
	    {{.dot_ms = 50},
		"(timeout: no answer to the end of the message in time)"},
	};

	(void)state;
	for (int s = 0; s < 4; s++) {
		struct back b;

		back_init(&b, &cases[s].target);
		if (s == 1 || s == 2)
			greet(&b);
		if (s == 3)
			begin_body(&b);
		if (s == 1)
			smtp_relay_command(b.relay, SLICE("MAIL FROM:<>"));
		if (s == 2)
			smtp_relay_command(b.relay, SLICE("DATA"));
		if (s == 3) {
			smtp_relay_body_end(b.relay);
			talk_hear(&b.server, ".\r\n");
		}
		if (s == 0)
			talk_say(&b.server, "220-drip\r\n");
		check_closed(&b, cases[s].how);
		back_clear(&b);
	}
}

/* Idle, and in the middle of a message that we are slow to give, no timer
 * runs. */
static void
test_our_own_silence_is_no_timeout(void **state)
{
	static const struct smtp_target target = {.connect_ms = 500,
	    .command_ms = 500,
	    .dot_ms = 500,
	    .write_ms = 500};
	struct back b;

	(void)state;
	back_init(&b, &target);
	greet(&b);
	talk_hear_nothing(&b.server, 600);
	exchange(&b, "DATA", "354 go\r\n");
	talk_hear_nothing(&b.server, 600);
	assert_false(b.closed);
	back_clear(&b);
}

static void
fill(struct back *b)
{
	static char chunk[16 * 1024];

	memset(chunk, 'x', sizeof(chunk));
	for (int i = 0; i < 10000; i++)
		if (!smtp_relay_body(
			b->relay, slice_from(chunk, sizeof(chunk)))) {
			/* A pause for others, or is it really full? */
			b->drained = false;
			(void)event_base_loop(b->server.base, EVLOOP_NONBLOCK);
			if (!b->drained)
				return;
		}
	fail_msg("the socket never fills");
}

static void
test_a_relay_that_takes_nothing(void **state)
{
	static const struct smtp_target target = {.write_ms = 50};
	struct back b;

	(void)state;
	back_init(&b, &target);
	begin_body(&b);
	fill(&b);
	while (!b.closed)
		(void)event_base_loop(b.server.base, EVLOOP_ONCE);
	check_log(&b, "closed(timeout: peer takes no data)");
	back_clear(&b);
}

/* --- back-pressure --- */

/* The caller hears of it at the next piece, not when all is gone: else it
 * would take a message of which a part was sent for one sent whole. */
static void
test_a_body_stops_where_the_relay_is_lost(void **state)
{
	static char chunk[64 * 1024];
	struct back b;

	(void)state;
	back_init(&b, &patient);
	begin_body(&b);
	talk_hang_up(&b.server);
	for (int i = 0; i < 2; i++)
		assert_false(
		    smtp_relay_body(b.relay, slice_from(chunk, sizeof(chunk))));
	assert_false(b.closed);
	check_closed(&b, "(reset: ");
	assert_false(b.drained);
	back_clear(&b);
}

/* The end of the message is still on our side. A refusal counts, but at the end
 * there may come another answer, which must be to nothing else. */
static void
test_a_yes_before_the_end_is_none(void **state)
{
	static char chunk[16384];

	(void)state;
	for (int yes = 0; yes < 2; yes++) {
		struct back b;

		back_init(&b, &patient);
		begin_body(&b);
		for (int i = 0; i < 100; i++)
			(void)smtp_relay_body(
			    b.relay, slice_from(chunk, sizeof(chunk)));
		smtp_relay_body_end(b.relay);
		(void)send(
		    b.server.fd, yes ? "250 ok\r\n" : "552 no\r\n", 8, 0);
		b.next = "MAIL FROM:<>";
		for (int i = 0; i < 500 && b.log.n == 0; i++)
			talk_run(&b.server, 1);
		(void)send(b.server.fd, "250 2.0.0 late\r\n", 16, MSG_NOSIGNAL);
		talk_run_until(&b.server, &b.closed);
		check_log(&b,
		    yes ? "closed(protocol: relay accepted a message before "
			  "its end)"
			: "552 no\r\nclosed(protocol: relay refused a message "
			  "before its end)");
		back_clear(&b);
	}
}

static void
test_a_large_body_in_bounds_and_whole(void **state)
{
	static const size_t total = 20 << 20;
	struct back b;
	struct strbuf chunk, heard;
	size_t given = 0;

	(void)state;
	back_init(&b, &patient);
	begin_body(&b);
	strbuf_init(&chunk, 64 * 1024);
	strbuf_init(&heard, 40 << 20);
	while (chunk.n < 32 * 1024)
		strbuf_addf(&chunk, ".%zu\r\n", chunk.n);
	b.drained = true;
	for (int turns = 0; given < total; turns++) {
		assert_true(turns < 1000000);
		if (b.drained) {
			b.drained =
			    smtp_relay_body(b.relay, strbuf_slice(&chunk));
			given += chunk.n;
		}
		talk_run(&b.server, 0);
		strbuf_add(&heard, strbuf_slice(&b.server.heard));
		strbuf_reset(&b.server.heard);
	}
	smtp_relay_body_end(b.relay);
	while (!slice_ends_nocase(strbuf_slice(&heard), SLICE("\r\n.\r\n"))) {
		talk_run(&b.server, 0);
		strbuf_add(&heard, strbuf_slice(&b.server.heard));
		strbuf_reset(&b.server.heard);
	}
	assert_true(heard.n > given && heard.n < given + given / 2);
	assert_false(heard.full);
	talk_say(&b.server, "250 ok\r\n");
	check_log(&b, "250 ok\r\n");
	strbuf_clear(&chunk);
	strbuf_clear(&heard);
	back_clear(&b);
}

/* Nobody is given the loop for a whole large message. */
static void
test_a_fast_relay_leaves_turns_to_others(void **state)
{
	static char chunk[64 * 1024];
	struct back b;
	size_t given = 0;
	int size = 8 << 20;

	(void)state;
	back_init(&b, &patient);
	begin_body(&b);
	(void)setsockopt(
	    b.server.fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	while (smtp_relay_body(b.relay, slice_from(chunk, sizeof(chunk)))) {
		given += sizeof(chunk);
		assert_true(given < 1 << 20);
	}
	talk_run_until(&b.server, &b.drained);
	back_clear(&b);
}

static void
test_free_within_a_body_sends_no_end(void **state)
{
	struct back b;

	(void)state;
	back_init(&b, &patient);
	begin_body(&b);
	(void)smtp_relay_body(b.relay, SLICE("x\r\n"));
	talk_hear(&b.server, "x\r\n");
	(void)smtp_relay_body(b.relay, SLICE("y\r\n"));
	smtp_relay_free(b.relay);
	b.relay = NULL;
	talk_hear_end(&b.server);
	back_clear(&b);
}

static void
test_free_within_a_callback(void **state)
{
	struct back b;

	(void)state;
	back_init(&b, &patient);
	b.free_on_reply = true;
	talk_say(&b.server, "220 a\r\n250 b\r\n");
	talk_hear_end(&b.server);
	check_log(&b, "220 a\r\n");
	back_clear(&b);
}

/* --- real sockets --- */

static void
connect_to(struct back *b, const struct sockaddr *address, socklen_t n)
{
	struct smtp_target target = {.address_length = n};

	memcpy(&target.address, address, n);
	*b = (struct back){.next = NULL};
	strbuf_init(&b->log, 1 << 20);
	b->server.base = event_base_new();
	b->server.fd = -1;
	strbuf_init(&b->server.heard, 1 << 20);
	b->relay = smtp_relay_new(b->server.base, &target, &ops, b);
}

static void
test_tcp(void **state)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	struct sockaddr *address = (struct sockaddr *)&at;
	socklen_t n = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	struct back b;

	(void)state;
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(listener, address, n), 0);
	assert_int_equal(getsockname(listener, address, &n), 0);
	/* Bound, but nobody listens. */
	connect_to(&b, address, n);
	check_closed(&b, "(connect: Connection refused)");
	back_clear(&b);

	assert_int_equal(listen(listener, 5), 0);
	connect_to(&b, address, n);
	assert_int_equal(b.log.n, 0);
	b.server.fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	greet(&b);
	exchange(&b, "NOOP", "250 ok\r\n");
	back_clear(&b);
	(void)close(listener);
}

static void
test_unix(void **state)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	const struct sockaddr *address = (const struct sockaddr *)&at;
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);
	struct back b;

	(void)state;
	(void)snprintf(at.sun_path, sizeof(at.sun_path),
	    "/tmp/t_smtp_relay.%ld", (long)getpid());
	(void)unlink(at.sun_path);
	connect_to(&b, address, sizeof(at));
	assert_false(b.closed);
	check_closed(&b, "(connect: No such file or directory)");
	back_clear(&b);

	assert_int_equal(bind(listener, address, sizeof(at)), 0);
	assert_int_equal(listen(listener, 5), 0);
	connect_to(&b, address, sizeof(at));
	b.server.fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	greet(&b);
	exchange(&b, "NOOP", "250 ok\r\n");
	back_clear(&b);
	(void)close(listener);
	(void)unlink(at.sun_path);
}

/* As far as that state, with the trace on. */
static void
reach_state(
    struct back *b, const struct trace *trace, enum smtp_relay_state state)
{
	back_init(b, &patient);
	smtp_relay_trace(b->relay, trace);
	if (state >= SMTP_RELAY_READY)
		greet(b);
	if (state == SMTP_RELAY_BODY || state == SMTP_RELAY_DOT)
		exchange(b, "DATA", "354 go\r\n");
	if (state == SMTP_RELAY_DOT)
		smtp_relay_body_end(b->relay);
	if (state == SMTP_RELAY_ASTRAY) {
		smtp_relay_command(b->relay, SLICE("NOOP"));
		talk_say(&b->server, "250 ok\r\n250 and more\r\n");
		talk_run_until(&b->server, &b->closed);
	}
}

static void
test_each_step_of_the_states(void **state)
{
	static const char *const table[] = {"GREETING READY", "GREETING CLOSED",
	    "READY BODY", "READY ASTRAY", "READY CLOSED", "BODY DOT",
	    "BODY ASTRAY", "BODY CLOSED", "DOT READY", "DOT CLOSED",
	    "ASTRAY CLOSED", NULL};
	struct log *log = steps_listen();
	struct trace trace = {log, 1};
	struct back b;

	(void)state;
	for (unsigned s = 0; s <= SMTP_RELAY_ASTRAY; s++) {
		reach_state(&b, &trace, (enum smtp_relay_state)s);
		back_clear(&b);
	}
	reach_state(&b, &trace, SMTP_RELAY_READY);
	smtp_relay_command(b.relay, SLICE("DATA"));
	talk_say(&b.server, "354 go\r\n250 and taken\r\n");
	talk_run_until(&b.server, &b.closed);
	back_clear(&b);
	reach_state(&b, &trace, SMTP_RELAY_DOT);
	talk_hear(&b.server, ".\r\n");
	talk_say(&b.server, "250 taken\r\n");
	check_log(&b, "250 taken\r\n");
	back_clear(&b);
	steps_check_taken(&smtp_relay_machine, steps_heard(log));
	steps_check_table(&smtp_relay_machine, table);
}

/* Each answer says to whom it belongs, wherever the answers are cut. */
static void
test_a_queue_with_an_answer_each(void **state)
{
	static const char replies[] =
	    "250-1\r\n250 1\r\n550 2\r\n250 3\r\n450 4\r\n";

	(void)state;
	for (size_t cut = 1; cut < sizeof(replies) - 1; cut++) {
		struct back b;
		back_init(&b, &patient);
		greet(&b);
		b.tags = true;
		smtp_relay_ask(b.relay, 11, SLICE("MAIL FROM:<a>"));
		smtp_relay_ask(b.relay, 12, SLICE("RCPT TO:<b>"));
		smtp_relay_command(b.relay, SLICE("RCPT TO:<c>"));
		smtp_relay_ask(b.relay, 14, SLICE("RCPT TO:<d>"));
		assert_int_equal(smtp_relay_oldest(b.relay), 11);
		talk_hear(&b.server,
		    "MAIL FROM:<a>\r\nRCPT TO:<b>\r\nRCPT TO:<c>\r\n"
		    "RCPT TO:<d>\r\n");
		talk_send(&b.server, slice_from(replies, cut));
		talk_run(&b.server, 1);
		talk_say(&b.server, replies + cut);
		check_log(&b,
		    "11:250-1\r\n250 1\r\n12:550 2\r\n0:250 3\r\n"
		    "14:450 4\r\n");
		assert_int_equal(smtp_relay_oldest(b.relay), 0);
		assert_true(smtp_relay_idle(b.relay));
		back_clear(&b);
	}
}

/* As many as there is room for, over and over: the queue goes round. */
static void
test_the_queue_goes_round(void **state)
{
	struct back b;
	char line[40], want[40];
	unsigned said = 0, answered = 0;

	(void)state;
	back_init(&b, &patient);
	greet(&b);
	b.tags = true;
	while (answered < 5 * SMTP_RELAY_IN_FLIGHT_MAX) {
		while (said - answered < SMTP_RELAY_IN_FLIGHT_MAX) {
			(void)snprintf(line, sizeof(line), "RCPT %u", ++said);
			smtp_relay_ask(b.relay, said, slice_str(line));
		}
		for (unsigned i = 0; i < 7; i++) {
			talk_say(&b.server, "250 ok\r\n");
			(void)snprintf(
			    want, sizeof(want), "%u:250 ok\r\n", ++answered);
			check_log(&b, want);
		}
	}
	back_clear(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_message),
	    cmocka_unit_test(test_replies_in_pieces_and_together),
	    cmocka_unit_test(test_lost_at_each_state),
	    cmocka_unit_test(test_a_late_421_is_no_answer),
	    cmocka_unit_test(test_a_late_421_not_yet_seen_is_no_answer),
	    cmocka_unit_test(test_what_stands_behind_an_answer_is_no_answer),
	    cmocka_unit_test(test_spoken_to_unasked),
	    cmocka_unit_test(test_no_reply_at_all),
	    cmocka_unit_test(test_an_endless_reply),
	    cmocka_unit_test(test_silence),
	    cmocka_unit_test(test_our_own_silence_is_no_timeout),
	    cmocka_unit_test(test_a_relay_that_takes_nothing),
	    cmocka_unit_test(test_a_body_stops_where_the_relay_is_lost),
	    cmocka_unit_test(test_a_yes_before_the_end_is_none),
	    cmocka_unit_test(test_a_large_body_in_bounds_and_whole),
	    cmocka_unit_test(test_a_fast_relay_leaves_turns_to_others),
	    cmocka_unit_test(test_free_within_a_body_sends_no_end),
	    cmocka_unit_test(test_free_within_a_callback),
	    cmocka_unit_test(test_tcp),
	    cmocka_unit_test(test_unix),
	    cmocka_unit_test(test_each_step_of_the_states),
	    cmocka_unit_test(test_a_queue_with_an_answer_each),
	    cmocka_unit_test(test_the_queue_goes_round),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
