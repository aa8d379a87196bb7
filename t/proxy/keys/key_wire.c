/*
 * proxy/keys/key_wire: what each end takes for a question or an answer, over a
 * real pair of sockets. (t/proxy/keys/key_files has the master's answering with
 * keys that are there, and descriptors that nobody asked for.)
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/keys/key_wire.h"
#include "proxy/settings/config.h"
#include "t/lib/unit.h"

static struct slice
bytes_of(const void *p, size_t n)
{
	return slice_from(p, n);
}

static const struct proxy_key_request good = {
    .id = 7, .rule = 0, .domain_n = 11, .domain = "example.org"};

static void
test_questions(void **state)
{
	struct proxy_key_request request, got;
	static const struct {
		const char *domain;
		int result;
	} cases[] = {
	    {"example.org", 0},
	    {"xn--bcher-kva.example", 0},
	    {"", -1},
	    {".", -1},
	    {"..", -1},
	    {"../example.org", -1},
	    {"example.org/../x", -1},
	    {".example.org", -1},
	    {"a..b", -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		request = good;
		memset(request.domain, 0, sizeof(request.domain));
		request.domain_n = (uint32_t)strlen(cases[i].domain);
		memcpy(request.domain, cases[i].domain, request.domain_n);
		if (proxy_key_request_parse(bytes_of(&request, sizeof(request)),
			&got) != cases[i].result)
			fail_msg("\"%s\"", cases[i].domain);
	}
	request = good;
	assert_int_equal(
	    proxy_key_request_parse(bytes_of(&request, sizeof(request)), &got),
	    0);
	assert_memory_equal(&got, &good, sizeof(good));
	for (size_t n = 0; n < sizeof(request); n++)
		assert_int_equal(
		    proxy_key_request_parse(bytes_of(&request, n), &got), -1);
	request.has_stamp = 2;
	assert_int_equal(
	    proxy_key_request_parse(bytes_of(&request, sizeof(request)), &got),
	    -1);
	request = good;
	request.domain_n = sizeof(request.domain) + 1;
	assert_int_equal(
	    proxy_key_request_parse(bytes_of(&request, sizeof(request)), &got),
	    -1);
}

/* One question over a pair to a master with no rule at all, and back. */
static void
test_a_question_and_its_answer(void **state)
{
	struct proxy_config config;
	struct proxy_key_readers readers = {0};
	struct proxy_key_reply reply;
	char datagram[sizeof(reply) + 1];
	int pair[2], fd;
	long n;

	(void)state;
	memset(&config, 0, sizeof(config));
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	assert_int_equal(proxy_key_server_answer(pair[0], &config, &readers),
	    PROXY_KEY_SERVED_NONE);
	assert_int_equal(
	    proxy_key_send(pair[1], bytes_of(&good, sizeof(good)), -1), 0);
	assert_int_equal(proxy_key_server_answer(pair[0], &config, &readers),
	    PROXY_KEY_SERVED);
	n = proxy_key_receive(pair[1], datagram, sizeof(datagram), &fd);
	assert_int_equal(fd, PROXY_KEY_NO_FD);
	assert_int_equal(
	    proxy_key_reply_parse(bytes_of(datagram, (size_t)n), &reply), 0);
	assert_int_equal(reply.id, good.id);
	assert_int_equal(reply.status, PROXY_KEY_REPLY_TROUBLE);
	assert_true(reply.reason_n > 0);
	/* Cut, longer or of no known status it is none. */
	for (size_t cut = 0; cut < (size_t)n; cut++)
		assert_int_equal(
		    proxy_key_reply_parse(bytes_of(datagram, cut), &reply), -1);
	assert_int_equal(
	    proxy_key_reply_parse(bytes_of(datagram, (size_t)n + 1), &reply),
	    -1);
	datagram[offsetof(struct proxy_key_reply, status)] = PROXY_KEY_REPLIES;
	assert_int_equal(
	    proxy_key_reply_parse(bytes_of(datagram, (size_t)n), &reply), -1);
	close(pair[0]);
	close(pair[1]);
}

static void
test_who_asks_what_is_no_question_is_a_liar(void **state)
{
	struct proxy_config config;
	struct proxy_key_readers readers = {0};
	struct proxy_key_request longer[2] = {good, good};
	int pair[2];

	(void)state;
	memset(&config, 0, sizeof(config));
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	for (size_t n = 1; n < sizeof(longer); n += 61) {
		if (n == sizeof(good))
			continue;
		assert_int_equal(
		    proxy_key_send(pair[1], bytes_of(longer, n), -1), 0);
		assert_int_equal(
		    proxy_key_server_answer(pair[0], &config, &readers),
		    PROXY_KEY_SERVED_LIAR);
	}
	assert_int_equal(
	    proxy_key_send(pair[1], bytes_of(&good, sizeof(good)), pair[1]), 0);
	assert_int_equal(proxy_key_server_answer(pair[0], &config, &readers),
	    PROXY_KEY_SERVED_LIAR);
	/* One that asks and goes is told nothing, and is no trouble. */
	assert_int_equal(
	    proxy_key_send(pair[1], bytes_of(&good, sizeof(good)), -1), 0);
	close(pair[1]);
	assert_int_equal(proxy_key_server_answer(pair[0], &config, &readers),
	    PROXY_KEY_SERVED_GONE);
	assert_int_equal(proxy_key_server_answer(pair[0], &config, &readers),
	    PROXY_KEY_SERVED_GONE);
	close(pair[0]);
}

static void
test_sending_does_not_wait(void **state)
{
	int pair[2], sent = 0;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	while (proxy_key_send(pair[1], bytes_of(&good, sizeof(good)), -1) == 0)
		assert_true(++sent < 100000);
	assert_int_equal(errno, EAGAIN);
	close(pair[0]);
	assert_int_equal(
	    proxy_key_send(pair[1], bytes_of(&good, sizeof(good)), -1), -1);
	close(pair[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_questions),
	    cmocka_unit_test(test_a_question_and_its_answer),
	    cmocka_unit_test(test_who_asks_what_is_no_question_is_a_liar),
	    cmocka_unit_test(test_sending_does_not_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
