/*
 * The side that clients speak to; see server.h. Where the connection is, is
 * one enum. That an answer is due is a fact beside it: while it holds no
 * command is looked at. What a command does is in server_verbs.c.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "smtp/alien.h"
#include "smtp/server_private.h"
#include "smtp/timer.h"

enum {
	AHEAD = 8 * 1024,	 /* read beyond the command in hand */
	REPLIES_MAX = 16 * 1024, /* unwritten, then no command is taken */
	BODY_LEAST = 1024, /* of a body; for less there is thrice idle_ms */
	SLOW_BYTES = 1024, /* of a body, a second: less is slow */
};

static const char *const server_names[SMTP_SERVER_STATES] = {
    [SMTP_SERVER_PROXY] = "PROXY",
    [SMTP_SERVER_PROXY_GREETED] = "PROXY_GREETED",
    [SMTP_SERVER_GREETING] = "GREETING",
    [SMTP_SERVER_OPEN] = "OPEN",
    [SMTP_SERVER_READY] = "READY",
    [SMTP_SERVER_MAIL] = "MAIL",
    [SMTP_SERVER_RCPT] = "RCPT",
    [SMTP_SERVER_BODY] = "BODY",
    [SMTP_SERVER_HELD] = "HELD",
    [SMTP_SERVER_CLOSING] = "CLOSING",
    [SMTP_SERVER_OVER] = "OVER",
};

#define BIT(state) MACHINE_BIT(SMTP_SERVER_##state)

enum { ENDS = BIT(CLOSING) | BIT(OVER) };

static const unsigned server_next[SMTP_SERVER_STATES] = {
    [SMTP_SERVER_PROXY] = BIT(PROXY_GREETED) | BIT(GREETING) | ENDS,
    [SMTP_SERVER_PROXY_GREETED] = BIT(OPEN) | ENDS,
    [SMTP_SERVER_GREETING] = BIT(OPEN) | ENDS,
    [SMTP_SERVER_OPEN] = BIT(READY) | ENDS,
    [SMTP_SERVER_READY] = BIT(READY) | BIT(MAIL) | ENDS,
    [SMTP_SERVER_MAIL] = BIT(READY) | BIT(RCPT) | ENDS,
    [SMTP_SERVER_RCPT] = BIT(READY) | BIT(RCPT) | BIT(BODY) | ENDS,
    [SMTP_SERVER_BODY] = BIT(HELD) | ENDS,
    [SMTP_SERVER_HELD] = BIT(READY) | ENDS,
    [SMTP_SERVER_CLOSING] = BIT(OVER),
};

const struct machine smtp_server_machine = {
    "session", server_names, server_next, SMTP_SERVER_STATES};

void
smtp_server_trace(struct smtp_server *server, const struct trace *trace)
{
	server->trace = trace;
	smtp_conn_trace(server->conn, trace, "client's socket");
}

void
smtp_server_go_to(struct smtp_server *server, enum smtp_server_state state)
{
	server->state = (enum smtp_server_state)machine_step(
	    &smtp_server_machine, server->trace, server->state, state);
}

static void
end_server(struct smtp_server *server)
{
	if (server->state != SMTP_SERVER_OVER)
		smtp_server_go_to(server, SMTP_SERVER_OVER);
}

/* Writing. */

/* Puts bytes on their way; ends the connection behind them. What is said is
 * also a sign of life of ours: the client's time to answer begins anew. */
static void
send_wire(struct smtp_server *server, struct slice wire)
{
	if (smtp_conn_unwritten(server->conn) == 0)
		server->held_since_ms = clock_coarse_ms();
	smtp_conn_write(server->conn, wire);
	server->waiting = false;
	server->stirred_ms = clock_coarse_ms();
}

void
smtp_server_say(struct smtp_server *server, const char *wire)
{
	trace_line(server->trace, "to client: %.3s", wire);
	send_wire(server, slice_str(wire));
}

void
smtp_server_finish(struct smtp_server *server, enum smtp_close close,
    const char *why, bool linger)
{
	smtp_server_go_to(server, SMTP_SERVER_CLOSING);
	server->due = 0;
	smtp_conn_finish(server->conn, close, why, linger);
}

void
smtp_server_reply(struct smtp_server *server, const struct smtp_reply *reply)
{
	enum smtp_verb asked;

	if (server->state >= SMTP_SERVER_CLOSING)
		return;
	/* An answer that nobody asked for would be taken for that to the next
	 * command, and from there on each for another's. 421 alone may come at
	 * any time (RFC 5321 section 3.8). */
	assert(server->due > 0 || reply->code == 421 ||
	    server->state == SMTP_SERVER_PROXY);
	asked = smtp_server_asked(server);
	if (reply->code == 421 || !smtp_server_refuse_late(server, asked)) {
		trace_line(server->trace, "to client: %03u", reply->code);
		send_wire(server, reply->wire);
		smtp_server_advance(server, asked, reply);
	}
	if (!server->working)
		smtp_conn_kick(server->conn);
}

/* Input. Each step takes something and says whether to go on. */

static bool
step_proxy(struct smtp_server *server, struct slice in)
{
	struct smtp_haproxy header;
	struct strbuf reason;
	size_t used;
	enum smtp_parse parse;

	strbuf_init(&reason, 64);
	parse = smtp_haproxy_parse(in, &used, &header, &reason);
	if (parse == SMTP_BAD)
		smtp_conn_fail(
		    server->conn, SMTP_CLOSE_PROTOCOL, strbuf_text(&reason));
	strbuf_clear(&reason);
	if (parse != SMTP_DONE)
		return false;
	smtp_conn_consume(server->conn, used);
	/* The greeting is due only now, for the header may name a client that
	 * must not come in. */
	if (server->state == SMTP_SERVER_PROXY) {
		smtp_server_go_to(server, SMTP_SERVER_GREETING);
		smtp_server_ask(server, SMTP_OTHER);
	} else {
		smtp_server_go_to(server, SMTP_SERVER_OPEN);
	}
	server->urgent = true;
	if (server->ops.proxied != NULL)
		server->ops.proxied(server->ctx, &header);
	return true;
}

/* True where what it has sent ends the connection. A browser that was made to
 * speak to this port sends commands of SMTP in the body of its request. What
 * begins as another protocol is not read on. */
static bool
refuse_alien(struct smtp_server *server, const char *what)
{
	if (what == NULL)
		return false;
	smtp_server_say(server, "421 4.7.0 Error: this is an SMTP server\r\n");
	smtp_server_finish(server, SMTP_CLOSE_ALIEN, what, true);
	return true;
}

static bool
step_command(struct smtp_server *server, struct slice in)
{
	struct smtp_command command;
	enum smtp_command_fault fault;
	enum smtp_parse parse;
	size_t used;

	/* The rest of a line that is too long: it is read and forgotten, with
	 * two states and no buffer. */
	if (server->skipping) {
		parse = smtp_command_skip(in, &used, &server->skipped_cr);
		smtp_conn_consume(server->conn, used);
		server->skipping = parse != SMTP_DONE;
		return !server->skipping;
	}
	if (refuse_alien(server, smtp_alien_octet(in.p[0])))
		return false;
	parse = smtp_command_parse(in, &used, &command, &fault);
	if (parse == SMTP_MORE ||
	    refuse_alien(
		server, smtp_alien(slice_first(in, used), !server->spoken)))
		return false;
	server->stirred_ms = clock_coarse_ms();
	if (parse == SMTP_DONE) {
		server->spoken = server->spoken || command.line.n > 0;
		trace_line(
		    server->trace, "client: %s", smtp_line_verb(command.line));
		smtp_server_dispatch(server, &command);
	} else {
		server->spoken = true;
		server->urgent = true;
		trace_line(server->trace, "client: a line that is none (%s)",
		    fault == SMTP_COMMAND_LONG ? "too long" : "its bytes");
		/* Bare CR and LF are refused where others repair them: two
		 * programs that see different line ends see different commands,
		 * which is SMTP smuggling. */
		if (fault == SMTP_COMMAND_LONG) {
			server->skipping = true;
			server->skipped_cr =
			    smtp_command_skip_begin(slice_first(in, used));
			smtp_server_refuse(
			    server, "500 5.5.2 Error: line too long\r\n");
		} else {
			smtp_server_refuse(server,
			    "500 5.5.2 Error: bare CR, bare LF or NUL "
			    "received\r\n");
		}
	}
	/* After the command has been carried out: it points into the input. */
	smtp_conn_consume(server->conn, used);
	return true;
}

/* The sink is a member, so the server is found from it without a pointer. */
static void
write_body(struct sink *sink, struct slice chunk)
{
	struct smtp_server *server = (struct smtp_server *)((char *)sink -
	    offsetof(struct smtp_server, body));

	/* Whoever takes the body may end the connection in the middle of a
	 * chunk. */
	if (server->state != SMTP_SERVER_OVER)
		server->ops.body(server->ctx, chunk);
}

static bool
step_body(struct smtp_server *server, struct slice in)
{
	size_t used;
	enum smtp_parse parse = smtp_undot_write(&server->undot, in, &used);
	int64_t now;

	/* Who fills what was read sends fast: more at a time costs fewer
	 * calls. */
	if (in.n >= server->body_read)
		server->body_read = SMTP_BODY_MOST;
	/* Bytes put the timer off, but drops of a message not for ever. */
	now = clock_coarse_ms();
	server->brought += used;
	if (server->brought >= BODY_LEAST || server->since_ms == 0) {
		server->brought = 0;
		server->since_ms = now;
	}
	/* Twice the timer and once more for the last one is thrice idle_ms. */
	if (now - server->since_ms < 2 * (int64_t)server->limits.idle_ms)
		server->waiting = false;
	server->stirred_ms = now;
	server->window += used;
	if (server->window * 1000 >=
	    (uint64_t)server->limits.slow_ms * SLOW_BYTES) {
		server->window = 0;
		server->window_ms = now;
	}
	smtp_conn_consume(server->conn, used);
	if (parse != SMTP_DONE || server->state == SMTP_SERVER_OVER)
		return false;
	trace_line(server->trace, "client: end of data");
	smtp_server_go_to(server, SMTP_SERVER_HELD);
	/* The answer is due from here on, before anybody can give it. */
	smtp_server_ask(server, SMTP_OTHER);
	server->ops.body_end(server->ctx);
	return true;
}

static bool
step(struct smtp_server *server)
{
	struct slice in = smtp_conn_input(server->conn);

	if (in.n == 0)
		return false;
	if (server->due > 0) {
		/* What stands behind commands that are not answered: it goes
		 * with them where it is of their group, and else is looked
		 * at again when they are. */
		struct smtp_command command;
		enum smtp_command_fault fault;
		size_t used;

		if (server->state < SMTP_SERVER_READY ||
		    server->state > SMTP_SERVER_RCPT || server->skipping ||
		    smtp_conn_unwritten(server->conn) >= REPLIES_MAX ||
		    smtp_command_parse(in, &used, &command, &fault) !=
			SMTP_DONE ||
		    !smtp_server_follow(server, &command))
			return false;
		server->stirred_ms = clock_coarse_ms();
		smtp_conn_consume(server->conn, used);
		return true;
	}
	switch (server->state) {
	case SMTP_SERVER_PROXY:
	case SMTP_SERVER_PROXY_GREETED:
		return step_proxy(server, in);
	case SMTP_SERVER_OPEN:
	case SMTP_SERVER_READY:
	case SMTP_SERVER_MAIL:
	case SMTP_SERVER_RCPT:
		if (smtp_conn_unwritten(server->conn) < REPLIES_MAX)
			return step_command(server, in);
		smtp_conn_want_drained(server->conn);
		return false;
	case SMTP_SERVER_BODY:
		return step_body(server, in);
	default:
		return false;
	}
}

static void
take_input(void *ctx)
{
	struct smtp_server *server = ctx;
	bool old;

	/* An answer that comes while we work needs no wake-up: the loop goes
	 * on. */
	server->working = true;
	while (step(server))
		continue;
	server->working = false;
	if (server->state >= SMTP_SERVER_CLOSING)
		return;
	/* All that can be carried out has been: what is left is no whole line,
	 * or no whole message. */
	if (smtp_conn_ended(server->conn) && server->due == 0 &&
	    (smtp_conn_input(server->conn).n == 0 ||
		smtp_conn_unwritten(server->conn) < REPLIES_MAX)) {
		if (server->state == SMTP_SERVER_BODY)
			smtp_server_finish(server, SMTP_CLOSE_EOF,
			    "end of input within a message", false);
		else
			smtp_server_finish(
			    server, SMTP_CLOSE_EOF, "end of input", true);
		return;
	}
	if (server->state == SMTP_SERVER_BODY)
		smtp_conn_read(server->conn, server->body_read);
	else
		smtp_conn_read(server->conn, AHEAD);
	if (server->state > SMTP_SERVER_PROXY_GREETED) {
		/* No timer while we are the ones who are slow. */
		if (server->due > 0)
			smtp_conn_timer(server->conn, 0);
		else if (!server->waiting)
			smtp_conn_timer(server->conn, server->limits.idle_ms);
		server->waiting = server->due == 0;
	}
	/* Replies to what was pipelined leave together, when the last
	 * command that is here has been answered; but not the answer to a
	 * message, nor those that RFC 2920 section 3.2 forbids to hold back,
	 * nor old ones. */
	old = clock_coarse_ms() - server->held_since_ms >=
	    server->limits.gather_ms;
	smtp_conn_cork(server->conn,
	    server->state <= SMTP_SERVER_PROXY_GREETED ||
		(server->due > 0 && !server->urgent && !old &&
		    server->state < SMTP_SERVER_HELD));
	server->urgent = false;
}

/* RFC 5321 section 4.5.3.2 wants five minutes for a command; who waits longer
 * is told 421, so that a client that was only slow knows why. */
static void
on_timeout(void *ctx)
{
	struct smtp_server *server = ctx;

	if (server->state <= SMTP_SERVER_PROXY_GREETED) {
		smtp_conn_fail(server->conn, SMTP_CLOSE_TIMEOUT,
		    "no PROXY header in time");
		return;
	}
	smtp_server_say(server, "421 4.4.2 Error: timeout exceeded\r\n");
	smtp_server_finish(server, SMTP_CLOSE_TIMEOUT,
	    server->state == SMTP_SERVER_BODY ? "silent within a message"
					      : "idle for too long",
	    false);
}

static void
on_closed(void *ctx, enum smtp_close close, const char *why)
{
	struct smtp_server *server = ctx;

	end_server(server);
	server->ops.closed(server->ctx, close, why);
}

static void
on_freed(void *ctx)
{
	free(ctx);
}

static const struct smtp_conn_ops conn_ops = {
    .input = take_input,
    .drained = take_input,
    .timeout = on_timeout,
    .ended = take_input,
    .closed = on_closed,
    .freed = on_freed,
};

static struct smtp_limits
with_defaults(struct smtp_limits limits)
{
	if (limits.idle_ms == 0)
		limits.idle_ms = SMTP_SERVER_IDLE_MS;
	if (limits.proxy_header_ms == 0)
		limits.proxy_header_ms = SMTP_SERVER_PROXY_HEADER_MS;
	if (limits.recipients_max == 0)
		limits.recipients_max = SMTP_SERVER_RECIPIENTS_MAX;
	if (limits.errors_max == 0)
		limits.errors_max = SMTP_SERVER_ERRORS_MAX;
	if (limits.gather_ms == 0)
		limits.gather_ms = SMTP_SERVER_GATHER_MS;
	if (limits.slow_ms == 0)
		limits.slow_ms = SMTP_SERVER_SLOW_MS;
	return limits;
}

struct smtp_server *
smtp_server_new(struct event_base *base, evutil_socket_t fd,
    const struct smtp_limits *limits, const struct smtp_server_ops *ops,
    void *ctx)
{
	struct smtp_server *server = xcalloc(1, sizeof(*server));

	server->conn = smtp_conn_new(base, fd, &conn_ops, server);
	server->limits = with_defaults(*limits);
	server->ops = *ops;
	server->ctx = ctx;
	server->body.write = write_body;
	if (!limits->proxy_header)
		smtp_server_ask(server, SMTP_OTHER); /* the greeting */
	server->state =
	    limits->proxy_header ? SMTP_SERVER_PROXY : SMTP_SERVER_GREETING;
	server->stirred_ms = clock_coarse_ms();
	smtp_conn_write_timer(server->conn, server->limits.idle_ms);
	smtp_conn_read(server->conn, AHEAD);
	if (!limits->proxy_header)
		return server;
	/* Not a word before the header: who is behind the balancer is not
	 * known. */
	smtp_conn_cork(server->conn, true);
	smtp_conn_timer(server->conn, server->limits.proxy_header_ms);
	return server;
}

enum smtp_server_state
smtp_server_state(const struct smtp_server *server)
{
	return server->state;
}

bool
smtp_server_between_messages(const struct smtp_server *server)
{
	return server->due == 0 &&
	    (server->state == SMTP_SERVER_OPEN ||
		server->state == SMTP_SERVER_READY);
}

bool
smtp_server_ended(const struct smtp_server *server)
{
	return smtp_conn_ended(server->conn);
}

int64_t
smtp_server_silent_ms(const struct smtp_server *server)
{
	return clock_coarse_ms() - server->stirred_ms;
}

bool
smtp_server_is_slow(const struct smtp_server *server)
{
	int64_t since = server->stirred_ms;

	/* Whoever waits for us is not slow. */
	if (server->due > 0)
		return false;
	if (server->state == SMTP_SERVER_BODY)
		since = server->window_ms;
	else if (server->state != SMTP_SERVER_MAIL &&
	    server->state != SMTP_SERVER_RCPT)
		return false;
	return clock_coarse_ms() - since >= server->limits.slow_ms;
}

void
smtp_server_free(struct smtp_server *server)
{
	if (server == NULL)
		return;
	end_server(server);
	smtp_conn_free(server->conn);
}
