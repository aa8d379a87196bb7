/* dns/resolver and dns/exchange against a real name server (nsd) and a
 * hostile one (t/lib/nameserver.py), over real sockets on loopback. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "dns/resolver.h"
#include "dns/servers.h"
#include "t/lib/nameserver.h"
#include "t/lib/unit.h"

enum {
	ASKED_MAX = 3000,
	PATIENCE_MS = 20000,
	AT_ONCE_MS = 900, /* before the next try would begin anyway */
	BUSY_MS = 3000	  /* what a busy machine may add */
};

/* What came back for one query. */
struct got {
	struct rig *rig;
	struct dns_query *query;
	unsigned times;
	enum dns_status status;
	bool authentic, alias;
	size_t count;
	char first[4096]; /* the first record's value */
};

/* A loop and a resolver. */
struct rig {
	struct event_base *base;
	struct dns_resolver *resolver;
	struct got got[ASKED_MAX];
	size_t asked, open;
};

static struct nameserver *hostile, *nsd;

static struct rig *
rig_new(struct dns_servers *servers, unsigned timeout_ms)
{
	struct rig *rig = xcalloc(1, sizeof(*rig));

	rig->base = event_base_new();
	assert_non_null(rig->base);
	rig->resolver =
	    dns_resolver_new(rig->base, servers, timeout_ms, DNS_CACHE_BYTES);
	return rig;
}

static void
rig_free(struct rig *rig)
{
	dns_resolver_free(rig->resolver);
	event_base_free(rig->base);
	free(rig);
}

static struct dns_servers *
servers_of(const char *first, const char *second)
{
	struct dns_servers *servers = dns_servers_new(false);
	struct strbuf reason;

	strbuf_init(&reason, 1000);
	assert_int_equal(
	    dns_servers_add(servers, slice_str(first), &reason), 0);
	if (second != NULL)
		assert_int_equal(
		    dns_servers_add(servers, slice_str(second), &reason), 0);
	strbuf_clear(&reason);
	return servers;
}

static struct rig *
hostile_rig(void)
{
	return rig_new(
	    servers_of(nameserver_address(hostile), NULL), DNS_TIMEOUT_MS);
}

static void
on_answer(void *ctx, const struct dns_question *question,
    const struct dns_answer *answer)
{
	struct got *got = ctx;

	(void)question;
	got->times++;
	got->query = NULL;
	got->status = answer->status;
	got->authentic = answer->authentic;
	got->alias = answer->alias;
	got->count = answer->count;
	if (answer->count > 0) {
		struct slice value = slice_first(
		    answer->records[0].value, sizeof(got->first) - 1);

		if (value.n > 0)
			memcpy(got->first, value.p, value.n);
		got->first[value.n] = '\0';
	}
	got->rig->open--;
}

static struct got *
ask(struct rig *rig, enum dns_type type, const char *name)
{
	struct dns_question question;
	struct got *got = &rig->got[rig->asked++];

	assert_true(rig->asked <= ASKED_MAX);
	assert_int_equal(dns_question_set(&question, type, slice_str(name)), 0);
	got->rig = rig;
	rig->open++;
	got->query = dns_resolver_ask(rig->resolver, &question, on_answer, got);
	assert_int_equal(got->times, 0);
	return got;
}

static void
on_impatience(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	*(bool *)arg = true;
}

/* Until all is answered. Returns the milliseconds it took. */
static int64_t
run(struct rig *rig)
{
	struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
	int64_t begun = clock_ms();
	bool impatient = false;
	struct event *timer = evtimer_new(rig->base, on_impatience, &impatient);

	assert_non_null(timer);
	(void)evtimer_add(timer, &patience);
	while (rig->open > 0 && !impatient)
		(void)event_base_loop(rig->base, EVLOOP_ONCE);
	event_free(timer);
	assert_false(impatient);
	return clock_ms() - begun;
}

/* Events for so long, whatever comes. */
static void
run_for(struct rig *rig, int ms)
{
	struct timeval wait = {.tv_usec = ms * 1000};

	(void)event_base_loopexit(rig->base, &wait);
	(void)event_base_loop(rig->base, 0);
}

static void
assert_got(const struct got *got, enum dns_status status, const char *first)
{
	assert_int_equal(got->times, 1);
	assert_int_equal(got->status, status);
	assert_string_equal(got->first, first);
}

/* --- whom people are told of ---------------------------------------------- */

static void
on_news(void *ctx, const char *server, int error)
{
	(void)server;
	(void)strbuf_addf(ctx, "%d ", error);
}

/* A port that nobody listens on is told of, once for all tries. */
static void
test_a_closed_port_is_told_of(void **state)
{
	struct dns_servers *servers = servers_of("127.0.0.1:1", NULL);
	struct strbuf told, want;
	struct rig *rig;
	struct got *got;

	(void)state;
	strbuf_init(&told, 1000);
	strbuf_init(&want, 100);
	dns_servers_watch(servers, on_news, &told);
	rig = rig_new(servers, 500);
	got = ask(rig, DNS_TXT, "a.example");
	(void)run(rig);
	assert_got(got, DNS_TEMPFAIL, "");
	(void)strbuf_addf(&want, "%d ", ECONNREFUSED);
	assert_string_equal(strbuf_text(&told), strbuf_text(&want));
	rig_free(rig);
	strbuf_clear(&told);
	strbuf_clear(&want);
}

/* No descriptor is left: that is not the server's fault. */
static void
test_what_is_short_here_is_held_against_no_server(void **state)
{
	struct dns_servers *servers =
	    servers_of(nameserver_address(hostile), NULL);
	struct rlimit before, none;
	struct strbuf told;
	struct rig *rig;
	struct got *got;

	(void)state;
	strbuf_init(&told, 1000);
	dns_servers_watch(servers, on_news, &told);
	rig = rig_new(servers, 500);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	got = ask(rig, DNS_TXT, "good.test");
	(void)run(rig);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_got(got, DNS_TEMPFAIL, "");
	assert_string_equal(strbuf_text(&told), "");
	rig_free(rig);
	strbuf_clear(&told);
}

/* --- a real server ------------------------------------------------------ */

static void
test_a_real_server_answers_every_type(void **state)
{
	struct rig *rig =
	    rig_new(servers_of(nameserver_address(nsd), NULL), DNS_TIMEOUT_MS);
	struct got *a = ask(rig, DNS_A, "a.example"),
		   *aaaa = ask(rig, DNS_AAAA, "a.example"),
		   *mx = ask(rig, DNS_MX, "A.Example."),
		   *txt = ask(rig, DNS_TXT, "a.example"),
		   *ptr = ask(rig, DNS_PTR, "1.2.0.192.in-addr.arpa"),
		   *nodata = ask(rig, DNS_TXT, "mx.example"),
		   *nxdomain = ask(rig, DNS_TXT, "none.example"),
		   *cname = ask(rig, DNS_MX, "alias.example"),
		   *nowhere = ask(rig, DNS_A, "nowhere.example"),
		   *wild = ask(rig, DNS_TXT, "any.thing.wild.example");

	(void)state;
	assert_true(run(rig) < DNS_TIMEOUT_MS);
	assert_got(a, DNS_OK, "\xc0");
	assert_int_equal(a->count, 2);
	assert_got(aaaa, DNS_OK, " \x01\r\xb8");
	assert_got(mx, DNS_OK, "mx.example");
	assert_got(txt, DNS_OK, "v=spf1 -all");
	assert_got(ptr, DNS_OK, "a.example");
	assert_got(nodata, DNS_NODATA, "");
	assert_got(nxdomain, DNS_NXDOMAIN, "");
	assert_false(nxdomain->alias);
	assert_got(nowhere, DNS_NXDOMAIN, "");
	assert_true(nowhere->alias);
	assert_true(cname->alias);
	assert_got(cname, DNS_OK, "mx.example");
	assert_got(wild, DNS_OK, "wild");
	assert_false(txt->authentic);
	rig_free(rig);
}

static void
test_a_long_answer_comes_over_tcp(void **state)
{
	struct rig *rig =
	    rig_new(servers_of(nameserver_address(nsd), NULL), DNS_TIMEOUT_MS);
	struct got *big = ask(rig, DNS_TXT, "big.example");

	(void)state;
	assert_true(run(rig) < DNS_TIMEOUT_MS);
	assert_int_equal(big->status, DNS_OK);
	assert_int_equal(strlen(big->first), 3000);
	assert_int_equal(dns_resolver_counts(rig->resolver)->truncated, 1);
	rig_free(rig);
}

static void
test_answers_are_cached_and_nothing_too(void **state)
{
	struct rig *rig =
	    rig_new(servers_of(nameserver_address(nsd), NULL), DNS_TIMEOUT_MS);
	const struct dns_counts *counts = dns_resolver_counts(rig->resolver);

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct got *there = ask(rig, DNS_TXT, "a.example"),
			   *not = ask(rig, DNS_TXT, "none.example"),
			   *alias = ask(rig, DNS_TXT, "alias.example");

		(void)run(rig);
		assert_got(there, DNS_OK, "v=spf1 -all");
		assert_got(not, DNS_NXDOMAIN, "");
		assert_got(alias, DNS_OK, "v=spf1 -all");
	}
	assert_int_equal(counts->asked, 9);
	assert_int_equal(counts->cached, 6);
	assert_int_equal(counts->sent, 3);
	assert_int_equal(counts->answers[DNS_OK], 6);
	assert_int_equal(counts->answers[DNS_NXDOMAIN], 3);
	rig_free(rig);
}

/* --- a hostile one ------------------------------------------------------ */

static void
test_no_lie_is_believed_and_no_silence_waited_out(void **state)
{
	static const struct {
		const char *name;
		enum dns_status status;
		const char *first;
	} cases[] = {
	    {"plain.test", DNS_OK, "good"},
	    {"silent.test", DNS_TEMPFAIL, ""},
	    {"slow.test", DNS_OK, "good"},
	    {"intime.test", DNS_OK, "good"},
	    {"veryslow.test", DNS_TEMPFAIL, ""},
	    {"late.test", DNS_OK, "good"},
	    {"lost.test", DNS_OK, "good"},
	    {"wrongid.test", DNS_TEMPFAIL, ""},
	    {"wrongquestion.test", DNS_TEMPFAIL, ""},
	    {"wrongowner.test", DNS_NODATA, ""},
	    {"echo.test", DNS_TEMPFAIL, ""},
	    {"garbage.test", DNS_TEMPFAIL, ""},
	    {"oversized.test", DNS_TEMPFAIL, ""},
	    {"flood.test", DNS_OK, "good"},
	    {"deluge.test", DNS_TEMPFAIL, ""},
	    {"spoofed.test", DNS_OK, "good"},
	    {"servfail.test", DNS_TEMPFAIL, ""},
	    {"refused.test", DNS_TEMPFAIL, ""},
	    {"nothing.test", DNS_NODATA, ""},
	    {"nxdomain.test", DNS_NXDOMAIN, ""},
	    {"noedns.test", DNS_OK, "good"},
	    {"noquestion.test", DNS_OK, "good"},
	    {"loop.test", DNS_TEMPFAIL, ""},
	    {"pingpong.a.test", DNS_TEMPFAIL, ""},
	    {"chain.8.test", DNS_OK, "the end"},
	    {"chain.9.test", DNS_TEMPFAIL, ""},
	    {"tcsilent.test", DNS_TEMPFAIL, ""},
	    {"tcclose.test", DNS_TEMPFAIL, ""},
	    {"tcgarbage.test", DNS_TEMPFAIL, ""},
	    {"tcempty.test", DNS_TEMPFAIL, ""},
	    {"tctruncated.test", DNS_TEMPFAIL, ""},
	};
	struct rig *rig = hostile_rig();
	struct got *got[sizeof(cases) / sizeof(cases[0])];
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		got[i] = ask(rig, DNS_TXT, cases[i].name);
	ms = run(rig);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (got[i]->status != cases[i].status)
			print_error("%s:\n", cases[i].name);
		assert_got(got[i], cases[i].status, cases[i].first);
	}
	assert_in_range(ms, DNS_TIMEOUT_MS - 100, DNS_TIMEOUT_MS + BUSY_MS);
	assert_true(dns_resolver_counts(rig->resolver)->wrong > 60);
	rig_free(rig);
}

static void
test_a_server_that_cannot_is_not_waited_for(void **state)
{
	struct rig *rig = hostile_rig();
	struct got *servfail = ask(rig, DNS_TXT, "servfail.test"),
		   *refused = ask(rig, DNS_TXT, "refused.test"),
		   *loop = ask(rig, DNS_TXT, "loop.test");

	(void)state;
	assert_true(run(rig) < DNS_TIMEOUT_MS);
	assert_got(servfail, DNS_TEMPFAIL, "");
	assert_got(refused, DNS_TEMPFAIL, "");
	assert_got(loop, DNS_TEMPFAIL, "");
	rig_free(rig);
}

static void
test_tcp_may_come_in_drops_or_be_huge(void **state)
{
	struct rig *rig = hostile_rig();
	struct got *slow = ask(rig, DNS_TXT, "tcslow.test"),
		   *huge = ask(rig, DNS_TXT, "tchuge.test"),
		   *good = ask(rig, DNS_TXT, "tcgood.test");

	(void)state;
	assert_true(run(rig) < DNS_TIMEOUT_MS);
	assert_int_equal(slow->status, DNS_OK);
	assert_memory_equal(slow->first, "over tcp", 8);
	assert_int_equal(strlen(slow->first), 3009);
	assert_int_equal(huge->status, DNS_OK);
	assert_int_equal(strlen(good->first), 3009);
	rig_free(rig);
}

static void
test_equal_questions_are_asked_once(void **state)
{
	struct rig *rig = hostile_rig();
	struct got *got[50];

	(void)state;
	for (size_t i = 0; i < 50; i++)
		got[i] = ask(rig, DNS_TXT, i % 2 ? "count.m" : "COUNT.M.");
	(void)run(rig);
	for (size_t i = 0; i < 50; i++)
		assert_got(got[i], DNS_OK, "1");
	assert_int_equal(dns_resolver_counts(rig->resolver)->sent, 1);
	assert_int_equal(dns_resolver_counts(rig->resolver)->merged, 49);
	rig_free(rig);
}

static void
test_the_ttl_ends(void **state)
{
	struct rig *rig = hostile_rig();
	struct got *first = ask(rig, DNS_TXT, "count.ttl"), *second, *third;

	(void)state;
	(void)run(rig);
	second = ask(rig, DNS_TXT, "count.ttl");
	(void)run(rig);
	usleep(3100 * 1000); /* the TTL is three seconds */
	third = ask(rig, DNS_TXT, "count.ttl");
	(void)run(rig);
	assert_got(first, DNS_OK, "1");
	assert_got(second, DNS_OK, "1");
	assert_got(third, DNS_OK, "2");
	rig_free(rig);
}

static void
test_a_failure_is_remembered_for_a_while(void **state)
{
	struct rig *rig = hostile_rig();

	(void)state;
	for (int i = 0; i < 10; i++) {
		struct got *got = ask(rig, DNS_TXT, "servfail.again");

		(void)run(rig);
		assert_got(got, DNS_TEMPFAIL, "");
	}
	assert_int_equal(dns_resolver_counts(rig->resolver)->sent, 1);
	rig_free(rig);
}

/* Port and id change from question to question, and are no counter. */
static void
test_ports_and_ids_are_not_to_be_guessed(void **state)
{
	enum { N = 60 };
	struct rig *rig = hostile_rig();
	long port[N], id[N];
	size_t ports = 0, ids = 0, next = 0;

	(void)state;
	for (int i = 0; i < N; i++) {
		char name[32], *end;
		struct got *got;

		snprintf(name, sizeof(name), "who.%d.test", i);
		got = ask(rig, DNS_TXT, name);
		(void)run(rig);
		port[i] = strtol(got->first, &end, 10);
		id[i] = strtol(end, NULL, 10);
	}
	for (int i = 1; i < N; i++) {
		ports += port[i] != port[i - 1];
		ids += id[i] != id[i - 1];
		next += labs(port[i] - port[i - 1]) <= 2;
		next += labs(id[i] - id[i - 1]) <= 2;
	}
	assert_true(ports > N - 5);
	assert_true(ids > N - 5);
	assert_true(next < 10);
	rig_free(rig);
}

static void
test_ad_is_believed_from_loopback(void **state)
{
	struct rig *rig = hostile_rig();
	struct got *ad = ask(rig, DNS_TXT, "ad.test"),
		   *none = ask(rig, DNS_TXT, "plain.test");

	(void)state;
	(void)run(rig);
	assert_true(ad->authentic);
	assert_false(none->authentic);
	ad = ask(rig, DNS_TXT, "ad.test"); /* from the cache */
	(void)run(rig);
	assert_true(ad->authentic);
	rig_free(rig);
}

/* --- servers that are not there ----------------------------------------- */

/* A bound socket that nobody reads: a server that keeps silent. */
static int
black_hole(char address[32])
{
	struct sockaddr_in sin = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(sin);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sin, n), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &n), 0);
	snprintf(address, 32, "127.0.0.1:%u", ntohs(sin.sin_port));
	return fd;
}

/* Nine that keep silent, then maybe the one that answers. */
static int64_t
ask_among_the_dead(const char *last, enum dns_status status)
{
	struct dns_servers *servers = dns_servers_new(false);
	struct strbuf reason;
	char address[32];
	int holes[10];
	struct rig *rig;
	struct got *got;
	int64_t ms;

	strbuf_init(&reason, 1000);
	for (int i = 0; i < 10; i++) {
		holes[i] = black_hole(address);
		assert_int_equal(
		    dns_servers_add(servers,
			slice_str(i == 9 && last ? last : address), &reason),
		    0);
	}
	rig = rig_new(servers, DNS_TIMEOUT_MS);
	got = ask(rig, DNS_TXT, "plain.test");
	ms = run(rig);
	assert_int_equal(got->status, status);
	if (status == DNS_OK) { /* now it is known who is dead */
		const struct dns_counts *counts =
		    dns_resolver_counts(rig->resolver);
		uint64_t sent = counts->sent;

		(void)ask(rig, DNS_TXT, "other.test");
		(void)run(rig);
		assert_int_equal(counts->sent, sent + 1);
	}
	for (int i = 0; i < 10; i++)
		(void)close(holes[i]);
	rig_free(rig);
	strbuf_clear(&reason);
	return ms;
}

static void
test_ten_dead_servers_take_no_longer_than_one(void **state)
{
	(void)state;
	assert_in_range(ask_among_the_dead(NULL, DNS_TEMPFAIL),
	    DNS_TIMEOUT_MS - 50, DNS_TIMEOUT_MS + BUSY_MS);
}

static void
test_the_tenth_server_answers_in_time(void **state)
{
	(void)state;
	assert_true(ask_among_the_dead(nameserver_address(hostile), DNS_OK) <
	    DNS_TIMEOUT_MS - 200);
}

static void
test_a_refused_port_is_passed_over_at_once(void **state)
{
	char address[32];
	int fd = black_hole(address);
	struct rig *rig;
	struct got *got;

	(void)state;
	(void)close(fd); /* now it refuses */
	rig = rig_new(
	    servers_of(address, nameserver_address(hostile)), DNS_TIMEOUT_MS);
	got = ask(rig, DNS_TXT, "plain.test");
	assert_true(run(rig) < AT_ONCE_MS);
	assert_got(got, DNS_OK, "good");
	rig_free(rig);
}

static void
test_a_server_that_cannot_is_passed_over_at_once(void **state)
{
	struct rig *rig = rig_new(
	    servers_of(nameserver_address(hostile), nameserver_address(nsd)),
	    DNS_TIMEOUT_MS);
	struct got *got = ask(rig, DNS_TXT, "servfail.example");

	(void)state;
	assert_true(run(rig) < AT_ONCE_MS);
	assert_got(got, DNS_OK, "not so");
	rig_free(rig);
}

static void
test_no_server_at_all_is_a_failure(void **state)
{
	struct rig *rig = rig_new(dns_servers_new(false), DNS_TIMEOUT_MS);
	struct got *got = ask(rig, DNS_TXT, "plain.test");

	(void)state;
	assert_true(run(rig) < AT_ONCE_MS);
	assert_got(got, DNS_TEMPFAIL, "");
	rig_free(rig);
}

/* --- many, and none any more -------------------------------------------- */

static void
test_a_thousand_at_once(void **state)
{
	struct rig *rig = rig_new(
	    servers_of(nameserver_address(nsd), NULL), 10 * DNS_TIMEOUT_MS);
	struct got *got[1000];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		char name[32];

		snprintf(name, sizeof(name), "n%d.wild.example", i);
		got[i] = ask(rig, DNS_TXT, name);
	}
	(void)run(rig);
	for (int i = 0; i < 1000; i++)
		assert_got(got[i], DNS_OK, "wild");
	rig_free(rig);
}

static void
test_waiting_for_a_turn_counts_as_waiting(void **state)
{
	char address[32];
	int fd = black_hole(address);
	struct rig *rig = rig_new(servers_of(address, NULL), 500);

	(void)state;
	for (int i = 0; i < 3 * DNS_IN_FLIGHT_MAX; i++) {
		char name[32];

		snprintf(name, sizeof(name), "n%d.example", i);
		(void)ask(rig, DNS_TXT, name);
	}
	assert_in_range(run(rig), 490, 500 + BUSY_MS);
	for (int i = 0; i < 3 * DNS_IN_FLIGHT_MAX; i++)
		assert_got(&rig->got[i], DNS_TEMPFAIL, "");
	(void)close(fd);
	rig_free(rig);
}

static void
test_a_cancelled_query_is_not_answered(void **state)
{
	struct rig *rig = hostile_rig();
	struct got *slow = ask(rig, DNS_TXT, "slow.c"),
		   *merged = ask(rig, DNS_TXT, "slow.c"), *cached,
		   *alone = ask(rig, DNS_TXT, "silent.c");

	(void)state;
	(void)ask(rig, DNS_TXT, "plain.c");
	run_for(rig, 100);
	cached = ask(rig, DNS_TXT, "plain.c");
	dns_query_cancel(slow->query);
	dns_query_cancel(cached->query);
	dns_query_cancel(alone->query);
	dns_query_cancel(NULL);
	rig->open -= 3;
	(void)run(rig);
	assert_int_equal(slow->times, 0);
	assert_int_equal(cached->times, 0);
	assert_int_equal(alone->times, 0);
	assert_got(merged, DNS_OK, "good");
	rig_free(rig);
}

static void
test_freeing_the_resolver_cancels(void **state)
{
	struct rig *rig = hostile_rig();
	struct got *cached;

	(void)state;
	(void)ask(rig, DNS_TXT, "plain.f");
	run_for(rig, 100);
	cached = ask(rig, DNS_TXT, "plain.f");
	(void)ask(rig, DNS_TXT, "silent.f");
	(void)ask(rig, DNS_TXT, "silent.f");
	(void)ask(rig, DNS_TXT, "tcsilent.f");
	rig_free(rig);
	(void)cached;
}

/* A callback that asks the next. */
struct chain {
	struct rig *rig;
	int left;
};

static void
on_link(void *ctx, const struct dns_question *question,
    const struct dns_answer *answer)
{
	struct chain *chain = ctx;

	assert_int_equal(answer->status, DNS_OK);
	if (--chain->left > 0)
		(void)dns_resolver_ask(
		    chain->rig->resolver, question, on_link, chain);
	else
		chain->rig->open--;
}

static void
test_a_callback_may_ask(void **state)
{
	struct rig *rig = hostile_rig();
	struct chain chain = {.rig = rig, .left = 100};
	struct dns_question question;

	(void)state;
	assert_int_equal(
	    dns_question_set(&question, DNS_TXT, SLICE("plain.l")), 0);
	rig->open = 1;
	(void)dns_resolver_ask(rig->resolver, &question, on_link, &chain);
	(void)run(rig);
	assert_int_equal(chain.left, 0);
	assert_int_equal(dns_resolver_counts(rig->resolver)->sent, 1);
	rig_free(rig);
}

static int
start_servers(void **state)
{
	struct strbuf records;

	(void)state;
	strbuf_init(&records, 100000);
	(void)strbuf_add_str(&records,
	    "a.example A 192.0.2.1\n"
	    "a.example A 192.0.2.2\n"
	    "a.example AAAA 2001:db8::1\n"
	    "a.example MX 10 MX.example\n"
	    "a.example TXT v=spf1 -all\n"
	    "mx.example A 192.0.2.3\n"
	    "1.2.0.192.in-addr.arpa PTR A.example\n"
	    "alias.example CNAME other.example\n"
	    "nowhere.example CNAME gone.example\n"
	    "other.example CNAME a.example\n"
	    "servfail.example TXT not so\n"
	    "*.wild.example TXT wild\n"
	    "big.example TXT ");
	for (int i = 0; i < 3000; i++)
		(void)strbuf_add_char(&records, 'b');
	nsd = nameserver_start_nsd(strbuf_text(&records));
	hostile = nameserver_start_hostile();
	strbuf_clear(&records);
	return 0;
}

static int
stop_servers(void **state)
{
	(void)state;
	nameserver_stop(nsd);
	nameserver_stop(hostile);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_real_server_answers_every_type),
	    cmocka_unit_test(test_a_long_answer_comes_over_tcp),
	    cmocka_unit_test(test_answers_are_cached_and_nothing_too),
	    cmocka_unit_test(test_no_lie_is_believed_and_no_silence_waited_out),
	    cmocka_unit_test(test_a_server_that_cannot_is_not_waited_for),
	    cmocka_unit_test(test_tcp_may_come_in_drops_or_be_huge),
	    cmocka_unit_test(test_equal_questions_are_asked_once),
	    cmocka_unit_test(test_the_ttl_ends),
	    cmocka_unit_test(test_a_failure_is_remembered_for_a_while),
	    cmocka_unit_test(test_ports_and_ids_are_not_to_be_guessed),
	    cmocka_unit_test(test_ad_is_believed_from_loopback),
	    cmocka_unit_test(test_ten_dead_servers_take_no_longer_than_one),
	    cmocka_unit_test(test_the_tenth_server_answers_in_time),
	    cmocka_unit_test(test_a_refused_port_is_passed_over_at_once),
	    cmocka_unit_test(test_a_server_that_cannot_is_passed_over_at_once),
	    cmocka_unit_test(test_no_server_at_all_is_a_failure),
	    cmocka_unit_test(test_a_thousand_at_once),
	    cmocka_unit_test(test_waiting_for_a_turn_counts_as_waiting),
	    cmocka_unit_test(test_a_cancelled_query_is_not_answered),
	    cmocka_unit_test(test_freeing_the_resolver_cancels),
	    cmocka_unit_test(test_a_callback_may_ask),
	    cmocka_unit_test(test_a_closed_port_is_told_of),
	    cmocka_unit_test(test_what_is_short_here_is_held_against_no_server),
	};

	return cmocka_run_group_tests(tests, start_servers, stop_servers);
}
