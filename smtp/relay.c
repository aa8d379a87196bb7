/*
 * The side that speaks to the next server; see relay.h. What comes while
 * nothing is due is no answer: a relay that gives up an idle connection says
 * 421, and that must not become the answer to the next MAIL.
 */
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "smtp/command.h"
#include "smtp/conn.h"
#include "smtp/dot.h"
#include "smtp/relay.h"
#include "smtp/timer.h"

enum {
	READ_MAX = 4096,
	BURST_MAX = 256 * 1024, /* of a body, then others have their turn */
	FRESH_MS = 1000, /* idle for longer, the socket is looked at first */
	REASON_MAX = 160,
};

/* A command whose answer is due. Answers come in the order of the commands (RFC
 * 2920 section 3.1), so which one an answer is for is a matter of counting, and
 * to lose count once would mix up all that follow. */
struct asked {
	unsigned tag;
	bool data;
};

struct smtp_relay {
	struct smtp_conn *conn;
	struct smtp_target target;
	struct smtp_relay_ops ops;
	void *ctx;
	const struct trace *trace;
	enum smtp_relay_state state;
	struct smtp_reply_parser parser;
	/* A ring: the oldest at `first`. */
	struct asked asked[SMTP_RELAY_IN_FLIGHT_MAX];
	size_t first, in_flight;
	unsigned answered; /* the tag of the last one */
	size_t burst;
	int64_t idle_since_ms;
	struct smtp_dot dot;
	struct sink body;
};

static const char *const relay_names[SMTP_RELAY_STATES] = {
    [SMTP_RELAY_GREETING] = "GREETING",
    [SMTP_RELAY_READY] = "READY",
    [SMTP_RELAY_BODY] = "BODY",
    [SMTP_RELAY_DOT] = "DOT",
    [SMTP_RELAY_ASTRAY] = "ASTRAY",
    [SMTP_RELAY_CLOSED] = "CLOSED",
};

#define BIT(state) MACHINE_BIT(SMTP_RELAY_##state)

static const unsigned relay_next[SMTP_RELAY_STATES] = {
    [SMTP_RELAY_GREETING] = BIT(READY) | BIT(CLOSED),
    [SMTP_RELAY_READY] = BIT(BODY) | BIT(ASTRAY) | BIT(CLOSED),
    [SMTP_RELAY_BODY] = BIT(DOT) | BIT(ASTRAY) | BIT(CLOSED),
    [SMTP_RELAY_DOT] = BIT(READY) | BIT(CLOSED),
    [SMTP_RELAY_ASTRAY] = BIT(CLOSED),
};

const struct machine smtp_relay_machine = {
    "relay", relay_names, relay_next, SMTP_RELAY_STATES};

void
smtp_relay_trace(struct smtp_relay *relay, const struct trace *trace)
{
	relay->trace = trace;
	smtp_conn_trace(relay->conn, trace, "relay's socket");
	trace_state(trace, "relay", "NONE", relay_names[relay->state]);
}

static void
move_relay(struct smtp_relay *relay, enum smtp_relay_state state)
{
	relay->state = (enum smtp_relay_state)machine_step(
	    &smtp_relay_machine, relay->trace, relay->state, state);
}

/* The last step, with its reason. */
static void
close_relay(struct smtp_relay *relay, const char *how, const char *why)
{
	trace_line(relay->trace, "relay: closing (%s%s%s)", how,
	    why == NULL ? "" : ": ", why == NULL ? "" : why);
	move_relay(relay, SMTP_RELAY_CLOSED);
}

static bool
answer_is_due(const struct smtp_relay *relay)
{
	return relay->state == SMTP_RELAY_GREETING ||
	    relay->state == SMTP_RELAY_DOT || relay->in_flight > 0;
}

/* The end of a message has a time of its own: a relay that filters may take ten
 * minutes for it (RFC 5321 section 4.5.3.2.6). */
static void
set_relay_timer(struct smtp_relay *relay)
{
	unsigned ms = 0;

	if (relay->state == SMTP_RELAY_DOT)
		ms = relay->target.dot_ms;
	else if (relay->in_flight > 0)
		ms = relay->target.command_ms;
	else
		relay->idle_since_ms = clock_coarse_ms();
	smtp_conn_timer(relay->conn, ms);
}

/* A reply is complete; what stands behind it is still in the input. */
static void
take_relay_reply(struct smtp_relay *relay, const struct smtp_reply *reply)
{
	unsigned code;
	struct asked oldest;
	bool early = relay->state == SMTP_RELAY_DOT &&
	    smtp_conn_unwritten(relay->conn) > 0;

	/* It cannot have taken a message whose end is still here. */
	if (early && smtp_reply_class(reply) == 2) {
		smtp_conn_fail(relay->conn, SMTP_CLOSE_PROTOCOL,
		    "relay accepted a message before its end");
		return;
	}
	trace_line(relay->trace, "next hop: %03u", reply->code);
	code = reply->code;
	relay->answered = 0;
	if (relay->state != SMTP_RELAY_READY) {
		move_relay(relay, SMTP_RELAY_READY);
	} else {
		oldest = relay->asked[relay->first];
		relay->first = (relay->first + 1) % SMTP_RELAY_IN_FLIGHT_MAX;
		relay->in_flight--;
		relay->answered = oldest.tag;
		/* With any other answer there is no body: sent all the same,
		 * its lines would be read as commands. */
		if (oldest.data && code == 354) {
			move_relay(relay, SMTP_RELAY_BODY);
			smtp_dot_init(&relay->dot, &relay->body);
		}
	}
	set_relay_timer(relay);
	/* What it refuses before the end it may answer there once more. */
	if (early)
		smtp_conn_fail(relay->conn, SMTP_CLOSE_PROTOCOL,
		    "relay refused a message before its end");
	/* Before the answer is passed on: it may lead to a command, whose
	 * answer this would then be taken for. */
	if (early ||
	    (!answer_is_due(relay) && smtp_conn_input(relay->conn).n > 0))
		move_relay(relay, SMTP_RELAY_ASTRAY);
	relay->ops.reply(relay->ctx, reply);
}

/* False: wait for more, or it is over. */
static bool
step(struct smtp_relay *relay)
{
	struct slice in = smtp_conn_input(relay->conn);
	struct smtp_reply reply;
	enum smtp_parse parse;
	size_t used;

	if (relay->state == SMTP_RELAY_CLOSED || in.n == 0)
		return false;
	if (relay->state == SMTP_RELAY_ASTRAY || !answer_is_due(relay)) {
		bool closing = slice_starts_nocase(in, SLICE("421"));
		struct strbuf why;

		/* The relay said `in` though nothing was asked. */
		strbuf_init(&why, REASON_MAX);
		strbuf_add_str(&why,
		    closing ? "relay closed the idle connection: "
			    : "relay spoke unasked: ");
		/* The relay's words go into our log, and may hold anything. */
		escape_log(
		    slice_first(in, slice_find(slice_first(in, 80), '\r')),
		    &why);
		smtp_conn_fail(relay->conn,
		    closing ? SMTP_CLOSE_EOF : SMTP_CLOSE_PROTOCOL,
		    strbuf_text(&why));
		strbuf_clear(&why);
		return false;
	}
	parse = smtp_reply_parser_write(&relay->parser, in, &used, &reply);
	smtp_conn_consume(relay->conn, used);
	if (parse == SMTP_DONE)
		take_relay_reply(relay, &reply);
	if (parse == SMTP_BAD)
		smtp_conn_fail(
		    relay->conn, SMTP_CLOSE_PROTOCOL, relay->parser.reason);
	return parse == SMTP_DONE;
}

static void
on_input(void *ctx)
{
	struct smtp_relay *relay = ctx;

	while (step(relay))
		continue;
}

/* Others have had their turn by now. */
static void
on_drained(void *ctx)
{
	struct smtp_relay *relay = ctx;

	relay->burst = 0;
	if (relay->state == SMTP_RELAY_BODY)
		relay->ops.drained(relay->ctx);
}

static void
on_timeout(void *ctx)
{
	struct smtp_relay *relay = ctx;
	const char *what = "no answer to a command in time";

	if (relay->state == SMTP_RELAY_GREETING)
		what = "no connection or no greeting in time";
	else if (relay->state == SMTP_RELAY_DOT)
		what = "no answer to the end of the message in time";
	smtp_conn_fail(relay->conn, SMTP_CLOSE_TIMEOUT, what);
}

static void
on_closed(void *ctx, enum smtp_close close, const char *why)
{
	struct smtp_relay *relay = ctx;

	/* A relay that closes without a word has not been reached: somebody
	 * listens there who has no service behind. */
	if ((close == SMTP_CLOSE_EOF || close == SMTP_CLOSE_RESET) &&
	    !smtp_conn_heard(relay->conn))
		close = SMTP_CLOSE_CONNECT;
	close_relay(relay, smtp_close_name(close), why);
	relay->ops.closed(relay->ctx, close, why);
}

static void
on_freed(void *ctx)
{
	struct smtp_relay *relay = ctx;

	smtp_reply_parser_clear(&relay->parser);
	free(relay);
}

static const struct smtp_conn_ops conn_ops = {
    .input = on_input,
    .drained = on_drained,
    .timeout = on_timeout,
    .closed = on_closed,
    .freed = on_freed,
};

static void
write_dotted(struct sink *sink, struct slice bytes)
{
	struct smtp_relay *relay = (struct smtp_relay *)((char *)sink -
	    offsetof(struct smtp_relay, body));

	smtp_conn_write(relay->conn, bytes);
}

static void
set_default(unsigned *ms, unsigned value)
{
	if (*ms == 0)
		*ms = value;
}

struct smtp_relay *
smtp_relay_new_on(struct event_base *base, evutil_socket_t fd,
    const struct smtp_target *target, const struct smtp_relay_ops *ops,
    void *ctx)
{
	struct smtp_relay *relay = xcalloc(1, sizeof(*relay));

	relay->target = *target;
	set_default(&relay->target.connect_ms, SMTP_RELAY_CONNECT_MS);
	set_default(&relay->target.command_ms, SMTP_RELAY_COMMAND_MS);
	set_default(&relay->target.dot_ms, SMTP_RELAY_DOT_MS);
	set_default(&relay->target.write_ms, SMTP_RELAY_WRITE_MS);
	relay->ops = *ops;
	relay->ctx = ctx;
	relay->body.write = write_dotted;
	smtp_reply_parser_init(&relay->parser);
	relay->conn = smtp_conn_new(base, fd, &conn_ops, relay);
	smtp_conn_write_timer(relay->conn, relay->target.write_ms);
	smtp_conn_timer(relay->conn, relay->target.connect_ms);
	smtp_conn_read(relay->conn, READ_MAX);
	return relay;
}

static bool
is_loopback_hop(const struct sockaddr *address)
{
	const struct sockaddr_in *in = (const void *)address;
	const struct sockaddr_in6 *in6 = (const void *)address;

	if (address->sa_family == AF_INET)
		return ntohl(in->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	return address->sa_family == AF_INET6 &&
	    IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
}

/* That the connection stands shows when the relay speaks, and that it does not
 * when reading fails: both wake the reader. An error of connect() is told from
 * the loop like any other, so that the caller has one way to hear of it. */
struct smtp_relay *
smtp_relay_new(struct event_base *base, const struct smtp_target *target,
    const struct smtp_relay_ops *ops, void *ctx)
{
	const struct sockaddr *address =
	    (const struct sockaddr *)&target->address;
	evutil_socket_t fd = socket(
	    address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int error = 0;
	struct smtp_relay *relay;

	if (fd >= 0) {
		/* Within one host there is nobody to be fair to. A system
		 * whose default is BBR paces what is sent by a timer: a
		 * fifth of a large message's cost. */
		static const char plain[] = "reno"; /* which every system has */

		if (is_loopback_hop(address))
			(void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, plain,
			    sizeof(plain) - 1);
	}
	if (fd < 0 || connect(fd, address, target->address_length) != 0)
		error = errno;
	if (fd >= 0 && error != 0 && error != EINPROGRESS) {
		(void)close(fd);
		fd = -1;
	}
	relay = smtp_relay_new_on(base, fd, target, ops, ctx);
	if (fd < 0)
		smtp_conn_fail(
		    relay->conn, SMTP_CLOSE_CONNECT, strerror(error));
	return relay;
}

/* A line end within a command would be a second command of whoever wrote it. */
static bool
is_one_line(struct slice line)
{
	return slice_find(line, '\r') == line.n &&
	    slice_find(line, '\n') == line.n &&
	    slice_find(line, '\0') == line.n;
}

/* Behind a DATA nothing goes that its answer could make part of a message. */
static bool
data_is_last(const struct smtp_relay *relay)
{
	size_t last =
	    (relay->first + relay->in_flight - 1) % SMTP_RELAY_IN_FLIGHT_MAX;

	return relay->in_flight > 0 && relay->asked[last].data;
}

void
smtp_relay_command(struct smtp_relay *relay, struct slice line)
{
	smtp_relay_ask(relay, 0, line);
}

void
smtp_relay_ask(struct smtp_relay *relay, unsigned tag, struct slice line)
{
	bool data;
	size_t last;

	if (relay->state >= SMTP_RELAY_ASTRAY)
		return;
	assert(relay->state == SMTP_RELAY_READY && !data_is_last(relay));
	assert(relay->in_flight < SMTP_RELAY_IN_FLIGHT_MAX);
	assert(is_one_line(line));
	/* An idle relay may have closed just now. A command written into that
	 * is lost without a trace, and looks like a relay that failed it; found
	 * out before, the message can go by a new connection. */
	if (relay->in_flight == 0 &&
	    clock_coarse_ms() - relay->idle_since_ms > FRESH_MS &&
	    smtp_conn_peek(relay->conn)) {
		smtp_conn_fail(relay->conn, SMTP_CLOSE_EOF,
		    "relay closed the idle connection");
		move_relay(relay, SMTP_RELAY_ASTRAY);
		return;
	}
	trace_line(relay->trace, "to next hop: %s", smtp_line_verb(line));
	smtp_conn_write(relay->conn, line);
	smtp_conn_write(relay->conn, SLICE("\r\n"));
	/* DATA, and nothing else, ends in a body. */
	data = slice_equal_nocase(line, SLICE("DATA"));
	last = (relay->first + relay->in_flight++) % SMTP_RELAY_IN_FLIGHT_MAX;
	relay->asked[last] = (struct asked){tag, data};
	if (relay->in_flight == 1)
		set_relay_timer(relay);
}

bool
smtp_relay_body(struct smtp_relay *relay, struct slice chunk)
{
	if (relay->state >= SMTP_RELAY_ASTRAY || smtp_conn_lost(relay->conn))
		return false;
	assert(relay->state == SMTP_RELAY_BODY);
	smtp_dot_write(&relay->dot, chunk);
	relay->burst += chunk.n;
	if (smtp_conn_lost(relay->conn))
		return false;
	/* Bounded twice: by what the socket does not take, and by what it takes
	 * so readily that no other session would have its turn. */
	if (smtp_conn_unwritten(relay->conn) < SMTP_RELAY_HIGH_WATER &&
	    relay->burst < BURST_MAX)
		return true;
	smtp_conn_want_drained(relay->conn);
	return false;
}

void
smtp_relay_body_end(struct smtp_relay *relay)
{
	if (relay->state >= SMTP_RELAY_ASTRAY)
		return;
	assert(relay->state == SMTP_RELAY_BODY);
	smtp_dot_end(&relay->dot);
	trace_line(relay->trace, "to next hop: end of data");
	/* From here on we cannot know whether the relay has the message, until
	 * it says so. */
	move_relay(relay, SMTP_RELAY_DOT);
	relay->burst = 0;
	set_relay_timer(relay);
}

void
smtp_relay_free(struct smtp_relay *relay)
{
	if (relay == NULL)
		return;
	if (relay->state != SMTP_RELAY_CLOSED)
		close_relay(relay, "by us", NULL);
	smtp_conn_free(relay->conn);
}

bool
smtp_relay_idle(const struct smtp_relay *relay)
{
	return relay->state == SMTP_RELAY_READY && relay->in_flight == 0;
}

unsigned
smtp_relay_answered(const struct smtp_relay *relay)
{
	return relay->answered;
}

bool
smtp_relay_has_room(const struct smtp_relay *relay)
{
	return relay->in_flight < SMTP_RELAY_IN_FLIGHT_MAX;
}

unsigned
smtp_relay_oldest(const struct smtp_relay *relay)
{
	return relay->in_flight == 0 ? 0 : relay->asked[relay->first].tag;
}
