/*
 * proxy/message/hop with a scripted next hop on a real event loop: what is
 * said on a new connection before an errand, which errands survive the end of
 * one, that each is answered once and in order, and each step of its states.
 */
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "proxy/message/hop.h"
#include "t/lib/steps.h"
#include "t/lib/stub_service.h"
#include "t/lib/talk.h"
#include "t/lib/unit.h"

struct scene {
	struct talk relay;
	struct stub_service stub;
	struct proxy_hop *hop;
	struct strbuf log; /* what came of the errands */
	bool free_on_event, event;
};

static void
happened(struct scene *s)
{
	s->event = true;
	if (!s->free_on_event)
		return;
	proxy_hop_free(s->hop);
	s->hop = NULL;
}

static void
on_reply(void *ctx, enum proxy_errand what, struct slice about,
    const struct smtp_reply *reply)
{
	struct scene *s = ctx;

	strbuf_addf(&s->log, "%d(%.*s):%u ", (int)what, (int)about.n, about.p,
	    reply->code);
	happened(s);
}

static void
on_failed(void *ctx, enum proxy_errand what, enum proxy_hop_fault fault,
    const char *why)
{
	static const char *const faults[] = {"unreached", "lost", "changed"};
	struct scene *s = ctx;

	strbuf_addf(&s->log, "%d:%s%s ", (int)what, faults[fault],
	    why == NULL ? " too" : "");
	happened(s);
}

static void
on_drained(void *ctx)
{
	(void)ctx;
}

static const struct proxy_hop_ops ops = {on_reply, on_failed, on_drained};

/* The events so far, after a wait for some. */
static void
check(struct scene *s, const char *want)
{
	for (int i = 0; i < 500 && s->log.n < strlen(want); i++)
		talk_run(&s->relay, 1);
	assert_slice_equal(strbuf_slice(&s->log), slice_str(want));
	strbuf_reset(&s->log);
}

/* As check_log() wants it: the number of an errand, and what came of it. */
#define GOT(what, code)	   #what "():" #code " "
#define GREETING_IS(code)  "1():" #code " "
#define HELLO_IS(code)	   "2():" #code " "
#define XFORWARD_IS(code)  "3():" #code " "
#define MAIL_IS(code)	   "4():" #code " "
#define RCPT_IS(who, code) "5(" who "):" #code " "
_Static_assert(PROXY_ERRAND_GREETING == 1 && PROXY_ERRAND_HELLO == 2 &&
	PROXY_ERRAND_XFORWARD == 3 && PROXY_ERRAND_MAIL == 4 &&
	PROXY_ERRAND_RCPT == 5 && PROXY_ERRAND_DATA == 9 &&
	PROXY_ERRAND_DOT == 10,
    "the numbers that stand below");

static void
set_up(struct scene *s, const struct trace *trace)
{
	memset(s, 0, sizeof(*s));
	close(talk_init(&s->relay));
	assert_true(stub_service_begin(&s->stub, s->relay.base));
	strbuf_init(&s->log, 10000);
	s->hop = proxy_hop_new(&s->stub.service, trace, &ops, s);
	talk_accept(&s->relay, s->stub.listener);
}

static void
tear_down(struct scene *s)
{
	check(s, "");
	proxy_hop_free(s->hop);
	assert_string_equal(stub_service_cut(&s->stub), "");
	stub_service_end(&s->stub);
	strbuf_clear(&s->log);
	talk_clear(&s->relay);
}

/* One errand to the next hop, whose words are these. */
static void
errand(struct scene *s, enum proxy_errand what, const char *line)
{
	proxy_hop_command(s->hop, what, slice_str(line), SLICE(""));
}

static void
hear_and_say(struct scene *s, const char *hear, const char *say)
{
	talk_hear(&s->relay, hear);
	talk_say(&s->relay, say);
}

static void
exchange(struct scene *s, enum proxy_errand what, const char *line,
    const char *wire, const char *reply)
{
	errand(s, what, line);
	hear_and_say(s, wire, reply);
}

#define EHLO_REPLY "250-relay\r\n250-DSN\r\n250 XFORWARD NAME ADDR SOURCE\r\n"

static void
set_up_ready(struct scene *s, const struct trace *trace)
{
	set_up(s, trace);
	talk_say(&s->relay, "220 relay\r\n");
	check(s, GREETING_IS(220));
	exchange(s, PROXY_ERRAND_HELLO, "EHLO c", "EHLO c\r\n", EHLO_REPLY);
	check(s, HELLO_IS(250));
}

/* The next hop comes back: greeting and EHLO again. */
static void
again(struct scene *s, const char *ehlo_reply)
{
	talk_accept(&s->relay, s->stub.listener);
	talk_say(&s->relay, "220 relay\r\n");
	hear_and_say(s, "EHLO c\r\n", ehlo_reply);
}

/* It goes while nobody waits for it, and the hop notices. */
static void
leave_idle(struct scene *s)
{
	talk_hang_up(&s->relay);
	check(s, "0:lost ");
	assert_false(proxy_hop_connected(s->hop));
}

/* --- the greeting --- */

static void
test_a_refused_greeting_is_passed_on(void **state)
{
	struct scene s;

	(void)state;
	set_up(&s, NULL);
	assert_true(proxy_hop_owes(s.hop));
	talk_say(&s.relay, "554 no\r\n");
	check(&s, GREETING_IS(554));
	assert_false(proxy_hop_connected(s.hop));
	assert_false(proxy_hop_owes(s.hop));
	tear_down(&s);
}

static void
test_no_greeting_is_unreached(void **state)
{
	struct scene s;

	(void)state;
	set_up(&s, NULL);
	talk_hang_up(&s.relay);
	check(&s, "1:unreached ");
	tear_down(&s);
}

/* --- a new connection --- */

static void
test_mail_makes_one_with_ehlo_and_xforward_again(void **state)
{
	struct smtp_xforward client = {0};
	unsigned named;
	struct scene s;

	(void)state;
	set_up_ready(&s, NULL);
	assert_int_equal(smtp_xforward_parse(&client,
			     SLICE("NAME=n PORT=7 SOURCE=LOCAL"), &named, NULL),
	    0);
	assert_true(proxy_hop_xforward(s.hop, &client, named));
	hear_and_say(&s, "XFORWARD NAME=n SOURCE=REMOTE\r\n", "250 ok\r\n");
	check(&s, XFORWARD_IS(250));
	leave_idle(&s);
	/* Nobody to tell: what is known is said on the next connection. */
	assert_int_equal(
	    smtp_xforward_parse(&client, SLICE("ADDR=192.0.2.1"), &named, NULL),
	    0);
	assert_false(proxy_hop_xforward(s.hop, &client, named));
	errand(&s, PROXY_ERRAND_MAIL, "MAIL FROM:<a>");
	again(&s, EHLO_REPLY);
	hear_and_say(&s, "XFORWARD NAME=n ADDR=192.0.2.1 SOURCE=REMOTE\r\n",
	    "250 ok\r\n");
	hear_and_say(&s, "MAIL FROM:<a>\r\n", "250 ok\r\n");
	check(&s, MAIL_IS(250));
	proxy_hop_forget_client(s.hop);
	leave_idle(&s);
	errand(&s, PROXY_ERRAND_MAIL, "MAIL FROM:<a>");
	again(&s, EHLO_REPLY);
	hear_and_say(&s, "MAIL FROM:<a>\r\n", "250 ok\r\n");
	check(&s, MAIL_IS(250));
	tear_down(&s);
}

static void
test_a_new_one_that_refuses_or_lacks_something_will_not_do(void **state)
{
	static const struct {
		const char *greeting, *ehlo, *want;
	} cases[] = {
	    {"421 busy\r\n", NULL, "4:unreached "},
	    {"220 relay\r\n", "502 what\r\n", "4:unreached "},
	    {"220 relay\r\n", "250-relay\r\n250 SIZE\r\n", "4:changed "},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct scene s;

		set_up_ready(&s, NULL);
		leave_idle(&s);
		errand(&s, PROXY_ERRAND_MAIL, "MAIL FROM:<a>");
		talk_accept(&s.relay, s.stub.listener);
		talk_say(&s.relay, cases[i].greeting);
		if (cases[i].ehlo != NULL)
			hear_and_say(&s, "EHLO c\r\n", cases[i].ehlo);
		check(&s, cases[i].want);
		assert_false(proxy_hop_connected(s.hop));
		tear_down(&s);
	}
}

/* --- one that had closed before --- */

static void
test_mail_is_said_once_more(void **state)
{
	static const char *const ends[] = {"421 idle\r\n", ""};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct scene s;

		set_up_ready(&s, NULL);
		errand(&s, PROXY_ERRAND_MAIL, "MAIL FROM:<a>");
		hear_and_say(&s, "MAIL FROM:<a>\r\n", ends[i]);
		if (i == 1)
			talk_hang_up(&s.relay);
		again(&s, EHLO_REPLY);
		errand(&s, PROXY_ERRAND_RCPT, "RCPT TO:<b>");
		/* On a connection that has answered nothing yet it is its
		 * answer, and what waits behind it has none. */
		hear_and_say(&s, "MAIL FROM:<a>\r\n", ends[i]);
		if (i == 1)
			talk_hang_up(&s.relay);
		check(&s, i == 0 ? MAIL_IS(421) : "4:lost 5:lost too ");
		proxy_hop_drop(s.hop);
		tear_down(&s);
	}
}

/* Its words reached us before the errand was given. */
static void
test_a_421_that_lay_there_is_no_answer(void **state)
{
	struct scene s;

	(void)state;
	set_up_ready(&s, NULL);
	exchange(&s, PROXY_ERRAND_NOOP, "NOOP", "NOOP\r\n",
	    "250 ok\r\n421 and goodbye\r\n");
	check(&s, "7():250 0:lost ");
	tear_down(&s);
	set_up_ready(&s, NULL);
	errand(&s, PROXY_ERRAND_NOOP, "NOOP");
	talk_hear(&s.relay, "NOOP\r\n");
	talk_say(&s.relay, "250 ok\r\n421 and goodbye\r\n");
	s.event = false;
	while (!s.event)
		(void)event_base_loop(s.relay.base, EVLOOP_ONCE);
	errand(&s, PROXY_ERRAND_MAIL, "MAIL FROM:<a>");
	check(&s, "7():250 0:lost ");
	again(&s, EHLO_REPLY);
	hear_and_say(&s, "MAIL FROM:<a>\r\n", "250 ok\r\n");
	check(&s, MAIL_IS(250));
	tear_down(&s);
}

static void
test_other_errands_are_lost_with_it(void **state)
{
	static const struct {
		enum proxy_errand what;
		const char *line, *want;
	} cases[] = {
	    {PROXY_ERRAND_RCPT, "RCPT TO:<b>", "5:lost "},
	    {PROXY_ERRAND_RSET, "RSET", "6:lost "},
	    {PROXY_ERRAND_DATA, "DATA", "9:lost "},
	    {PROXY_ERRAND_QUIT, "QUIT", "8:lost "},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct scene s;
		char wire[40];

		set_up_ready(&s, NULL);
		errand(&s, cases[i].what, cases[i].line);
		(void)snprintf(wire, sizeof(wire), "%s\r\n", cases[i].line);
		talk_hear(&s.relay, wire);
		talk_hang_up(&s.relay);
		check(&s, cases[i].want);
		assert_int_equal(proxy_counter_get(&s.stub.counters,
				     PROXY_COUNT_RELAY_FAILED),
		    1);
		tear_down(&s);
	}
}

/* What stands behind a lost errand goes on where a new connection can carry
 * it: MAIL does. */
static void
test_mail_behind_a_lost_errand_makes_a_new_connection(void **state)
{
	struct scene s;

	(void)state;
	set_up_ready(&s, NULL);
	errand(&s, PROXY_ERRAND_RSET, "RSET");
	errand(&s, PROXY_ERRAND_MAIL, "MAIL FROM:<a>");
	errand(&s, PROXY_ERRAND_RCPT, "RCPT TO:<b>");
	talk_hear(&s.relay, "RSET\r\n");
	talk_hang_up(&s.relay);
	check(&s, "6:lost ");
	again(&s, EHLO_REPLY);
	hear_and_say(&s, "MAIL FROM:<a>\r\n", "250 ok\r\n");
	hear_and_say(&s, "RCPT TO:<b>\r\n", "550 no\r\n");
	check(&s, MAIL_IS(250) RCPT_IS("", 550));
	tear_down(&s);
}

/* --- commands of ours --- */

static void
test_errands_wait_for_ours(void **state)
{
	struct scene s;

	(void)state;
	set_up_ready(&s, NULL);
	proxy_hop_background(s.hop, PROXY_ERRAND_KEEPALIVE);
	talk_hear(&s.relay, "NOOP\r\n");
	proxy_hop_background(s.hop, PROXY_ERRAND_KEEPALIVE);
	proxy_hop_background(s.hop, PROXY_ERRAND_TIDY);
	errand(&s, PROXY_ERRAND_MAIL, "MAIL FROM:<a>");
	talk_hear_nothing(&s.relay, 10);
	assert_int_equal(proxy_hop_quiet_ms(s.hop, clock_ms() + 50), 0);
	talk_say(&s.relay, "250 ok\r\n");
	hear_and_say(&s, "RSET\r\n", "250 ok\r\n");
	hear_and_say(&s, "MAIL FROM:<a>\r\n", "250 ok\r\n");
	check(&s, MAIL_IS(250));
	assert_true(proxy_hop_quiet_ms(s.hop, clock_ms() + 50) >= 50);
	proxy_hop_background(s.hop, PROXY_ERRAND_KEEPALIVE);
	hear_and_say(&s, "NOOP\r\n", "421 bye\r\n");
	check(&s, "0:lost ");
	proxy_hop_background(s.hop, PROXY_ERRAND_KEEPALIVE);
	proxy_hop_background(s.hop, PROXY_ERRAND_TIDY);
	tear_down(&s);
}

static void
test_attributes_that_fill_more_than_a_line(void **state)
{
	static const char wide[] = "++++++++++++++++++++++++++++++++++++++++"
				   "++++++++++++++++++++++++++++++++++++++++";
	char line[2][SMTP_XFORWARD_LINE_MAX];
	struct smtp_xforward client = {0};
	struct strbuf value;
	struct scene s;

	(void)state;
	strbuf_init(&value, 1000);
	for (size_t i = 0; i < 3; i++)
		strbuf_add_str(&value, wide + 40);
	set_up(&s, NULL);
	talk_say(&s.relay, "220 relay\r\n");
	check(&s, GREETING_IS(220));
	exchange(&s, PROXY_ERRAND_HELLO, "EHLO c", "EHLO c\r\n",
	    "250-relay\r\n250 XFORWARD NAME HELO\r\n");
	check(&s, HELLO_IS(250));
	assert_int_equal(smtp_xforward_set(
			     &client, SMTP_XFORWARD_NAME, strbuf_slice(&value)),
	    0);
	assert_int_equal(smtp_xforward_set(
			     &client, SMTP_XFORWARD_HELO, strbuf_slice(&value)),
	    0);
	strbuf_reset(&value);
	for (size_t i = 0; i < 120; i++)
		strbuf_add_str(&value, "+2B");
	(void)snprintf(line[0], sizeof(line[0]), "XFORWARD NAME=%s\r\n",
	    strbuf_text(&value));
	(void)snprintf(line[1], sizeof(line[1]), "XFORWARD HELO=%s\r\n",
	    strbuf_text(&value));
	for (int refused = 0; refused < 2; refused++) {
		assert_true(proxy_hop_xforward(s.hop, &client,
		    1U << SMTP_XFORWARD_NAME | 1U << SMTP_XFORWARD_HELO));
		hear_and_say(
		    &s, line[0], refused ? "501 no such\r\n" : "250 ok\r\n");
		if (!refused)
			hear_and_say(&s, line[1], "250 both\r\n");
		check(&s, refused ? XFORWARD_IS(501) : XFORWARD_IS(250));
	}
	strbuf_clear(&value);
	tear_down(&s);
}

/* --- a message, and the end --- */

static void
test_a_body_and_its_answer(void **state)
{
	struct scene s;

	(void)state;
	set_up_ready(&s, NULL);
	exchange(&s, PROXY_ERRAND_MAIL, "MAIL FROM:<a>", "MAIL FROM:<a>\r\n",
	    "250 ok\r\n");
	proxy_hop_command(
	    s.hop, PROXY_ERRAND_RCPT, SLICE("RCPT TO:<b>"), SLICE("b"));
	hear_and_say(&s, "RCPT TO:<b>\r\n", "250 ok\r\n");
	exchange(&s, PROXY_ERRAND_DATA, "DATA", "DATA\r\n", "354 go\r\n");
	check(&s, MAIL_IS(250) RCPT_IS("b", 250) "9():354 ");
	assert_true(proxy_hop_body(s.hop, SLICE("x\r\n")));
	proxy_hop_body_end(s.hop);
	assert_true(proxy_hop_owes(s.hop));
	hear_and_say(&s, "x\r\n.\r\n", "250 taken\r\n");
	check(&s, "10():250 ");
	exchange(&s, PROXY_ERRAND_DATA, "DATA", "DATA\r\n", "354 go\r\n");
	check(&s, "9():354 ");
	talk_hang_up(&s.relay);
	check(&s, "0:lost "); /* in the body no errand is out */
	assert_true(proxy_hop_body(s.hop, SLICE("x\r\n")));
	proxy_hop_body_end(s.hop);
	assert_false(proxy_hop_owes(s.hop));
	tear_down(&s);
}

static void
test_may_be_freed_in_each_callback(void **state)
{
	struct scene s;

	(void)state;
	set_up_ready(&s, NULL);
	errand(&s, PROXY_ERRAND_NOOP, "NOOP");
	s.free_on_event = true;
	hear_and_say(&s, "NOOP\r\n", "250 ok\r\n");
	check(&s, "7():250 ");
	tear_down(&s);
	set_up_ready(&s, NULL);
	errand(&s, PROXY_ERRAND_RCPT, "RCPT TO:<b>");
	errand(&s, PROXY_ERRAND_RCPT, "RCPT TO:<c>");
	talk_hear(&s.relay, "RCPT TO:<b>\r\n");
	s.free_on_event = true;
	talk_hang_up(&s.relay);
	check(&s, "5:lost ");
	tear_down(&s);
}

/* --- the table --- */

static void
test_each_step_of_the_states(void **state)
{
	static const char *const table[] = {"GONE GREETING", "GREETING GREETED",
	    "GREETING GONE", "GREETED READY", "GREETED GONE", "READY READY",
	    "READY GONE", NULL};
	struct log *log = steps_listen();
	struct trace trace = {log, 1};
	struct scene s;

	(void)state;
	set_up(&s, &trace);
	tear_down(&s);
	set_up(&s, &trace);
	talk_say(&s.relay, "220 relay\r\n");
	check(&s, GREETING_IS(220));
	tear_down(&s);
	set_up_ready(&s, &trace);
	exchange(&s, PROXY_ERRAND_HELLO, "HELO d", "HELO d\r\n", "250 hi\r\n");
	exchange(&s, PROXY_ERRAND_HELLO, "EHLO e", "EHLO e\r\n", "500 no\r\n");
	check(&s, HELLO_IS(250) HELLO_IS(500));
	tear_down(&s);
	steps_check_taken(&proxy_hop_machine, steps_heard(log));
	steps_check_table(&proxy_hop_machine, table);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_refused_greeting_is_passed_on),
	    cmocka_unit_test(test_no_greeting_is_unreached),
	    cmocka_unit_test(test_mail_makes_one_with_ehlo_and_xforward_again),
	    cmocka_unit_test(
		test_a_new_one_that_refuses_or_lacks_something_will_not_do),
	    cmocka_unit_test(test_mail_is_said_once_more),
	    cmocka_unit_test(test_a_421_that_lay_there_is_no_answer),
	    cmocka_unit_test(test_other_errands_are_lost_with_it),
	    cmocka_unit_test(
		test_mail_behind_a_lost_errand_makes_a_new_connection),
	    cmocka_unit_test(test_errands_wait_for_ours),
	    cmocka_unit_test(test_attributes_that_fill_more_than_a_line),
	    cmocka_unit_test(test_a_body_and_its_answer),
	    cmocka_unit_test(test_may_be_freed_in_each_callback),
	    cmocka_unit_test(test_each_step_of_the_states),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
