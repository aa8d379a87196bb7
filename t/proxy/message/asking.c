/* proxy/message/asking: a scripted check on the real resolver and a hostile
 * server. Every question is answered, whatever the server does, and in time. */
#include <stdio.h>
#include <stdlib.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/strbuf.h"
#include "dns/resolver.h"
#include "dns/servers.h"
#include "proxy/message/asking.h"
#include "t/lib/nameserver.h"
#include "t/lib/unit.h"

enum { PATIENCE_S = 30 };

/* Asks names[0] up to the first NULL at once; after each answer those up to
 * the next NULL. Writes down what it is answered. */
struct script {
	const char *const *names;
	bool paused;
	unsigned answered, asked;
	struct strbuf log;
};

static bool
script_ask(void *subject, struct dns_question *question)
{
	struct script *script = subject;

	if (script->paused)
		return false;
	if (*script->names == NULL) {
		script->paused = true;
		return false;
	}
	assert_int_equal(
	    dns_question_set(question, DNS_TXT, slice_str(*script->names++)),
	    0);
	script->asked++;
	return true;
}

static void
script_answer(void *subject, const struct dns_question *question,
    const struct dns_answer *answer)
{
	struct script *script = subject;

	script->answered++;
	(void)strbuf_addf(&script->log, "%s=%s ", question->name,
	    dns_status_name(answer->status));
	if (script->names[0] == NULL && script->names[1] != NULL) {
		script->names++;
		script->paused = false;
	}
}

static const struct proxy_asking_ops ops = {script_ask, script_answer};

struct rig {
	struct event_base *base;
	struct dns_resolver *resolver;
	struct proxy_asking *asking;
	struct script script;
	bool settled;
};

static struct nameserver *hostile;

static void
rig_init(struct rig *rig, const char *const *names, unsigned questions,
    unsigned deadline_ms)
{
	struct dns_servers *servers = dns_servers_new(false);
	struct proxy_asking_limits limits = {questions, deadline_ms, NULL};
	struct strbuf reason;

	strbuf_init(&reason, 100);
	assert_int_equal(dns_servers_add(servers,
			     slice_str(nameserver_address(hostile)), &reason),
	    0);
	*rig = (struct rig){.base = event_base_new(), .script.names = names};
	strbuf_init(&rig->script.log, 100000);
	rig->resolver = dns_resolver_new(
	    rig->base, servers, DNS_TIMEOUT_MS, DNS_CACHE_BYTES);
	rig->asking = proxy_asking_new(
	    rig->base, rig->resolver, &limits, &ops, &rig->script);
}

static void
rig_clear(struct rig *rig)
{
	proxy_asking_free(rig->asking);
	dns_resolver_free(rig->resolver);
	event_base_free(rig->base);
	strbuf_clear(&rig->script.log);
}

static void
on_settled(void *ctx)
{
	struct rig *rig = ctx;

	assert_false(rig->settled);
	rig->settled = true;
	(void)event_base_loopbreak(rig->base);
}

static int64_t
wait_for_it(struct rig *rig)
{
	int64_t begun = clock_ms();
	struct timeval patience = {.tv_sec = PATIENCE_S};

	proxy_asking_wait(rig->asking, on_settled, rig);
	if (!rig->settled) {
		(void)event_base_loopexit(rig->base, &patience);
		(void)event_base_dispatch(rig->base);
	}
	assert_true(rig->settled);
	return clock_ms() - begun;
}

static void
test_nothing_to_ask_is_settled_at_once(void **state)
{
	static const char *const names[] = {NULL, NULL};
	struct rig rig;

	(void)state;
	rig_init(&rig, names, 60, 20000);
	proxy_asking_go(rig.asking);
	proxy_asking_wait(rig.asking, on_settled, &rig);
	assert_true(rig.settled);
	rig_clear(&rig);
}

static void
test_answers_raise_questions(void **state)
{
	static const char *const names[] = {"a.test", NULL, "nxdomain.test",
	    NULL, "servfail.test", "b.test", NULL, NULL};
	struct rig rig;

	(void)state;
	rig_init(&rig, names, 60, 20000);
	assert_true(wait_for_it(&rig) < 5000);
	assert_int_equal(rig.script.answered, 4);
	assert_non_null(strstr(
	    strbuf_text(&rig.script.log), "a.test=ok nxdomain.test=nxdomain "));
	assert_non_null(
	    strstr(strbuf_text(&rig.script.log), "servfail.test=tempfail "));
	rig_clear(&rig);
}

static void
test_the_deadline_answers_what_is_open(void **state)
{
	static const char *const names[] = {"silent.a", "good.a", "silent.b",
	    NULL, "silent.c", NULL, "after.a", "after.b", NULL, NULL};
	struct rig rig;

	(void)state;
	rig_init(&rig, names, 60, 700);
	assert_in_range(wait_for_it(&rig), 690, 3700);
	assert_int_equal(rig.script.asked, 6);
	assert_int_equal(rig.script.answered, 6);
	assert_memory_equal(strbuf_text(&rig.script.log), "good.a=ok ", 10);
	assert_non_null(
	    strstr(strbuf_text(&rig.script.log), "after.b=tempfail "));
	rig_clear(&rig);
}

/* The body may take its time: the deadline begins with the wait. */
static void
test_the_deadline_begins_with_the_wait(void **state)
{
	static const char *const names[] = {
	    "slow.w", NULL, "slow.x", NULL, NULL};
	struct timeval body = {.tv_sec = 2};
	struct rig rig;

	(void)state;
	rig_init(&rig, names, 60, 2000);
	proxy_asking_go(rig.asking);
	(void)event_base_loopexit(rig.base, &body);
	(void)event_base_dispatch(rig.base);
	assert_string_equal(strbuf_text(&rig.script.log), "slow.w=ok ");
	(void)wait_for_it(&rig);
	assert_string_equal(
	    strbuf_text(&rig.script.log), "slow.w=ok slow.x=ok ");
	rig_clear(&rig);
}

static void
test_questions_have_a_bound(void **state)
{
	static const char *const names[] = {
	    "a.q", "b.q", "c.q", "d.q", "e.q", NULL, "f.q", NULL, NULL};
	struct rig rig;

	(void)state;
	rig_init(&rig, names, 3, 20000);
	(void)wait_for_it(&rig);
	assert_int_equal(rig.script.answered, 6);
	assert_memory_equal(
	    strbuf_text(&rig.script.log), "d.q=tempfail e.q=tempfail ", 26);
	assert_int_equal(dns_resolver_counts(rig.resolver)->asked, 3);
	rig_clear(&rig);
}

static void
test_freed_while_open_is_told_nothing(void **state)
{
	static const char *const names[] = {"silent.f", "good.f", NULL, NULL};
	struct timeval while_ms = {.tv_usec = 300000};
	struct rig rig;

	(void)state;
	rig_init(&rig, names, 60, 20000);
	proxy_asking_wait(rig.asking, on_settled, &rig);
	proxy_asking_free(rig.asking);
	rig.asking = NULL;
	(void)event_base_loopexit(rig.base, &while_ms);
	(void)event_base_dispatch(rig.base);
	assert_int_equal(rig.script.answered, 0);
	assert_false(rig.settled);
	rig_clear(&rig);
}

static int
start_server(void **state)
{
	(void)state;
	hostile = nameserver_start_hostile();
	return 0;
}

static int
stop_server(void **state)
{
	(void)state;
	nameserver_stop(hostile);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_nothing_to_ask_is_settled_at_once),
	    cmocka_unit_test(test_answers_raise_questions),
	    cmocka_unit_test(test_the_deadline_answers_what_is_open),
	    cmocka_unit_test(test_the_deadline_begins_with_the_wait),
	    cmocka_unit_test(test_questions_have_a_bound),
	    cmocka_unit_test(test_freed_while_open_is_told_nothing),
	};

	return cmocka_run_group_tests(tests, start_server, stop_server);
}
