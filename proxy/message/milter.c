/*
 * A mail server's connection; see milter.h. Each packet goes through the table
 * of milter/session, then through its row of `rows`.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "milter/negotiate.h"
#include "milter/packet.h"
#include "milter/session.h"
#include "proxy/message/milter.h"
#include "proxy/message/milter_message.h"
#include "smtp/conn.h"
#include "smtp/path.h"

enum {
	NAME_CAP = 512,
	READ_AHEAD = 64 * 1024,
	STUCK_MS = 2000,
	REASON_CAP = 200,
	PATH_CAP = SMTP_COMMAND_MAX
};

struct proxy_milter {
	LIST_ENTRY(proxy_milter) entry;
	struct proxy_service *service;
	struct trace trace;
	struct smtp_conn *conn; /* NULL: it is over */
	struct milter_reader reader;
	enum milter_state state;
	struct milter_terms terms;
	struct strbuf peer;
	/* Of the mail server's client; from one connection of it to the
	 * next. */
	struct strbuf address, name, helo;
	bool local;
	/* Of the message, from macros that may come before it does. */
	struct strbuf queue_id;
	struct strbuf login; /* from the macros of a MAIL to that MAIL */
	struct proxy_envelope envelope;
	struct proxy_milter_message *message;
	int64_t begun_ms; /* when MAIL came */
	int64_t stirred_ms;
	bool waiting; /* the outcome is due */
	bool skipped; /* the rest of this body was said not to be wanted */
	bool refused; /* MAIL was answered with a refusal */
	bool leaving; /* it ends when what was said is written */
};

/* A mail server may send any number of fields or chunks: that is no step, and
 * none is traced. */
static void
move_milter(struct proxy_milter *m, enum milter_state state)
{
	if (m->state == state)
		return;
	m->state = (enum milter_state)machine_step(
	    &milter_session_machine, &m->trace, m->state, state);
}

/* --- the end --- */

/* Between two messages of one connection nothing may be left over: the client
 * of the next one is often another person. */
static void
forget_message(struct proxy_milter *m)
{
	proxy_milter_message_free(m->message);
	m->message = NULL;
	m->waiting = false;
	m->skipped = false;
	m->refused = false;
	proxy_envelope_reset(&m->envelope);
	strbuf_reset(&m->queue_id);
}

static void
lose_message(struct proxy_milter *m, const char *why)
{
	if (m->message != NULL)
		proxy_milter_message_lost(m->message, why);
	forget_message(m);
}

/* Closes the connection; it is freed when no callback is under way. */
static void
end_milter(struct proxy_milter *m, const char *why)
{
	struct smtp_conn *conn = m->conn;

	if (conn == NULL)
		return;
	trace_line(&m->trace, "connection closed (by us: %s)", why);
	lose_message(m, why);
	if (m->state != MILTER_OVER)
		move_milter(m, MILTER_OVER);
	/* Before the connection is freed, so that nothing below can write to it
	 * or end it again. */
	m->conn = NULL;
	smtp_conn_free(conn);
}

/* The protocol has no way to say "I did not understand". The mail server takes
 * the end for a failure and does what its milter_default_action says, which is
 * better than to guess where the next packet begins. */
static void
break_off(struct proxy_milter *m, const char *what)
{
	struct slice peer = strbuf_slice(&m->peer);

	/* Seldom: a peer that is cut off comes again at once, and would fill
	 * the log. */
	if (proxy_seldom_may(m->service->seldom, "milter", peer, clock_ms()))
		log_printf(m->service->log, LOGGING_WARNING,
		    "milter client %s: %s: disconnected",
		    peer.n == 0 ? "local" : strbuf_text(&m->peer), what);
	end_milter(m, what);
}

/* A mail server asks by one connection for as long as its client is there. Where
 * that ends before, it asks no other: each further message of this client is
 * refused or goes unsigned (Postfix says 451 to it, as sendmail does). So an old
 * worker of a reload keeps it until it says that the client has gone, or until
 * that takes too long, for old settings must not last as long as somebody who
 * stays; at a stop it would be kept for nothing. */
static bool
may_leave(const struct proxy_milter *m)
{
	return m->service->finishing && !milter_session_has_message(m->state) &&
	    (m->service->hurried || m->service->overdue ||
		m->state != MILTER_CLIENT);
}

static void
leave_if_idle(struct proxy_milter *m)
{
	if (m->conn == NULL || m->leaving || !may_leave(m))
		return;
	/* What has been answered is still to be written. */
	m->leaving = true;
	smtp_conn_finish(m->conn, SMTP_CLOSE_DONE, "going down", false);
}

/* --- answers --- */

static void
say(struct proxy_milter *m, struct slice packets)
{
	if (m->conn != NULL)
		smtp_conn_write(m->conn, packets);
}

/* Each command that wants an answer gets one and no more: a mail server takes a
 * second one for the answer to what it asks next. */
static void
say_answer(struct proxy_milter *m, enum milter_answer answer)
{
	struct strbuf out;

	strbuf_init(&out, REASON_CAP);
	(void)milter_print_answer(answer, &out);
	say(m, strbuf_slice(&out));
	strbuf_clear(&out);
}

static void
on_message_answer(void *ctx, struct slice packets)
{
	struct proxy_milter *m = ctx;

	trace_line(&m->trace, "answered");
	say(m, packets);
	/* The message is freed within its own call, which it allows: its answer
	 * is the last thing that it does. */
	forget_message(m);
	move_milter(m, MILTER_CLIENT);
	leave_if_idle(m);
}

/* --- who it is --- */

/* Names come from the client of the mail server, so from anybody. */
static void
set_text(struct strbuf *to, struct slice text)
{
	strbuf_reset(to);
	strbuf_add(to, slice_first(text, NAME_CAP));
}

/* Postfix announces what came by no SMTP as localhost, 127.0.0.1, with the port
 * 0; sendmail announces a client on a Unix-domain socket as what it is. */
static bool
is_local(const struct milter_connect *c)
{
	if (c->family == MILTER_FAMILY_UNIX)
		return true;
	return c->family == MILTER_FAMILY_INET && c->port == 0 &&
	    slice_equal(c->address, SLICE("127.0.0.1"));
}

static void
on_connect(struct proxy_milter *m, struct slice data)
{
	struct milter_connect c;

	if (milter_connect_parse(data, &c) != 0) {
		break_off(m, "a client that cannot be read");
		return;
	}
	m->local = is_local(&c);
	/* A mail server that keeps its connection for the next client says
	 * CONNECT again, and what the last one called itself is none of the new
	 * one's business. */
	strbuf_reset(&m->helo);
	set_text(&m->address,
	    (c.family == MILTER_FAMILY_INET || c.family == MILTER_FAMILY_INET6)
		? c.address
		: SLICE(""));
	/* A name that was not looked up, or is not the client's. */
	if (c.host.n > 0 &&
	    (c.host.p[0] == '[' || slice_equal(c.host, SLICE("unknown"))))
		c.host = SLICE("");
	set_text(&m->name, c.host);
}

static void
on_helo(struct proxy_milter *m, struct slice data)
{
	struct slice helo;

	if (milter_text_parse(data, &helo) != 0)
		break_off(m, "a HELO that cannot be read");
	else
		set_text(&m->helo, helo);
}

/* Of a message those count that come with or behind its MAIL. Macros of a
 * packet come ahead of it, those of MAIL before the message is begun; the queue
 * id is known to Postfix only at the first recipient, so it may come later and
 * is taken whenever it comes. A login counts with MAIL alone, as it decides who
 * may have mail signed. */
static void
on_macros(struct proxy_milter *m, struct slice data)
{
	struct slice rest, name, value;
	char code;

	if (milter_macros_parse(data, &code, &rest) != 0)
		return;
	if (code == MILTER_MAIL) {
		strbuf_reset(&m->queue_id);
		strbuf_reset(&m->login);
	}
	while (milter_macro_next(&rest, &name, &value)) {
		if (slice_equal(name, SLICE("i")))
			set_text(&m->queue_id, value);
		else if (slice_equal(name, SLICE("auth_authen")) &&
		    code == MILTER_MAIL)
			set_text(&m->login, value);
	}
}

/* --- the envelope --- */

/* An address as MAIL or RCPT has it; what cannot be read is taken as it is. 0,
 * or -1 where that was so. */
static int
read_path(struct slice text, enum smtp_verb verb, struct strbuf *mailbox)
{
	struct smtp_path path;
	struct strbuf argument;
	int result;

	strbuf_init(&argument, PATH_CAP);
	strbuf_add_str(&argument, verb == SMTP_MAIL ? "FROM:" : "TO:");
	strbuf_add(&argument, text);
	result = argument.full
	    ? -1
	    : smtp_path_parse(strbuf_slice(&argument), verb, &path, NULL);
	strbuf_add(mailbox,
	    result == 0 ? path.mailbox
			: slice_first(milter_address(text), NAME_CAP));
	strbuf_clear(&argument);
	return result;
}

static bool
judges_sender(const struct proxy_milter *m)
{
	const struct proxy_filter_ops *filter = m->service->filter;

	return filter->judges_sender != NULL &&
	    filter->judges_sender(m->service->filter_env, &m->envelope);
}

/* Postfix announces as local mail, too, a client on loopback of whom a proxy, by
 * XCLIENT, told no port. What tells the two apart is the queue id: local mail is in
 * the queue already and has one with MAIL, a client's message gets it at its first
 * recipient. */
static bool
is_message_local(const struct proxy_milter *m)
{
	return m->local && (m->address.n == 0 || m->queue_id.n > 0);
}

static void
on_mail(struct proxy_milter *m, struct slice data)
{
	struct proxy_envelope *e = &m->envelope;
	struct slice sender;

	if (milter_text_parse(data, &sender) != 0) {
		break_off(m, "a MAIL that cannot be read");
		return;
	}
	m->begun_ms = clock_ms();
	/* What says that mail is our own, `local` and `login`, comes from the
	 * mail server alone: a client can put nothing into either. */
	strbuf_add(&e->client_address, strbuf_slice(&m->address));
	strbuf_add(&e->client_name, strbuf_slice(&m->name));
	strbuf_add(&e->client_helo, strbuf_slice(&m->helo));
	strbuf_add(&e->login, strbuf_slice(&m->login));
	strbuf_reset(&m->login);
	e->client_told = true;
	e->milter = true;
	e->local = is_message_local(m);
	e->queued = e->local;
	/* The mail server has its own opinion of what an address is. We refuse
	 * only where a decision of ours would hang on the sender that we cannot
	 * read: there a stranger might be taken for somebody else. */
	if (read_path(sender, SMTP_MAIL, &e->sender) != 0 &&
	    milter_terms_want_answer(&m->terms, MILTER_MAIL) &&
	    judges_sender(m)) {
		struct strbuf out;

		strbuf_init(&out, 4 * REASON_CAP);
		(void)milter_print_reply(
		    SLICE("501 5.1.7 bad sender address syntax"), &out);
		say(m, strbuf_slice(&out));
		strbuf_clear(&out);
		/* The answer to MAIL has been given: answer_packet would add
		 * another one. */
		m->refused = true;
	}
}

static void
on_rcpt(struct proxy_milter *m, struct slice data)
{
	struct slice recipient;
	struct strbuf mailbox;

	if (milter_text_parse(data, &recipient) != 0) {
		break_off(m, "a RCPT that cannot be read");
		return;
	}
	strbuf_init(&mailbox, PATH_CAP);
	/* What cannot be read is taken as it is: a recipient decides nothing
	 * here. */
	(void)read_path(recipient, SMTP_RCPT, &mailbox);
	proxy_envelope_add_recipient(&m->envelope, strbuf_slice(&mailbox));
	strbuf_clear(&mailbox);
}

/* An id for a message that came without one: time, process and a count. */
static void
settle_id(struct proxy_milter *m)
{
	struct strbuf *id = &m->envelope.queue_id;

	strbuf_reset(id);
	if (m->queue_id.n > 0)
		strbuf_add(id, strbuf_slice(&m->queue_id));
	else
		strbuf_addf(id, "S%llX%05lX%04X",
		    (unsigned long long)clock_wall_s(),
		    (unsigned long)getpid() & 0xfffff,
		    m->service->ids++ & 0xffff);
}

/* --- the message --- */

/* The message begins with its first field and not with MAIL: most mail is
 * refused for its recipients, and costs nothing then. */
static struct proxy_milter_message *
message_of(struct proxy_milter *m)
{
	const struct proxy_milter_job job = {
	    .service = m->service,
	    .envelope = &m->envelope,
	    .terms = &m->terms,
	    .trace = &m->trace,
	    .begun_ms = m->begun_ms,
	    .answer = on_message_answer,
	    .ctx = m,
	};

	if (m->message == NULL) {
		settle_id(m);
		m->message = proxy_milter_message_new(&job);
	}
	return m->message;
}

static void
on_field(struct proxy_milter *m, struct slice data)
{
	struct slice name, value;

	if (milter_field_parse(data, &name, &value) != 0)
		break_off(m, "a field that cannot be read");
	else
		proxy_milter_message_field(message_of(m), name, value);
}

static void
on_header_end(struct proxy_milter *m, struct slice data)
{
	(void)data;
	proxy_milter_message_header_end(message_of(m));
}

/* A server that was told to skip may have sent some chunks before it read
 * that. */
static void
on_chunk(struct proxy_milter *m, struct slice data)
{
	if (!m->skipped)
		proxy_milter_message_body(message_of(m), data);
}

static void
on_message_end(struct proxy_milter *m, struct slice data)
{
	on_chunk(m, data);
	/* Once more: the queue id may have come with the last macros. */
	settle_id(m);
	m->waiting = true;
	proxy_milter_message_end(message_of(m));
}

static void
on_offer(struct proxy_milter *m, struct slice data)
{
	const struct proxy_filter_ops *filter = m->service->filter;
	/* A bare newline may come anywhere. */
	bool reads_all = m->service->newline == MAIL_NEWLINE_REJECT;
	const struct milter_wishes wishes = {
	    .changes = filter->drops != NULL,
	    .answers_mail = filter->judges_sender != NULL,
	    .skips = filter->wants_body != NULL && !reads_all,
	};
	struct strbuf reason, out;

	strbuf_init(&reason, REASON_CAP);
	strbuf_init(&out, REASON_CAP);
	if (milter_negotiate(data, &wishes, &m->terms, &reason) != 0) {
		break_off(m, strbuf_text(&reason));
	} else {
		(void)milter_print_terms(&m->terms, &out);
		trace_line(&m->trace, "version %u, steps 0x%x",
		    m->terms.version, m->terms.steps);
		say(m, strbuf_slice(&out));
	}
	strbuf_clear(&reason);
	strbuf_clear(&out);
}

/* The most frequent first: a message has dozens of fields and many chunks. */
static const struct {
	char code;
	void (*act)(struct proxy_milter *, struct slice data);
} rows[] = {
    {MILTER_MACROS, on_macros},
    {MILTER_HEADER, on_field},
    {MILTER_BODY, on_chunk},
    {MILTER_RCPT, on_rcpt},
    {MILTER_MAIL, on_mail},
    {MILTER_END_OF_HEADER, on_header_end},
    {MILTER_END, on_message_end},
    {MILTER_CONNECT, on_connect},
    {MILTER_HELO, on_helo},
    {MILTER_NEGOTIATE, on_offer},
};

static void
act(struct proxy_milter *m, const struct milter_packet *packet)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].code == packet->code) {
			rows[i].act(m, packet->data);
			return;
		}
	}
}

/* The rest of a body is said not to be wanted once. */
static void
answer_packet(struct proxy_milter *m, char code)
{
	bool skip = code == MILTER_BODY && m->message != NULL &&
	    (m->terms.steps & MILTER_MAY_SKIP) != 0 && !m->skipped &&
	    !proxy_milter_message_wants_body(m->message);

	/* The offer has been answered by the terms, and the end of a message is
	 * answered when there is an outcome. */
	if (m->conn == NULL || code == MILTER_NEGOTIATE || code == MILTER_END ||
	    !milter_terms_want_answer(&m->terms, code))
		return;
	if (code == MILTER_MAIL && m->refused)
		return;
	say_answer(m, skip ? MILTER_SKIP : MILTER_CONTINUE);
	m->skipped = m->skipped || skip;
}

static void
take_packet(struct proxy_milter *m, const struct milter_packet *packet)
{
	enum milter_state next;

	/* Those of a MAIL stand right before it, or before a HELO that was
	 * forgotten, as miltertest has it. */
	if (packet->code != MILTER_MACROS && packet->code != MILTER_MAIL &&
	    packet->code != MILTER_HELO)
		strbuf_reset(&m->login);
	/* The order of packets is judged before any of them is read: no code
	 * below has to ask what has come before. */
	switch (milter_session_look(m->state, packet->code, &next)) {
	case MILTER_IS_WRONG:
		break_off(m, "a packet that may not come there");
		return;
	case MILTER_IS_ASIDE:
		break;
	case MILTER_BREAKS_OFF:
		/* The client has gone, or the mail server refused: nobody hears
		 * an outcome. */
		lose_message(m, "aborted");
		if (packet->code == MILTER_QUIT_NEW) {
			/* Another one of the mail server's clients follows, of
			 * whom nothing is known before it says so. */
			m->local = false;
			strbuf_reset(&m->address);
			strbuf_reset(&m->name);
			strbuf_reset(&m->helo);
		}
		move_milter(m, next);
		break;
	case MILTER_GOES_ON:
		move_milter(m, next);
		break;
	}
	act(m, packet);
	answer_packet(m, packet->code);
	leave_if_idle(m);
	if (m->state == MILTER_OVER)
		end_milter(m, "quit");
}

/* Within a packet the peer owes us the rest. Between packets it waits for its
 * own client, which may type by hand, so silence is borne for much longer. */
static void
set_milter_timer(struct proxy_milter *m)
{
	unsigned idle = m->service->limits.idle_ms;

	smtp_conn_timer(m->conn,
	    milter_reader_is_within(&m->reader) && idle > 0
		? idle
		: PROXY_MILTER_SILENT_MS);
}

/* Who sends and does not read is not read either: its answers lie with it, and
 * no more of them with us than high water. */
static bool
is_unread(const struct proxy_milter *m)
{
	return smtp_conn_unwritten(m->conn) >= SMTP_CONN_HIGH_WATER;
}

static void
on_milter_input(void *ctx)
{
	struct proxy_milter *m = ctx;
	struct milter_packet packet;
	enum milter_parse parse;
	size_t used;

	m->stirred_ms = clock_coarse_ms();
	while (m->conn != NULL && !m->leaving && !is_unread(m) &&
	    smtp_conn_input(m->conn).n > 0) {
		parse = milter_reader_next(
		    &m->reader, smtp_conn_input(m->conn), &used, &packet);
		if (parse == MILTER_BAD)
			break_off(m, "a packet whose length cannot be");
		else if (parse == MILTER_DONE)
			take_packet(m, &packet);
		/* A packet may have been the last one; then the input is gone
		 * as well. */
		if (m->conn != NULL)
			smtp_conn_consume(m->conn, used);
	}
	if (m->conn == NULL || m->leaving)
		return;
	if (is_unread(m)) {
		smtp_conn_read(m->conn, 0);
		smtp_conn_want_drained(m->conn);
		return;
	}
	smtp_conn_read(m->conn, READ_AHEAD);
	set_milter_timer(m);
}

static void
on_milter_timeout(void *ctx)
{
	end_milter(ctx, "silent for too long");
}

static void
on_milter_closed(void *ctx, enum smtp_close how, const char *why)
{
	struct proxy_milter *m = ctx;

	trace_line(
	    &m->trace, "connection closed (%s: %s)", smtp_close_name(how), why);
	end_milter(m, why);
}

static void
on_milter_freed(void *ctx)
{
	struct proxy_milter *m = ctx;
	struct proxy_service *service = m->service;

	LIST_REMOVE(m, entry);
	service->session_count--;
	proxy_count_down(service->counters, PROXY_COUNT_SESSIONS_OPEN);
	lose_message(m, "stopped");
	milter_reader_clear(&m->reader);
	proxy_envelope_clear(&m->envelope);
	strbuf_clear(&m->peer);
	strbuf_clear(&m->address);
	strbuf_clear(&m->name);
	strbuf_clear(&m->helo);
	strbuf_clear(&m->queue_id);
	strbuf_clear(&m->login);
	free(m);
	/* Last: whoever counts sessions may end the loop on hearing it. */
	if (service->session_ended != NULL)
		service->session_ended(service->ctx);
}

static const struct smtp_conn_ops conn_ops = {
    .input = on_milter_input,
    .drained = on_milter_input,
    .timeout = on_milter_timeout,
    .closed = on_milter_closed,
    .freed = on_milter_freed,
};

/* --- life --- */

void
proxy_milter_begin(
    struct proxy_service *service, evutil_socket_t fd, struct slice peer)
{
	struct proxy_milter *m = xcalloc(1, sizeof(*m));

	m->service = service;
	strbuf_init(&m->peer, NAME_CAP);
	strbuf_add(&m->peer, peer);
	strbuf_init(&m->address, NAME_CAP);
	strbuf_init(&m->name, NAME_CAP);
	strbuf_init(&m->helo, NAME_CAP);
	strbuf_init(&m->queue_id, NAME_CAP);
	strbuf_init(&m->login, NAME_CAP);
	milter_reader_init(&m->reader);
	proxy_envelope_init(&m->envelope);
	LIST_INSERT_HEAD(&service->milters, m, entry);
	service->session_count++;
	m->trace = trace_begin(service->log, ++service->session_number);
	trace_line(&m->trace, "milter connection from %s",
	    peer.n == 0 ? "local" : strbuf_text(&m->peer));
	proxy_count(service->counters, PROXY_COUNT_SESSIONS);
	proxy_count(service->counters, PROXY_COUNT_SESSIONS_OPEN);
	m->conn = smtp_conn_new(service->base, fd, &conn_ops, m);
	smtp_conn_trace(m->conn, &m->trace, "milter");
	smtp_conn_write_timer(m->conn, service->limits.idle_ms);
	smtp_conn_read(m->conn, READ_AHEAD);
	/* Whoever connects and says nothing holds a session. */
	set_milter_timer(m);
}

void
proxy_milters_tick(struct proxy_service *service)
{
	struct proxy_milter *m, *next;

	for (m = LIST_FIRST(&service->milters); m != NULL; m = next) {
		next = LIST_NEXT(m, entry);
		/* A mail server gives up after some time without a word; DNS
		 * may take longer than that, and each word begins its time
		 * anew. */
		if (m->waiting && m->conn != NULL)
			say_answer(m, MILTER_PROGRESS);
		else if (service->hurried && m->state == MILTER_SENDER &&
		    clock_coarse_ms() - m->stirred_ms > STUCK_MS)
			/* At a stop: a client that has given its sender and
			 * then fell silent has no message that could be
			 * lost. */
			end_milter(m, "going down");
	}
}

void
proxy_milters_finish(struct proxy_service *service)
{
	struct proxy_milter *m;

	service->finishing = true;
	LIST_FOREACH (m, &service->milters, entry)
		leave_if_idle(m);
}

void
proxy_milters_cut(struct proxy_service *service)
{
	struct proxy_milter *m;

	while ((m = LIST_FIRST(&service->milters)) != NULL)
		end_milter(m, "stopped");
}
