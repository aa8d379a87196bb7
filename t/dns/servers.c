/* dns/servers: addresses taken and refused, resolv.conf and its changes,
 * whose AD bit counts, silent servers last. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "dns/servers.h"
#include "t/lib/unit.h"

/* The order as text: "127.0.0.1:53 [::1]:5353 ". */
static void
show(const struct dns_servers *servers, int64_t now, struct strbuf *out)
{
	struct dns_server list[DNS_SERVERS_MAX];
	size_t n = dns_servers_order(servers, now, list);
	char text[INET6_ADDRSTRLEN];

	for (size_t i = 0; i < n; i++) {
		bool v4 = list[i].address.any.sa_family == AF_INET;
		const void *raw = v4
		    ? (const void *)&list[i].address.in.sin_addr
		    : (const void *)&list[i].address.in6.sin6_addr;
		unsigned port = ntohs(v4 ? list[i].address.in.sin_port
					 : list[i].address.in6.sin6_port);

		(void)inet_ntop(
		    list[i].address.any.sa_family, raw, text, sizeof(text));
		(void)strbuf_addf(out, v4 ? "%s:%u%s " : "[%s]:%u%s ", text,
		    port, list[i].trust_ad ? "+" : "");
	}
}

static void
assert_order(const struct dns_servers *servers, int64_t now, const char *want)
{
	struct strbuf got;

	strbuf_init(&got, 10000);
	show(servers, now, &got);
	assert_string_equal(strbuf_text(&got), want);
	strbuf_clear(&got);
}

static void
test_addresses_taken(void **state)
{
	static const struct {
		const char *given, *kept;
	} cases[] = {
	    {"127.0.0.1", "127.0.0.1:53+ "},
	    {"127.0.0.1:5353", "127.0.0.1:5353+ "},
	    {"192.0.2.1", "192.0.2.1:53 "},
	    {"::1", "[::1]:53+ "},
	    {"[::1]", "[::1]:53+ "},
	    {"[::1]:5353", "[::1]:5353+ "},
	    {"2001:db8::53", "[2001:db8::53]:53 "},
	    {"::ffff:127.0.0.1", "[::ffff:127.0.0.1]:53+ "},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dns_servers *servers = dns_servers_new(false);
		struct strbuf reason;

		strbuf_init(&reason, 1000);
		assert_int_equal(dns_servers_add(servers,
				     slice_str(cases[i].given), &reason),
		    0);
		assert_order(servers, 0, cases[i].kept);
		strbuf_clear(&reason);
		dns_servers_free(servers);
	}
}

static void
test_addresses_refused(void **state)
{
	static const char *const cases[] = {"", "localhost",
	    "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:5x",
	    "[::1", "[]", "[::1]x", "[::1]:", "1.2.3.4.5", "127.0.0.1 ", ":53"};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dns_servers *servers = dns_servers_new(false);
		struct strbuf reason;

		strbuf_init(&reason, 1000);
		assert_int_equal(
		    dns_servers_add(servers, slice_str(cases[i]), &reason), -1);
		assert_true(reason.n > 0);
		assert_order(servers, 0, "");
		strbuf_clear(&reason);
		dns_servers_free(servers);
	}
}

static void
test_there_is_a_bound(void **state)
{
	struct dns_servers *servers = dns_servers_new(true);
	struct strbuf reason;

	(void)state;
	strbuf_init(&reason, 1000);
	for (int i = 0; i < DNS_SERVERS_MAX; i++)
		assert_int_equal(
		    dns_servers_add(servers, SLICE("192.0.2.1"), &reason), 0);
	assert_int_equal(
	    dns_servers_add(servers, SLICE("192.0.2.1"), &reason), -1);
	assert_string_equal(strbuf_text(&reason), "more than 16 name servers");
	strbuf_clear(&reason);
	dns_servers_free(servers);
}

static void
test_trust_may_be_given(void **state)
{
	struct dns_servers *servers = dns_servers_new(true);
	struct strbuf reason;

	(void)state;
	strbuf_init(&reason, 1000);
	assert_int_equal(
	    dns_servers_add(servers, SLICE("192.0.2.1"), &reason), 0);
	assert_order(servers, 0, "192.0.2.1:53+ ");
	strbuf_clear(&reason);
	dns_servers_free(servers);
}

static void
test_silent_ones_come_last_for_a_while(void **state)
{
	struct dns_servers *servers = dns_servers_new(false);
	struct dns_server list[DNS_SERVERS_MAX];
	struct strbuf reason;

	(void)state;
	strbuf_init(&reason, 1000);
	assert_int_equal(
	    dns_servers_add(servers, SLICE("192.0.2.1"), &reason), 0);
	assert_int_equal(
	    dns_servers_add(servers, SLICE("192.0.2.2"), &reason), 0);
	assert_int_equal(dns_servers_order(servers, 0, list), 2);
	dns_servers_note(servers, &list[0], ETIMEDOUT, 1000);
	assert_order(servers, 30999, "192.0.2.2:53 192.0.2.1:53 ");
	assert_order(servers, 31000, "192.0.2.1:53 192.0.2.2:53 ");
	dns_servers_note(servers, &list[0], ETIMEDOUT, 40000);
	dns_servers_note(servers, &list[0], 0, 40001);
	assert_order(servers, 40002, "192.0.2.1:53 192.0.2.2:53 ");
	strbuf_clear(&reason);
	dns_servers_free(servers);
}

static void
on_news(void *ctx, const char *server, int error)
{
	(void)strbuf_addf(ctx, "%s %d ", server, error);
}

/* What is told of 192.0.2.1, step by step. */
static void
test_people_are_told_of_a_server_of_no_use_now_and_then(void **state)
{
	static const struct {
		int error;
		int64_t now;
		const char *told;
	} steps[] = {
	    {ETIMEDOUT, 0, ""},
	    {ETIMEDOUT, DNS_SERVERS_PATIENCE_MS - 1, ""},
	    {0, DNS_SERVERS_PATIENCE_MS, ""},
	    {ETIMEDOUT, 20000, ""},
	    {ETIMEDOUT, 20000 + DNS_SERVERS_PATIENCE_MS, "192.0.2.1:53 110 "},
	    {ETIMEDOUT, 90000, ""},
	    {0, 91000, "192.0.2.1:53 0 "},
	    {0, 92000, ""},
	    /* Two slow names an hour apart. */
	    {ETIMEDOUT, 200000, ""},
	    {ETIMEDOUT, 3800000, ""},
	    {0, 3800001, ""},
	    {EPERM, 4000000, "192.0.2.1:53 1 "},
	    {ECONNREFUSED, 4000001, ""},
	    /* By turns: told once, and what holds after the quiet. */
	    {0, 4000002, ""},
	    {ECONNREFUSED, 4000003, ""},
	    {0, 4000000 + DNS_SERVERS_QUIET_MS - 1, ""},
	    {0, 4000000 + DNS_SERVERS_QUIET_MS, "192.0.2.1:53 0 "},
	    {ECONNREFUSED, 4000001 + DNS_SERVERS_QUIET_MS, ""},
	};
	struct dns_servers *servers = dns_servers_new(false);
	struct dns_server list[DNS_SERVERS_MAX];
	struct strbuf told;

	(void)state;
	strbuf_init(&told, 1000);
	assert_int_equal(
	    dns_servers_add(servers, SLICE("192.0.2.1"), &told), 0);
	assert_int_equal(
	    dns_servers_add(servers, SLICE("2001:db8::1"), &told), 0);
	dns_servers_watch(servers, on_news, &told);
	assert_int_equal(dns_servers_order(servers, 0, list), 2);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		strbuf_reset(&told);
		dns_servers_note(
		    servers, &list[0], steps[i].error, steps[i].now);
		assert_string_equal(strbuf_text(&told), steps[i].told);
	}
	strbuf_reset(&told);
	dns_servers_note(servers, &list[1], ENETUNREACH, 5000000);
	assert_string_equal(strbuf_text(&told), "[2001:db8::1]:53 101 ");
	strbuf_clear(&told);
	dns_servers_free(servers);
}

static void
write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void
test_resolv_conf_is_followed(void **state)
{
	char path[] = "/tmp/signpost-resolv-XXXXXX";
	int fd = mkstemp(path);
	struct dns_servers *servers;

	(void)state;
	assert_true(fd >= 0);
	(void)close(fd);
	write_file(path,
	    "# nameserver 192.0.2.9\nsearch example.org\n"
	    "nameserver 192.0.2.1 # here\n\tnameserver\t2001:db8::1\n"
	    "nameserver nonsense\nnameservers 192.0.2.8\noptions edns0");
	servers = dns_servers_from_file(path, false);
	assert_order(servers, 0, "192.0.2.1:53 [2001:db8::1]:53 ");
	dns_servers_refresh(servers, 10000);
	write_file(path, "nameserver 192.0.2.77\n");
	dns_servers_refresh(servers, 10999);
	assert_order(servers, 0, "192.0.2.1:53 [2001:db8::1]:53 ");
	dns_servers_refresh(servers, 11000);
	assert_order(servers, 0, "192.0.2.77:53 ");
	/* Gone: the last known stay. Back and empty: the local one. */
	(void)unlink(path);
	dns_servers_refresh(servers, 13000);
	assert_order(servers, 0, "192.0.2.77:53 ");
	write_file(path, "");
	dns_servers_refresh(servers, 15000);
	assert_order(servers, 0, "127.0.0.1:53+ ");
	(void)unlink(path);
	dns_servers_free(servers);
	servers = dns_servers_from_file(path, false);
	assert_order(servers, 0, "127.0.0.1:53+ ");
	dns_servers_free(servers);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_addresses_taken),
	    cmocka_unit_test(test_addresses_refused),
	    cmocka_unit_test(test_there_is_a_bound),
	    cmocka_unit_test(test_trust_may_be_given),
	    cmocka_unit_test(test_silent_ones_come_last_for_a_while),
	    cmocka_unit_test(
		test_people_are_told_of_a_server_of_no_use_now_and_then),
	    cmocka_unit_test(test_resolv_conf_is_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
