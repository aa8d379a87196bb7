/*
 * One client's connection; see session.h and DESIGN, "SMTP, exactly". Each
 * command goes one way through its row of `commands` to the hop, its answer
 * one way back through on_hop_reply() to the client.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "proxy/message/session.h"
#include "proxy/message/transaction.h"
#include "smtp/path.h"

enum { HELO_CAP = 512, STUCK_MS = 2000 };

struct proxy_session {
	LIST_ENTRY(proxy_session) entry;
	struct proxy_service *service;
	struct trace trace;
	struct smtp_server *server; /* NULL: the client is gone */
	struct proxy_hop *hop;
	struct proxy_transaction *transaction;
	/* The last one, whose answer the client perhaps heard. */
	struct proxy_transaction *answered;
	evutil_socket_t fd; /* the server's; only to look at */
	struct strbuf peer, helo;
	struct smtp_xforward client; /* what XFORWARD said */
	struct proxy_envelope envelope;
	int64_t begun_ms; /* when MAIL came */
	bool leaving;	  /* it was told 421 */
	bool nameless;	  /* its PROXY header names no client */
	bool extended;	  /* EHLO, not HELO */
	bool proxied;	  /* `peer` is whom a PROXY header named */
};

/* Does the client hear what it is told now, as far as its socket knows? On TCP
 * a full close looks like the end of its input alone until something was
 * written to it. */
static enum proxy_heard
client_hears(const struct proxy_session *s)
{
	struct pollfd at = {.fd = s->fd, .events = POLLRDHUP};

	if (s->server == NULL)
		return PROXY_UNHEARD;
	if (poll(&at, 1, 0) == 0)
		return smtp_server_ended(s->server) ? PROXY_HEARD_PERHAPS
						    : PROXY_HEARD;
	return (at.revents & ~POLLRDHUP) != 0 ? PROXY_UNHEARD
					      : PROXY_HEARD_PERHAPS;
}

/* Perhaps there is there: a client that has closed its sending half alone still
 * reads our answer (RFC 9293 section 3.6). */
static bool
client_is_there(const struct proxy_session *s)
{
	return client_hears(s) != PROXY_UNHEARD;
}

/* For the log. */
static const char *
peer_name(const struct proxy_session *s)
{
	return s->peer.n == 0 ? "local" : strbuf_text(&s->peer);
}

/* The message answered last is forgotten, and its envelope may be: what
 * became of the answer goes into the journal. */
static void
let_go_answered(struct proxy_session *s, bool heard)
{
	if (s->answered == NULL)
		return;
	proxy_transaction_heard(s->answered, heard);
	proxy_transaction_free(s->answered);
	s->answered = NULL;
}

static void
session_free(struct proxy_session *s)
{
	struct proxy_service *service = s->service;

	if (s->server != NULL)
		trace_line(&s->trace, "connection closed (by us)");
	LIST_REMOVE(s, entry);
	service->session_count--;
	proxy_count_down(service->counters, PROXY_COUNT_SESSIONS_OPEN);
	/* While the socket is still there to be asked. */
	let_go_answered(s, client_is_there(s));
	proxy_transaction_free(s->transaction);
	proxy_hop_free(s->hop);
	smtp_server_free(s->server);
	proxy_envelope_clear(&s->envelope);
	strbuf_clear(&s->peer);
	strbuf_clear(&s->helo);
	free(s);
	if (service->session_ended != NULL)
		service->session_ended(service->ctx);
}

static void
reply_text(struct proxy_session *s, const char *wire)
{
	struct smtp_reply reply = smtp_reply_of(wire);

	if (s->server != NULL)
		smtp_server_reply(s->server, &reply);
}

static const char going_down[] = "421 4.3.2 service going down, try again\r\n";

/* 421 between two messages: the client knows that nothing of it is lost, and
 * comes again elsewhere (RFC 5321 section 3.8). */
static void
leave_if_finishing(struct proxy_session *s)
{
	if (s->service->finishing && s->server != NULL &&
	    smtp_server_between_messages(s->server))
		reply_text(s, going_down);
}

/* --- the envelope --- */

/* The peer stands for the client only where XFORWARD said nothing of it: a
 * client that is [UNAVAILABLE] is not our Postfix. */
static void
note_client(struct proxy_session *s)
{
	struct proxy_envelope *e = &s->envelope;
	const struct smtp_xforward *client = &s->client;
	bool told =
	    client->attributes[SMTP_XFORWARD_ADDR].state != SMTP_XFORWARD_UNSET;

	e->queued = smtp_xforward_get(client, SMTP_XFORWARD_IDENT).n > 0;
	e->client_told = told || s->proxied;
	strbuf_add(&e->client_address,
	    told ? smtp_xforward_get(client, SMTP_XFORWARD_ADDR)
		 : strbuf_slice(&s->peer));
	strbuf_add(
	    &e->client_name, smtp_xforward_get(client, SMTP_XFORWARD_NAME));
	strbuf_add(&e->client_helo,
	    told ? smtp_xforward_get(client, SMTP_XFORWARD_HELO)
		 : strbuf_slice(&s->helo));
}

/* The relay took MAIL: from here on there is a message. */
static void
begin_envelope(struct proxy_session *s)
{
	struct proxy_envelope *e = &s->envelope;
	struct slice id = smtp_xforward_get(&s->client, SMTP_XFORWARD_IDENT);

	if (id.n > 0)
		strbuf_add(&e->queue_id, id);
	else
		/* An id for a message that came without one: time, process and
		 * a count. */
		strbuf_addf(&e->queue_id, "S%llX%05lX%04X",
		    (unsigned long long)clock_wall_s(),
		    s->service->pid & 0xfffff, s->service->ids++ & 0xffff);
	if (trace_wants(&s->trace))
		trace_line(&s->trace, "message %s",
		    trace_name(strbuf_slice(&e->queue_id)).text);
	note_client(s);
}

/* The transaction is over, or never was: nothing of it is kept. XFORWARD is of
 * one transaction (Postfix, XFORWARD_README): what it said must not be taken
 * for the next client's. */
static void
end_envelope(struct proxy_session *s)
{
	if (s->answered == NULL)
		proxy_envelope_reset(&s->envelope);
	memset(&s->client, 0, sizeof(s->client));
	proxy_hop_forget_client(s->hop);
}

/* --- the client's commands --- */

static void
to_hop(struct proxy_session *s, enum proxy_errand what, struct slice line)
{
	proxy_hop_command(s->hop, what, line, SLICE(""));
}

/* HELO and EHLO end a transaction (RFC 5321 section 4.1.4), at the relay too,
 * so it hears each of them. */
static void
on_hello(struct proxy_session *s, const struct smtp_command *command)
{
	s->extended = command->verb == SMTP_EHLO;
	strbuf_reset(&s->helo);
	strbuf_add(&s->helo, slice_first(command->argument, HELO_CAP));
	to_hop(s, PROXY_ERRAND_HELLO, command->line);
}

/* Said at MAIL and not after megabytes (RFC 1870 section 6.1). */
static bool
size_is_too_much(const struct proxy_session *s, uint64_t size)
{
	return s->service->message_max > 0 && size > s->service->message_max;
}

/* The line for the relay: SIZE= left out, or raised by what we may add. The
 * message will be longer when it leaves than the client declared, by our
 * fields; a relay that is near its limit should say so now. */
static void
print_mail(struct proxy_session *s, const struct smtp_command *command,
    const struct smtp_path *path, uint64_t size, struct strbuf *line)
{
	const struct smtp_capabilities *relay = proxy_hop_capabilities(s->hop);
	size_t more = s->service->filter->most_added(s->service->filter_env) +
	    PROXY_TRANSACTION_ADDED_MAX;

	if (more > UINT64_MAX - size)
		more = UINT64_MAX - size;
	if ((relay->extensions & SMTP_EXT_SIZE) == 0)
		(void)smtp_path_print_unsized(command, path, line);
	else
		(void)smtp_path_print_sized(
		    command, path, size + (size > 0 ? more : 0), line);
}

/* Could the message be refused for its sender, as far as is known now? */
static bool
sender_is_judged(struct proxy_session *s)
{
	const struct proxy_filter_ops *filter = s->service->filter;
	bool judged;

	if (filter->judges_sender == NULL)
		return false;
	note_client(s);
	judged = filter->judges_sender(s->service->filter_env, &s->envelope);
	/* Noted only to be asked about: the relay has not taken MAIL yet. */
	proxy_envelope_reset(&s->envelope);
	return judged;
}

static void
on_mail(struct proxy_session *s, const struct smtp_command *command)
{
	struct smtp_path path;
	struct strbuf line;
	uint64_t size;

	/* That the client says MAIL proves that it has heard our last answer,
	 * or that it does not care; either way its time is over. */
	if (s->answered != NULL)
		let_go_answered(s, client_is_there(s));
	proxy_envelope_reset(&s->envelope);
	if (s->nameless) {
		/* A balancer's health check, or whom it does not name: `allow`
		 * can say nothing of it, and there is no client whose mail it
		 * could be. */
		reply_text(s, "554 5.7.1 the PROXY header names no client\r\n");
		if (proxy_seldom_may(s->service->seldom, "nameless",
			strbuf_slice(&s->peer), clock_ms()))
			log_printf(s->service->log, LOGGING_WARNING,
			    "MAIL refused: the PROXY header of %s names no "
			    "client for [%s] allow =",
			    peer_name(s), s->service->section);
		return;
	}
	s->begun_ms = clock_ms();
	if (smtp_path_parse(command->argument, SMTP_MAIL, &path, NULL) != 0) {
		/* What no path can be read from. The relay judges it, unless a
		 * refusal of ours depends on the sender: the relay may see one
		 * where we see none. */
		if (sender_is_judged(s))
			reply_text(
			    s, "501 5.1.7 bad sender address syntax\r\n");
		else
			to_hop(s, PROXY_ERRAND_MAIL, command->line);
		return;
	}
	strbuf_add(&s->envelope.sender, path.mailbox);
	if (smtp_path_size(&path, &size) != 0) {
		to_hop(s, PROXY_ERRAND_MAIL, command->line); /* it judges */
		return;
	}
	if (size_is_too_much(s, size)) {
		reply_text(s, "552 5.3.4 message size exceeds fixed limit\r\n");
		return;
	}
	/* Room for a SIZE= where the client had a shorter one. */
	strbuf_init(&line, SMTP_COMMAND_MAX + 32);
	print_mail(s, command, &path, size, &line);
	to_hop(s, PROXY_ERRAND_MAIL, strbuf_slice(&line));
	strbuf_clear(&line);
}

static void
on_rcpt(struct proxy_session *s, const struct smtp_command *command)
{
	struct smtp_path path;

	if (!proxy_hop_connected(s->hop)) {
		reply_text(s, "451 4.4.2 next hop lost\r\n");
		return;
	}
	/* What the relay takes is a recipient, whatever we can read of it. */
	if (smtp_path_parse(command->argument, SMTP_RCPT, &path, NULL) != 0)
		path.mailbox = SLICE("");
	proxy_hop_command(
	    s->hop, PROXY_ERRAND_RCPT, command->line, path.mailbox);
}

static const struct proxy_transaction_ops transaction_ops;

/* Our own 354, not the relay's: the message is read whole and signed before the
 * relay hears DATA, for only then can it be refused in one way. */
static void
on_data(struct proxy_session *s, const struct smtp_command *command)
{
	(void)command;
	if (!proxy_hop_connected(s->hop)) {
		reply_text(s, "451 4.4.2 next hop lost\r\n");
		return;
	}
	s->transaction = proxy_transaction_new(
	    s->service, s->hop, &s->envelope, s->begun_ms, &transaction_ops, s);
	reply_text(s, "354 End data with <CR><LF>.<CR><LF>\r\n");
}

static void
on_xforward(struct proxy_session *s, const struct smtp_command *command)
{
	struct strbuf line;
	unsigned named;

	strbuf_init(&line, HELO_CAP);
	strbuf_add_str(&line, "501 5.5.4 ");
	if (smtp_xforward_parse(&s->client, command->argument, &named, &line) !=
	    0) {
		strbuf_add_str(&line, "\r\n");
		reply_text(s, strbuf_text(&line));
		strbuf_clear(&line);
		return;
	}
	strbuf_clear(&line);
	/* What the relay does not know of XFORWARD it is not told: the answer
	 * is ours. */
	if (!proxy_hop_xforward(s->hop, &s->client, named))
		reply_text(s, "250 2.0.0 Ok\r\n");
}

/* To the relay where there is one; else there is nothing that it would have
 * to know, and the answer is ours. */
static void
on_rset(struct proxy_session *s, const struct smtp_command *command)
{
	end_envelope(s);
	if (proxy_hop_connected(s->hop))
		to_hop(s, PROXY_ERRAND_RSET, command->line);
	else
		reply_text(s, "250 2.0.0 Ok\r\n");
}

static void
on_noop(struct proxy_session *s, const struct smtp_command *command)
{
	if (proxy_hop_connected(s->hop))
		to_hop(s, PROXY_ERRAND_NOOP, command->line);
	else
		reply_text(s, "250 2.0.0 Ok\r\n");
}

static void
on_quit(struct proxy_session *s, const struct smtp_command *command)
{
	if (proxy_hop_connected(s->hop))
		to_hop(s, PROXY_ERRAND_QUIT, command->line);
	else
		reply_text(s, "221 2.0.0 Bye\r\n");
}

static void (*const commands[SMTP_VERBS])(
    struct proxy_session *, const struct smtp_command *) = {
    [SMTP_EHLO] = on_hello,
    [SMTP_HELO] = on_hello,
    [SMTP_MAIL] = on_mail,
    [SMTP_RCPT] = on_rcpt,
    [SMTP_DATA] = on_data,
    [SMTP_RSET] = on_rset,
    [SMTP_NOOP] = on_noop,
    [SMTP_QUIT] = on_quit,
    [SMTP_XFORWARD] = on_xforward,
};

/* Would its answer be the next hop's? Where it would be ours, it waits for its
 * turn. */
static bool
may_go_behind(struct proxy_session *s, const struct smtp_command *command)
{
	const struct smtp_capabilities *relay = proxy_hop_capabilities(s->hop);
	struct smtp_path path;
	unsigned named;
	uint64_t size;

	if (!proxy_hop_takes_more(s->hop))
		return false;
	switch (command->verb) {
	case SMTP_XFORWARD:
		/* Tried without a place for the reason: a line with a fault in
		 * it is answered by us, in its turn. */
		return smtp_xforward_parse(
			   &s->client, command->argument, &named, NULL) == 0 &&
		    (named & relay->xforward) != 0;
	case SMTP_MAIL:
		return !s->nameless &&
		    smtp_path_parse(
			command->argument, SMTP_MAIL, &path, NULL) == 0 &&
		    smtp_path_size(&path, &size) == 0 &&
		    !size_is_too_much(s, size);
	default:
		return command->verb == SMTP_RCPT;
	}
}

static bool
on_command(void *ctx, const struct smtp_command *command, bool behind)
{
	struct proxy_session *s = ctx;

	if (behind && !may_go_behind(s, command))
		return false;
	commands[command->verb](s, command);
	return true;
}

/* --- the message --- */

static enum proxy_heard
on_answer(void *ctx, const struct smtp_reply *reply)
{
	struct proxy_session *s = ctx;
	/* Asked before it is written: to write to a client that is gone changes
	 * what its socket says. */
	enum proxy_heard heard = client_hears(s);

	if (s->server != NULL)
		smtp_server_reply(s->server, reply);
	return heard;
}

/* After every event that may have ended the transaction. The client may be gone
 * while the relay has the message: the session lives until the outcome is known
 * and in the journal. */
static void
settle_session(struct proxy_session *s)
{
	struct proxy_transaction *t = s->transaction;

	if (t != NULL && proxy_transaction_done(t)) {
		s->transaction = NULL;
		if (proxy_transaction_is_perhaps_heard(t))
			s->answered = t;
		else
			proxy_transaction_free(t);
		end_envelope(s);
		leave_if_finishing(s);
	}
	if (s->server == NULL && s->transaction == NULL)
		session_free(s);
}

static void
on_transaction_done(void *ctx)
{
	settle_session(ctx);
}

static const struct proxy_transaction_ops transaction_ops = {
    on_answer, on_transaction_done};

static void
on_body(void *ctx, struct slice chunk)
{
	struct proxy_session *s = ctx;

	proxy_transaction_body(s->transaction, chunk);
}

/* Settled here since a message that was refused early has its outcome now. */
static void
on_body_end(void *ctx)
{
	struct proxy_session *s = ctx;

	proxy_transaction_body_end(s->transaction);
	settle_session(s);
}

/* DESIGN, promise 6 holds behind a balancer as well. */
static void
turn_away_client(struct proxy_session *s, const char *by)
{
	char text[80];

	(void)snprintf(text, sizeof(text),
	    "554 5.7.1 access denied: not in [%s] allow\r\n",
	    s->service->section);
	reply_text(s, text);
	proxy_count(s->service->counters, PROXY_COUNT_SESSIONS_REFUSED);
	if (proxy_seldom_may(s->service->seldom, "allow",
		strbuf_slice(&s->peer), clock_ms()))
		log_printf(s->service->log, LOGGING_WARNING,
		    "connection from %s, by way of %s, refused: not in [%s] "
		    "allow =",
		    strbuf_text(&s->peer), by, s->service->section);
}

static void connect_hop(struct proxy_session *);

static void
on_proxied(void *ctx, const struct smtp_haproxy *header)
{
	struct proxy_session *s = ctx;
	struct strbuf by;

	s->nameless = !header->known;
	if (s->nameless) {
		connect_hop(s);
		return;
	}
	trace_line(&s->trace, "the PROXY header names %s", header->address);
	s->proxied = true;
	/* Who brought it goes into the log with whom it named. */
	strbuf_init(&by, HELO_CAP);
	strbuf_add_str(&by, peer_name(s));
	strbuf_reset(&s->peer);
	strbuf_add_str(&s->peer, header->address);
	/* No next hop is troubled for somebody who may not come. */
	if (s->service->allow == NULL ||
	    proxy_networks_contain_text(
		s->service->allow, strbuf_slice(&s->peer)))
		connect_hop(s);
	else
		turn_away_client(s, strbuf_text(&by));
	strbuf_clear(&by);
}

static void
on_client_closed(void *ctx, enum smtp_close how, const char *why)
{
	struct proxy_session *s = ctx;

	trace_line(
	    &s->trace, "connection closed (%s: %s)", smtp_close_name(how), why);
	if (how == SMTP_CLOSE_ALIEN &&
	    proxy_seldom_may(s->service->seldom, "alien",
		strbuf_slice(&s->peer), clock_ms()))
		log_printf(s->service->log, LOGGING_WARNING,
		    "client %s speaks no SMTP (%s): disconnected", peer_name(s),
		    why);
	let_go_answered(s, how == SMTP_CLOSE_DONE || how == SMTP_CLOSE_EOF);
	smtp_server_free(s->server);
	s->server = NULL;
	/* A client that goes before our answer sends the message again. Where
	 * the relay has not got its end yet, it never will, so there is no
	 * second copy. */
	if (s->transaction != NULL)
		(void)proxy_transaction_client_lost(s->transaction, why);
	settle_session(s);
}

static const struct smtp_server_ops server_ops = {
    .proxied = on_proxied,
    .command = on_command,
    .body = on_body,
    .body_end = on_body_end,
    .closed = on_client_closed,
};

/* --- the relay's answers --- */

static void
answer_hello(struct proxy_session *s, const struct smtp_reply *reply)
{
	const struct smtp_capabilities *relay = proxy_hop_capabilities(s->hop);
	struct smtp_capabilities ours;
	struct smtp_reply offer;
	struct strbuf text;

	/* A HELO that was refused ends nothing (RFC 5321 section 4.1.4). */
	if (reply->code == 250)
		end_envelope(s);
	if (reply->code != 250 || !s->extended) {
		smtp_server_reply(s->server, reply);
		return;
	}
	/* Only what both the relay and we can do: an extension that is offered
	 * and then not carried through would lose what the client means by
	 * it. */
	ours = smtp_ehlo_offer(
	    relay, s->service->eight_bit, s->service->message_max);
	strbuf_init(&text, SMTP_REPLY_MAX);
	(void)smtp_ehlo_print(smtp_ehlo_host(reply), &ours, &text);
	offer = smtp_reply_slice(strbuf_slice(&text));
	smtp_server_reply(s->server, &offer);
	strbuf_clear(&text);
}

static void
on_hop_reply(void *ctx, enum proxy_errand what, struct slice about,
    const struct smtp_reply *reply)
{
	struct proxy_session *s = ctx;

	/* Once DATA was said answers are about the message, and the client
	 * hears one of ours at the end. */
	if (s->transaction != NULL) {
		proxy_transaction_reply(s->transaction, what, reply);
		settle_session(s);
		return;
	}
	if (what == PROXY_ERRAND_HELLO) {
		answer_hello(s, reply);
		return;
	}
	if (what == PROXY_ERRAND_MAIL && smtp_reply_class(reply) == 2)
		begin_envelope(s);
	if (what == PROXY_ERRAND_RCPT && smtp_reply_class(reply) == 2)
		proxy_envelope_add_recipient(&s->envelope, about);
	smtp_server_reply(s->server, reply);
	leave_if_finishing(s);
}

/* What the client hears when its command has no answer of the relay's. A 4yz
 * wherever mail hangs on it: the client keeps it and tries again. QUIT, RSET
 * and NOOP promise nothing, and get what they want. */
static const char *
answer_without_relay(enum proxy_errand what, enum proxy_hop_fault fault)
{
	if (fault == PROXY_HOP_CHANGED)
		return "421 4.3.2 next hop has changed, connect again\r\n";
	switch (what) {
	case PROXY_ERRAND_GREETING:
		return "421 4.4.1 cannot reach the next hop\r\n";
	case PROXY_ERRAND_HELLO:
		return "421 4.4.2 next hop lost\r\n";
	case PROXY_ERRAND_QUIT:
		return "221 2.0.0 Bye\r\n";
	case PROXY_ERRAND_RSET:
	case PROXY_ERRAND_NOOP:
	case PROXY_ERRAND_XFORWARD:
		return "250 2.0.0 Ok\r\n";
	default:
		return fault == PROXY_HOP_UNREACHED
		    ? "451 4.4.1 cannot reach the next hop\r\n"
		    : "451 4.4.2 next hop lost\r\n";
	}
}

static void
on_hop_failed(void *ctx, enum proxy_errand what, enum proxy_hop_fault fault,
    const char *why)
{
	struct proxy_session *s = ctx;

	if (s->transaction != NULL) {
		proxy_transaction_hop_lost(s->transaction, why);
		settle_session(s);
		return;
	}
	/* The relay closed while nothing was asked of it. The client hears
	 * nothing of that; the next command finds out, and may connect anew. */
	if (what == PROXY_ERRAND_NONE)
		return;
	if (why != NULL)
		log_printf(s->service->log, LOGGING_WARNING,
		    "next hop %.*s: %s", (int)s->service->relay_name.n,
		    s->service->relay_name.p, why);
	reply_text(s, answer_without_relay(what, fault));
}

static void
on_hop_drained(void *ctx)
{
	struct proxy_session *s = ctx;

	if (s->transaction == NULL)
		return;
	proxy_transaction_drained(s->transaction);
	settle_session(s);
}

static const struct proxy_hop_ops hop_ops = {
    on_hop_reply, on_hop_failed, on_hop_drained};

static void
connect_hop(struct proxy_session *s)
{
	s->hop = proxy_hop_new(s->service, &s->trace, &hop_ops, s);
}

/* --- life --- */

void
proxy_session_begin(struct proxy_service *service, evutil_socket_t fd,
    struct slice peer, bool proxy_header)
{
	struct proxy_session *s = xcalloc(1, sizeof(*s));
	struct smtp_limits limits = service->limits;

	limits.proxy_header = proxy_header;
	s->service = service;
	s->fd = fd;
	strbuf_init(&s->peer, HELO_CAP);
	strbuf_add(&s->peer, peer);
	strbuf_init(&s->helo, HELO_CAP);
	proxy_envelope_init(&s->envelope);
	LIST_INSERT_HEAD(&service->sessions, s, entry);
	service->session_count++;
	s->trace = trace_begin(service->log, ++service->session_number);
	trace_line(&s->trace, "connection from %s%s", peer_name(s),
	    proxy_header ? ", behind a PROXY header" : "");
	proxy_count(service->counters, PROXY_COUNT_SESSIONS);
	proxy_count(service->counters, PROXY_COUNT_SESSIONS_OPEN);
	if (!proxy_header) /* with one, whoever it names must be allowed */
		connect_hop(s);
	/* The greeting waits for the relay's: a client that cannot be served
	 * should hear so before it begins. */
	s->server = smtp_server_new(service->base, fd, &limits, &server_ops, s);
	smtp_server_trace(s->server, &s->trace);
}

static const char too_many[] = "421 4.3.2 too many connections, try again\r\n";

void
proxy_sessions_tick(struct proxy_service *service)
{
	struct proxy_session *s;
	int64_t now = clock_ms();

	LIST_FOREACH (s, &service->sessions, entry)
		if (s->transaction != NULL)
			proxy_transaction_tick(s->transaction, now);
		else if (service->hurried && s->server != NULL &&
		    (s->hop == NULL || !proxy_hop_owes(s->hop)) &&
		    smtp_server_silent_ms(s->server) > STUCK_MS)
			/* At a stop. A client that stopped talking before its
			 * DATA has no message in flight. */
			reply_text(s, going_down);
}

/* Who holds up a message that it hardly sends. Somebody who sends an octet now
 * and then holds a session for as long as he likes, and a few hundred of him
 * hold all (slow loris). */
static bool
shed_slow(struct proxy_service *service)
{
	struct proxy_session *s;

	LIST_FOREACH (s, &service->sessions, entry)
		if (!s->leaving && s->server != NULL &&
		    smtp_server_is_slow(s->server))
			break;
	if (s == NULL)
		return false;
	s->leaving = true;
	if (proxy_seldom_may(
		service->seldom, "slow", strbuf_slice(&s->peer), clock_ms()))
		log_printf(service->log, LOGGING_WARNING,
		    "client %s sends its message too slowly, and all sessions "
		    "are taken: told 421",
		    peer_name(s));
	reply_text(s, too_many);
	return true;
}

/* The one that has been silent for longest: mail servers keep idle connections
 * for reuse, and lose nothing with them. */
static bool
shed_silent(struct proxy_service *service)
{
	struct proxy_session *s, *most = NULL;
	int64_t silent, longest = PROXY_SESSION_IDLE_MS;

	LIST_FOREACH (s, &service->sessions, entry) {
		if (s->leaving || s->server == NULL || s->transaction != NULL ||
		    !smtp_server_between_messages(s->server))
			continue;
		silent = smtp_server_silent_ms(s->server);
		if (silent >= longest) {
			most = s;
			longest = silent;
		}
	}
	if (most == NULL)
		return false;
	most->leaving = true;
	reply_text(most, too_many);
	return true;
}

bool
proxy_sessions_shed(struct proxy_service *service, bool wanted)
{
	return (wanted && shed_slow(service)) || shed_silent(service);
}

void
proxy_sessions_finish(struct proxy_service *service)
{
	struct proxy_session *s;

	service->finishing = true;
	LIST_FOREACH (s, &service->sessions, entry)
		leave_if_finishing(s);
}

/* A message in flight is given up before its session is freed, so that the
 * journal has what became of it. */
void
proxy_sessions_cut(struct proxy_service *service)
{
	struct proxy_session *s;

	while ((s = LIST_FIRST(&service->sessions)) != NULL) {
		if (s->transaction != NULL)
			proxy_transaction_cut(s->transaction);
		session_free(s);
	}
}
