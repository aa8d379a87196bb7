/*
 * The side that clients speak to; see server.h. What a verb may do is one
 * row of the table `verbs`; where the connection is, one enum. That an
 * answer is due is a fact beside it: while it holds no command is looked at.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/strbuf.h"
#include "base/xalloc.h"
#include "smtp/conn.h"
#include "smtp/server.h"
#include "smtp/undot.h"

enum {
	AHEAD = 8 * 1024,	      /* read beyond the command in hand */
	BODY_FIRST = 16 * 1024,	      /* read of a body at once ... */
	BODY_MOST = SMTP_CONN_IN_MAX, /* ... and once it shows to be large */
	REPLIES_MAX = 16 * 1024,      /* unwritten, then no command is taken */
	HELD_BACK_MAX_S = 10, /* how long a reply may wait for the next */
};

struct smtp_server {
	struct smtp_conn *conn;
	struct smtp_limits limits;
	struct smtp_server_ops ops;
	void *ctx;
	enum smtp_server_state state;
	enum smtp_verb asked; /* what the answer due is to */
	bool due;
	bool urgent;  /* what is unwritten must not wait for more replies */
	bool greeted; /* before the PROXY header was complete */
	bool paused;
	bool waiting;		   /* the idle timer runs */
	bool working;		   /* within take_input() */
	bool over;		   /* closed or freed */
	bool skipping, skipped_cr; /* the rest of an over-long line */
	bool recipient_refused;
	size_t recipients;
	size_t forgiven; /* commands that a refused MAIL leaves behind it */
	unsigned errors;
	size_t body_read;
	time_t held_since; /* the oldest reply not written */
	struct smtp_undot undot;
	struct sink body;
};

/* Why a verb was not taken; see refuse(). */
enum fault { SYNTAX, TURN };

enum argument { NO_ARGUMENT, ARGUMENT, ANY_ARGUMENT };

struct verb {
	unsigned states; /* in which it is taken, as bits */
	enum argument argument;
	void (*act)(struct smtp_server *, const struct smtp_command *);
	enum smtp_server_state accepted; /* after a 2xx; STATES: as before */
	bool gathered; /* the reply may wait for the next (RFC 2920) */
};

#define BIT(state) (1U << SMTP_SERVER_##state)

enum {
	ANY_TURN = BIT(OPEN) | BIT(READY) | BIT(MAIL) | BIT(RCPT),
	GREETED = BIT(READY) | BIT(MAIL) | BIT(RCPT),
};

static void ask(struct smtp_server *, const struct smtp_command *);
static void take_recipient(struct smtp_server *, const struct smtp_command *);
static void answer_vrfy(struct smtp_server *, const struct smtp_command *);
static void refuse_bdat(struct smtp_server *, const struct smtp_command *);
static void refuse_unknown(struct smtp_server *, const struct smtp_command *);

static const struct verb verbs[SMTP_VERBS] = {
    [SMTP_EHLO] = {ANY_TURN, ARGUMENT, ask, SMTP_SERVER_READY, false},
    [SMTP_HELO] = {ANY_TURN, ARGUMENT, ask, SMTP_SERVER_READY, false},
    [SMTP_MAIL] = {BIT(READY), ARGUMENT, ask, SMTP_SERVER_MAIL, true},
    [SMTP_RCPT] = {BIT(MAIL) | BIT(RCPT), ARGUMENT, take_recipient,
	SMTP_SERVER_RCPT, true},
    [SMTP_DATA] = {BIT(RCPT), NO_ARGUMENT, ask, SMTP_SERVER_STATES, false},
    [SMTP_RSET] = {ANY_TURN, NO_ARGUMENT, ask, SMTP_SERVER_READY, true},
    [SMTP_NOOP] = {ANY_TURN, ANY_ARGUMENT, ask, SMTP_SERVER_STATES, false},
    [SMTP_QUIT] = {ANY_TURN, NO_ARGUMENT, ask, SMTP_SERVER_STATES, false},
    [SMTP_XFORWARD] = {BIT(READY), ARGUMENT, ask, SMTP_SERVER_STATES, true},
    [SMTP_VRFY] = {ANY_TURN, ANY_ARGUMENT, answer_vrfy, SMTP_SERVER_STATES,
	false},
    [SMTP_BDAT] = {ANY_TURN, ANY_ARGUMENT, refuse_bdat, SMTP_SERVER_STATES,
	false},
    [SMTP_OTHER] = {ANY_TURN, ANY_ARGUMENT, refuse_unknown, SMTP_SERVER_STATES,
	false},
};

const char *
smtp_server_state_name(enum smtp_server_state state)
{
	static const char *const names[SMTP_SERVER_STATES] = {
	    [SMTP_SERVER_PROXY] = "PROXY",
	    [SMTP_SERVER_GREETING] = "GREETING",
	    [SMTP_SERVER_OPEN] = "OPEN",
	    [SMTP_SERVER_READY] = "READY",
	    [SMTP_SERVER_MAIL] = "MAIL",
	    [SMTP_SERVER_RCPT] = "RCPT",
	    [SMTP_SERVER_BODY] = "BODY",
	    [SMTP_SERVER_HELD] = "HELD",
	    [SMTP_SERVER_CLOSING] = "CLOSING",
	};

	return names[state];
}

/* Writing. */

static time_t
now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return t.tv_sec;
}

static void
send_wire(struct smtp_server *server, struct slice wire)
{
	if (smtp_conn_unwritten(server->conn) == 0)
		server->held_since = now();
	smtp_conn_write(server->conn, wire);
	server->waiting = false;
}

static void
say(struct smtp_server *server, const char *wire)
{
	send_wire(server, slice_str(wire));
}

static void
finish(struct smtp_server *server, enum smtp_close close, const char *why,
    bool linger)
{
	server->state = SMTP_SERVER_CLOSING;
	server->due = false;
	smtp_conn_finish(server->conn, close, why, linger);
}

/* A reply of ours to a client's error; the last one it is allowed is a 421
 * instead. */
static void
refuse(struct smtp_server *server, const char *wire)
{
	if (++server->errors >= server->limits.errors_max) {
		say(server, "421 4.7.0 Error: too many errors\r\n");
		finish(server, SMTP_CLOSE_PROTOCOL, "too many errors", true);
		return;
	}
	say(server, wire);
}

static void
refuse_command(struct smtp_server *server, enum fault fault,
    enum smtp_verb verb, const char *what)
{
	char wire[100];

	(void)snprintf(wire, sizeof(wire), "%s Error: %s %s\r\n",
	    fault == SYNTAX ? "501 5.5.4" : "503 5.5.1", smtp_verb_name(verb),
	    what);
	refuse(server, wire);
}

/* Acts. */

static void
ask(struct smtp_server *server, const struct smtp_command *command)
{
	server->asked = command->verb;
	server->due = true;
	server->ops.command(server->ctx, command);
}

static void
take_recipient(struct smtp_server *server, const struct smtp_command *command)
{
	if (server->recipients >= server->limits.recipients_max)
		say(server, "452 4.5.3 Error: too many recipients\r\n");
	else
		ask(server, command);
}

static void
answer_vrfy(struct smtp_server *server, const struct smtp_command *command)
{
	(void)command;
	say(server, "252 2.5.2 Cannot VRFY, but will take the message\r\n");
}

/* What comes behind it is a chunk of a message, not commands. */
static void
refuse_bdat(struct smtp_server *server, const struct smtp_command *command)
{
	(void)command;
	say(server, "502 5.5.1 Error: BDAT is not offered\r\n");
	finish(server, SMTP_CLOSE_PROTOCOL, "BDAT though not offered", true);
}

static void
refuse_unknown(struct smtp_server *server, const struct smtp_command *command)
{
	(void)command;
	refuse(server, "502 5.5.1 Error: command not recognized\r\n");
}

/*
 * A client that pipelines learns only later that its MAIL was refused: the
 * RCPTs and the DATA behind it are not its errors. Nor is the DATA behind
 * refused RCPTs.
 */
static void
refuse_turn(struct smtp_server *server, enum smtp_verb verb)
{
	if (verb == SMTP_DATA && server->state == SMTP_SERVER_MAIL &&
	    server->recipient_refused) {
		say(server, "554 5.5.1 Error: no valid recipients\r\n");
	} else if ((verb == SMTP_RCPT || verb == SMTP_DATA) &&
	    server->forgiven > 0) {
		server->forgiven--;
		say(server, "503 5.5.1 Error: need MAIL command\r\n");
	} else if (server->state == SMTP_SERVER_OPEN) {
		refuse_command(server, TURN, verb, "before EHLO or HELO");
	} else {
		refuse_command(server, TURN, verb, "out of turn");
	}
}

static void
dispatch(struct smtp_server *server, const struct smtp_command *command)
{
	const struct verb *verb = &verbs[command->verb];

	if (!verb->gathered)
		server->urgent = true;
	if ((verb->states >> server->state & 1) == 0)
		refuse_turn(server, command->verb);
	else if (verb->argument == NO_ARGUMENT && command->argument.n > 0)
		refuse_command(
		    server, SYNTAX, command->verb, "takes no argument");
	else if (verb->argument == ARGUMENT && command->argument.n == 0)
		refuse_command(
		    server, SYNTAX, command->verb, "without its argument");
	else
		verb->act(server, command);
}

/* Answers. */

static void
begin_ready(struct smtp_server *server)
{
	server->state = SMTP_SERVER_READY;
	server->recipients = 0;
	server->recipient_refused = false;
	server->forgiven = 0;
}

static void
begin_body(struct smtp_server *server)
{
	server->state = SMTP_SERVER_BODY;
	server->body_read = BODY_FIRST;
	smtp_undot_init(&server->undot, &server->body);
}

/* The answer to server->asked was given. */
static void
advance(struct smtp_server *server, bool accepted, unsigned code)
{
	enum smtp_server_state next = verbs[server->asked].accepted;

	if (server->asked == SMTP_DATA && code == 354)
		begin_body(server);
	if (server->asked == SMTP_MAIL && !accepted)
		server->forgiven = server->limits.recipients_max + 1;
	if (server->asked == SMTP_RCPT && accepted)
		server->recipients++;
	if (server->asked == SMTP_RCPT && !accepted)
		server->recipient_refused = true;
	if (!accepted || next == SMTP_SERVER_STATES)
		return;
	if (next != SMTP_SERVER_READY)
		server->state = next;
	else if (server->asked != SMTP_RSET ||
	    server->state != SMTP_SERVER_OPEN)
		begin_ready(server);
}

static void
advance_greeting(struct smtp_server *server, unsigned code)
{
	if (code != 220) {
		finish(server, SMTP_CLOSE_DONE, "greeting refused", false);
		return;
	}
	server->greeted = true;
	if (server->state == SMTP_SERVER_GREETING)
		server->state = SMTP_SERVER_OPEN;
}

static void
advance_any(struct smtp_server *server, const struct smtp_reply *reply)
{
	bool accepted = smtp_reply_class(reply) == 2;
	bool quit = server->due && server->asked == SMTP_QUIT &&
	    server->state < SMTP_SERVER_HELD;

	if (reply->code == 421 || quit) {
		finish(server, SMTP_CLOSE_DONE, quit ? "quit" : "closed by us",
		    false);
	} else if (server->state <= SMTP_SERVER_GREETING) {
		advance_greeting(server, reply->code);
	} else if (server->state == SMTP_SERVER_HELD) {
		begin_ready(server);
		server->urgent = true;
		if (accepted)
			server->errors = 0;
	} else {
		advance(server, accepted, reply->code);
	}
}

void
smtp_server_reply(struct smtp_server *server, const struct smtp_reply *reply)
{
	if (server->over || server->state == SMTP_SERVER_CLOSING)
		return;
	assert(server->due || reply->code == 421 ||
	    server->state == SMTP_SERVER_PROXY);
	send_wire(server, reply->wire);
	advance_any(server, reply);
	server->due = false;
	if (!server->working)
		smtp_conn_kick(server->conn);
}

/* Input. Each step takes something and says whether to go on. */

static bool
step_proxy(struct smtp_server *server, struct slice in)
{
	struct smtp_haproxy header;
	const char *reason;
	size_t used;
	enum smtp_parse parse = smtp_haproxy_parse(in, &used, &header, &reason);

	if (parse == SMTP_BAD)
		smtp_conn_fail(server->conn, SMTP_CLOSE_PROTOCOL, reason);
	if (parse != SMTP_DONE)
		return false;
	smtp_conn_consume(server->conn, used);
	server->state =
	    server->greeted ? SMTP_SERVER_OPEN : SMTP_SERVER_GREETING;
	server->due = !server->greeted;
	server->urgent = true;
	if (server->ops.proxied != NULL)
		server->ops.proxied(server->ctx, &header);
	return true;
}

static bool
step_skip(struct smtp_server *server, struct slice in)
{
	size_t used;
	enum smtp_parse parse =
	    smtp_command_skip(in, &used, &server->skipped_cr);

	smtp_conn_consume(server->conn, used);
	server->skipping = parse != SMTP_DONE;
	return !server->skipping;
}

static void
refuse_line(struct smtp_server *server, enum smtp_command_fault fault,
    struct slice used)
{
	if (fault == SMTP_COMMAND_LONG) {
		server->skipping = true;
		server->skipped_cr = smtp_command_skip_begin(used);
		refuse(server, "500 5.5.2 Error: line too long\r\n");
	} else {
		refuse(server,
		    "500 5.5.2 Error: bare CR, bare LF or NUL received\r\n");
	}
}

static bool
step_command(struct smtp_server *server, struct slice in)
{
	struct smtp_command command;
	enum smtp_command_fault fault;
	size_t used;

	if (server->skipping)
		return step_skip(server, in);
	switch (smtp_command_parse(in, &used, &command, &fault)) {
	case SMTP_MORE:
		return false;
	case SMTP_DONE:
		dispatch(server, &command);
		break;
	case SMTP_BAD:
		server->urgent = true;
		refuse_line(server, fault, slice_first(in, used));
		break;
	}
	smtp_conn_consume(server->conn, used);
	return true;
}

static void
write_body(struct sink *sink, struct slice chunk)
{
	struct smtp_server *server = (struct smtp_server *)((char *)sink -
	    offsetof(struct smtp_server, body));

	if (!server->over)
		server->ops.body(server->ctx, chunk);
}

static bool
step_body(struct smtp_server *server, struct slice in)
{
	size_t used;
	enum smtp_parse parse = smtp_undot_write(&server->undot, in, &used);

	if (in.n >= server->body_read)
		server->body_read = BODY_MOST;
	server->waiting = false;
	smtp_conn_consume(server->conn, used);
	if (parse != SMTP_DONE || server->over)
		return false;
	server->state = SMTP_SERVER_HELD;
	server->due = true;
	server->ops.body_end(server->ctx);
	return true;
}

static bool
step(struct smtp_server *server)
{
	struct slice in = smtp_conn_input(server->conn);

	if (server->over || in.n == 0 || server->due || server->paused)
		return false;
	switch (server->state) {
	case SMTP_SERVER_PROXY:
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
set_reading(struct smtp_server *server)
{
	if (server->paused)
		smtp_conn_read(server->conn, 0);
	else if (server->state == SMTP_SERVER_BODY)
		smtp_conn_read(server->conn, server->body_read);
	else
		smtp_conn_read(server->conn, AHEAD);
}

static void
set_timer(struct smtp_server *server)
{
	bool rests = server->due || server->paused;

	if (server->state == SMTP_SERVER_PROXY)
		return;
	if (rests)
		smtp_conn_timer(server->conn, 0);
	else if (!server->waiting)
		smtp_conn_timer(server->conn, server->limits.idle_ms);
	server->waiting = !rests;
}

/*
 * Replies to what was pipelined leave together, when the last command that
 * is here has been answered; but not the answer to a message, nor those
 * that RFC 2920 section 3.2 forbids to hold back, nor old ones.
 */
static void
set_cork(struct smtp_server *server)
{
	bool old = now() - server->held_since >= HELD_BACK_MAX_S;

	smtp_conn_cork(server->conn,
	    server->state == SMTP_SERVER_PROXY ||
		(server->due && !server->urgent && !old &&
		    server->state < SMTP_SERVER_HELD));
	server->urgent = false;
}

static void
take_input(void *ctx)
{
	struct smtp_server *server = ctx;

	server->working = true;
	while (step(server))
		continue;
	server->working = false;
	if (server->over || server->state == SMTP_SERVER_CLOSING)
		return;
	set_reading(server);
	set_timer(server);
	set_cork(server);
}

static void
on_timeout(void *ctx)
{
	struct smtp_server *server = ctx;

	if (server->state == SMTP_SERVER_PROXY) {
		smtp_conn_fail(server->conn, SMTP_CLOSE_TIMEOUT,
		    "no PROXY header in time");
		return;
	}
	say(server, "421 4.4.2 Error: timeout exceeded\r\n");
	finish(server, SMTP_CLOSE_TIMEOUT,
	    server->state == SMTP_SERVER_BODY ? "silent within a message"
					      : "idle for too long",
	    false);
}

static void
on_closed(void *ctx, enum smtp_close close, const char *why)
{
	struct smtp_server *server = ctx;

	server->over = true;
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
	server->due = !limits->proxy_header;
	server->state =
	    limits->proxy_header ? SMTP_SERVER_PROXY : SMTP_SERVER_GREETING;
	smtp_conn_write_timer(server->conn, server->limits.idle_ms);
	smtp_conn_read(server->conn, AHEAD);
	if (!limits->proxy_header)
		return server;
	smtp_conn_cork(server->conn, true);
	smtp_conn_timer(server->conn, server->limits.proxy_header_ms);
	return server;
}

void
smtp_server_pause(struct smtp_server *server, bool on)
{
	if (server->over || server->paused == on)
		return;
	server->paused = on;
	if (!server->working)
		smtp_conn_kick(server->conn);
}

enum smtp_server_state
smtp_server_state(const struct smtp_server *server)
{
	return server->state;
}

bool
smtp_server_between_messages(const struct smtp_server *server)
{
	return !server->due &&
	    (server->state == SMTP_SERVER_OPEN ||
		server->state == SMTP_SERVER_READY);
}

void
smtp_server_free(struct smtp_server *server)
{
	if (server == NULL)
		return;
	server->over = true;
	smtp_conn_free(server->conn);
}
