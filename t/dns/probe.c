/* dns/probe: one that answers, one that is silent, one that is not there. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/clock.h"
#include "dns/probe.h"
#include "t/lib/nameserver.h"
#include "t/lib/unit.h"

struct got {
	struct event_base *base;
	struct dns_probe_result results[DNS_SERVERS_MAX];
	size_t count;
	unsigned times;
};

static void
on_probe(void *ctx, const struct dns_probe_result *results, size_t count)
{
	struct got *got = ctx;

	memcpy(got->results, results, count * sizeof(results[0]));
	got->count = count;
	got->times++;
	(void)event_base_loopbreak(got->base);
}

/* A socket that takes packets and says nothing; its address in `text`. */
static int
silent_socket(char text[32])
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t length = sizeof(at);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &length), 0);
	(void)snprintf(text, 32, "127.0.0.1:%u", ntohs(at.sin_port));
	return fd;
}

static void
test_each_says_for_itself(void **state)
{
	struct nameserver *nsd = nameserver_start_nsd("a.example A 192.0.2.1");
	struct dns_servers *servers = dns_servers_new(false);
	struct got got = {.base = event_base_new()};
	char silent[32], closed[32];
	int fd = silent_socket(silent), gone = silent_socket(closed);
	int64_t begun = clock_ms();

	(void)state;
	close(gone);
	assert_int_equal(
	    dns_servers_add(servers, slice_str(nameserver_address(nsd)), NULL),
	    0);
	assert_int_equal(dns_servers_add(servers, slice_str(silent), NULL), 0);
	assert_int_equal(dns_servers_add(servers, slice_str(closed), NULL), 0);
	(void)dns_probe_new(got.base, servers, on_probe, &got);
	dns_servers_free(servers); /* copied */
	assert_int_equal(got.times, 0);
	(void)event_base_dispatch(got.base);
	assert_int_equal(got.times, 1);
	assert_int_equal(got.count, 3);
	assert_string_equal(got.results[0].server, nameserver_address(nsd));
	assert_int_equal(got.results[0].error, 0);
	assert_string_equal(got.results[1].server, silent);
	assert_int_equal(got.results[1].error, ETIMEDOUT);
	assert_int_equal(got.results[2].error, ECONNREFUSED);
	assert_in_range(
	    clock_ms() - begun, DNS_PROBE_MS - 10, DNS_PROBE_MS + 3000);
	close(fd);
	event_base_free(got.base);
	nameserver_stop(nsd);
}

static void
test_where_all_answer_nothing_is_waited_for(void **state)
{
	struct nameserver *nsd = nameserver_start_nsd("a.example A 192.0.2.1");
	struct dns_servers *servers = dns_servers_new(false);
	struct got got = {.base = event_base_new()};
	int64_t begun = clock_ms();

	(void)state;
	assert_int_equal(
	    dns_servers_add(servers, slice_str(nameserver_address(nsd)), NULL),
	    0);
	(void)dns_probe_new(got.base, servers, on_probe, &got);
	(void)event_base_dispatch(got.base);
	assert_int_equal(got.results[0].error, 0);
	assert_true(clock_ms() - begun < DNS_PROBE_MS / 2);
	dns_probe_cancel(dns_probe_new(got.base, servers, on_probe, &got));
	(void)event_base_loop(got.base, EVLOOP_NONBLOCK);
	assert_int_equal(got.times, 1);
	dns_servers_free(servers);
	event_base_free(got.base);
	nameserver_stop(nsd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_each_says_for_itself),
	    cmocka_unit_test(test_where_all_answer_nothing_is_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
