/*
 * smtp/server with a scripted client: every verb in every state, the limits,
 * the timers, back-pressure, and that nothing ends a message or a line but
 * CRLF, wherever the bytes are cut.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "smtp/server.h"
#include "t/lib/steps.h"
#include "t/lib/talk.h"
#include "t/lib/trickle.h"
#include "t/lib/unit.h"

/* A session that says yes. What it is called with goes into `log`. */
struct front {
	struct talk client;
	struct smtp_server *server;
	struct strbuf log;
	const char *answer; /* NULL: what pleases the verb; "": none yet */
	bool later;	    /* answers come from the loop, not at once */
	bool free_on_command;
	bool groups; /* takes what stands behind others */
	bool closed;
	const char *pending;
};

static void
answer(struct front *f, const char *wire)
{
	struct smtp_reply reply = smtp_reply_of(wire);

	smtp_server_reply(f->server, &reply);
}

static void
on_pending(evutil_socket_t fd, short what, void *ctx)
{
	struct front *f = ctx;

	(void)fd;
	(void)what;
	if (f->server != NULL)
		answer(f, f->pending);
}

static void
answer_somehow(struct front *f, const char *pleasing)
{
	struct timeval soon = {.tv_usec = 100};

	f->pending = f->answer == NULL ? pleasing : f->answer;
	if (f->pending[0] == '\0')
		return;
	if (f->later)
		(void)event_base_once(
		    f->client.base, -1, EV_TIMEOUT, on_pending, f, &soon);
	else
		answer(f, f->pending);
}

static bool
on_command(void *ctx, const struct smtp_command *command, bool behind)
{
	struct front *f = ctx;

	if (behind && !f->groups)
		return false;

	strbuf_addf(&f->log, "%s(%.*s) ", smtp_verb_name(command->verb),
	    (int)command->argument.n, command->argument.p);
	if (f->free_on_command) {
		smtp_server_free(f->server);
		f->server = NULL;
		return true;
	}
	answer_somehow(f,
	    command->verb == SMTP_DATA	     ? "354 go\r\n"
		: command->verb == SMTP_QUIT ? "221 bye\r\n"
					     : "250 ok\r\n");
	return true;
}

static void
on_body(void *ctx, struct slice chunk)
{
	struct front *f = ctx;

	strbuf_add(&f->log, chunk);
}

static void
on_body_end(void *ctx)
{
	struct front *f = ctx;

	strbuf_add_str(&f->log, "<END> ");
	answer_somehow(f, "250 sent\r\n");
}

static void
on_proxied(void *ctx, const struct smtp_haproxy *header)
{
	struct front *f = ctx;

	strbuf_addf(&f->log, "proxied(%s) ", header->address);
}

static void
on_closed(void *ctx, enum smtp_close close, const char *why)
{
	struct front *f = ctx;

	assert_true(why[0] != '\0');
	strbuf_addf(&f->log, "closed(%s)", smtp_close_name(close));
	f->closed = true;
}

static const struct smtp_server_ops ops = {
    .proxied = on_proxied,
    .command = on_command,
    .body = on_body,
    .body_end = on_body_end,
    .closed = on_closed,
};

static void
front_init(struct front *f, const struct smtp_limits *limits)
{
	static const struct smtp_limits none;
	evutil_socket_t fd;

	*f = (struct front){.answer = NULL};
	strbuf_init(&f->log, 64 << 20);
	fd = talk_init(&f->client);
	f->server = smtp_server_new(
	    f->client.base, fd, limits == NULL ? &none : limits, &ops, f);
}

static void
front_clear(struct front *f)
{
	smtp_server_free(f->server);
	talk_clear(&f->client);
	strbuf_clear(&f->log);
}

/* The log must be this; it is forgotten then. */
static void
check_log(struct front *f, const char *want)
{
	assert_slice_equal(strbuf_slice(&f->log), slice_str(want));
	strbuf_reset(&f->log);
}

static void
say_and_hear(struct front *f, const char *say, const char *hear)
{
	talk_say(&f->client, say);
	talk_hear(&f->client, hear);
}

/* Greets and goes to the state, then forgets the log. */
static void
go_to(struct front *f, enum smtp_server_state state)
{
	answer(f, "220 us\r\n");
	talk_hear(&f->client, "220 us\r\n");
	if (state >= SMTP_SERVER_READY)
		say_and_hear(f, "EHLO c\r\n", "250 ok\r\n");
	if (state >= SMTP_SERVER_MAIL)
		say_and_hear(f, "MAIL FROM:<>\r\n", "250 ok\r\n");
	if (state >= SMTP_SERVER_RCPT)
		say_and_hear(f, "RCPT TO:<a@b>\r\n", "250 ok\r\n");
	if (state >= SMTP_SERVER_BODY)
		say_and_hear(f, "DATA\r\n", "354 go\r\n");
	assert_int_equal(smtp_server_state(f->server), state);
	strbuf_reset(&f->log);
}

/* --- states and verbs --- */

#define E503(verb)	"503 5.5.1 Error: " verb " out of turn\r\n"
#define E503_OPEN(verb) "503 5.5.1 Error: " verb " before EHLO or HELO\r\n"
#define YES		"250 ok\r\n"

static const struct {
	const char *line, *log;
	/* In OPEN, READY, MAIL, RCPT. */
	const char *reply[4];
	enum smtp_server_state state[4];
} table[] = {
    {"EHLO x", "EHLO(x) ", {YES, YES, YES, YES},
	{SMTP_SERVER_READY, SMTP_SERVER_READY, SMTP_SERVER_READY,
	    SMTP_SERVER_READY}},
    {"HELO x", "HELO(x) ", {YES, YES, YES, YES},
	{SMTP_SERVER_READY, SMTP_SERVER_READY, SMTP_SERVER_READY,
	    SMTP_SERVER_READY}},
    {"MAIL FROM:<x>", "MAIL(FROM:<x>) ",
	{E503_OPEN("MAIL"), YES, E503("MAIL"), E503("MAIL")},
	{SMTP_SERVER_OPEN, SMTP_SERVER_MAIL, SMTP_SERVER_MAIL,
	    SMTP_SERVER_RCPT}},
    {"RCPT TO:<x>", "RCPT(TO:<x>) ",
	{E503_OPEN("RCPT"), E503("RCPT"), YES, YES},
	{SMTP_SERVER_OPEN, SMTP_SERVER_READY, SMTP_SERVER_RCPT,
	    SMTP_SERVER_RCPT}},
    {"DATA", "DATA() ",
	{E503_OPEN("DATA"), E503("DATA"), E503("DATA"), "354 go\r\n"},
	{SMTP_SERVER_OPEN, SMTP_SERVER_READY, SMTP_SERVER_MAIL,
	    SMTP_SERVER_BODY}},
    {"RSET", "RSET() ", {YES, YES, YES, YES},
	{SMTP_SERVER_OPEN, SMTP_SERVER_READY, SMTP_SERVER_READY,
	    SMTP_SERVER_READY}},
    {"NOOP x", "NOOP(x) ", {YES, YES, YES, YES},
	{SMTP_SERVER_OPEN, SMTP_SERVER_READY, SMTP_SERVER_MAIL,
	    SMTP_SERVER_RCPT}},
    {"XFORWARD NAME=x", "XFORWARD(NAME=x) ",
	{E503_OPEN("XFORWARD"), YES, E503("XFORWARD"), E503("XFORWARD")},
	{SMTP_SERVER_OPEN, SMTP_SERVER_READY, SMTP_SERVER_MAIL,
	    SMTP_SERVER_RCPT}},
    {"VRFY x", "", {"252 ", "252 ", "252 ", "252 "},
	{SMTP_SERVER_OPEN, SMTP_SERVER_READY, SMTP_SERVER_MAIL,
	    SMTP_SERVER_RCPT}},
    {"STARTTLS", "", {"502 ", "502 ", "502 ", "502 "},
	{SMTP_SERVER_OPEN, SMTP_SERVER_READY, SMTP_SERVER_MAIL,
	    SMTP_SERVER_RCPT}},
    {"ETRN x", "", {"502 ", "502 ", "502 ", "502 "},
	{SMTP_SERVER_OPEN, SMTP_SERVER_READY, SMTP_SERVER_MAIL,
	    SMTP_SERVER_RCPT}},
    {"DATA x", "", {"503 ", "503 ", "503 ", "501 5.5.4 "},
	{SMTP_SERVER_OPEN, SMTP_SERVER_READY, SMTP_SERVER_MAIL,
	    SMTP_SERVER_RCPT}},
    {"QUIT x", "", {"501 5.5.4 ", "501 5.5.4 ", "501 5.5.4 ", "501 5.5.4 "},
	{SMTP_SERVER_OPEN, SMTP_SERVER_READY, SMTP_SERVER_MAIL,
	    SMTP_SERVER_RCPT}},
    {"RSET x", "", {"501 5.5.4 ", "501 5.5.4 ", "501 5.5.4 ", "501 5.5.4 "},
	{SMTP_SERVER_OPEN, SMTP_SERVER_READY, SMTP_SERVER_MAIL,
	    SMTP_SERVER_RCPT}},
    {"EHLO", "", {"501 5.5.4 ", "501 5.5.4 ", "501 5.5.4 ", "501 5.5.4 "},
	{SMTP_SERVER_OPEN, SMTP_SERVER_READY, SMTP_SERVER_MAIL,
	    SMTP_SERVER_RCPT}},
};

static void
test_every_verb_in_every_state(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		for (int from = 0; from < 8; from++) {
			int s = from / 2;
			const char *reply = table[i].reply[s];
			bool asked = reply[0] == '2' || reply[0] == '3';
			struct front f;
			char line[100];

			front_init(&f, NULL);
			f.later = from % 2 == 1;
			go_to(&f, SMTP_SERVER_OPEN + (unsigned)s);
			(void)snprintf(
			    line, sizeof(line), "%s\r\n", table[i].line);
			say_and_hear(&f, line, reply);
			check_log(&f, asked ? table[i].log : "");
			assert_int_equal(
			    smtp_server_state(f.server), table[i].state[s]);
			front_clear(&f);
		}
}

/* A refusal changes nothing. */
static void
test_a_refused_command_leaves_the_state(void **state)
{
	static const struct {
		enum smtp_server_state from;
		const char *line;
	} cases[] = {
	    {SMTP_SERVER_OPEN, "EHLO x\r\n"},
	    {SMTP_SERVER_READY, "MAIL FROM:<>\r\n"},
	    {SMTP_SERVER_MAIL, "RCPT TO:<a@b>\r\n"},
	    {SMTP_SERVER_RCPT, "RCPT TO:<a@b>\r\n"},
	    {SMTP_SERVER_RCPT, "DATA\r\n"},
	    {SMTP_SERVER_RCPT, "RSET\r\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct front f;

		front_init(&f, NULL);
		go_to(&f, cases[i].from);
		f.answer = "550-no\r\n550 never\r\n";
		say_and_hear(&f, cases[i].line, f.answer);
		assert_int_equal(smtp_server_state(f.server), cases[i].from);
		front_clear(&f);
	}
}

static void
test_quit_closes(void **state)
{
	(void)state;
	for (unsigned s = SMTP_SERVER_OPEN; s <= SMTP_SERVER_RCPT; s++) {
		struct front f;

		front_init(&f, NULL);
		go_to(&f, s);
		say_and_hear(&f, "QUIT\r\nNOOP\r\n", "221 bye\r\n");
		talk_run_until(&f.client, &f.closed);
		check_log(&f, "QUIT() closed(done)");
		smtp_server_free(f.server);
		f.server = NULL;
		talk_hear_end(&f.client);
		front_clear(&f);
	}
}

static void
test_bdat_is_refused_and_its_octets_are_no_commands(void **state)
{
	(void)state;
	for (unsigned s = SMTP_SERVER_OPEN; s <= SMTP_SERVER_RCPT; s++) {
		struct front f;

		front_init(&f, NULL);
		go_to(&f, s);
		say_and_hear(&f, "BDAT 14 LAST\r\nMAIL FROM:<>\r\n",
		    "502 5.5.1 Error: BDAT is not offered\r\n");
		talk_hear_end(&f.client);
		check_log(&f, "");
		talk_hang_up(&f.client);
		talk_run_until(&f.client, &f.closed);
		check_log(&f, "closed(protocol)");
		front_clear(&f);
	}
}

/* Over TCP, closing over unread octets would reset the connection and take
 * the refusal with it. */
static void
test_the_refusal_of_bdat_arrives(void **state)
{
	static char chunk[512 * 1024];
	struct sockaddr_in at = {.sin_family = AF_INET};
	struct sockaddr *address = (struct sockaddr *)&at;
	socklen_t n = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	struct front f;

	(void)state;
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(listener, address, n), 0);
	assert_int_equal(getsockname(listener, address, &n), 0);
	assert_int_equal(listen(listener, 1), 0);
	front_init(&f, NULL);
	smtp_server_free(f.server);
	talk_hang_up(&f.client);
	f.client.fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(f.client.fd, address, n), 0);
	(void)evutil_make_socket_nonblocking(f.client.fd);
	f.server = smtp_server_new(f.client.base, accept(listener, NULL, NULL),
	    &(struct smtp_limits){.idle_ms = 0}, &ops, &f);
	go_to(&f, SMTP_SERVER_RCPT);
	talk_say(&f.client, "BDAT 300000\r\n");
	assert_true(send(f.client.fd, chunk, 100000, MSG_NOSIGNAL) > 60000);
	talk_run(&f.client, 50);
	assert_true(send(f.client.fd, chunk, 100000, MSG_NOSIGNAL) > 60000);
	talk_hear(&f.client, "502 5.5.1 Error: BDAT is not offered\r\n");
	talk_hear_end(&f.client);
	front_clear(&f);
	(void)close(listener);
}

static void
test_greeting(void **state)
{
	struct front f;

	(void)state;
	front_init(&f, NULL);
	talk_say(&f.client, "EHLO early\r\n");
	talk_hear_nothing(&f.client, 30);
	check_log(&f, "");
	answer(&f, "220-us\r\n220 hello\r\n");
	talk_hear(&f.client, "220-us\r\n220 hello\r\n250 ok\r\n");
	check_log(&f, "EHLO(early) ");
	front_clear(&f);

	front_init(&f, NULL);
	answer(&f, "421 4.4.1 no\r\n");
	talk_hear(&f.client, "421 4.4.1 no\r\n");
	talk_run_until(&f.client, &f.closed);
	check_log(&f, "closed(done)");
	front_clear(&f);
}

static void
test_a_421_closes(void **state)
{
	(void)state;
	for (int due = 0; due < 2; due++) {
		struct front f;

		front_init(&f, NULL);
		go_to(&f, SMTP_SERVER_READY);
		f.answer = "";
		if (due)
			talk_say(&f.client, "MAIL FROM:<>\r\nNOOP\r\n");
		talk_run(&f.client, 20);
		assert_int_equal(smtp_server_between_messages(f.server), !due);
		answer(&f, "421 4.3.2 down\r\n");
		talk_hear(&f.client, "421 4.3.2 down\r\n");
		talk_run_until(&f.client, &f.closed);
		check_log(
		    &f, due ? "MAIL(FROM:<>) closed(done)" : "closed(done)");
		front_clear(&f);
	}
}

/* --- messages --- */

static void
test_messages_pipelined_behind_the_dot(void **state)
{
	(void)state;
	for (int later = 0; later < 2; later++) {
		struct front f;

		front_init(&f, NULL);
		f.later = later == 1;
		go_to(&f, SMTP_SERVER_READY);
		say_and_hear(&f,
		    "MAIL FROM:<a>\r\nRCPT TO:<b>\r\nRCPT TO:<c>\r\nDATA\r\n",
		    "250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n");
		say_and_hear(&f,
		    "A: b\r\n\r\n..x\r\n.\r\nMAIL FROM:<d>\r\n"
		    "RCPT TO:<e>\r\nDATA\r\n",
		    "250 sent\r\n250 ok\r\n250 ok\r\n354 go\r\n");
		say_and_hear(
		    &f, "y\r\n.\r\nQUIT\r\n", "250 sent\r\n221 bye\r\n");
		talk_run_until(&f.client, &f.closed);
		check_log(&f,
		    "MAIL(FROM:<a>) RCPT(TO:<b>) RCPT(TO:<c>) DATA() "
		    "A: b\r\n\r\n.x\r\n<END> MAIL(FROM:<d>) RCPT(TO:<e>) "
		    "DATA() y\r\n<END> QUIT() closed(done)");
		front_clear(&f);
	}
}

static void
test_held_until_answered(void **state)
{
	struct front f;

	(void)state;
	front_init(&f, NULL);
	go_to(&f, SMTP_SERVER_BODY);
	f.answer = "";
	talk_say(&f.client, "x\r\n.\r\nNOOP\r\n");
	talk_hear_nothing(&f.client, 30);
	check_log(&f, "x\r\n<END> ");
	assert_int_equal(smtp_server_state(f.server), SMTP_SERVER_HELD);
	f.answer = NULL;
	answer(&f, "451 4.3.0 later\r\n");
	talk_hear(&f.client, "451 4.3.0 later\r\n250 ok\r\n");
	assert_int_equal(smtp_server_state(f.server), SMTP_SERVER_READY);
	front_clear(&f);
}

/* The client leaves while its message is held: known at once. */
static void
test_a_client_gone_is_noticed_in_every_state(void **state)
{
	static const char *const behind[] = {"", "NOOP\r\n"};

	(void)state;
	for (unsigned s = SMTP_SERVER_OPEN; s <= SMTP_SERVER_HELD; s++)
		for (int b = 0; b < 2; b++) {
			struct front f;

			front_init(&f, NULL);
			go_to(&f, s < SMTP_SERVER_HELD ? s : SMTP_SERVER_BODY);
			f.answer = "";
			if (s == SMTP_SERVER_HELD)
				talk_say(&f.client, ".\r\n");
			talk_say(&f.client, behind[b]);
			talk_run(&f.client, 20);
			talk_hang_up(&f.client);
			talk_run_until(&f.client, &f.closed);
			assert_true(slice_ends_nocase(
			    strbuf_slice(&f.log), SLICE("closed(reset)")));
			front_clear(&f);
		}
}

/* Much is pipelined behind the dot, more than is read ahead: still. */
static void
test_a_client_gone_is_noticed_behind_much_input(void **state)
{
	struct front f;
	char much[32 * 1024];

	(void)state;
	memset(much, 'x', sizeof(much));
	memcpy(much, ".\r\n", 3);
	front_init(&f, NULL);
	go_to(&f, SMTP_SERVER_BODY);
	f.answer = "";
	talk_send(&f.client, slice_from(much, sizeof(much)));
	talk_run(&f.client, 20);
	talk_hang_up(&f.client);
	talk_run_until(&f.client, &f.closed);
	check_log(&f, "<END> closed(reset)");
	front_clear(&f);
}

/* Its FIN is the end of what it says: that is carried out and answered, one
 * after the other, and only then the connection ends. */
static void
test_the_end_of_input_is_no_hang_up(void **state)
{
	static const char behind[] =
	    ".\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nQUIT\r\n";
	struct front f;

	(void)state;
	front_init(&f, NULL);
	go_to(&f, SMTP_SERVER_BODY);
	f.later = true;
	talk_say(&f.client, behind);
	assert_int_equal(shutdown(f.client.fd, SHUT_WR), 0);
	talk_hear(&f.client, "250 sent\r\n250 ok\r\n250 ok\r\n221 bye\r\n");
	talk_hear_end(&f.client);
	talk_run_until(&f.client, &f.closed);
	check_log(
	    &f, "<END> MAIL(FROM:<a@b>) RCPT(TO:<c@d>) QUIT() closed(done)");
	front_clear(&f);
}

/* What lacks its end, be it the dot or a CRLF, is dropped. */
static void
test_what_the_end_of_input_cuts_is_dropped(void **state)
{
	static const struct {
		enum smtp_server_state at;
		const char *say, *hear, *log;
	} cases[] = {
	    {SMTP_SERVER_READY, "NOOP\r\nQUIT", "250 ok\r\n",
		"NOOP() closed(eof)"},
	    {SMTP_SERVER_READY, "", "", "closed(eof)"},
	    {SMTP_SERVER_BODY, "x\r\n.\r", "", "x\r\nclosed(eof)"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct front f;

		front_init(&f, NULL);
		go_to(&f, cases[i].at);
		talk_say(&f.client, cases[i].say);
		assert_int_equal(shutdown(f.client.fd, SHUT_WR), 0);
		talk_hear(&f.client, cases[i].hear);
		talk_run_until(&f.client, &f.closed);
		check_log(&f, cases[i].log);
		front_clear(&f);
	}
}

/* Our last answer was written, and only then it turns out that nobody reads
 * it: on a Unix socket by the hang-up. */
static void
test_who_goes_unheard_behind_its_end_is_told(void **state)
{
	struct front f;

	(void)state;
	front_init(&f, NULL);
	go_to(&f, SMTP_SERVER_BODY);
	f.answer = "";
	talk_say(&f.client, ".\r\nQUIT\r\n");
	assert_int_equal(shutdown(f.client.fd, SHUT_WR), 0);
	talk_run(&f.client, 20);
	assert_false(f.closed);
	assert_true(smtp_server_ended(f.server));
	f.answer = NULL;
	answer(&f, "250 sent\r\n");
	(void)event_base_loop(f.client.base, EVLOOP_NONBLOCK);
	(void)event_base_loop(f.client.base, EVLOOP_NONBLOCK);
	talk_hang_up(&f.client);
	talk_run_until(&f.client, &f.closed);
	check_log(&f, "<END> QUIT() closed(reset)");
	front_clear(&f);
}

/* While an answer is awaited, the client's end wakes nobody. */
static void
test_an_end_of_input_does_not_spin(void **state)
{
	struct timespec before, after;
	struct front f;

	(void)state;
	front_init(&f, NULL);
	go_to(&f, SMTP_SERVER_BODY);
	f.answer = "";
	talk_say(&f.client, ".\r\nQUIT\r\n");
	assert_int_equal(shutdown(f.client.fd, SHUT_WR), 0);
	talk_run(&f.client, 20);
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	talk_run(&f.client, 500);
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	assert_in_range((after.tv_sec - before.tv_sec) * 1000 +
		(after.tv_nsec - before.tv_nsec) / 1000000,
	    0, 100);
	assert_false(f.closed);
	front_clear(&f);
}

static void
test_a_refused_data_is_followed_by_commands(void **state)
{
	struct front f;

	(void)state;
	front_init(&f, NULL);
	go_to(&f, SMTP_SERVER_RCPT);
	f.answer = "451 4.3.1 full\r\n";
	say_and_hear(&f, "DATA\r\n", f.answer);
	f.answer = NULL;
	say_and_hear(&f, "RSET\r\nMAIL FROM:<x>\r\n", "250 ok\r\n250 ok\r\n");
	check_log(&f, "DATA() RSET() MAIL(FROM:<x>) ");
	front_clear(&f);
}

/* --- trickle --- */

static void *
dialogue_begin(void *arg)
{
	struct front *f = test_calloc(1, sizeof(*f));

	(void)arg;
	front_init(f, NULL);
	answer(f, "220 us\r\n");
	talk_hear(&f->client, "220 us\r\n");
	return f;
}

static void
dialogue_write(void *state, struct slice chunk)
{
	struct front *f = state;

	talk_send(&f->client, chunk);
	for (int i = 0; i < 3; i++)
		(void)event_base_loop(f->client.base, EVLOOP_NONBLOCK);
}

static void
dialogue_end(void *state, struct strbuf *result)
{
	struct front *f = state;

	talk_run(&f->client, 1);
	strbuf_add(result, strbuf_slice(&f->log));
	strbuf_add_char(result, '|');
	strbuf_add(result, strbuf_slice(&f->client.heard));
	front_clear(f);
	test_free(f);
}

static const struct trickle dialogue = {
    dialogue_begin, dialogue_write, dialogue_end};

#define BEGIN	   "EHLO c\r\nMAIL FROM:<a>\r\nRCPT TO:<b>\r\nDATA\r\n"
#define BEGAN	   "EHLO(c) MAIL(FROM:<a>) RCPT(TO:<b>) DATA() "
#define SAID	   "250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n"
#define BAD_LINE   "500 5.5.2 Error: bare CR, bare LF or NUL received\r\n"
#define EMPTY_LINE "500 5.5.2 Error: empty line\r\n"
#define NO_COMMAND "502 5.5.1 Error: command not recognized\r\n"
#define NOT_SMTP   "421 4.7.0 Error: this is an SMTP server\r\n"

static const struct {
	struct slice wire;
	const char *result;
} dialogues[] = {
    {SLICE_INIT(BEGIN "x\r\n.\r\nNOOP\r\n"),
	BEGAN "x\r\n<END> NOOP() |" SAID "250 sent\r\n250 ok\r\n"},
    /* The endings of SMTP smuggling, each with a second message behind. */
    {SLICE_INIT(BEGIN "x\n.\nMAIL FROM:<evil>\r\n.\r\n"),
	BEGAN "x\n.\nMAIL FROM:<evil>\r\n<END> |" SAID "250 sent\r\n"},
    {SLICE_INIT(BEGIN "x\n.\r\nMAIL FROM:<evil>\r\n.\r\n"),
	BEGAN "x\n.\r\nMAIL FROM:<evil>\r\n<END> |" SAID "250 sent\r\n"},
    {SLICE_INIT(BEGIN "x\r\n.\nMAIL FROM:<evil>\r\n.\r\n"),
	BEGAN "x\r\n\nMAIL FROM:<evil>\r\n<END> |" SAID "250 sent\r\n"},
    {SLICE_INIT(BEGIN "x\r.\rMAIL FROM:<evil>\r\n.\r\n"),
	BEGAN "x\r.\rMAIL FROM:<evil>\r\n<END> |" SAID "250 sent\r\n"},
    {SLICE_INIT(BEGIN "x\r\n.\rMAIL FROM:<evil>\r\n.\r\n"),
	BEGAN "x\r\n\rMAIL FROM:<evil>\r\n<END> |" SAID "250 sent\r\n"},
    /* Lines of the protocol. */
    {SLICE_INIT("NOOP a\nMAIL FROM:<evil>\r\nNOOP\r\n"),
	"NOOP() |" BAD_LINE "250 ok\r\n"},
    {SLICE_INIT("NOOP\r\nNO\0OP\r\nNOOP\r\n"),
	"NOOP() NOOP() |250 ok\r\n" BAD_LINE "250 ok\r\n"},
    {SLICE_INIT("\r\nGET / HTTP/1.1\r\nNOOP\r\n"), "|" EMPTY_LINE NOT_SMTP},
    {SLICE_INIT("NOOP\r\nwhat\r\nHost: a\r\nNOOP\r\n"),
	"NOOP() |250 ok\r\n" NO_COMMAND NOT_SMTP},
    {SLICE_INIT("NOOP\r\n\x16\x03\x01"), "NOOP() |250 ok\r\n" NOT_SMTP},
    {SLICE_INIT("NOOP\rNOOP\r\nNOOP\r\n"), "NOOP() |" BAD_LINE "250 ok\r\n"},
    {SLICE_INIT("EHLO x\nQUIT\n"), "|"},
};

static void
test_any_cuts_give_the_same_dialogue(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(dialogues) / sizeof(dialogues[0]); i++)
		trickle_check(&dialogue, NULL, dialogues[i].wire,
		    slice_str(dialogues[i].result));
}

static void
test_long_lines(void **state)
{
	struct front f;
	char junk[3 * SMTP_COMMAND_MAX];

	(void)state;
	memset(junk, 'x', sizeof(junk));
	front_init(&f, NULL);
	go_to(&f, SMTP_SERVER_READY);
	talk_send(&f.client, slice_from(junk, sizeof(junk)));
	talk_hear(&f.client, "500 5.5.2 Error: line too long\r\n");
	say_and_hear(&f, "\nMAIL FROM:<evil>\r\nNOOP\r\n", "250 ok\r\n");
	check_log(&f, "NOOP() ");
	front_clear(&f);
}

/* --- limits --- */

static void
test_recipients_are_capped(void **state)
{
	static const struct smtp_limits limits = {.recipients_max = 2};
	struct front f;

	(void)state;
	front_init(&f, &limits);
	go_to(&f, SMTP_SERVER_MAIL);
	f.answer = "550 no\r\n";
	say_and_hear(&f, "RCPT TO:<x>\r\n", "550 no\r\n");
	f.answer = NULL;
	for (int round = 0; round < 2; round++) {
		say_and_hear(&f,
		    "RCPT TO:<a>\r\nRCPT TO:<b>\r\nRCPT TO:<c>\r\n",
		    "250 ok\r\n250 ok\r\n"
		    "452 4.5.3 Error: too many recipients\r\n");
		say_and_hear(&f, "DATA\r\n", "354 go\r\n");
		say_and_hear(&f, ".\r\n", "250 sent\r\n");
		say_and_hear(&f, "MAIL FROM:<>\r\n", "250 ok\r\n");
	}
	front_clear(&f);
}

static void
test_data_behind_refused_recipients(void **state)
{
	struct front f;

	(void)state;
	front_init(&f, NULL);
	go_to(&f, SMTP_SERVER_MAIL);
	f.answer = "550 no\r\n";
	say_and_hear(&f, "RCPT TO:<x>\r\nDATA\r\n",
	    "550 no\r\n554 5.5.1 Error: no valid recipients\r\n");
	f.answer = NULL;
	say_and_hear(&f, "RSET\r\nMAIL FROM:<>\r\nDATA\r\n",
	    "250 ok\r\n250 ok\r\n" E503("DATA"));
	front_clear(&f);
}

static void
test_too_many_errors(void **state)
{
	static const struct smtp_limits limits = {.errors_max = 3};
	struct front f;

	(void)state;
	front_init(&f, &limits);
	go_to(&f, SMTP_SERVER_READY);
	say_and_hear(&f, "A\r\nB\r\nNOOP\r\nC\r\nNOOP\r\n",
	    "502 5.5.1 Error: command not recognized\r\n"
	    "502 5.5.1 Error: command not recognized\r\n"
	    "250 ok\r\n421 4.7.0 Error: too many errors\r\n");
	talk_hear_end(&f.client);
	talk_hang_up(&f.client);
	talk_run_until(&f.client, &f.closed);
	check_log(&f, "NOOP() closed(protocol)");
	front_clear(&f);
}

/* What a pipelining client sent behind a MAIL that was then refused is not
 * held against it, but not for ever either. */
static void
test_pipelined_behind_a_refused_mail(void **state)
{
	static const struct smtp_limits limits = {
	    .errors_max = 3, .recipients_max = 10};
	struct front f;

	(void)state;
	front_init(&f, &limits);
	go_to(&f, SMTP_SERVER_READY);
	f.answer = "451 later\r\n";
	say_and_hear(&f, "MAIL FROM:<>\r\n", "451 later\r\n");
	f.answer = NULL;
	for (int i = 0; i < 10; i++)
		say_and_hear(&f, "RCPT TO:<x>\r\n",
		    "503 5.5.1 Error: need MAIL command\r\n");
	say_and_hear(&f, "DATA\r\n", "503 5.5.1 Error: need MAIL command\r\n");
	say_and_hear(&f, "DATA\r\nDATA\r\nDATA\r\n",
	    E503("DATA") E503("DATA") "421 4.7.0 Error: too many errors\r\n");
	front_clear(&f);
}

static void
test_a_message_taken_forgives_errors(void **state)
{
	static const struct smtp_limits limits = {.errors_max = 3};
	struct front f;

	(void)state;
	front_init(&f, &limits);
	go_to(&f, SMTP_SERVER_RCPT);
	for (int i = 0; i < 3; i++) {
		say_and_hear(&f, "A\r\nB\r\n",
		    "502 5.5.1 Error: command not recognized\r\n"
		    "502 5.5.1 Error: command not recognized\r\n");
		say_and_hear(&f, "DATA\r\n", "354 go\r\n");
		say_and_hear(&f, ".\r\n", "250 sent\r\n");
		say_and_hear(&f, "MAIL FROM:<>\r\nRCPT TO:<a>\r\n",
		    "250 ok\r\n250 ok\r\n");
	}
	front_clear(&f);
}

/* --- timers: of a length for which no machine stops us that is only busy --- */

static void
test_idle(void **state)
{
	static const struct smtp_limits limits = {.idle_ms = 500};

	(void)state;
	for (unsigned s = SMTP_SERVER_OPEN; s <= SMTP_SERVER_BODY; s++) {
		struct front f;

		front_init(&f, &limits);
		go_to(&f, s);
		talk_hear(&f.client, "421 4.4.2 Error: timeout exceeded\r\n");
		talk_run_until(&f.client, &f.closed);
		check_log(&f, "closed(timeout)");
		front_clear(&f);
	}
}

/* Bytes of a line that never ends do not put the timer off. */
static void
test_a_line_without_end_times_out(void **state)
{
	static const struct smtp_limits limits = {.idle_ms = 500};
	struct front f;

	(void)state;
	front_init(&f, &limits);
	go_to(&f, SMTP_SERVER_READY);
	for (int i = 0; i < 200 && !f.closed; i++) {
		talk_say(&f.client, "x\n");
		talk_run(&f.client, 10);
	}
	assert_true(f.closed);
	talk_hear(&f.client, "421 4.4.2 Error: timeout exceeded\r\n");
	front_clear(&f);
}

/* Nor do drops of a message. */
static void
test_a_message_in_drops_times_out(void **state)
{
	static const struct smtp_limits limits = {.idle_ms = 400};
	struct timespec began, now;
	double ms = 0;
	struct front f;

	(void)state;
	front_init(&f, &limits);
	go_to(&f, SMTP_SERVER_BODY);
	(void)clock_gettime(CLOCK_MONOTONIC, &began);
	while (!f.closed && ms < 10000) {
		talk_say(&f.client, "x\r\n");
		talk_run(&f.client, 20);
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
		ms = (double)(now.tv_sec - began.tv_sec) * 1e3 +
		    (double)(now.tv_nsec - began.tv_nsec) / 1e6;
	}
	assert_true(f.closed);
	assert_true(ms > 800); /* a small rest may take its time */
	talk_hear(&f.client, "421 4.4.2 Error: timeout exceeded\r\n");
	front_clear(&f);
}

/* A kilobyte of a message does, and so does an answer that takes its time. */
static void
test_what_puts_the_timer_off(void **state)
{
	static const struct smtp_limits limits = {.idle_ms = 800};
	char line[600];
	struct front f;

	(void)state;
	(void)snprintf(line, sizeof(line), "%0590d\r\n", 0);
	front_init(&f, &limits);
	go_to(&f, SMTP_SERVER_BODY);
	for (int i = 0; i < 16; i++) {
		talk_say(&f.client, line);
		talk_run(&f.client, 80);
	}
	f.answer = "";
	talk_say(&f.client, ".\r\n");
	talk_hear_nothing(&f.client, 900);
	answer(&f, "250 sent\r\n");
	talk_hear(&f.client, "250 sent\r\n");
	talk_hear_nothing(&f.client, 30);
	talk_hear(&f.client, "421 4.4.2 Error: timeout exceeded\r\n");
	front_clear(&f);
}

/* A client that sends commands and reads no reply is stopped, and then
 * closed. */
static void
test_a_client_that_reads_nothing(void **state)
{
	static const struct smtp_limits limits = {.idle_ms = 500};
	struct front f;
	struct strbuf flood;
	size_t taken;

	(void)state;
	front_init(&f, &limits);
	go_to(&f, SMTP_SERVER_READY);
	strbuf_init(&flood, 4 << 20);
	while (flood.n < 2 << 20)
		strbuf_add_str(&flood, "VRFY x\r\n");
	for (int i = 0; i < 5000 && !f.closed; i++) {
		(void)send(f.client.fd, flood.p, flood.n, MSG_NOSIGNAL);
		(void)event_base_loop(f.client.base, EVLOOP_NONBLOCK);
		(void)usleep(1000);
	}
	assert_true(f.closed);
	check_log(&f, "closed(timeout)");
	talk_run(&f.client, 20);
	taken = f.client.heard.n;
	assert_true(taken > 0 && taken < 1 << 20);
	strbuf_clear(&flood);
	front_clear(&f);
}

/* --- back-pressure --- */

static void
test_large_body_whole(void **state)
{
	struct front f;
	struct strbuf body, wire;

	(void)state;
	front_init(&f, NULL);
	go_to(&f, SMTP_SERVER_BODY);
	strbuf_init(&body, 8 << 20);
	strbuf_init(&wire, 8 << 20);
	for (unsigned i = 0; body.n < 3 << 20; i++) {
		strbuf_addf(&body, "%s%u\r\n", i % 3 ? "" : ".", i);
		strbuf_addf(&wire, "%s%u\r\n", i % 3 ? "" : "..", i);
	}
	strbuf_add_str(&wire, ".\r\n");
	strbuf_add_str(&body, "<END> ");
	talk_send(&f.client, strbuf_slice(&wire));
	talk_hear(&f.client, "250 sent\r\n");
	assert_true(slice_equal(strbuf_slice(&f.log), strbuf_slice(&body)));
	strbuf_clear(&body);
	strbuf_clear(&wire);
	front_clear(&f);
}

static void
test_free_within_a_callback(void **state)
{
	struct front f;

	(void)state;
	front_init(&f, NULL);
	go_to(&f, SMTP_SERVER_READY);
	f.free_on_command = true;
	talk_say(&f.client, "MAIL FROM:<>\r\nRCPT TO:<a>\r\n");
	talk_hear_end(&f.client);
	check_log(&f, "MAIL(FROM:<>) ");
	front_clear(&f);
}

/* Replies to what came together leave together. */
static void
test_pipelined_replies_are_one_write(void **state)
{
	struct front f;
	char heard[200];

	(void)state;
	front_init(&f, NULL);
	f.later = true;
	go_to(&f, SMTP_SERVER_READY);
	talk_say(&f.client, "MAIL FROM:<>\r\nRCPT TO:<a>\r\nRCPT TO:<b>\r\n");
	for (int i = 0; i < 1000; i++) {
		ssize_t n = recv(f.client.fd, heard, sizeof(heard), 0);

		if (n > 0) {
			assert_int_equal(n, 3 * strlen(YES));
			break;
		}
		(void)event_base_loop(f.client.base, EVLOOP_NONBLOCK);
		assert_true(i < 999);
		(void)usleep(100);
	}
	front_clear(&f);
}

/* But not for ever: a relay may take its time over each recipient. */
static void
test_replies_are_not_held_back_for_long(void **state)
{
	static const struct smtp_limits limits = {.gather_ms = 50};
	struct front f;

	(void)state;
	front_init(&f, &limits);
	go_to(&f, SMTP_SERVER_READY);
	f.answer = "";
	talk_say(&f.client,
	    "MAIL FROM:<>\r\nRCPT TO:<a>\r\nRCPT TO:<b>\r\nNOOP\r\n");
	talk_run(&f.client, 20);
	answer(&f, "250 one\r\n");
	talk_hear_nothing(&f.client, 80);
	answer(&f, "250 two\r\n");
	talk_hear(&f.client, "250 one\r\n250 two\r\n");
	talk_hear_nothing(&f.client, 10);
	answer(&f, "250 three\r\n");
	talk_hear(&f.client, "250 three\r\n");
	front_clear(&f);
}

/* --- groups --- */

/* A front that takes groups, and answers when the test says so. */
static void
group_init(struct front *f, const struct smtp_limits *limits)
{
	front_init(f, limits);
	go_to(f, SMTP_SERVER_READY);
	f->groups = true;
	f->answer = "";
}

static void
say_and_log(struct front *f, const char *say, const char *log)
{
	talk_say(&f->client, say);
	talk_run(&f->client, 5);
	check_log(f, log);
}

/* What is handed out behind others, and what waits. */
static void
test_what_makes_a_group(void **state)
{
	static const struct {
		const char *say, *log;
	} cases[] = {
	    {"XFORWARD NAME=a\r\nXFORWARD ADDR=b\r\nMAIL FROM:<c>\r\n"
	     "RCPT TO:<d>\r\nRCPT TO:<e>\r\nDATA\r\n",
		"XFORWARD(NAME=a) XFORWARD(ADDR=b) MAIL(FROM:<c>) RCPT(TO:<d>) "
		"RCPT(TO:<e>) "},
	    {"MAIL FROM:<c>\r\nMAIL FROM:<d>\r\n", "MAIL(FROM:<c>) "},
	    {"MAIL FROM:<c>\r\nXFORWARD NAME=a\r\n", "MAIL(FROM:<c>) "},
	    {"XFORWARD NAME=a\r\nRCPT TO:<d>\r\n", "XFORWARD(NAME=a) "},
	    {"MAIL FROM:<c>\r\nRCPT\r\nRCPT TO:<d>\r\n", "MAIL(FROM:<c>) "},
	    {"MAIL FROM:<c>\r\nRCPT TO:<d>\r\nRSET\r\nMAIL FROM:<e>\r\n",
		"MAIL(FROM:<c>) RCPT(TO:<d>) "},
	    {"MAIL FROM:<c>\r\nNOOP\r\nRCPT TO:<d>\r\n", "MAIL(FROM:<c>) "},
	    {"MAIL FROM:<c>\r\n\r\nRCPT TO:<d>\r\n", "MAIL(FROM:<c>) "},
	    {"MAIL FROM:<c>\r\nRCPT TO:<\r>\r\nRCPT TO:<d>\r\n",
		"MAIL(FROM:<c>) "},
	    {"RSET\r\nMAIL FROM:<c>\r\n", "RSET() "},
	    {"NOOP\r\nNOOP\r\n", "NOOP() "},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct front f;

		group_init(&f, NULL);
		say_and_log(&f, cases[i].say, cases[i].log);
		talk_hear_nothing(&f.client, 2);
		front_clear(&f);
	}
}

/* Each answer is of the oldest; those of one group leave together. */
static void
test_a_groups_answers_in_order(void **state)
{
	struct front f;

	(void)state;
	group_init(&f, NULL);
	say_and_log(&f,
	    "MAIL FROM:<a>\r\nRCPT TO:<b>\r\nRCPT TO:<c>\r\nDATA\r\n",
	    "MAIL(FROM:<a>) RCPT(TO:<b>) RCPT(TO:<c>) ");
	answer(&f, "250 m\r\n");
	answer(&f, "550 b\r\n");
	talk_hear_nothing(&f.client, 5);
	assert_int_equal(smtp_server_state(f.server), SMTP_SERVER_MAIL);
	answer(&f, "250 c\r\n");
	talk_hear(&f.client, "250 m\r\n550 b\r\n250 c\r\n");
	check_log(&f, "DATA() ");
	answer(&f, "354 go\r\n");
	talk_hear(&f.client, "354 go\r\n");
	assert_int_equal(smtp_server_state(f.server), SMTP_SERVER_BODY);
	front_clear(&f);
}

/* What was handed out behind a MAIL that is refused has lost its turn, and the
 * answer that it gets all the same is not told. Nor is it the client's error. */
static void
test_a_group_behind_a_refused_mail(void **state)
{
	static const struct smtp_limits limits = {.errors_max = 2};
	struct front f;

	(void)state;
	group_init(&f, &limits);
	say_and_log(&f, "MAIL FROM:<a>\r\nRCPT TO:<b>\r\nRCPT TO:<c>\r\n",
	    "MAIL(FROM:<a>) RCPT(TO:<b>) RCPT(TO:<c>) ");
	answer(&f, "550 m\r\n");
	/* One that comes now is not handed out any more. */
	say_and_log(&f, "RCPT TO:<d>\r\n", "");
	answer(&f, "250 b\r\n");
	answer(&f, "451 c\r\n");
	talk_hear(&f.client,
	    "550 m\r\n503 5.5.1 Error: need MAIL command\r\n"
	    "503 5.5.1 Error: need MAIL command\r\n"
	    "503 5.5.1 Error: need MAIL command\r\n");
	assert_int_equal(smtp_server_state(f.server), SMTP_SERVER_READY);
	say_and_log(&f, "MAIL FROM:<e>\r\n", "MAIL(FROM:<e>) ");
	front_clear(&f);
}

/* Over the cap, or where it might be, the answers are waited for. */
static void
test_a_group_and_the_cap(void **state)
{
	static const struct smtp_limits limits = {.recipients_max = 2};
	struct front f;

	(void)state;
	group_init(&f, &limits);
	say_and_log(&f,
	    "MAIL FROM:<a>\r\nRCPT TO:<b>\r\nRCPT TO:<c>\r\nRCPT TO:<d>\r\n"
	    "RCPT TO:<e>\r\n",
	    "MAIL(FROM:<a>) RCPT(TO:<b>) RCPT(TO:<c>) ");
	answer(&f, "250 m\r\n");
	answer(&f, "250 b\r\n");
	talk_run(&f.client, 5);
	check_log(&f, "");
	answer(&f, "550 c\r\n");
	talk_run(&f.client, 5);
	check_log(&f, "RCPT(TO:<d>) ");
	answer(&f, "250 d\r\n");
	talk_hear(&f.client,
	    "250 m\r\n250 b\r\n550 c\r\n250 d\r\n"
	    "452 4.5.3 Error: too many recipients\r\n");
	check_log(&f, "");
	front_clear(&f);
}

static void
test_a_421_ends_a_group(void **state)
{
	struct front f;

	(void)state;
	group_init(&f, NULL);
	say_and_log(&f, "MAIL FROM:<a>\r\nRCPT TO:<b>\r\nRCPT TO:<c>\r\n",
	    "MAIL(FROM:<a>) RCPT(TO:<b>) RCPT(TO:<c>) ");
	answer(&f, "250 m\r\n");
	answer(&f, "421 bye\r\n");
	answer(&f, "250 c\r\n"); /* of no more use */
	talk_hear(&f.client, "250 m\r\n421 bye\r\n");
	talk_run_until(&f.client, &f.closed);
	smtp_server_free(f.server);
	f.server = NULL;
	talk_hear_end(&f.client);
	front_clear(&f);
}

/* As many as there is room for; the rest follows as they are answered. */
static void
test_a_group_is_bounded(void **state)
{
	struct strbuf said;
	struct front f;

	(void)state;
	strbuf_init(&said, 100000);
	strbuf_add_str(&said, "MAIL FROM:<a>\r\n");
	for (int i = 0; i < 100; i++)
		strbuf_add_str(&said, "RCPT TO:<b>\r\n");
	group_init(&f, NULL);
	talk_send(&f.client, strbuf_slice(&said));
	talk_run(&f.client, 5);
	assert_int_equal(
	    f.log.n, strlen("MAIL(FROM:<a>) ") + 63 * strlen("RCPT(TO:<b>) "));
	for (int i = 0; i < 101; i++) {
		answer(&f, "250 ok\r\n");
		talk_run(&f.client, 0);
	}
	talk_hear_bytes(&f.client, 101 * strlen("250 ok\r\n"));
	assert_int_equal(
	    f.log.n, strlen("MAIL(FROM:<a>) ") + 100 * strlen("RCPT(TO:<b>) "));
	strbuf_clear(&said);
	front_clear(&f);
}

/* --- PROXY --- */

static void
test_proxy_header(void **state)
{
	static const struct smtp_limits limits = {
	    .proxy_header = true, .proxy_header_ms = 800};

	(void)state;
	for (int early = 0; early < 2; early++) {
		struct front f;

		front_init(&f, &limits);
		if (early)
			answer(&f, "220 us\r\n");
		talk_say(&f.client, "PROXY TCP4 192.0.2.1 192.0.2.2 1 ");
		talk_hear_nothing(&f.client, 20);
		talk_say(&f.client, "25\r\n");
		talk_run(&f.client, 20);
		if (!early)
			answer(&f, "220 us\r\n");
		talk_hear(&f.client, "220 us\r\n");
		say_and_hear(&f, "EHLO x\r\n", "250 ok\r\n");
		talk_hear_nothing(&f.client, 900);
		check_log(&f, "proxied(192.0.2.1) EHLO(x) ");
		front_clear(&f);
	}
}

static void
test_proxy_header_missing(void **state)
{
	static const struct smtp_limits limits = {
	    .proxy_header = true, .proxy_header_ms = 500};
	static const struct {
		const char *say, *log;
	} cases[] = {
	    {"EHLO x\r\n", "closed(protocol)"},
	    {"PROXY TCP4 x\r\n", "closed(protocol)"},
	    {"PROXY TCP4", "closed(timeout)"},
	    {"", "closed(timeout)"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct front f;

		front_init(&f, &limits);
		answer(&f, "220 us\r\n");
		talk_say(&f.client, cases[i].say);
		talk_run_until(&f.client, &f.closed);
		check_log(&f, cases[i].log);
		smtp_server_free(f.server);
		f.server = NULL;
		talk_hear_end(&f.client);
		front_clear(&f);
	}
}

/* --- the table --- */

/* As far as PROXY, PROXY_GREETED, GREETING; then as go_to() has it. */
static void
reach_state(
    struct front *f, const struct trace *trace, enum smtp_server_state state)
{
	static const struct smtp_limits proxy = {.proxy_header = true};

	front_init(f, state <= SMTP_SERVER_GREETING ? &proxy : NULL);
	smtp_server_trace(f->server, trace);
	if (state == SMTP_SERVER_PROXY_GREETED)
		answer(f, "220 us\r\n");
	if (state == SMTP_SERVER_GREETING) {
		talk_say(&f->client, "PROXY UNKNOWN\r\n");
		talk_run(&f->client, 10);
	}
	if (state > SMTP_SERVER_GREETING)
		go_to(f, state == SMTP_SERVER_HELD ? SMTP_SERVER_BODY : state);
	if (state == SMTP_SERVER_HELD) {
		f->answer = "";
		talk_say(&f->client, "x\r\n.\r\n");
		talk_run(&f->client, 10);
	}
	assert_int_equal(smtp_server_state(f->server), state);
}

static void
test_each_step_of_the_states(void **state)
{
	static const char *const table_of_steps[] = {"PROXY PROXY_GREETED",
	    "PROXY GREETING", "PROXY CLOSING", "PROXY OVER",
	    "PROXY_GREETED OPEN", "PROXY_GREETED CLOSING", "PROXY_GREETED OVER",
	    "GREETING OPEN", "GREETING CLOSING", "GREETING OVER", "OPEN READY",
	    "OPEN CLOSING", "OPEN OVER", "READY READY", "READY MAIL",
	    "READY CLOSING", "READY OVER", "MAIL READY", "MAIL RCPT",
	    "MAIL CLOSING", "MAIL OVER", "RCPT READY", "RCPT RCPT", "RCPT BODY",
	    "RCPT CLOSING", "RCPT OVER", "BODY HELD", "BODY CLOSING",
	    "BODY OVER", "HELD READY", "HELD CLOSING", "HELD OVER",
	    "CLOSING OVER", NULL};
	struct log *log = steps_listen();
	struct trace trace = {log, 1};
	struct front f;

	(void)state;
	for (unsigned s = 0; s < SMTP_SERVER_CLOSING; s++) {
		reach_state(&f, &trace, (enum smtp_server_state)s);
		front_clear(&f);
		reach_state(&f, &trace, (enum smtp_server_state)s);
		answer(&f, "421 going down\r\n");
		assert_int_equal(
		    smtp_server_state(f.server), SMTP_SERVER_CLOSING);
		front_clear(&f);
	}
	reach_state(&f, &trace, SMTP_SERVER_PROXY_GREETED);
	talk_say(&f.client, "PROXY UNKNOWN\r\n");
	talk_hear(&f.client, "220 us\r\n");
	front_clear(&f);
	reach_state(&f, &trace, SMTP_SERVER_MAIL);
	say_and_hear(&f, "RSET\r\n", YES);
	front_clear(&f);
	reach_state(&f, &trace, SMTP_SERVER_RCPT);
	say_and_hear(&f, "RSET\r\n", YES);
	front_clear(&f);
	reach_state(&f, &trace, SMTP_SERVER_HELD);
	answer(&f, "451 no\r\n");
	talk_hear(&f.client, "451 no\r\n");
	front_clear(&f);
	steps_check_taken(&smtp_server_machine, steps_heard(log));
	steps_check_table(&smtp_server_machine, table_of_steps);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_verb_in_every_state),
	    cmocka_unit_test(test_a_refused_command_leaves_the_state),
	    cmocka_unit_test(test_quit_closes),
	    cmocka_unit_test(
		test_bdat_is_refused_and_its_octets_are_no_commands),
	    cmocka_unit_test(test_the_refusal_of_bdat_arrives),
	    cmocka_unit_test(test_greeting),
	    cmocka_unit_test(test_a_421_closes),
	    cmocka_unit_test(test_messages_pipelined_behind_the_dot),
	    cmocka_unit_test(test_held_until_answered),
	    cmocka_unit_test(test_a_client_gone_is_noticed_in_every_state),
	    cmocka_unit_test(test_a_client_gone_is_noticed_behind_much_input),
	    cmocka_unit_test(test_the_end_of_input_is_no_hang_up),
	    cmocka_unit_test(test_what_the_end_of_input_cuts_is_dropped),
	    cmocka_unit_test(test_who_goes_unheard_behind_its_end_is_told),
	    cmocka_unit_test(test_an_end_of_input_does_not_spin),
	    cmocka_unit_test(test_a_refused_data_is_followed_by_commands),
	    cmocka_unit_test(test_any_cuts_give_the_same_dialogue),
	    cmocka_unit_test(test_long_lines),
	    cmocka_unit_test(test_recipients_are_capped),
	    cmocka_unit_test(test_data_behind_refused_recipients),
	    cmocka_unit_test(test_too_many_errors),
	    cmocka_unit_test(test_pipelined_behind_a_refused_mail),
	    cmocka_unit_test(test_a_message_taken_forgives_errors),
	    cmocka_unit_test(test_idle),
	    cmocka_unit_test(test_a_line_without_end_times_out),
	    cmocka_unit_test(test_a_message_in_drops_times_out),
	    cmocka_unit_test(test_what_puts_the_timer_off),
	    cmocka_unit_test(test_a_client_that_reads_nothing),
	    cmocka_unit_test(test_large_body_whole),
	    cmocka_unit_test(test_free_within_a_callback),
	    cmocka_unit_test(test_pipelined_replies_are_one_write),
	    cmocka_unit_test(test_replies_are_not_held_back_for_long),
	    cmocka_unit_test(test_what_makes_a_group),
	    cmocka_unit_test(test_a_groups_answers_in_order),
	    cmocka_unit_test(test_a_group_behind_a_refused_mail),
	    cmocka_unit_test(test_a_group_and_the_cap),
	    cmocka_unit_test(test_a_421_ends_a_group),
	    cmocka_unit_test(test_a_group_is_bounded),
	    cmocka_unit_test(test_proxy_header),
	    cmocka_unit_test(test_proxy_header_missing),
	    cmocka_unit_test(test_each_step_of_the_states),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
