/*
 * A session between a scripted client, a scripted relay and a scripted
 * filter: the keepalive, the races with a relay that closes while idle, and
 * that a session that ends anywhere leaves nothing behind.
 */
#include <string.h>
#include <unistd.h>

#include "proxy/message/session.h"
#include "t/lib/stub_service.h"
#include "t/lib/talk.h"
#include "t/lib/unit.h"

/* --- the scene --- */

enum { SLOW_MS = 200 };

struct scene {
	struct talk client, relay;
	struct stub_service stub;
};

/* The relay's side of the connection that the session has made. */
static void
accept_relay(struct scene *s)
{
	if (s->relay.base == NULL)
		close(talk_init_with(&s->relay, s->client.base));
	talk_accept(&s->relay, s->stub.listener);
}

static void
again(struct scene *s)
{
	talk_clear_side(&s->relay);
	accept_relay(s);
	talk_say(&s->relay, "220 relay\r\n");
	talk_hear(&s->relay, "EHLO c\r\n");
	talk_say(&s->relay, "250-relay\r\n250 SIZE 1000000\r\n");
}

static void
set_up(struct scene *s)
{
	evutil_socket_t fd;

	memset(s, 0, sizeof(*s));
	fd = talk_init(&s->client);
	assert_true(stub_service_begin(&s->stub, s->client.base));
	s->stub.service.keepalive_ms = 1;
	s->stub.service.eight_bit = true;
	s->stub.service.limits.slow_ms = SLOW_MS;
	proxy_session_begin(&s->stub.service, fd, SLICE("192.0.2.1"), false);
	accept_relay(s);
	talk_say(&s->relay, "220 relay\r\n");
	talk_hear(&s->client, "220 relay\r\n");
	talk_say(&s->client, "EHLO c\r\n");
	talk_hear(&s->relay, "EHLO c\r\n");
	talk_say(&s->relay, "250-relay\r\n250 SIZE 1000000\r\n");
	talk_hear(&s->client,
	    "250-relay\r\n250-PIPELINING\r\n250-SIZE 1000000\r\n"
	    "250-ENHANCEDSTATUSCODES\r\n"
	    "250 XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE\r\n");
}

/* Whatever was begun is gone, and what was held given back. */
static void
tear_down(struct scene *s)
{
	talk_run(&s->client, 20);
	assert_string_equal(stub_service_cut(&s->stub), "");
	stub_service_end(&s->stub);
	talk_clear_side(&s->relay);
	talk_clear(&s->client);
}

/* MAIL and RCPT on the connection that is there. */
static void
envelope(struct scene *s)
{
	talk_say(&s->client, "MAIL FROM:<a@b>\r\n");
	talk_hear(&s->relay, "MAIL FROM:<a@b>\r\n");
	talk_say(&s->relay, "250 ok\r\n");
	talk_hear(&s->client, "250 ok\r\n");
	talk_say(&s->client, "RCPT TO:<c@d>\r\n");
	talk_hear(&s->relay, "RCPT TO:<c@d>\r\n");
	talk_say(&s->relay, "250 ok\r\n");
	talk_hear(&s->client, "250 ok\r\n");
}

static void
data(struct scene *s)
{
	envelope(s);
	talk_say(&s->client, "DATA\r\n");
	talk_hear(&s->client, "354 End data with <CR><LF>.<CR><LF>\r\n");
}

static void
deliver(struct scene *s)
{
	talk_hear(&s->relay, "DATA\r\n");
	talk_say(&s->relay, "354 go on\r\n");
	talk_hear(&s->relay, "A: 1\r\n\r\n..x\r\n.\r\n");
	talk_say(&s->relay, "250 taken\r\n");
	talk_hear(&s->client, "250 taken\r\n");
}

static const char message[] = "A: 1\r\n\r\n..x\r\n.\r\n";

/* --- what must hold --- */

/* Of those who keep us waiting in the middle of a message, and of nobody
 * who does not. */
static void
test_a_slow_client_makes_room(void **state)
{
	struct scene s;

	(void)state;
	set_up(&s);
	data(&s);
	talk_say(&s.client, "A: 1\r\n");
	talk_run(&s.client, SLOW_MS / 4);
	assert_false(proxy_sessions_shed(&s.stub.service, true));
	talk_run(&s.client, SLOW_MS);
	/* Its message is worth more than a session that nobody waits for. */
	assert_false(proxy_sessions_shed(&s.stub.service, false));
	assert_true(proxy_sessions_shed(&s.stub.service, true));
	assert_false(proxy_sessions_shed(&s.stub.service, true)); /* once */
	talk_hear(&s.client, "421 4.3.2 too many connections, try again\r\n");
	talk_hear_end(&s.client);
	talk_hear_nothing(&s.relay, 20);
	tear_down(&s);
}

static void
test_one_that_is_fast_enough_does_not(void **state)
{
	static char kilobyte[1024];
	struct scene s;

	(void)state;
	memset(kilobyte, 'x', sizeof(kilobyte));
	set_up(&s);
	data(&s);
	for (int i = 0; i < 4; i++) {
		talk_run(&s.client, SLOW_MS / 2);
		talk_send(&s.client, slice_from(kilobyte, sizeof(kilobyte)));
		talk_run(&s.client, 10);
		assert_false(proxy_sessions_shed(&s.stub.service, true));
	}
	talk_say(&s.client, "\r\n.\r\n");
	talk_hear(&s.relay, "DATA\r\n");
	talk_run(&s.client, 2 * SLOW_MS); /* that is the relay's doing */
	assert_false(proxy_sessions_shed(&s.stub.service, true));
	tear_down(&s);
}

static void
test_one_that_waits_between_its_commands_makes_room(void **state)
{
	struct scene s;

	(void)state;
	set_up(&s);
	envelope(&s);
	assert_false(proxy_sessions_shed(&s.stub.service, true));
	talk_run(&s.client, SLOW_MS + 50);
	assert_true(proxy_sessions_shed(&s.stub.service, true));
	talk_hear(&s.client, "421 4.3.2 too many connections, try again\r\n");
	talk_hear_end(&s.client);
	tear_down(&s);
}

static void
test_keeps_the_relay_awake_while_a_body_comes(void **state)
{
	struct scene s;

	(void)state;
	set_up(&s);
	data(&s);
	talk_run(&s.client, 20);
	proxy_sessions_tick(&s.stub.service);
	talk_hear(&s.relay, "NOOP\r\n");
	proxy_sessions_tick(&s.stub.service); /* one is out already */
	talk_hear_nothing(&s.relay, 20);
	talk_say(&s.client, message); /* DATA waits for the NOOP's answer */
	talk_hear_nothing(&s.relay, 20);
	talk_say(&s.relay, "250 ok\r\n");
	deliver(&s);
	tear_down(&s);
}

static void
test_keeps_quiet_where_no_body_comes(void **state)
{
	struct scene s;

	(void)state;
	set_up(&s);
	envelope(&s);
	talk_run(&s.client, 20);
	proxy_sessions_tick(&s.stub.service);
	talk_hear_nothing(&s.relay, 20);
	tear_down(&s);
}

static void
test_a_refusal_ends_the_relays_transaction_and_keeps_both(void **state)
{
	struct scene s;

	(void)state;
	for (int waits = 0; waits < 2; waits++) {
		set_up(&s);
		s.stub.filter.waits = waits == 1;
		s.stub.filter.outcome = (struct proxy_outcome){
		    PROXY_REFUSE, PROXY_CAUSE_FORM, "no"};
		data(&s);
		talk_say(&s.client, message);
		if (waits == 1) {
			talk_hear_nothing(&s.relay, 20);
			stub_filter_go_on(&s.stub.filter);
		}
		talk_hear(&s.client, "550 5.6.0 no\r\n");
		talk_hear(&s.relay, "RSET\r\n");
		/* The client's next command waits for the RSET's answer. */
		talk_say(&s.client, "MAIL FROM:<a@b>\r\n");
		talk_hear_nothing(&s.relay, 20);
		talk_say(&s.relay, "250 ok\r\n");
		talk_hear(&s.relay, "MAIL FROM:<a@b>\r\n");
		talk_say(&s.relay, "250 ok\r\n");
		talk_hear(&s.client, "250 ok\r\n");
		tear_down(&s);
	}
}

static void
test_a_421_that_crossed_mail_is_not_its_answer(void **state)
{
	struct scene s;

	(void)state;
	set_up(&s);
	talk_say(&s.client, "MAIL FROM:<a@b>\r\n");
	talk_hear(&s.relay, "MAIL FROM:<a@b>\r\n");
	talk_say(&s.relay, "421 idle for too long\r\n");
	talk_hear_nothing(&s.client, 20);
	again(&s);
	talk_hear(&s.relay, "MAIL FROM:<a@b>\r\n");
	/* On a new connection it is one. */
	talk_say(&s.relay, "421 overloaded\r\n");
	talk_hear(&s.client, "421 overloaded\r\n");
	talk_hear_end(&s.client);
	tear_down(&s);
}

static void
test_a_relay_that_closes_at_the_noop_is_lost_at_the_dot(void **state)
{
	struct scene s;

	(void)state;
	set_up(&s);
	data(&s);
	talk_run(&s.client, 20);
	proxy_sessions_tick(&s.stub.service);
	talk_hear(&s.relay, "NOOP\r\n");
	talk_say(&s.relay, "421 going down\r\n");
	talk_hear_end(&s.relay);
	talk_say(&s.client, message);
	talk_hear(&s.client, "451 4.3.0 next hop lost\r\n");
	talk_say(&s.client, "MAIL FROM:<a@b>\r\n");
	again(&s);
	talk_hear(&s.relay, "MAIL FROM:<a@b>\r\n");
	tear_down(&s);
}

static void
test_the_client_may_go_while_the_filter_waits(void **state)
{
	struct scene s;

	(void)state;
	set_up(&s);
	s.stub.filter.waits = true;
	data(&s);
	talk_say(&s.client, message);
	talk_run(&s.client, 20);
	assert_non_null(s.stub.filter.fn);
	talk_hang_up(&s.client);
	talk_hear_end(&s.relay);
	assert_null(s.stub.filter.fn); /* freed, and so cancelled */
	assert_int_equal(
	    proxy_counter_get(&s.stub.counters, PROXY_COUNT_ABORTED), 1);
	tear_down(&s);
}

static void
test_the_relay_may_go_while_the_filter_waits(void **state)
{
	struct scene s;

	(void)state;
	set_up(&s);
	s.stub.filter.waits = true;
	data(&s);
	talk_say(&s.client, message);
	talk_run(&s.client, 20);
	talk_hang_up(&s.relay);
	talk_hear(&s.client, "451 4.3.0 next hop lost\r\n");
	assert_null(s.stub.filter.fn);
	tear_down(&s);
}

static void
test_a_stop_waits_for_the_message_in_flight(void **state)
{
	struct scene s;

	(void)state;
	set_up(&s);
	data(&s);
	proxy_sessions_finish(&s.stub.service);
	talk_hear_nothing(&s.client, 20);
	talk_say(&s.client, message);
	deliver(&s);
	talk_hear(&s.client, "421 4.3.2 service going down, try again\r\n");
	talk_hear_end(&s.client);
	assert_int_equal(
	    proxy_counter_get(&s.stub.counters, PROXY_COUNT_SENT), 1);
	tear_down(&s);
}

static void
test_a_stop_ends_an_idle_session_at_once(void **state)
{
	struct scene s;

	(void)state;
	set_up(&s);
	proxy_sessions_finish(&s.stub.service);
	talk_hear(&s.client, "421 4.3.2 service going down, try again\r\n");
	talk_hear_end(&s.client);
	tear_down(&s);
}

static void
test_a_cut_gives_everything_back(void **state)
{
	struct scene s;

	(void)state;
	set_up(&s);
	data(&s);
	talk_say(&s.client, "A: 1\r\n\r\nhalf a mess");
	talk_run(&s.client, 20);
	assert_true(proxy_quota_used(&s.stub.quota) > 0);
	tear_down(&s);
	assert_int_equal(
	    proxy_counter_get(&s.stub.counters, PROXY_COUNT_ABORTED), 1);
}

/* Where no refusal of ours depends on it, the next hop has the say: behind a
 * queue our refusal would be a bounce. */
static void
test_a_sender_that_nobody_can_read(void **state)
{
	struct scene s;

	(void)state;
	for (int judges = 0; judges < 2; judges++) {
		set_up(&s);
		s.stub.filter.judges = judges == 1;
		talk_say(&s.client, "MAIL FROM:<a@b@example.org>\r\n");
		if (judges == 1) {
			talk_hear(&s.client,
			    "501 5.1.7 bad sender address syntax\r\n");
		} else {
			talk_hear(&s.relay, "MAIL FROM:<a@b@example.org>\r\n");
			talk_say(&s.relay, "553 no\r\n");
			talk_hear(&s.client, "553 no\r\n");
		}
		envelope(&s); /* nothing of it is kept */
		tear_down(&s);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_slow_client_makes_room),
	    cmocka_unit_test(test_one_that_is_fast_enough_does_not),
	    cmocka_unit_test(
		test_one_that_waits_between_its_commands_makes_room),
	    cmocka_unit_test(test_keeps_the_relay_awake_while_a_body_comes),
	    cmocka_unit_test(test_keeps_quiet_where_no_body_comes),
	    cmocka_unit_test(
		test_a_refusal_ends_the_relays_transaction_and_keeps_both),
	    cmocka_unit_test(test_a_sender_that_nobody_can_read),
	    cmocka_unit_test(test_a_421_that_crossed_mail_is_not_its_answer),
	    cmocka_unit_test(
		test_a_relay_that_closes_at_the_noop_is_lost_at_the_dot),
	    cmocka_unit_test(test_the_client_may_go_while_the_filter_waits),
	    cmocka_unit_test(test_the_relay_may_go_while_the_filter_waits),
	    cmocka_unit_test(test_a_stop_waits_for_the_message_in_flight),
	    cmocka_unit_test(test_a_stop_ends_an_idle_session_at_once),
	    cmocka_unit_test(test_a_cut_gives_everything_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
