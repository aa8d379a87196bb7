/* A scripted peer; see talk.h. */
#include <errno.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "t/lib/talk.h"
#include "t/lib/unit.h"

enum { HEARD_MAX = 64 << 20, TURN_MS = 5 };

static long
now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

evutil_socket_t
talk_init_with(struct talk *talk, struct event_base *base)
{
	int pair[2];

	assert_int_equal(
	    socketpair(
		AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
	    0);
	talk->base = base;
	talk->fd = pair[0];
	talk->eof = false;
	strbuf_init(&talk->heard, HEARD_MAX);
	return pair[1];
}

evutil_socket_t
talk_init(struct talk *talk)
{
	struct event_base *base = event_base_new();

	assert_non_null(base);
	return talk_init_with(talk, base);
}

/* One look at the events, of TURN_MS at most, and one at our end. */
static void
turn(struct talk *talk)
{
	struct timeval most = {.tv_usec = TURN_MS * 1000};
	char *to;
	ssize_t n;

	(void)event_base_loopexit(talk->base, &most);
	(void)event_base_loop(talk->base, EVLOOP_ONCE);
	if (talk->fd < 0 || talk->eof)
		return;
	to = strbuf_reserve(&talk->heard, 65536);
	assert_non_null(to);
	n = recv(talk->fd, to, 65536, 0);
	if (n > 0)
		talk->heard.n += (size_t)n;
	else if (n == 0 || errno != EAGAIN)
		talk->eof = true;
}

void
talk_send(struct talk *talk, struct slice bytes)
{
	long until = now_ms() + TALK_WAIT_MS;

	while (bytes.n > 0) {
		ssize_t n = send(talk->fd, bytes.p, bytes.n, MSG_NOSIGNAL);

		if (n > 0)
			bytes = slice_after(bytes, (size_t)n);
		else
			turn(talk);
		assert_true(now_ms() < until);
	}
}

void
talk_say(struct talk *talk, const char *text)
{
	talk_send(talk, slice_str(text));
}

static void
wait_for(struct talk *talk, size_t n)
{
	long until = now_ms() + TALK_WAIT_MS;

	while (talk->heard.n < n && !talk->eof && now_ms() < until)
		turn(talk);
}

void
talk_hear(struct talk *talk, const char *text)
{
	struct slice want = slice_str(text);

	wait_for(talk, want.n);
	assert_slice_equal(
	    slice_first(strbuf_slice(&talk->heard), want.n), want);
	strbuf_consume(&talk->heard, want.n);
}

void
talk_hear_bytes(struct talk *talk, size_t n)
{
	wait_for(talk, n);
	assert_true(talk->heard.n >= n);
	strbuf_consume(&talk->heard, n);
}

void
talk_hear_nothing(struct talk *talk, unsigned ms)
{
	talk_run(talk, ms);
	assert_slice_equal(strbuf_slice(&talk->heard), SLICE(""));
	assert_false(talk->eof);
}

void
talk_hear_end(struct talk *talk)
{
	wait_for(talk, talk->heard.n + 1);
	assert_slice_equal(strbuf_slice(&talk->heard), SLICE(""));
	assert_true(talk->eof);
}

void
talk_hang_up(struct talk *talk)
{
	if (talk->fd >= 0)
		(void)close(talk->fd);
	talk->fd = -1;
}

void
talk_run(struct talk *talk, unsigned ms)
{
	long until = now_ms() + (long)ms;

	do
		turn(talk);
	while (now_ms() < until);
}

void
talk_run_until(struct talk *talk, const bool *flag)
{
	long until = now_ms() + TALK_WAIT_MS;

	while (!*flag && now_ms() < until)
		turn(talk);
	assert_true(*flag);
}

void
talk_accept(struct talk *talk, int listener)
{
	long until = now_ms() + TALK_WAIT_MS;
	int fd;

	while ((fd = accept4(
		    listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) < 0 &&
	    now_ms() < until)
		turn(talk);
	assert_true(fd >= 0);
	talk_hang_up(talk);
	talk->fd = fd;
	talk->eof = false;
	strbuf_reset(&talk->heard);
}

void
talk_clear_side(struct talk *talk)
{
	talk_hang_up(talk);
	strbuf_clear(&talk->heard);
}

void
talk_clear(struct talk *talk)
{
	talk_clear_side(talk);
	event_base_free(talk->base);
}
