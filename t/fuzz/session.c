/*
 * A whole proxy/message/session between a client and a relay that both
 * misbehave as the bytes say: the client's script is read from their begin, the
 * relay's from their end. Whatever they do: the relay hears lines and bodies without
 * a bare CR or LF and no verb but the nine; it gets no more messages than
 * the client ended and was told 354 for; no "queued" that the relay did not
 * say, and none twice; no recipient of whom the client has not heard, once; nothing
 * behind DATA before that is answered; and nothing is left behind.
 * Where the relay offers PIPELINING it hears groups, and may be confused.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "proxy/message/session.h"
#include "t/fuzz/must.h"
#include "t/fuzz/replay.h"
#include "t/lib/stub_service.h"

enum { CLIENT_MAX = 400, ROUNDS = 6, HELD_MAX = 1 << 20, RCPTS_MAX = 4096 };

struct relay {
	int fd;
	struct strbuf in;
	bool data;
	unsigned code;		   /* of its last answer; 0: it gave none */
	bool mail;		   /* it took one */
	unsigned rcpts;		   /* so many RCPTs were said ever */
	unsigned recipients;	   /* taken in this transaction: */
	unsigned taken[RCPTS_MAX]; /* which of them */
	struct strbuf delivered;   /* the answers to those of messages that
				       * are complete, an LF behind each */
	size_t done;		   /* messages complete */
};

struct scene {
	struct slice script; /* what is left of it */
	struct event_base *base;
	struct stub_service stub;
	struct relay relay;
	int client;
	struct strbuf said, heard; /* by the client */
	bool pipelining;	   /* the relay offers it */
};

/* --- the relay --- */

static unsigned
decide(struct scene *s)
{
	unsigned what = 0;

	if (s->script.n > 0)
		what = (unsigned char)s->script.p[--s->script.n] % 24;
	return what;
}

static void
relay_close(struct relay *r)
{
	if (r->fd >= 0)
		(void)close(r->fd);
	r->fd = -1;
	r->data = r->mail = false;
	strbuf_reset(&r->in);
}

static void
relay_say(struct relay *r, const char *text)
{
	if (r->fd >= 0)
		(void)send(
		    r->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* True where DATA would be taken with it. */
static bool
relay_answer(struct scene *s, const char *good)
{
	unsigned what = decide(s);

	s->relay.code = 0;
	switch (what) {
	case 1:
		s->relay.code = 450;
		relay_say(&s->relay, "450-4.0.0 not\r\n450 4.0.0 now\r\n");
		return false;
	case 2:
		s->relay.code = 550;
		relay_say(&s->relay, "550 5.0.0 never\r\n");
		return false;
	case 3:
		relay_say(&s->relay, "421 4.3.2 bye\r\n");
		relay_close(&s->relay);
		return false;
	case 4:
		relay_close(&s->relay);
		return false;
	case 5:
		relay_say(&s->relay, "hello\r\n");
		return false;
	case 6:
		return false;
	case 7:
		s->relay.code = 354;
		relay_say(&s->relay, "354 go on\r\n");
		return true; /* to DATA it is the good one */
	case 20:	     /* confused by what came behind it */
		s->relay.code = 503;
		relay_say(&s->relay, "503 5.5.1 pipelining?\r\n");
		return false;
	case 21: /* so much that it forgets the rest */
		strbuf_reset(&s->relay.in);
		s->relay.code = good[0] == '2' ? 250 : 354;
		relay_say(&s->relay, good);
		return true;
	case 22:
		s->relay.code = good[0] == '2' ? 250 : 354;
		relay_say(&s->relay, good);
		relay_say(&s->relay, good);
		return true;
	default:
		s->relay.code = good[0] == '2' ? 250 : 354;
		relay_say(&s->relay, good);
		if (what == 8)
			relay_say(&s->relay, "421 late\r\n");
		return true;
	}
}

static const char offer[] =
    "250-relay\r\n250-SIZE 5000\r\n250-8BITMIME\r\n250-PIPELINING\r\n"
    "250 XFORWARD NAME ADDR HELO\r\n";
static const char no_offer[] = "250-relay\r\n250-SIZE 5000\r\n250-8BITMIME\r\n"
			       "250 XFORWARD NAME ADDR HELO\r\n";

/* Nothing stands behind it before it is answered. */
static void
relay_data(struct scene *s)
{
	struct relay *r = &s->relay;

	must(r->in.n == 0);
	if (r->mail && r->recipients > 0)
		r->data = relay_answer(s, "354 go\r\n");
	else
		relay_say(r, "554 5.5.1 no valid recipients\r\n");
}

/* What its answer to that verb (of those below) has begun or ended. */
static void
relay_note(struct relay *r, size_t verb)
{
	bool yes = r->code == 250;

	if (verb == 2 && yes)
		r->recipients = 0;
	if (verb == 2 && yes)
		r->mail = true;
	if (verb == 3 && yes && r->mail && r->recipients < RCPTS_MAX)
		r->taken[r->recipients++] = r->rcpts;
	if ((verb <= 1 || verb == 5) && yes)
		r->mail = false;
}

static void
relay_command(struct scene *s, struct slice line)
{
	static const char *const verbs[] = {"EHLO ", "HELO ", "MAIL ", "RCPT ",
	    "DATA", "RSET", "NOOP", "QUIT", "XFORWARD "};
	char good[40] = "250 ok\r\n";
	size_t i = 0;

	must(slice_find(line, '\n') == line.n);
	must(slice_find(line, '\r') == line.n);
	while (!slice_starts_nocase(line, slice_str(verbs[i])))
		must(++i < sizeof(verbs) / sizeof(verbs[0]));
	s->relay.code = 0;
	if (i == 3)
		(void)snprintf(
		    good, sizeof(good), "250 rcpt %u.\r\n", ++s->relay.rcpts);
	if (i == 4)
		relay_data(s);
	else if (i == 3 && !s->relay.mail)
		relay_say(&s->relay, "503 5.5.1 need MAIL command\r\n");
	else
		(void)relay_answer(s,
		    i > 0		? good
			: s->pipelining ? offer
					: no_offer);
	relay_note(&s->relay, i);
}

static void
relay_message(struct scene *s, struct slice body)
{
	char good[40];

	for (size_t i = 0; i < body.n; i++) {
		if (body.p[i] == '\n')
			must(i > 0 && body.p[i - 1] == '\r');
		if (body.p[i] == '\r')
			must(i + 1 < body.n && body.p[i + 1] == '\n');
	}
	s->relay.data = s->relay.mail = false;
	s->relay.done++;
	for (unsigned i = 0; i < s->relay.recipients; i++)
		strbuf_addf(
		    &s->relay.delivered, "250 rcpt %u.\r\n", s->relay.taken[i]);
	(void)snprintf(
	    good, sizeof(good), "250 queued %zu.\r\n", s->relay.done);
	(void)relay_answer(s, good);
}

/* One line, or one body; false where there is none yet. */
static bool
relay_take(struct scene *s)
{
	struct relay *r = &s->relay;
	struct slice in = strbuf_slice(&r->in);
	bool empty = r->data && slice_starts_nocase(in, SLICE(".\r\n"));
	struct slice end =
	    r->data && !empty ? SLICE("\r\n.\r\n") : SLICE("\r\n");
	size_t at = slice_search(in, end);
	struct strbuf copy;

	if (at == in.n)
		return false;
	strbuf_init(&copy, HELD_MAX);
	(void)strbuf_add(
	    &copy, slice_first(in, at + (r->data && !empty ? 2 : 0)));
	strbuf_consume(&r->in, at + end.n);
	if (r->data)
		relay_message(s, empty ? SLICE("") : strbuf_slice(&copy));
	else
		relay_command(s, strbuf_slice(&copy));
	strbuf_clear(&copy);
	return r->fd >= 0;
}

static void
relay_turn(struct scene *s)
{
	struct relay *r = &s->relay;
	int fd = stub_service_accept(&s->stub);
	char bytes[4096];
	ssize_t n;

	if (fd >= 0) {
		relay_close(r);
		r->fd = fd;
		(void)relay_answer(s, "220 relay\r\n");
	}
	while (r->fd >= 0 && (n = recv(r->fd, bytes, sizeof(bytes), 0)) > 0)
		(void)strbuf_add(&r->in, slice_from(bytes, (size_t)n));
	must(!r->in.full);
	while (r->fd >= 0 && relay_take(s))
		continue;
}

/* --- the client --- */

static void
pump(struct scene *s)
{
	char bytes[4096];
	ssize_t n;

	for (int i = 0; i < ROUNDS; i++) {
		(void)event_base_loop(s->base, EVLOOP_NONBLOCK);
		relay_turn(s);
		while (s->client >= 0 &&
		    (n = recv(s->client, bytes, sizeof(bytes), MSG_DONTWAIT)) >
			0)
			(void)strbuf_add(
			    &s->heard, slice_from(bytes, (size_t)n));
	}
}

static void
client_act(struct scene *s, unsigned char op)
{
	static const struct slice lines[] = {SLICE_INIT("EHLO c\r\n"),
	    SLICE_INIT("HELO c\r\n"), SLICE_INIT("MAIL FROM:<a@b> SIZE=9\r\n"),
	    SLICE_INIT("RCPT TO:<c@d>\r\n"), SLICE_INIT("DATA\r\n"),
	    SLICE_INIT("From: x\r\n\r\n..y\r\n"), SLICE_INIT("\r\n.\r\n"),
	    SLICE_INIT("RSET\r\n"), SLICE_INIT("NOOP\r\n"),
	    SLICE_INIT("QUIT\r\n"),
	    SLICE_INIT("XFORWARD NAME=n ADDR=192.0.2.1 PORT=5\r\n"),
	    SLICE_INIT(
		"MAIL FROM:<>\r\nRCPT TO:<a>\r\nRCPT TO:<b>\r\nDATA\r\n"),
	    SLICE_INIT("\n.\n"), SLICE_INIT("\n.\r\n"), SLICE_INIT("\r\n.\n"),
	    SLICE_INIT("\r.\r"), SLICE_INIT("\r\n.\r"),
	    SLICE_INIT("VRFY x\r\n"), SLICE_INIT("BDAT 3\r\n"),
	    SLICE_INIT("NO\0P\nRSET\r\n"), SLICE_INIT(".\r\n"),
	    SLICE_INIT("XFORWARD NAME=n\r\nXFORWARD ADDR=192.0.2.1\r\n"
		       "MAIL FROM:<a@b>\r\nRCPT TO:<c>\r\nRCPT TO:<d>\r\n"),
	    SLICE_INIT("RCPT TO:<e>\r\nRCPT TO:<f>\r\nRCPT TO:<g>\r\nRSET\r\n"),
	    SLICE_INIT("XFORWARD HELO=h\r\nXFORWARD BAD\r\nMAIL FROM:<h>\r\n"),
	    SLICE_INIT("From: x\r\n\r\ny\r\n.\r\nMAIL FROM:<i>\r\n"
		       "RCPT TO:<j>\r\nDATA\r\n")};
	unsigned what = op % 32;

	if (s->client < 0)
		return;
	if (what < sizeof(lines) / sizeof(lines[0])) {
		(void)send(s->client, lines[what].p, lines[what].n,
		    MSG_NOSIGNAL | MSG_DONTWAIT);
		(void)strbuf_add(&s->said, lines[what]);
	} else if (what == 31) {
		(void)close(s->client);
		s->client = -1;
	}
	if (op >= 64)
		pump(s);
}

/* --- the scene --- */

static size_t
count(const struct strbuf *in, const char *what)
{
	struct slice rest = strbuf_slice(in), needle = slice_str(what);
	size_t n = 0, at;

	while ((at = slice_search(rest, needle)) < rest.n) {
		n++;
		rest = slice_after(rest, at + 1);
	}
	return n;
}

static void
scene_begin(struct scene *s, unsigned char how)
{
	struct proxy_service *v = &s->stub.service;
	int pair[2];

	s->base = event_base_new();
	s->relay.fd = -1;
	strbuf_init(&s->relay.in, HELD_MAX);
	strbuf_init(&s->relay.delivered, HELD_MAX);
	strbuf_init(&s->said, HELD_MAX);
	strbuf_init(&s->heard, HELD_MAX);
	must(stub_service_begin(&s->stub, s->base));
	v->header_max = 1000;
	if (how & 1)
		v->newline = MAIL_NEWLINE_REJECT;
	if (how & 2)
		s->stub.filter.outcome =
		    (struct proxy_outcome){PROXY_REFUSE, PROXY_CAUSE_SPF, "no"};
	if (how & 4)
		v->spool_mark = 8;
	s->pipelining = (how & 8) != 0;
	if (how & 16)
		v->limits.recipients_max = 3;
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	s->client = pair[0];
	proxy_session_begin(v, pair[1], SLICE(""), false);
}

/* A client that is still there has heard of each recipient of each message that
 * was delivered: none was named twice. */
static void
check_recipients(const struct scene *s)
{
	struct slice rest = strbuf_slice(&s->relay.delivered), line;
	char text[40];

	while (slice_cut(&rest, '\n', &line) && line.n > 0) {
		(void)snprintf(
		    text, sizeof(text), "%.*s\n", (int)line.n, line.p);
		must(count(&s->heard, text) == 1);
	}
}

static void
scene_end(struct scene *s)
{
	char queued[40];

	if (s->client >= 0)
		check_recipients(s);
	if (s->client >= 0)
		(void)close(s->client);
	s->client = -1;
	pump(s);
	must(stub_service_cut(&s->stub)[0] == '\0');
	relay_close(&s->relay);
	stub_service_end(&s->stub);
	event_base_free(s->base);
	must(s->relay.done <= count(&s->heard, "354 End"));
	must(s->relay.done <= count(&s->said, "\r\n.\r\n"));
	for (size_t i = 1; i <= s->relay.done; i++) {
		(void)snprintf(queued, sizeof(queued), "queued %zu.", i);
		must(count(&s->heard, queued) <= 1);
	}
	strbuf_clear(&s->relay.in);
	strbuf_clear(&s->relay.delivered);
	strbuf_clear(&s->said);
	strbuf_clear(&s->heard);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct scene s = {.script = slice_from((const char *)bytes, n)};
	unsigned char how = n > 0 ? bytes[0] : 0;

	s.script = slice_after(s.script, 1);
	scene_begin(&s, how);
	pump(&s);
	for (int i = 0; i < CLIENT_MAX && s.script.n > 0; i++) {
		unsigned char op = (unsigned char)s.script.p[0];

		s.script = slice_after(s.script, 1);
		client_act(&s, op);
	}
	pump(&s);
	scene_end(&s);
	return 0;
}
