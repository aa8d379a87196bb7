/*
 * proxy/message/transaction between a scripted next hop, a scripted filter and
 * a client that is a function: where each state leads when the filter, the next
 * hop or the client ends it, and that 250 is never our own word.
 */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "proxy/message/transaction.h"
#include "t/lib/steps.h"
#include "t/lib/stub_service.h"
#include "t/lib/talk.h"
#include "t/lib/unit.h"

struct scene {
	struct talk relay;
	struct stub_service stub;
	struct proxy_hop *hop;
	struct proxy_envelope envelope;
	struct proxy_transaction *t;
	enum proxy_heard heard; /* what the client does with an answer */
	struct strbuf answer;
	unsigned answers, done;
	bool greeted;
};

/* --- the hop's owner, as the session is --- */

static void
on_hop_reply(void *ctx, enum proxy_errand what, struct slice about,
    const struct smtp_reply *reply)
{
	struct scene *s = ctx;

	(void)about;
	s->greeted = true;
	if (s->t != NULL)
		proxy_transaction_reply(s->t, what, reply);
}

static void
on_hop_failed(void *ctx, enum proxy_errand what, enum proxy_hop_fault fault,
    const char *why)
{
	struct scene *s = ctx;

	(void)what;
	(void)fault;
	if (s->t != NULL)
		proxy_transaction_hop_lost(s->t, why);
}

static void
on_hop_drained(void *ctx)
{
	struct scene *s = ctx;

	if (s->t != NULL)
		proxy_transaction_drained(s->t);
}

static const struct proxy_hop_ops hop_ops = {
    on_hop_reply, on_hop_failed, on_hop_drained};

/* --- the client --- */

static enum proxy_heard
on_answer(void *ctx, const struct smtp_reply *reply)
{
	struct scene *s = ctx;

	s->answers++;
	strbuf_reset(&s->answer);
	strbuf_add(&s->answer, reply->wire);
	return s->heard;
}

static void
on_done(void *ctx)
{
	struct scene *s = ctx;

	s->done++;
}

static const struct proxy_transaction_ops ops = {on_answer, on_done};

/* --- the scene --- */

static void
set_up(struct scene *s, const struct trace *trace)
{
	memset(s, 0, sizeof(*s));
	close(talk_init(&s->relay));
	assert_true(stub_service_begin(&s->stub, s->relay.base));
	strbuf_init(&s->answer, 1000);
	proxy_envelope_init(&s->envelope);
	s->hop = proxy_hop_new(&s->stub.service, trace, &hop_ops, s);
	talk_accept(&s->relay, s->stub.listener);
	talk_say(&s->relay, "220 relay\r\n");
	talk_run_until(&s->relay, &s->greeted);
	s->t = proxy_transaction_new(
	    &s->stub.service, s->hop, &s->envelope, clock_ms(), &ops, s);
}

static void
tear_down(struct scene *s)
{
	proxy_transaction_free(s->t);
	proxy_hop_free(s->hop);
	proxy_envelope_clear(&s->envelope);
	assert_string_equal(stub_service_cut(&s->stub), "");
	stub_service_end(&s->stub);
	strbuf_clear(&s->answer);
	talk_clear(&s->relay);
}

enum stop {
	COLLECTING,
	SWALLOWING,
	FILTERING,
	EARLY,
	INVITED,
	OFFERING,
	SENDING,
	AWAITING
};

/* Larger than all buffers between us and a relay that does not read. */
static void
push_much(struct scene *s)
{
	static char chunk[64 * 1024];

	memset(chunk, 'x', sizeof(chunk));
	memcpy(chunk + sizeof(chunk) - 2, "\r\n", 2);
	for (int i = 0; i < 64; i++)
		proxy_transaction_body(s->t, slice_from(chunk, sizeof(chunk)));
}

static void
invite(struct scene *s)
{
	talk_say(&s->relay, "354 go\r\n");
	(void)event_base_loop(s->relay.base, EVLOOP_ONCE);
}

/* Goes as far as that state. */
static void
reach(struct scene *s, const struct trace *trace, enum stop state)
{
	set_up(s, trace);
	s->stub.filter.passing = state == EARLY || state == INVITED;
	s->stub.filter.waits = state == FILTERING || s->stub.filter.passing;
	proxy_transaction_body(s->t, SLICE("A: 1\r\n\r\nx\r\n"));
	if (state == SENDING)
		push_much(s);
	if (state == SWALLOWING) {
		talk_hang_up(&s->relay);
		talk_run(&s->relay, 5);
	}
	if (state < FILTERING)
		return;
	proxy_transaction_body_end(s->t);
	if (state == FILTERING)
		return;
	talk_hear(&s->relay, "DATA\r\n");
	if (state == EARLY || state == OFFERING)
		return;
	invite(s);
	if (state == AWAITING)
		talk_hear(&s->relay, "A: 1\r\n\r\nx\r\n.\r\n");
	assert_false(proxy_transaction_done(s->t));
}

static void
answered(struct scene *s, const char *wire, enum proxy_counter counted)
{
	assert_true(proxy_transaction_done(s->t));
	assert_int_equal(s->answers, 1);
	assert_slice_equal(strbuf_slice(&s->answer), slice_str(wire));
	assert_int_equal(proxy_counter_get(&s->stub.counters, counted), 1);
}

/* Waits for the end that comes from the loop. */
static void
wait_done(struct scene *s)
{
	for (int i = 0; i < 500 && !proxy_transaction_done(s->t); i++)
		talk_run(&s->relay, 1);
}

/* --- what must hold --- */

static void
test_the_answer_is_the_next_hops_own(void **state)
{
	static const struct {
		const char *wire;
		enum proxy_counter counted;
	} cases[] = {
	    {"250-2.0.0 as\r\n250 2.0.0 3CF6\r\n", PROXY_COUNT_SENT},
	    {"451 4.3.0 not now\r\n", PROXY_COUNT_DEFERRED},
	    {"554 5.7.1 never\r\n", PROXY_COUNT_REJECTED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct scene s;

		reach(&s, NULL, AWAITING);
		talk_say(&s.relay, cases[i].wire);
		wait_done(&s);
		answered(&s, cases[i].wire, cases[i].counted);
		tear_down(&s);
	}
}

static void
test_a_next_hop_lost_in_each_state(void **state)
{
	static const struct {
		enum stop at;
		const char *wire;
		enum proxy_counter counted;
	} cases[] = {
	    {SWALLOWING, "451 4.3.0 next hop lost\r\n", PROXY_COUNT_DEFERRED},
	    {FILTERING, "451 4.3.0 next hop lost\r\n", PROXY_COUNT_DEFERRED},
	    {EARLY, "451 4.3.0 next hop lost\r\n", PROXY_COUNT_DEFERRED},
	    {INVITED, "451 4.3.0 next hop lost\r\n", PROXY_COUNT_DEFERRED},
	    {OFFERING, "451 4.3.0 next hop lost\r\n", PROXY_COUNT_DEFERRED},
	    {SENDING, "451 4.3.0 next hop lost in the body\r\n",
		PROXY_COUNT_DEFERRED},
	    {AWAITING, "451 4.3.0 next hop lost after the final dot\r\n",
		PROXY_COUNT_MAYBE_DELIVERED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct scene s;

		reach(&s, NULL, cases[i].at);
		talk_hang_up(&s.relay);
		if (cases[i].at == SWALLOWING)
			proxy_transaction_body_end(s.t);
		wait_done(&s);
		answered(&s, cases[i].wire, cases[i].counted);
		tear_down(&s);
	}
}

static void
test_a_next_hop_out_of_step(void **state)
{
	static const struct {
		enum stop at;
		const char *said;
	} cases[] = {
	    {EARLY, "250 ok\r\n"},
	    {EARLY, "334 go\r\n"},
	    {OFFERING, "250 ok\r\n"},
	    {OFFERING, "334 go\r\n"},
	    {AWAITING, "354 go\r\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct scene s;

		reach(&s, NULL, cases[i].at);
		talk_say(&s.relay, cases[i].said);
		wait_done(&s);
		answered(&s, "451 4.3.0 next hop out of step\r\n",
		    PROXY_COUNT_DEFERRED);
		talk_hear_end(&s.relay); /* without a final dot of ours */
		tear_down(&s);
	}
}

/* Said early it is as well, and the filter is not waited for. */
static void
test_a_refused_data_leaves_the_connection(void **state)
{
	static const enum stop stops[] = {EARLY, OFFERING};

	(void)state;
	for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++) {
		struct scene s;

		reach(&s, NULL, stops[i]);
		talk_say(&s.relay, "452 4.3.1 full\r\n");
		wait_done(&s);
		answered(&s, "452 4.3.1 full\r\n", PROXY_COUNT_DEFERRED);
		talk_hear(&s.relay, "RSET\r\n");
		tear_down(&s);
	}
}

/* Whatever comes first, the outcome or the answer to DATA: the message goes
 * when both are here, and not before. */
static void
test_a_message_that_will_pass_goes_when_it_does(void **state)
{
	(void)state;
	for (int invited = 0; invited < 2; invited++) {
		struct scene s;

		reach(&s, NULL, invited ? INVITED : EARLY);
		talk_hear_nothing(&s.relay, 20);
		stub_filter_go_on(&s.stub.filter);
		if (!invited) {
			talk_hear_nothing(&s.relay, 20);
			invite(&s);
		}
		talk_hear(&s.relay, "A: 1\r\n\r\nx\r\n.\r\n");
		assert_int_equal(s.answers, 0);
		talk_say(&s.relay, "250 taken\r\n");
		wait_done(&s);
		answered(&s, "250 taken\r\n", PROXY_COUNT_SENT);
		assert_int_equal(s.done, 0);
		tear_down(&s);
	}
}

/* The next hop waits for a message: that none comes it can only be told by the
 * end of its connection. */
static void
test_a_message_that_does_not_pass_after_all(void **state)
{
	(void)state;
	for (int at = EARLY; at <= INVITED; at++) {
		struct scene s;

		reach(&s, NULL, (enum stop)at);
		s.stub.filter.outcome = (struct proxy_outcome){
		    PROXY_REFUSE_FOR_NOW, PROXY_CAUSE_OURS, "no key"};
		stub_filter_go_on(&s.stub.filter);
		answered(&s, "451 4.3.0 no key\r\n", PROXY_COUNT_DEFERRED);
		assert_int_equal(s.done, 1);
		assert_false(proxy_hop_connected(s.hop));
		talk_hear_end(&s.relay);
		tear_down(&s);
	}
}

/* The spool's file, which has no name. */
static void
spoil_spool(void)
{
	unsigned found = 0;

	for (int fd = 3; fd < 1000; fd++) {
		struct stat is;

		if (fstat(fd, &is) == 0 && S_ISREG(is.st_mode) &&
		    is.st_nlink == 0 && is.st_size > 0) {
			assert_int_equal(ftruncate(fd, 0), 0);
			found++;
		}
	}
	assert_int_equal(found, 1);
}

/* Whoever it is that the message waits for, the filter or the next hop. */
static void
test_a_spool_that_cannot_be_read_back(void **state)
{
	(void)state;
	for (int early = 0; early < 2; early++) {
		struct scene s;

		set_up(&s, NULL);
		s.stub.filter.passing = s.stub.filter.waits = early;
		proxy_transaction_body(s.t, SLICE("A: 1\r\n\r\nx\r\n"));
		push_much(&s);
		proxy_transaction_body_end(s.t);
		talk_hear(&s.relay, "DATA\r\n");
		spoil_spool();
		invite(&s);
		if (early) {
			assert_int_equal(s.answers, 0);
			stub_filter_go_on(&s.stub.filter);
		}
		answered(&s, "451 4.3.0 cannot read the message back\r\n",
		    PROXY_COUNT_DEFERRED);
		assert_int_equal(s.done, early);
		assert_false(proxy_hop_connected(s.hop));
		tear_down(&s);
	}
}

static void
test_a_client_lost_in_each_state(void **state)
{
	(void)state;
	for (int at = COLLECTING; at <= AWAITING; at++) {
		struct scene s;
		bool waits;

		reach(&s, NULL, (enum stop)at);
		waits = proxy_transaction_client_lost(s.t, "reset");
		assert_true(waits == (at == AWAITING));
		if (waits) {
			/* Its answer is heard by nobody: the second copy that
			 * the client may send is said to be one. */
			talk_say(&s.relay, "250 taken\r\n");
			wait_done(&s);
		}
		assert_true(proxy_transaction_done(s.t));
		assert_int_equal(s.answers, 0);
		assert_int_equal(proxy_counter_get(&s.stub.counters,
				     waits ? PROXY_COUNT_MAYBE_DELIVERED
					   : PROXY_COUNT_ABORTED),
		    1);
		assert_true(proxy_hop_connected(s.hop) ==
		    (at == COLLECTING || at == FILTERING || at == AWAITING));
		assert_false(proxy_transaction_client_lost(s.t, "again"));
		tear_down(&s);
	}
}

static void
test_a_cut_tells_what_may_be_delivered(void **state)
{
	(void)state;
	for (int at = SENDING; at <= AWAITING; at++) {
		struct scene s;

		reach(&s, NULL, (enum stop)at);
		proxy_transaction_cut(s.t);
		assert_true(proxy_transaction_done(s.t));
		assert_int_equal(
		    proxy_counter_get(&s.stub.counters,
			at == AWAITING ? PROXY_COUNT_MAYBE_DELIVERED
				       : PROXY_COUNT_ABORTED),
		    1);
		tear_down(&s);
	}
}

static void
test_an_answer_that_is_perhaps_heard_is_told_later(void **state)
{
	(void)state;
	for (int heard = 0; heard < 2; heard++) {
		struct scene s;

		reach(&s, NULL, AWAITING);
		s.heard = PROXY_HEARD_PERHAPS;
		talk_say(&s.relay, "250 taken\r\n");
		wait_done(&s);
		assert_true(proxy_transaction_is_perhaps_heard(s.t));
		assert_int_equal(
		    proxy_counter_get(&s.stub.counters, PROXY_COUNT_SENT), 0);
		proxy_transaction_heard(s.t, heard == 1);
		answered(&s, "250 taken\r\n",
		    heard == 1 ? PROXY_COUNT_SENT
			       : PROXY_COUNT_MAYBE_DELIVERED);
		tear_down(&s);
	}
}

static void
test_too_large_is_read_to_its_end(void **state)
{
	struct scene s;

	(void)state;
	set_up(&s, NULL);
	proxy_transaction_free(s.t);
	s.stub.service.message_max = 10;
	s.t = proxy_transaction_new(
	    &s.stub.service, s.hop, &s.envelope, clock_ms(), &ops, &s);
	proxy_transaction_body(s.t, SLICE("A: 1\r\n\r\nmore than ten\r\n"));
	talk_hear(&s.relay, "RSET\r\n");
	proxy_transaction_body(s.t, SLICE("and more\r\n"));
	assert_int_equal(s.answers, 0);
	proxy_transaction_body_end(s.t);
	answered(&s, "552 5.3.4 message size exceeds fixed limit\r\n",
	    PROXY_COUNT_REJECTED);
	tear_down(&s);
}

static void
test_a_refusal_that_comes_at_once(void **state)
{
	struct scene s;

	(void)state;
	set_up(&s, NULL);
	s.stub.filter.outcome =
	    (struct proxy_outcome){PROXY_REFUSE, PROXY_CAUSE_SPF, "no"};
	proxy_transaction_body(s.t, SLICE("A: 1\r\n\r\nx\r\n"));
	proxy_transaction_body_end(s.t);
	answered(&s, "550 5.7.23 no\r\n", PROXY_COUNT_REJECTED);
	assert_int_equal(s.done, 0); /* who calls sees it */
	talk_hear(&s.relay, "RSET\r\n");
	tear_down(&s);
}

static void
test_a_refusal_that_comes_later(void **state)
{
	struct scene s;

	(void)state;
	reach(&s, NULL, FILTERING);
	assert_false(proxy_transaction_done(s.t));
	s.stub.filter.outcome =
	    (struct proxy_outcome){PROXY_REFUSE, PROXY_CAUSE_SPF, "no"};
	stub_filter_go_on(&s.stub.filter);
	answered(&s, "550 5.7.23 no\r\n", PROXY_COUNT_REJECTED);
	assert_int_equal(s.done, 1);
	talk_hear(&s.relay, "RSET\r\n");
	tear_down(&s);
}

/* --- the table --- */

static void
test_each_step_of_the_states(void **state)
{
	static const char *const table[] = {"COLLECTING SWALLOWING",
	    "COLLECTING FILTERING", "COLLECTING DONE", "SWALLOWING DONE",
	    "FILTERING EARLY", "FILTERING DONE", "EARLY INVITED",
	    "EARLY OFFERING", "EARLY DONE", "INVITED SENDING", "INVITED DONE",
	    "OFFERING SENDING", "OFFERING DONE", "SENDING AWAITING",
	    "SENDING DONE", "AWAITING DONE", NULL};
	struct log *log = steps_listen();
	struct trace trace = {log, 1};
	struct scene s;

	(void)state;
	for (int at = COLLECTING; at <= AWAITING; at++)
		for (int passes = 0; passes < 2; passes++) {
			reach(&s, &trace, (enum stop)at);
			if (passes && s.stub.filter.waits)
				stub_filter_go_on(&s.stub.filter);
			proxy_transaction_cut(s.t);
			tear_down(&s);
		}
	steps_check_taken(&proxy_transaction_machine, steps_heard(log));
	steps_check_table(&proxy_transaction_machine, table);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_answer_is_the_next_hops_own),
	    cmocka_unit_test(test_a_next_hop_lost_in_each_state),
	    cmocka_unit_test(test_a_next_hop_out_of_step),
	    cmocka_unit_test(test_a_refused_data_leaves_the_connection),
	    cmocka_unit_test(test_a_message_that_will_pass_goes_when_it_does),
	    cmocka_unit_test(test_a_message_that_does_not_pass_after_all),
	    cmocka_unit_test(test_a_spool_that_cannot_be_read_back),
	    cmocka_unit_test(test_a_client_lost_in_each_state),
	    cmocka_unit_test(test_a_cut_tells_what_may_be_delivered),
	    cmocka_unit_test(
		test_an_answer_that_is_perhaps_heard_is_told_later),
	    cmocka_unit_test(test_too_large_is_read_to_its_end),
	    cmocka_unit_test(test_a_refusal_that_comes_at_once),
	    cmocka_unit_test(test_a_refusal_that_comes_later),
	    cmocka_unit_test(test_each_step_of_the_states),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
