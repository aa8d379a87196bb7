/*
 * A socket with bounded input and gathered output; see conn.h. Not a
 * bufferevent: that one asks for the bytes waiting before each read, and
 * sets and clears its wish to write around each write. Here a command and
 * its answer are one recv() and one sendmsg().
 */
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/compat.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "smtp/conn.h"
#include "smtp/timer.h"

enum {
	KEPT_ROOM = 32 * 1024, /* larger buffers are given back when empty */
	LINGER_MS = 2000,
	LINGER_READS = 64,
	WHY_MAX = 200,
};

struct smtp_conn {
	struct event_base *base;
	evutil_socket_t fd;
	const struct smtp_conn_ops *ops;
	void *ctx;
	/* `gone` watches for the peer's going while nothing is read. It is
	 * told of changes only (what is not taken out of the socket would
	 * wake it for ever), and set while the other two are not: one
	 * descriptor cannot be watched in both ways. */
	struct event readable, writable, gone, turn;
	struct smtp_timer timer, write_timer;
	struct strbuf in, out;
	struct slice passing; /* input, of a read under way */
	size_t in_at;	      /* what of `in` is consumed; all of it: none */
	size_t out_at;	      /* what of `out` is written */
	size_t read_max;
	unsigned write_ms;
	unsigned busy;	  /* callbacks under way */
	unsigned dropped; /* reads while lingering */
	enum smtp_conn_state state;
	const struct trace *trace;
	const char *who;
	bool heard, corked, want_drained;
	bool ended;   /* the peer sends nothing more */
	bool blocked; /* the socket takes no more; `writable` is set */
	bool linger;  /* what FINISHING ends in */
	enum smtp_close close;
	char why[WHY_MAX];
};

static const char *const conn_names[SMTP_CONN_STATES] = {
    [SMTP_CONN_OPEN] = "OPEN",
    [SMTP_CONN_FINISHING] = "FINISHING",
    [SMTP_CONN_LINGERING] = "LINGERING",
    [SMTP_CONN_FAILED] = "FAILED",
    [SMTP_CONN_CLOSED] = "CLOSED",
    [SMTP_CONN_FREED] = "FREED",
};

#define BIT(state) MACHINE_BIT(SMTP_CONN_##state)

/* Downwards only: each of them means all that the ones above it mean. */
static const unsigned conn_next[SMTP_CONN_STATES] = {
    [SMTP_CONN_OPEN] = BIT(FINISHING) | BIT(FAILED) | BIT(CLOSED) | BIT(FREED),
    [SMTP_CONN_FINISHING] =
	BIT(LINGERING) | BIT(FAILED) | BIT(CLOSED) | BIT(FREED),
    [SMTP_CONN_LINGERING] = BIT(FAILED) | BIT(CLOSED) | BIT(FREED),
    [SMTP_CONN_FAILED] = BIT(CLOSED) | BIT(FREED),
    [SMTP_CONN_CLOSED] = BIT(FREED),
};

const struct machine smtp_conn_machine = {
    "socket", conn_names, conn_next, SMTP_CONN_STATES};

static void
move_conn(struct smtp_conn *conn, enum smtp_conn_state state)
{
	(void)machine_check(&smtp_conn_machine, conn->state, state);
	trace_state(
	    conn->trace, conn->who, conn_names[conn->state], conn_names[state]);
	conn->state = state;
}

/* CLOSED and FREED: no callback comes any more. */
static bool
is_over(const struct smtp_conn *conn)
{
	return conn->state >= SMTP_CONN_CLOSED;
}

void
smtp_conn_trace(
    struct smtp_conn *conn, const struct trace *trace, const char *who)
{
	conn->trace = trace;
	conn->who = who;
}

static void
drop_events(struct smtp_conn *conn)
{
	(void)event_del(&conn->turn);
	smtp_timer_clear(&conn->timer);
	smtp_timer_clear(&conn->write_timer);
	if (conn->fd < 0)
		return;
	(void)event_del(&conn->readable);
	(void)event_del(&conn->writable);
	(void)event_del(&conn->gone);
}

/* `freed` is the very last, for the owner may free what `ops` is part of. */
static void
destroy(struct smtp_conn *conn)
{
	const struct smtp_conn_ops *ops = conn->ops;
	void *ctx = conn->ctx;

	strbuf_clear(&conn->in);
	strbuf_clear(&conn->out);
	free(conn);
	ops->freed(ctx);
}

/* A callback may free the connection that is calling it: the memory stays until
 * the outermost call is through. */
static void
enter(struct smtp_conn *conn)
{
	conn->busy++;
}

static void
leave(struct smtp_conn *conn)
{
	if (--conn->busy == 0 && conn->state == SMTP_CONN_FREED)
		destroy(conn);
}

/* Kept, since it is told later, from the loop, and `why` may be gone by
 * then. */
static void
remember(struct smtp_conn *conn, enum smtp_close close, const char *why)
{
	conn->close = close;
	(void)snprintf(conn->why, sizeof(conn->why), "%s", why);
}

/* The one place from which `closed` is called. */
static void
end_conn(struct smtp_conn *conn)
{
	if (is_over(conn))
		return;
	move_conn(conn, SMTP_CONN_CLOSED);
	drop_events(conn);
	conn->ops->closed(conn->ctx, conn->close, conn->why);
}

/* The peer is gone. What was agreed before is what counts, save where it
 * shows that our last words were not read. */
static void
end_lost(struct smtp_conn *conn, enum smtp_close close, const char *why)
{
	if (conn->state == SMTP_CONN_OPEN ||
	    (conn->state < SMTP_CONN_FAILED && conn->ended))
		remember(conn, close, why);
	end_conn(conn);
}

/* What poll() says of the socket without being asked for anything. */
static short
trouble(const struct smtp_conn *conn)
{
	struct pollfd at = {.fd = conn->fd, .events = POLLRDHUP};

	return poll(&at, 1, 0) == 1 ? at.revents : 0;
}

/* A client that hangs up while we wait for DNS or the relay should be noticed
 * then, though nothing is read from it. */
static void
watch(struct smtp_conn *conn)
{
	if (!is_over(conn) && !conn->blocked &&
	    !event_pending(&conn->readable, EV_READ, NULL))
		(void)event_add(&conn->gone, NULL);
}

static void
stop_reading(struct smtp_conn *conn)
{
	(void)event_del(&conn->readable);
	watch(conn);
}

/* On a Unix socket it shows whether the peer has closed all of it; on TCP a
 * reset alone tells, and may come when we write. */
static void
end_input(struct smtp_conn *conn)
{
	bool gone = (trouble(conn) & (POLLERR | POLLHUP)) != 0;

	if (conn->ops->ended == NULL || gone) {
		end_lost(conn,
		    conn->ops->ended == NULL ? SMTP_CLOSE_EOF
					     : SMTP_CLOSE_RESET,
		    "connection closed by peer");
		return;
	}
	conn->ended = true;
	stop_reading(conn);
	conn->ops->ended(conn->ctx);
}

/* To the loop: what called us must return before anything else happens. */
void
smtp_conn_kick(struct smtp_conn *conn)
{
	if (!is_over(conn))
		event_active(&conn->turn, EV_TIMEOUT, 0);
}

/* Not `closed` at once: the caller is in the middle of something, and finds the
 * connection useless and not gone. */
void
smtp_conn_fail(struct smtp_conn *conn, enum smtp_close close, const char *why)
{
	if (smtp_conn_lost(conn))
		return;
	remember(conn, close, why);
	move_conn(conn, SMTP_CONN_FAILED);
	smtp_conn_kick(conn);
}

size_t
smtp_conn_unwritten(const struct smtp_conn *conn)
{
	return conn->out.n - conn->out_at;
}

/* The write timer counts from the moment when the socket took no more, not from
 * when we had something to say. */
static void
block(struct smtp_conn *conn)
{
	if (!conn->blocked) {
		(void)event_del(&conn->gone);
		(void)event_add(&conn->writable, NULL);
	}
	conn->blocked = true;
	smtp_timer_begin(&conn->write_timer, conn->write_ms);
}

static void
keep_output(struct smtp_conn *conn, struct slice bytes)
{
	if (conn->out_at == conn->out.n) {
		strbuf_reset(&conn->out);
		conn->out_at = 0;
	} else if (conn->out_at > SMTP_CONN_HIGH_WATER / 2) {
		/* Moved only when much has gone, so that the cost of moving is
		 * shared by many octets. */
		strbuf_consume(&conn->out, conn->out_at);
		conn->out_at = 0;
	}
	if (strbuf_add(&conn->out, bytes) != 0)
		smtp_conn_fail(conn, SMTP_CLOSE_PROTOCOL,
		    "too much is waiting to be written");
}

/* MSG_NOSIGNAL, for a peer that is gone is no reason for us to die. */
static ssize_t
send_both(evutil_socket_t fd, struct slice one, struct slice two)
{
	struct iovec iov[2] = {
	    {.iov_base = (void *)(uintptr_t)one.p, .iov_len = one.n},
	    {.iov_base = (void *)(uintptr_t)two.p, .iov_len = two.n}};
	struct msghdr message = {.msg_iov = iov, .msg_iovlen = 2};

	if (two.n == 0)
		return send(fd, one.p, one.n, MSG_NOSIGNAL);
	if (one.n == 0)
		return send(fd, two.p, two.n, MSG_NOSIGNAL);
	return sendmsg(fd, &message, MSG_NOSIGNAL);
}

/* What was kept, then `bytes`; what the socket does not take is kept. */
static void
write_out(struct smtp_conn *conn, struct slice bytes)
{
	struct slice kept = slice_after(strbuf_slice(&conn->out), conn->out_at);
	ssize_t sent = send_both(conn->fd, kept, bytes);
	size_t n = sent < 0 ? 0 : (size_t)sent;

	if (sent < 0 && errno != EAGAIN && errno != EINTR) {
		smtp_conn_fail(conn, SMTP_CLOSE_RESET, strerror(errno));
		return;
	}
	conn->out_at += n < kept.n ? n : kept.n;
	if (n < kept.n + bytes.n) {
		keep_output(
		    conn, slice_after(bytes, n < kept.n ? 0 : n - kept.n));
		block(conn);
	}
}

/* RFC 9293 section 3.6: to close with unread input is a reset, which may take
 * our last words out of the peer's hands. So our half is closed first, and what
 * comes is read away for a while, in bounds. */
static void
linger(struct smtp_conn *conn)
{
	move_conn(conn, SMTP_CONN_LINGERING);
	(void)shutdown(conn->fd, SHUT_WR);
	if (conn->ended) {
		watch(conn);
		smtp_timer_begin(&conn->timer, SMTP_CONN_WATCH_MS);
		return;
	}
	(void)event_del(&conn->gone);
	(void)event_add(&conn->readable, NULL);
	smtp_timer_begin(&conn->timer, LINGER_MS);
}

/* After each callback of the loop. */
static void
finish_turn(struct smtp_conn *conn)
{
	/* The end of a turn: what was gathered goes. */
	if (!smtp_conn_lost(conn) && !conn->blocked) {
		if (smtp_conn_unwritten(conn) > 0 && !conn->corked)
			write_out(conn, slice_from(NULL, 0));
	}
	/* The end waits until the last words have left. */
	if (conn->state != SMTP_CONN_FINISHING || smtp_conn_unwritten(conn) > 0)
		return;
	if (conn->linger)
		linger(conn);
	else
		end_conn(conn);
}

static void
on_turn(evutil_socket_t fd, short what, void *ctx)
{
	struct smtp_conn *conn = ctx;

	(void)fd;
	(void)what;
	enter(conn);
	if (conn->state == SMTP_CONN_FAILED)
		end_conn(conn);
	else if (conn->state == SMTP_CONN_OPEN)
		conn->ops->input(conn->ctx);
	finish_turn(conn);
	leave(conn);
}

/* How many bytes came; 0: none, and the connection may be over. */
static size_t
receive_input(struct smtp_conn *conn, char *to, size_t room)
{
	ssize_t n = recv(conn->fd, to, room, 0);

	/* Woken for nothing: the kernel may do that. */
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n < 0) {
		end_lost(conn, SMTP_CLOSE_RESET, strerror(errno));
		return 0;
	}
	if (n == 0) {
		end_input(conn);
		return 0;
	}
	conn->heard = true;
	return (size_t)n;
}

/* Much at once, most often all taken in the call: no connection needs a
 * buffer of that size for itself, and this one stays in the cache. */
__attribute__((noinline)) static void
read_and_pass(struct smtp_conn *conn, size_t room)
{
	char bytes[SMTP_CONN_IN_MAX] COMPAT_UNWRITTEN;

	conn->passing = slice_from(bytes, receive_input(conn, bytes, room));
	if (conn->passing.n > 0)
		conn->ops->input(conn->ctx);
	if (conn->passing.n > 0)
		strbuf_add(&conn->in, conn->passing);
	conn->passing = slice_from(NULL, 0);
}

/* The event stays set while nothing is to be read, until something comes:
 * most peers are silent then, and it is two system calls less. */
static void
on_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct smtp_conn *conn = ctx;
	size_t held = smtp_conn_input(conn).n;

	(void)fd;
	(void)what;
	enter(conn);
	if (conn->state == SMTP_CONN_LINGERING) {
		char waste[4096];
		ssize_t n = recv(conn->fd, waste, sizeof(waste), 0);

		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) ||
		    /* A peer that goes on sending does not keep the
		     * connection. */
		    ++conn->dropped > LINGER_READS)
			end_conn(conn);
	} else if (!smtp_conn_lost(conn) && held < conn->read_max) {
		size_t room = conn->read_max - held;

		if (room > KEPT_ROOM && conn->in.n == 0)
			read_and_pass(conn, room);
		else {
			char *to;
			size_t n;

			strbuf_consume(&conn->in, conn->in_at);
			conn->in_at = 0;
			to = strbuf_reserve(&conn->in, room);
			assert(to != NULL);
			n = receive_input(conn, to, room);
			conn->in.n += n;
			if (n > 0)
				conn->ops->input(conn->ctx);
		}
	} else {
		stop_reading(conn);
	}
	finish_turn(conn);
	leave(conn);
}

/* Something changed; an end of input behind what is not read yet will be
 * found by reading. Once both sides have said their last word a hang-up is
 * no news. */
static void
on_gone(evutil_socket_t fd, short what, void *ctx)
{
	struct smtp_conn *conn = ctx;
	short now = trouble(conn);
	short lost =
	    conn->state == SMTP_CONN_LINGERING ? POLLERR : POLLERR | POLLHUP;
	int error = 0;
	socklen_t n = sizeof(error);

	(void)fd;
	(void)what;
	enter(conn);
	if ((now & lost) != 0) {
		/* Read once: SO_ERROR takes the error off the socket. */
		(void)getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &n);
		end_lost(conn, SMTP_CLOSE_RESET,
		    error == 0 ? "connection closed by peer" : strerror(error));
	} else if ((now & POLLRDHUP) != 0 && conn->ops->ended == NULL)
		end_lost(conn, SMTP_CLOSE_EOF, "connection closed by peer");
	leave(conn);
}

static void
on_writable(evutil_socket_t fd, short what, void *ctx)
{
	struct smtp_conn *conn = ctx;

	(void)fd;
	(void)what;
	enter(conn);
	if (!smtp_conn_lost(conn) && smtp_conn_unwritten(conn) > 0)
		write_out(conn, slice_from(NULL, 0));
	if (!smtp_conn_lost(conn) && smtp_conn_unwritten(conn) == 0) {
		(void)event_del(&conn->writable);
		smtp_timer_begin(&conn->write_timer, 0);
		conn->blocked = false;
		watch(conn);
		/* A thousand idle connections must not each keep what one large
		 * message once needed. */
		if (conn->out.room > KEPT_ROOM &&
		    smtp_conn_unwritten(conn) == 0) {
			strbuf_clear(&conn->out);
			conn->out_at = 0;
		}
	}
	if (!smtp_conn_lost(conn) && conn->want_drained &&
	    smtp_conn_unwritten(conn) <= SMTP_CONN_LOW_WATER) {
		conn->want_drained = false;
		conn->ops->drained(conn->ctx);
	}
	finish_turn(conn);
	leave(conn);
}

static void
on_timer(void *ctx)
{
	struct smtp_conn *conn = ctx;

	enter(conn);
	if (conn->state == SMTP_CONN_LINGERING)
		end_conn(conn);
	else if (conn->state == SMTP_CONN_OPEN)
		conn->ops->timeout(conn->ctx);
	finish_turn(conn);
	leave(conn);
}

/* A peer that takes nothing would hold the message in our memory for as long as
 * it likes. */
static void
on_write_timer(void *ctx)
{
	struct smtp_conn *conn = ctx;

	enter(conn);
	remember(conn, SMTP_CLOSE_TIMEOUT, "peer takes no data");
	end_conn(conn);
	leave(conn);
}

static void
assign_events(struct smtp_conn *conn)
{
	struct event_base *base = conn->base;
	evutil_socket_t fd = conn->fd;

	(void)evtimer_assign(&conn->turn, base, on_turn, conn);
	smtp_timer_init(&conn->timer, base, on_timer, conn);
	smtp_timer_init(&conn->write_timer, base, on_write_timer, conn);
	if (fd < 0)
		return;
	(void)event_assign(
	    &conn->readable, base, fd, EV_READ | EV_PERSIST, on_readable, conn);
	(void)event_assign(&conn->writable, base, fd, EV_WRITE | EV_PERSIST,
	    on_writable, conn);
	(void)event_assign(
	    &conn->gone, base, fd, EV_READ | EV_ET | EV_PERSIST, on_gone, conn);
}

struct smtp_conn *
smtp_conn_new(struct event_base *base, evutil_socket_t fd,
    const struct smtp_conn_ops *ops, void *ctx)
{
	struct smtp_conn *conn = xcalloc(1, sizeof(*conn));
	int on = 1;

	conn->base = base;
	conn->who = smtp_conn_machine.name;
	conn->fd = fd;
	conn->ops = ops;
	conn->ctx = ctx;
	strbuf_init(&conn->in, SMTP_CONN_IN_MAX);
	strbuf_init(&conn->out, SMTP_CONN_OUT_MAX);
	assign_events(conn);
	if (fd < 0)
		return conn;
	(void)evutil_make_socket_nonblocking(fd);
	/* Answers are gathered here already: the kernel need not wait for
	 * more. It fails, and may, on a Unix socket. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return conn;
}

void
smtp_conn_free(struct smtp_conn *conn)
{
	if (conn == NULL || conn->state == SMTP_CONN_FREED)
		return;
	drop_events(conn);
	if (conn->fd >= 0)
		(void)close(conn->fd);
	move_conn(conn, SMTP_CONN_FREED);
	/* Otherwise leave() does it. */
	if (conn->busy == 0)
		destroy(conn);
}

void
smtp_conn_read(struct smtp_conn *conn, size_t n)
{
	assert(n <= SMTP_CONN_IN_MAX);
	conn->read_max = n;
	if (conn->state != SMTP_CONN_OPEN || conn->ended || conn->fd < 0)
		return;
	if (conn->in.n == 0 && conn->in.room > KEPT_ROOM && n <= KEPT_ROOM)
		strbuf_clear(&conn->in);
	/* Full: the peer is held up by TCP itself, at no cost to us. */
	if (smtp_conn_input(conn).n >= n ||
	    event_pending(&conn->readable, EV_READ, NULL))
		return;
	(void)event_del(&conn->gone);
	(void)event_add(&conn->readable, NULL);
}

struct slice
smtp_conn_input(const struct smtp_conn *conn)
{
	if (conn->passing.n > 0)
		return conn->passing;
	return slice_after(strbuf_slice(&conn->in), conn->in_at);
}

void
smtp_conn_consume(struct smtp_conn *conn, size_t n)
{
	if (conn->passing.n > 0) {
		conn->passing = slice_after(conn->passing, n);
		return;
	}
	conn->in_at += n;
	if (conn->in_at >= conn->in.n) {
		strbuf_reset(&conn->in);
		conn->in_at = 0;
	}
}

bool
smtp_conn_ended(const struct smtp_conn *conn)
{
	return conn->ended;
}

bool
smtp_conn_heard(const struct smtp_conn *conn)
{
	return conn->heard;
}

void
smtp_conn_write(struct smtp_conn *conn, struct slice bytes)
{
	if (conn->state != SMTP_CONN_OPEN)
		return;
	if (!conn->blocked &&
	    smtp_conn_unwritten(conn) + bytes.n >= SMTP_CONN_HIGH_WATER)
		write_out(conn, bytes);
	else
		keep_output(conn, bytes);
	if (conn->busy == 0)
		smtp_conn_kick(conn);
}

void
smtp_conn_cork(struct smtp_conn *conn, bool on)
{
	conn->corked = on;
}

/* By way of the writable event even where nothing waits to be written: a turn
 * of the loop lies between, in which other connections are served. */
void
smtp_conn_want_drained(struct smtp_conn *conn)
{
	if (smtp_conn_lost(conn))
		return;
	conn->want_drained = true;
	block(conn);
}

void
smtp_conn_write_timer(struct smtp_conn *conn, unsigned ms)
{
	conn->write_ms = ms;
}

void
smtp_conn_timer(struct smtp_conn *conn, unsigned ms)
{
	if (conn->state == SMTP_CONN_OPEN)
		smtp_timer_begin(&conn->timer, ms);
}

void
smtp_conn_finish(struct smtp_conn *conn, enum smtp_close close, const char *why,
    bool with_linger)
{
	if (conn->state != SMTP_CONN_OPEN)
		return;
	remember(conn, close, why);
	smtp_timer_begin(&conn->timer, 0);
	/* What comes after our last word is not taken for a command. */
	(void)event_del(&conn->readable);
	move_conn(conn, SMTP_CONN_FINISHING);
	conn->linger = with_linger;
	conn->corked = false;
	smtp_conn_kick(conn);
}

bool
smtp_conn_lost(const struct smtp_conn *conn)
{
	return conn->state >= SMTP_CONN_FAILED;
}

bool
smtp_conn_peek(const struct smtp_conn *conn)
{
	char byte;
	ssize_t n = recv(conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	return n >= 0 || (errno != EAGAIN && errno != EINTR);
}
