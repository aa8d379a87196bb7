/*
 * A session between a scripted client, a scripted relay and a scripted
 * filter: the keepalive, the races with a relay that closes while idle, and
 * that a session that ends anywhere leaves nothing behind.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "proxy/session.h"
#include "t/lib/talk.h"
#include "t/lib/unit.h"

/* --- a filter that says what it is told to --- */

struct script {
	bool waits; /* gives its outcome only when told */
	struct proxy_outcome outcome;
	proxy_outcome_fn *fn; /* once it waits */
	void *ctx;
	unsigned begun, freed;
};

static void *
filter_begin(void *env, const struct proxy_filter_job *job)
{
	struct script *s = env;

	(void)job;
	s->begun++;
	return s;
}

static void
filter_header(void *filter, const struct mail_header *header)
{
	(void)filter;
	(void)header;
}

static void
filter_no_header(void *filter, const char *why)
{
	(void)filter;
	(void)why;
}

static void
filter_body(void *filter, struct slice chunk)
{
	(void)filter;
	(void)chunk;
}

static void
filter_end(void *filter, proxy_outcome_fn *fn, void *ctx)
{
	struct script *s = filter;

	s->fn = fn;
	s->ctx = ctx;
	if (!s->waits)
		fn(ctx, &s->outcome);
}

static void
filter_free(void *filter)
{
	struct script *s = filter;

	s->freed++;
	s->fn = NULL;
}

static size_t
filter_most_added(void *env)
{
	(void)env;
	return 1000;
}

static const struct proxy_filter_ops filter_ops = {
    .begin = filter_begin,
    .header = filter_header,
    .no_header = filter_no_header,
    .body = filter_body,
    .end = filter_end,
    .free = filter_free,
    .most_added = filter_most_added,
};

/* --- the scene --- */

struct scene {
	struct talk client, relay;
	struct script script;
	struct proxy_service service;
	struct proxy_counters counters;
	_Atomic uint64_t slot;
	struct proxy_quota quota;
	int listener, spool_dir;
};

static void
listen_for_sessions(struct scene *s)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	socklen_t n = sizeof(sa_family_t); /* the kernel picks a name */

	s->listener =
	    socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(s->listener, (struct sockaddr *)&at, n), 0);
	assert_int_equal(listen(s->listener, 10), 0);
	n = sizeof(s->service.relay.address);
	assert_int_equal(getsockname(s->listener,
			     (struct sockaddr *)&s->service.relay.address, &n),
	    0);
	s->service.relay.address_length = n;
}

/* The relay's side of the connection that the session has made. */
static void
accept_relay(struct scene *s)
{
	int fd;

	for (int i = 0; i < 100; i++) {
		fd = accept4(
		    s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0)
			break;
		talk_run(&s->client, 10);
	}
	assert_true(fd >= 0);
	close(talk_init_with(&s->relay, s->client.base));
	close(s->relay.fd);
	s->relay.fd = fd;
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
	listen_for_sessions(s);
	proxy_quota_init(&s->quota, &s->slot, 0);
	s->spool_dir = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	s->service.base = s->client.base;
	s->service.relay_name = SLICE("relay");
	s->service.header_max = 65536;
	s->service.keepalive_ms = 1;
	s->service.eight_bit = true;
	s->service.newline = MAIL_NEWLINE_NORMALIZE;
	s->service.filter = &filter_ops;
	s->service.filter_env = &s->script;
	s->service.spool_mark = 65536;
	s->service.spool_files = proxy_spool_files_new(s->spool_dir);
	s->service.quota = &s->quota;
	s->service.counters = &s->counters;
	LIST_INIT(&s->service.sessions);
	proxy_session_begin(&s->service, fd, SLICE("192.0.2.1"), false);
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
	proxy_sessions_cut(&s->service);
	assert_int_equal(s->service.session_count, 0);
	assert_int_equal(proxy_quota_used(&s->quota), 0);
	assert_int_equal(s->script.begun, s->script.freed);
	assert_int_equal(
	    proxy_counter_get(&s->counters, PROXY_COUNT_SESSIONS_OPEN), 0);
	close(s->listener);
	proxy_spool_files_free(s->service.spool_files);
	close(s->spool_dir);
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

static void
keeps_the_relay_awake_while_a_body_comes(void **state)
{
	struct scene s;

	(void)state;
	set_up(&s);
	data(&s);
	talk_run(&s.client, 20);
	proxy_sessions_tick(&s.service);
	talk_hear(&s.relay, "NOOP\r\n");
	proxy_sessions_tick(&s.service); /* one is out already */
	talk_hear_nothing(&s.relay, 20);
	talk_say(&s.client, message); /* DATA waits for the NOOP's answer */
	talk_hear_nothing(&s.relay, 20);
	talk_say(&s.relay, "250 ok\r\n");
	deliver(&s);
	tear_down(&s);
}

static void
keeps_quiet_where_no_body_comes(void **state)
{
	struct scene s;

	(void)state;
	set_up(&s);
	envelope(&s);
	talk_run(&s.client, 20);
	proxy_sessions_tick(&s.service);
	talk_hear_nothing(&s.relay, 20);
	tear_down(&s);
}

static void
a_refusal_ends_the_relays_transaction_and_keeps_both(void **state)
{
	struct scene s;

	(void)state;
	for (int waits = 0; waits < 2; waits++) {
		set_up(&s);
		s.script.waits = waits == 1;
		s.script.outcome = (struct proxy_outcome){550, "5.6.0 no"};
		data(&s);
		talk_say(&s.client, message);
		if (waits == 1) {
			talk_hear_nothing(&s.relay, 20);
			s.script.fn(s.script.ctx, &s.script.outcome);
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
a_421_that_crossed_mail_is_not_its_answer(void **state)
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
a_relay_that_closes_at_the_noop_is_lost_at_the_dot(void **state)
{
	struct scene s;

	(void)state;
	set_up(&s);
	data(&s);
	talk_run(&s.client, 20);
	proxy_sessions_tick(&s.service);
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
the_client_may_go_while_the_filter_waits(void **state)
{
	struct scene s;

	(void)state;
	set_up(&s);
	s.script.waits = true;
	data(&s);
	talk_say(&s.client, message);
	talk_run(&s.client, 20);
	assert_non_null(s.script.fn);
	talk_hang_up(&s.client);
	talk_hear_end(&s.relay);
	assert_null(s.script.fn); /* freed, and so cancelled */
	assert_int_equal(
	    proxy_counter_get(&s.counters, PROXY_COUNT_ABORTED), 1);
	tear_down(&s);
}

static void
the_relay_may_go_while_the_filter_waits(void **state)
{
	struct scene s;

	(void)state;
	set_up(&s);
	s.script.waits = true;
	data(&s);
	talk_say(&s.client, message);
	talk_run(&s.client, 20);
	talk_hang_up(&s.relay);
	talk_hear(&s.client, "451 4.3.0 next hop lost\r\n");
	assert_null(s.script.fn);
	tear_down(&s);
}

static void
a_stop_waits_for_the_message_in_flight(void **state)
{
	struct scene s;

	(void)state;
	set_up(&s);
	data(&s);
	proxy_sessions_finish(&s.service);
	talk_hear_nothing(&s.client, 20);
	talk_say(&s.client, message);
	deliver(&s);
	talk_hear(&s.client, "421 4.3.2 service going down, try again\r\n");
	talk_hear_end(&s.client);
	assert_int_equal(proxy_counter_get(&s.counters, PROXY_COUNT_SENT), 1);
	tear_down(&s);
}

static void
a_stop_ends_an_idle_session_at_once(void **state)
{
	struct scene s;

	(void)state;
	set_up(&s);
	proxy_sessions_finish(&s.service);
	talk_hear(&s.client, "421 4.3.2 service going down, try again\r\n");
	talk_hear_end(&s.client);
	tear_down(&s);
}

static void
a_cut_gives_everything_back(void **state)
{
	struct scene s;

	(void)state;
	set_up(&s);
	data(&s);
	talk_say(&s.client, "A: 1\r\n\r\nhalf a mess");
	talk_run(&s.client, 20);
	assert_true(proxy_quota_used(&s.quota) > 0);
	tear_down(&s);
	assert_int_equal(
	    proxy_counter_get(&s.counters, PROXY_COUNT_ABORTED), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keeps_the_relay_awake_while_a_body_comes),
	    cmocka_unit_test(keeps_quiet_where_no_body_comes),
	    cmocka_unit_test(
		a_refusal_ends_the_relays_transaction_and_keeps_both),
	    cmocka_unit_test(a_421_that_crossed_mail_is_not_its_answer),
	    cmocka_unit_test(
		a_relay_that_closes_at_the_noop_is_lost_at_the_dot),
	    cmocka_unit_test(the_client_may_go_while_the_filter_waits),
	    cmocka_unit_test(the_relay_may_go_while_the_filter_waits),
	    cmocka_unit_test(a_stop_waits_for_the_message_in_flight),
	    cmocka_unit_test(a_stop_ends_an_idle_session_at_once),
	    cmocka_unit_test(a_cut_gives_everything_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
