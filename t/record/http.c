/* record/http over real sockets, loop and clients in one process: who is
 * sent away, how many are served at once, and what becomes of the rest. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <event2/event.h>

#include "record/http.h"
#include "t/lib/unit.h"

enum { CLIENTS = RECORD_HTTP_CONNECTIONS_MAX + 5, TEXT_MAX = 4096 };

static const char request[] = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";

struct serving {
	struct event_base *base;
	struct record_http *http;
	struct record_request *kept; /* of /later */
	uint16_t port;
	int listener;
	unsigned asked, troubles;
	bool allows;
};

static void
on_page(void *ctx, struct record_request *r)
{
	struct serving *s = ctx;
	struct strbuf page;

	s->asked++;
	strbuf_init(&page, 100);
	(void)strbuf_add_str(&page, "page\n");
	record_http_answer(r, 200, &page);
	strbuf_clear(&page);
}

static void
on_later(void *ctx, struct record_request *r)
{
	struct serving *s = ctx;

	s->asked++;
	s->kept = r;
}

static bool
is_allowed(void *ctx, const struct sockaddr *peer)
{
	const struct serving *s = ctx;

	assert_int_equal(peer->sa_family, AF_INET);
	return s->allows;
}

static void
on_trouble(void *ctx, const char *why)
{
	struct serving *s = ctx;

	assert_string_equal(why, strerror(EMFILE));
	s->troubles++;
}

static const struct record_route routes[] = {{"/a", "text/plain", on_page},
    {"/later", "text/plain", on_later}, {NULL, NULL, NULL}};
static struct record_site site = {routes, is_allowed, NULL, on_trouble, NULL};

static int
set_up(void **state)
{
	static struct serving s;
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t length = sizeof(at);

	(void)signal(SIGPIPE, SIG_IGN); /* as the recorder does */
	memset(&s, 0, sizeof(s));
	s.allows = true;
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s.listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(
	    bind(s.listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(s.listener, 64), 0);
	assert_int_equal(
	    getsockname(s.listener, (struct sockaddr *)&at, &length), 0);
	s.port = ntohs(at.sin_port);
	s.base = event_base_new();
	site.ctx = &s;
	s.http = record_http_new(s.base, s.listener, &site);
	assert_non_null(s.http);
	*state = &s;
	return 0;
}

static int
tear_down(void **state)
{
	struct serving *s = *state;

	record_http_free(s->http);
	event_base_free(s->base);
	close(s->listener);
	return 0;
}

static int
new_client(const struct serving *s)
{
	struct sockaddr_in at = {
	    .sin_family = AF_INET, .sin_port = htons(s->port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

static void
say(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

/* The loop for so long. */
static void
turn(const struct serving *s, unsigned ms)
{
	struct timeval tv = {ms / 1000, (suseconds_t)(ms % 1000) * 1000};

	(void)event_base_loopexit(s->base, &tv);
	(void)event_base_dispatch(s->base);
}

/* What the client was sent by now, ended with a NUL; how many bytes. */
static size_t
heard(int fd, char to[TEXT_MAX])
{
	ssize_t n = recv(fd, to, TEXT_MAX - 1, MSG_DONTWAIT);

	to[n < 0 ? 0 : n] = '\0';
	return n < 0 ? 0 : (size_t)n;
}

static void
test_pages(void **state)
{
	struct serving *s = *state;
	char text[TEXT_MAX];
	int fd = new_client(s);

	say(fd, request);
	turn(s, 50);
	assert_true(heard(fd, text) > 0);
	assert_memory_equal(text, "HTTP/1.1 200 OK\r\n", 17);
	assert_non_null(strstr(text, "\r\nContent-Length: 5\r\n"));
	assert_non_null(strstr(text, "\r\n\r\npage\n"));
	close(fd);
	fd = new_client(s);
	say(fd, "HEAD /a HTTP/1.1\r\n\r\n");
	turn(s, 50);
	assert_true(heard(fd, text) > 0);
	assert_non_null(strstr(text, "\r\nContent-Length: 5\r\n"));
	assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\n");
	close(fd);
	fd = new_client(s);
	say(fd, "GET /b HTTP/1.1\r\n\r\n");
	turn(s, 50);
	assert_true(heard(fd, text) > 0);
	assert_memory_equal(text, "HTTP/1.1 404 ", 13);
	close(fd);
}

static void
test_a_header_without_end(void **state)
{
	struct serving *s = *state;
	char text[TEXT_MAX];
	int fd = new_client(s);

	say(fd, "GET /a HTTP/1.1\r\n");
	for (int i = 0; i < RECORD_HTTP_HEADER_MAX / 8; i++)
		say(fd, "a: 456\r\n");
	turn(s, 100);
	assert_true(heard(fd, text) > 0);
	assert_memory_equal(text, "HTTP/1.1 431 ", 13);
	assert_int_equal(s->asked, 0);
	close(fd);
}

static void
test_who_may_not_ask_is_sent_away_unheard(void **state)
{
	struct serving *s = *state;
	char text[TEXT_MAX];
	int fd = new_client(s);

	s->allows = false;
	turn(s, 50); /* he has not said a word */
	assert_true(heard(fd, text) > 0);
	assert_memory_equal(text, "HTTP/1.1 403 ", 13);
	assert_int_equal(read(fd, text, 1), 0);
	assert_int_equal(s->asked, 0);
	close(fd);
}

static void
test_a_client_that_goes_while_its_page_is_made(void **state)
{
	struct serving *s = *state;
	struct strbuf page;
	int fd = new_client(s);

	say(fd, "GET /later HTTP/1.1\r\n\r\n");
	turn(s, 50);
	assert_non_null(s->kept);
	close(fd);
	turn(s, 50);
	strbuf_init(&page, 3 << 20);
	while (page.n < 3 << 19)
		(void)strbuf_add_str(&page, "more than a socket takes at once");
	record_http_answer(s->kept, 200, &page);
	turn(s, 50);
	strbuf_clear(&page);
}

/* Slow to ask, or to take the answer: none of them keeps others out. */
static void
test_who_is_slow_makes_room(void **state)
{
	struct serving *s = *state;
	int fds[CLIENTS], last;
	char text[TEXT_MAX];

	for (size_t i = 0; i < CLIENTS; i++) {
		fds[i] = new_client(s);
		if (i % 2 == 0)
			say(fds[i], "GET /a HTTP/1.1\r\n"); /* no end */
	}
	turn(s, 50);
	last = new_client(s);
	say(last, request);
	turn(s, 100);
	assert_true(heard(last, text) > 0);
	assert_memory_equal(text, "HTTP/1.1 200 OK\r\n", 17);
	assert_int_equal(s->asked, 1);
	/* Those that came first had to go, and no more than had to. */
	for (size_t i = 0; i < CLIENTS; i++) {
		bool gone =
		    recv(fds[i], text, 1, MSG_DONTWAIT) >= 0 || errno != EAGAIN;

		assert_int_equal(
		    gone, i < CLIENTS + 1 - RECORD_HTTP_CONNECTIONS_MAX);
		close(fds[i]);
	}
	close(last);
}

/* Who waits for a page that is being made keeps his place. */
static void
test_so_many_wait_for_us(void **state)
{
	struct serving *s = *state;
	int fds[RECORD_HTTP_CONNECTIONS_MAX], last;
	struct strbuf page;
	char text[TEXT_MAX];

	for (size_t i = 0; i < RECORD_HTTP_CONNECTIONS_MAX; i++) {
		fds[i] = new_client(s);
		say(fds[i], "GET /later HTTP/1.1\r\n\r\n");
	}
	turn(s, 100);
	assert_int_equal(s->asked, RECORD_HTTP_CONNECTIONS_MAX);
	last = new_client(s);
	say(last, request);
	turn(s, 100);
	assert_int_equal(heard(last, text), 0); /* it waits */
	strbuf_init(&page, 100);
	record_http_answer(s->kept, 200, &page);
	strbuf_clear(&page);
	turn(s, 100);
	assert_true(heard(last, text) > 0);
	for (size_t i = 0; i < RECORD_HTTP_CONNECTIONS_MAX; i++)
		close(fds[i]);
	close(last);
}

static bool
is_mx(void *ctx, struct slice name)
{
	(void)ctx;
	return slice_equal_nocase(name, SLICE("mx.example.org"));
}

static void
test_another_hosts_name_is_refused(void **state)
{
	static const struct {
		const char *request;
		bool answered;
	} cases[] = {
	    {"GET /a HTTP/1.1\r\nHost: evil.example\r\n\r\n", false},
	    {"GET /a HTTP/1.1\r\nhOST:evil.example:9127\r\n\r\n", false},
	    {"GET /a HTTP/1.1\nHost: 127.0.0.1.evil.example\n\n", false},
	    {"GET /a HTTP/1.1\r\nHost: localhost.evil.example\r\n\r\n", false},
	    {"GET http://evil.example/a HTTP/1.1\r\n"
	     "Host: localhost\r\n\r\n",
		false},
	    {"GET /a HTTP/1.1\r\nHost: localhost:9127\r\n\r\n", true},
	    {"GET /a HTTP/1.1\r\nHost: LocalHost.\r\n\r\n", true},
	    {"GET /a HTTP/1.1\r\nHost: 127.0.0.1:9127\r\n\r\n", true},
	    {"GET /a HTTP/1.1\r\nHost: [::1]:9127\r\n\r\n", true},
	    {"GET /a HTTP/1.1\r\nHost: MX.example.org:9127\r\n\r\n", true},
	    {"GET http://[::1]:9127/a HTTP/1.1\r\nHost: x\r\n\r\n", true},
	    {"GET /a HTTP/1.0\r\n\r\n", true},
	};
	struct serving *s = *state;
	char text[TEXT_MAX];

	site.named = is_mx;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int fd = new_client(s);

		say(fd, cases[i].request);
		turn(s, 30);
		assert_true(heard(fd, text) > 0);
		if (memcmp(text,
			cases[i].answered ? "HTTP/1.1 200 " : "HTTP/1.1 421 ",
			13) != 0)
			fail_msg("%s: %.20s", cases[i].request, text);
		if (!cases[i].answered)
			assert_non_null(strstr(text, "[metrics] hosts"));
		close(fd);
	}
	site.named = NULL;
}

/* Without a rest the loop would go round for as long as they wait. */
static void
test_out_of_descriptors_it_rests(void **state)
{
	struct serving *s = *state;
	struct rlimit before, none;
	char text[TEXT_MAX];
	int fd = new_client(s), next;

	say(fd, request);
	next = dup(fd);
	assert_true(next >= 0);
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = (rlim_t)next;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	turn(s, 3 * RECORD_HTTP_REST_MS / 2);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_in_range(s->troubles, 1, 3);
	assert_int_equal(s->asked, 0);
	turn(s, RECORD_HTTP_REST_MS + 100);
	assert_true(heard(fd, text) > 0);
	close(fd);
}

int
main(void)
{
#define SERVED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    SERVED(test_pages),
	    SERVED(test_a_header_without_end),
	    SERVED(test_who_may_not_ask_is_sent_away_unheard),
	    SERVED(test_a_client_that_goes_while_its_page_is_made),
	    SERVED(test_who_is_slow_makes_room),
	    SERVED(test_so_many_wait_for_us),
	    SERVED(test_another_hosts_name_is_refused),
	    SERVED(test_out_of_descriptors_it_rests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
