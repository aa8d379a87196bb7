/* proxy/figures/health: next hops that greet, refuse, say nonsense, close, or
 * are not there, and who is told of it, once. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "proxy/figures/health.h"
#include "t/lib/unit.h"

struct scene {
	struct event_base *base;
	struct proxy_config config;
	struct proxy_health *health;
	int listeners[PROXY_FRONTS];
	const char *words[PROXY_FRONTS]; /* NULL: closes at once */
	char heard[PROXY_FRONTS][40];
	unsigned told;
	size_t count;
	struct proxy_health_hop hops[PROXY_HEALTH_HOPS];
};

static void
on_health(void *ctx, const struct proxy_health_hop *hops, size_t count)
{
	struct scene *s = ctx;

	s->told++;
	s->count = count;
	memcpy(s->hops, hops, count * sizeof(*hops));
	s->health = NULL;
}

static void
set_up(struct scene *s)
{
	memset(s, 0, sizeof(*s));
	s->base = event_base_new();
	proxy_fronts_init(&s->config);
}

static void
tear_down(struct scene *s)
{
	proxy_health_cancel(s->health);
	event_base_free(s->base);
}

/* The front has a next hop there, that will say this; -1: nobody listens. */
static void
front(struct scene *s, size_t n, bool listens, const char *words)
{
	static struct proxy_listen smtp = {.kind = PROXY_LISTEN_SMTP};
	struct proxy_front *front = &s->config.fronts[n];
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t length = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &length), 0);
	if (listens)
		assert_int_equal(listen(fd, 1), 0);
	memcpy(&front->relay.address, &at, sizeof(at));
	front->relay.length = length;
	front->listen = (struct proxy_listeners){&smtp, 1};
	front->enabled = true;
	s->listeners[n] = fd;
	s->words[n] = words;
}

/* Who has connected is told its words, and then listened to. */
static void
serve(struct scene *s, size_t n)
{
	struct timeval a_bit = {.tv_usec = 10000};
	int fd = -1;
	ssize_t got = -1;

	for (int i = 0; i < 200 && fd < 0; i++) {
		(void)event_base_loopexit(s->base, &a_bit);
		(void)event_base_dispatch(s->base);
		fd = accept4(s->listeners[n], NULL, NULL, SOCK_NONBLOCK);
	}
	assert_true(fd >= 0);
	if (s->words[n] != NULL)
		assert_true(send(fd, s->words[n], strlen(s->words[n]), 0) > 0);
	for (int i = 0; i < 200 && s->words[n] != NULL && got < 0; i++) {
		(void)event_base_loopexit(s->base, &a_bit);
		(void)event_base_dispatch(s->base);
		got = recv(fd, s->heard[n], sizeof(s->heard[n]) - 1, 0);
	}
	if (got >= 4)
		(void)send(fd, "221 bye\r\n", 9, MSG_NOSIGNAL);
	close(fd);
}

static void
ask_all(struct scene *s)
{
	struct timeval a_bit = {.tv_usec = 10000};

	s->health = proxy_health_ask(s->base, &s->config, on_health, s);
	assert_int_equal(s->told, 0); /* not out of the call */
	for (size_t n = 0; n < PROXY_FRONTS; n++)
		if (s->config.fronts[n].enabled && s->words[n] != s->heard[n])
			serve(s, n);
	for (int i = 0; i < 200 && s->told == 0; i++) {
		(void)event_base_loopexit(s->base, &a_bit);
		(void)event_base_dispatch(s->base);
	}
	assert_int_equal(s->told, 1);
	for (size_t n = 0; n < PROXY_FRONTS; n++)
		if (s->config.fronts[n].enabled)
			close(s->listeners[n]);
}

static void
test_one_that_greets_is_up_and_told_quit(void **state)
{
	struct scene s;

	(void)state;
	set_up(&s);
	front(&s, 1, true, "220 relay\r\n");
	ask_all(&s);
	assert_int_equal(s.count, 1);
	assert_true(s.hops[0].up);
	assert_string_equal(s.hops[0].front, s.config.fronts[1].name);
	assert_string_equal(s.heard[1], "QUIT\r\n");
	assert_null(strstr(s.hops[0].text, ": ")); /* nothing is wrong */
	tear_down(&s);
}

static void
test_what_is_wrong_is_told(void **state)
{
	static const struct {
		const char *words, *text;
	} cases[] = {
	    {"554 5.3.2 go away\r\n", ": 554 5.3.2 go away"},
	    {"421 busy \x1b[31m\r\n", ": 421 busy \\x1b[31m"},
	    {"220 for\r\n221 another\r\n", NULL}, /* it greeted, all the same */
	    {"hello there, who are you\r\n", ": "},
	    {NULL, ": connection closed by peer"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct scene s;

		set_up(&s);
		front(&s, 0, true, cases[i].words);
		ask_all(&s);
		assert_true(s.hops[0].up == (cases[i].text == NULL));
		if (cases[i].text != NULL)
			assert_non_null(strstr(s.hops[0].text, cases[i].text));
		tear_down(&s);
	}
}

static void
test_one_that_is_not_there_does_not_hide_the_other(void **state)
{
	struct scene s;

	(void)state;
	set_up(&s);
	front(&s, 0, false, s.heard[0]);
	front(&s, 1, true, "220 relay\r\n");
	ask_all(&s);
	assert_int_equal(s.count, 2);
	assert_false(s.hops[0].up);
	assert_non_null(strstr(s.hops[0].text, ": Connection refused"));
	assert_true(s.hops[1].up);
	tear_down(&s);
}

static void
test_with_nobody_to_ask_it_is_told_all_the_same(void **state)
{
	struct scene s;

	(void)state;
	set_up(&s);
	ask_all(&s);
	assert_int_equal(s.count, 0);
	tear_down(&s);
}

static void
test_cancelled_nobody_is_told(void **state)
{
	struct timeval a_bit = {.tv_usec = 20000};
	struct scene s;

	(void)state;
	set_up(&s);
	front(&s, 0, true, "220 relay\r\n");
	s.health = proxy_health_ask(s.base, &s.config, on_health, &s);
	proxy_health_cancel(s.health);
	s.health = NULL;
	(void)event_base_loopexit(s.base, &a_bit);
	(void)event_base_dispatch(s.base);
	assert_int_equal(s.told, 0);
	close(s.listeners[0]);
	tear_down(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_one_that_greets_is_up_and_told_quit),
	    cmocka_unit_test(test_what_is_wrong_is_told),
	    cmocka_unit_test(
		test_one_that_is_not_there_does_not_hide_the_other),
	    cmocka_unit_test(test_with_nobody_to_ask_it_is_told_all_the_same),
	    cmocka_unit_test(test_cancelled_nobody_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
