/* dns/direct: what one server itself has, and why there is none of it. */
#include <errno.h>
#include <stdio.h>

#include <event2/event.h>

#include "base/clock.h"
#include "dns/direct.h"
#include "t/lib/nameserver.h"
#include "t/lib/unit.h"

struct got {
	enum dns_direct_kind kind;
	enum dns_status status;
	int error;
	bool tcp, alias;
	char text[64], target[64];
	unsigned times, ttl;
};

static void
on_result(void *ctx, const struct dns_direct_result *result)
{
	struct got *got = ctx;

	got->times++;
	got->kind = result->kind;
	got->tcp = result->tcp;
	got->error = result->error;
	got->ttl = result->ttl;
	if (result->target != NULL)
		(void)snprintf(
		    got->target, sizeof(got->target), "%s", result->target);
	if (result->answer == NULL)
		return;
	got->status = result->answer->status;
	got->alias = result->answer->alias;
	if (got->status == DNS_OK) {
		struct slice value =
		    slice_first(result->answer->records[0].value, 63);

		memcpy(got->text, value.p, value.n);
	}
}

static struct got
ask_link(const char *server_text, const char *name, bool tcp, bool link)
{
	struct dns_servers *servers = dns_servers_new(false);
	struct event_base *base = event_base_new();
	struct dns_server list[DNS_SERVERS_MAX];
	struct dns_question question;
	struct got got = {0};
	struct dns_direct_order order = {.question = &question,
	    .server = &list[0],
	    .tcp = tcp,
	    .link = link};

	assert_int_equal(
	    dns_servers_add(servers, slice_str(server_text), NULL), 0);
	(void)dns_servers_order(servers, clock_ms(), list);
	assert_int_equal(
	    dns_question_set(&question, DNS_TXT, slice_str(name)), 0);
	dns_direct_new(base, &order, on_result, &got);
	assert_int_equal(got.times, 0);
	(void)event_base_dispatch(base);
	assert_int_equal(got.times, 1);
	event_base_free(base);
	dns_servers_free(servers);
	return got;
}

static struct got
ask(const char *server_text, const char *name, bool tcp)
{
	return ask_link(server_text, name, tcp, false);
}

static void
test_an_authoritative_server_is_believed(void **state)
{
	struct nameserver *nsd = nameserver_start_nsd(
	    "a.example TXT here\nb.example CNAME a.example\n");
	char at[32];
	struct got got;

	(void)state;
	(void)snprintf(at, sizeof(at), "%s", nameserver_address(nsd));
	for (int tcp = 0; tcp < 2; tcp++) {
		got = ask(at, "a.example", tcp == 1);
		assert_int_equal(got.kind, DNS_DIRECT_ANSWER);
		assert_int_equal(got.status, DNS_OK);
		assert_string_equal(got.text, "here");
		assert_int_equal(got.tcp, tcp);
	}
	got = ask(at, "none.example", false);
	assert_int_equal(got.kind, DNS_DIRECT_ANSWER);
	assert_int_equal(got.status, DNS_NXDOMAIN);
	got = ask(at, "b.example", false);
	assert_int_equal(got.kind, DNS_DIRECT_ANSWER);
	assert_true(got.alias);
	nameserver_stop(nsd);
	got = ask(at, "a.example", false);
	assert_int_equal(got.kind, DNS_DIRECT_UNREACHABLE);
	assert_int_equal(got.error, ECONNREFUSED);
	got = ask(at, "a.example", true);
	assert_int_equal(got.kind, DNS_DIRECT_UNREACHABLE);
	assert_int_equal(got.error, ECONNREFUSED);
	/* What has no route is told at once (RFC 6666). */
	got = ask("[100::1]:53", "a.example", false);
	assert_int_equal(got.kind, DNS_DIRECT_UNREACHABLE);
}

/* zone_text() of t/lib/nameserver.py: 300 s, and 60 s where there is nothing. */
static void
test_how_long_it_may_be_kept_is_told_of_each_link(void **state)
{
	struct nameserver *nsd = nameserver_start_nsd(
	    "a.example TXT here\nb.example CNAME a.example\n"
	    "c.example CNAME none.example\n");
	const char *at = nameserver_address(nsd);
	struct got got;

	(void)state;
	got = ask(at, "a.example", false);
	assert_int_equal(got.ttl, 300);
	got = ask(at, "none.example", false);
	assert_int_equal(got.ttl, 60);
	/* of the whole chain the least, of one link its own */
	got = ask(at, "c.example", false);
	assert_int_equal(got.status, DNS_NXDOMAIN);
	assert_int_equal(got.ttl, 60);
	got = ask_link(at, "c.example", false, true);
	assert_int_equal(got.kind, DNS_DIRECT_ALIAS);
	assert_string_equal(got.target, "none.example");
	assert_int_equal(got.ttl, 300);
	got = ask_link(at, "b.example", false, true);
	assert_int_equal(got.kind, DNS_DIRECT_ALIAS);
	assert_string_equal(got.target, "a.example");
	got = ask_link(at, "a.example", false, true);
	assert_int_equal(got.kind, DNS_DIRECT_ANSWER);
	assert_string_equal(got.text, "here");
	nameserver_stop(nsd);
}

static void
test_what_others_say_is_told_apart(void **state)
{
	static const struct {
		const char *name;
		enum dns_direct_kind kind;
		int error;
	} cases[] = {
	    {"good.test", DNS_DIRECT_NOT_ITS, 0},
	    {"nxdomain.test", DNS_DIRECT_NOT_ITS, 0},
	    {"noedns.test", DNS_DIRECT_NOT_ITS, 0},
	    {"lost.test", DNS_DIRECT_NOT_ITS, 0},
	    {"tc.test", DNS_DIRECT_NOT_ITS, 0},
	    {"tctruncated.test", DNS_DIRECT_FAILED, 0},
	    {"tcclose.test", DNS_DIRECT_UNREACHABLE, ETIMEDOUT},
	    {"refused.test", DNS_DIRECT_FAILED, 0},
	    {"servfail.test", DNS_DIRECT_FAILED, 0},
	    {"wrongid.test", DNS_DIRECT_UNREACHABLE, ETIMEDOUT},
	};
	struct nameserver *hostile = nameserver_start_hostile();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct got got =
		    ask(nameserver_address(hostile), cases[i].name, false);

		if (got.kind != cases[i].kind || got.error != cases[i].error)
			fail_msg("%s: %d, %d", cases[i].name, (int)got.kind,
			    got.error);
	}
	nameserver_stop(hostile);
}

static void
test_silence_has_an_end(void **state)
{
	struct nameserver *hostile = nameserver_start_hostile();
	int64_t begun = clock_ms();
	struct got got = ask(nameserver_address(hostile), "silent.test", false);

	(void)state;
	assert_int_equal(got.kind, DNS_DIRECT_UNREACHABLE);
	assert_int_equal(got.error, ETIMEDOUT);
	assert_in_range(
	    clock_ms() - begun, DNS_DIRECT_MS - 10, DNS_DIRECT_MS + 2000);
	nameserver_stop(hostile);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_an_authoritative_server_is_believed),
	    cmocka_unit_test(test_how_long_it_may_be_kept_is_told_of_each_link),
	    cmocka_unit_test(test_what_others_say_is_told_apart),
	    cmocka_unit_test(test_silence_has_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
