/*
 * What a client sent in one piece goes on in one piece (RFC 2920), and the
 * client hears what it would have heard otherwise: each script of a client is
 * played to a next hop that offers PIPELINING and to one that does not, with
 * its answers whole, one by one and cut everywhere. Then next hops that go, say
 * 421 or are confused in the middle, and how many system calls a message takes.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "proxy/message/session.h"
#include "t/lib/stub_service.h"
#include "t/lib/talk.h"
#include "t/lib/unit.h"

enum { REPLIES_MAX = 1 << 20, RECIPIENTS = 1000 };

/* --- system calls of the session's --- */

ssize_t __real_send(int, const void *, size_t, int);
ssize_t __real_sendmsg(int, const struct msghdr *, int);
ssize_t __real_recv(int, void *, size_t, int);
ssize_t __wrap_send(int, const void *, size_t, int);
ssize_t __wrap_sendmsg(int, const struct msghdr *, int);
ssize_t __wrap_recv(int, void *, size_t, int);

static struct {
	int client, relay; /* ours: not counted */
	unsigned writes, reads;
} calls;

static bool
is_ours(int fd)
{
	return fd == calls.client || fd == calls.relay;
}

ssize_t
__wrap_send(int fd, const void *p, size_t n, int flags)
{
	calls.writes += !is_ours(fd);
	return __real_send(fd, p, n, flags);
}

ssize_t
__wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
	calls.writes += !is_ours(fd);
	return __real_sendmsg(fd, message, flags);
}

ssize_t
__wrap_recv(int fd, void *p, size_t n, int flags)
{
	calls.reads += !is_ours(fd);
	return __real_recv(fd, p, n, flags);
}

/* --- the scene --- */

struct scene {
	struct talk client, relay;
	struct stub_service stub;
	struct proxy_grouping grouping;
	bool pipelines;
};

static void
accept_relay(struct scene *s)
{
	if (s->relay.base == NULL)
		close(talk_init_with(&s->relay, s->client.base));
	talk_accept(&s->relay, s->stub.listener);
}

static const char offer[] =
    "250-relay\r\n250-PIPELINING\r\n250-SIZE 1000000\r\n"
    "250 XFORWARD NAME ADDR SOURCE\r\n";
static const char no_offer[] =
    "250-relay\r\n250-SIZE 1000000\r\n250 XFORWARD NAME ADDR SOURCE\r\n";

static void
greet(struct scene *s)
{
	talk_say(&s->relay, "220 relay\r\n");
}

static void
answer_ehlo(struct scene *s)
{
	talk_hear(&s->relay, "EHLO c\r\n");
	talk_say(&s->relay, s->pipelines ? offer : no_offer);
}

/* Another connection to the next hop, up to where commands go on. */
static void
reconnect(struct scene *s)
{
	accept_relay(s);
	greet(s);
	answer_ehlo(s);
}

/* For the next hop's answers; 0: as long as it takes. */
static unsigned patience_ms;

static void
set_up(struct scene *s, bool pipelines)
{
	evutil_socket_t fd;

	memset(s, 0, sizeof(*s));
	s->pipelines = pipelines;
	fd = talk_init(&s->client);
	assert_true(stub_service_begin(&s->stub, s->client.base));
	s->stub.service.grouping = &s->grouping;
	s->stub.service.limits.errors_max = 4;
	s->stub.service.limits.recipients_max = RECIPIENTS;
	s->stub.service.message_max = 100000;
	s->stub.service.relay.command_ms = patience_ms;
	proxy_session_begin(&s->stub.service, fd, SLICE("192.0.2.1"), false);
	accept_relay(s);
	greet(s);
	talk_hear(&s->client, "220 relay\r\n");
	talk_say(&s->client, "EHLO c\r\n");
	answer_ehlo(s);
	talk_hear(&s->client,
	    "250-relay\r\n250-PIPELINING\r\n250-SIZE 100000\r\n"
	    "250-ENHANCEDSTATUSCODES\r\n"
	    "250 XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE\r\n");
}

static void
tear_down(struct scene *s)
{
	talk_run(&s->client, 5);
	assert_string_equal(stub_service_cut(&s->stub), "");
	stub_service_end(&s->stub);
	talk_clear_side(&s->relay);
	talk_clear(&s->client);
}

/* --- a next hop that answers by what it hears --- */

/* How it cuts its answers: all at once, one by one, or in two at this octet
 * of each run. */
enum { WHOLE = -1, SINGLY = -2 };

struct server {
	struct strbuf heard, said; /* all lines; what is not sent yet */
	bool mail, data;
	unsigned recipients, messages;
};

static void
serve_line(struct server *v, struct slice line)
{
	const char *reply = "250 2.0.0 Ok\r\n";

	if (slice_starts_nocase(line, SLICE("MAIL"))) {
		bool bad = slice_search(line, SLICE("bad")) < line.n;

		reply = bad ? "550-5.1.8 no\r\n550 5.1.8 such\r\n"
			    : "250 2.1.0 Ok\r\n";
		v->mail = !bad;
		v->recipients = 0;
	} else if (slice_starts_nocase(line, SLICE("RCPT"))) {
		reply = "250 2.1.5 Ok\r\n";
		if (!v->mail)
			reply = "503 5.5.1 Error: need MAIL command\r\n";
		else if (slice_search(line, SLICE("bad")) < line.n)
			reply = "550 5.1.1 no\r\n";
		else if (slice_search(line, SLICE("later")) < line.n)
			reply = "450 4.2.0 greylisted\r\n";
		else
			v->recipients++;
	} else if (slice_starts_nocase(line, SLICE("XFORWARD"))) {
		if (slice_search(line, SLICE("bad")) < line.n)
			reply = "501 5.5.4 bad attribute\r\n";
	} else if (slice_starts_nocase(line, SLICE("DATA"))) {
		assert_true(v->mail && v->recipients > 0);
		reply = "354 go\r\n";
		v->data = true;
	} else if (slice_starts_nocase(line, SLICE("RSET"))) {
		v->mail = false;
	} else if (slice_starts_nocase(line, SLICE("QUIT"))) {
		reply = "221 bye\r\n";
	}
	strbuf_add_str(&v->said, reply);
}

/* What has been heard, line by line, a message's lines among them. */
static void
serve(struct server *v, struct scene *s)
{
	struct slice in = strbuf_slice(&s->relay.heard);
	size_t at;

	while ((at = slice_search(in, SLICE("\r\n"))) < in.n) {
		struct slice line = slice_first(in, at);

		in = slice_after(in, at + 2);
		strbuf_add(&v->heard, line);
		strbuf_add_char(&v->heard, '\n');
		if (!v->data) {
			serve_line(v, line);
		} else if (slice_equal(line, SLICE("."))) {
			v->data = v->mail = false;
			v->messages++;
			strbuf_addf(&v->said, "250 2.0.0 Ok: queued as %u\r\n",
			    v->messages);
		}
	}
	strbuf_consume(&s->relay.heard, s->relay.heard.n - in.n);
}

/* Whatever can happen now, happens; what came is heard. */
static void
pump(struct talk *talk)
{
	ssize_t n = 1;
	char *to;

	for (int i = 0; i < 4; i++)
		(void)event_base_loop(talk->base, EVLOOP_NONBLOCK);
	while (n > 0) {
		to = strbuf_reserve(&talk->heard, 65536);
		n = __real_recv(talk->fd, to, 65536, MSG_DONTWAIT);
		if (n > 0)
			talk->heard.n += (size_t)n;
	}
}

/* Sends the first bytes of what it has to say. */
static void
utter(struct server *v, struct scene *s, size_t n)
{
	talk_send(&s->relay, slice_first(strbuf_slice(&v->said), n));
	strbuf_consume(&v->said, n);
	pump(&s->relay);
	pump(&s->client);
}

static void
speak(struct server *v, struct scene *s, int how)
{
	size_t n = v->said.n;

	if (how >= 0 && (size_t)how < n)
		n = (size_t)how;
	while (v->said.n > 0) {
		struct slice said = strbuf_slice(&v->said);

		if (how == SINGLY)
			n = slice_search(said, SLICE("\r\n")) + 2;
		utter(v, s, n);
		n = v->said.n;
	}
}

/* Both go on until nothing happens any more. */
static void
converse(struct server *v, struct scene *s, int how)
{
	for (int idle = 0; idle < 3; idle++) {
		size_t before = s->client.heard.n;

		pump(&s->client);
		pump(&s->relay);
		serve(v, s);
		if (v->said.n > 0 || s->client.heard.n > before)
			idle = -1;
		speak(v, s, how);
	}
}

static void
server_init(struct server *v)
{
	memset(v, 0, sizeof(*v));
	strbuf_init(&v->heard, REPLIES_MAX);
	strbuf_init(&v->said, REPLIES_MAX);
}

static void
server_clear(struct server *v)
{
	strbuf_clear(&v->heard);
	strbuf_clear(&v->said);
}

/* --- the same with and without --- */

#define MESSAGE	 "A: 1\r\n\r\nx\r\n.\r\n"
#define ENVELOPE "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n"

static const char *const scripts[] = {
    ENVELOPE "DATA\r\n" MESSAGE "QUIT\r\n",
    "XFORWARD NAME=n ADDR=192.0.2.9\r\nXFORWARD SOURCE=LOCAL\r\n" ENVELOPE
    "RCPT TO:<e@f>\r\nDATA\r\n" MESSAGE,
    /* refusals */
    "MAIL FROM:<bad@b>\r\nRCPT TO:<c@d>\r\nRCPT TO:<e@f>\r\nDATA\r\nNOOP\r\n",
    "MAIL FROM:<bad@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n" ENVELOPE
    "DATA\r\n" MESSAGE,
    ENVELOPE "RCPT TO:<bad@d>\r\nRCPT TO:<later@d>\r\nRCPT TO:<e@f>\r\n"
	     "DATA\r\n" MESSAGE,
    "MAIL FROM:<a@b>\r\nRCPT TO:<bad@d>\r\nRCPT TO:<later@d>\r\nDATA\r\n"
    "RSET\r\n",
    "XFORWARD NAME=bad\r\n" ENVELOPE "DATA\r\n" MESSAGE,
    /* what is ours to answer, in the middle */
    "XFORWARD NAME=n\r\nXFORWARD HELO=h\r\nXFORWARD FOO=x\r\n"
    "XFORWARD ADDR=192.0.2.9\r\n" ENVELOPE "DATA\r\n" MESSAGE,
    "XFORWARD NAME=n\r\nMAIL FROM:<a@b> SIZE=100001\r\nRCPT TO:<c@d>\r\n"
    "DATA\r\n" ENVELOPE "DATA\r\n" MESSAGE,
    "MAIL FROM:<a@b>\r\nRCPT TO:<c@d\r\nRCPT\r\nRCPT TO:<e@f>\r\nVRFY x\r\n"
    "RCPT TO:<g@h>\r\nWHAT\r\nDATA\r\n" MESSAGE,
    "MAIL FROM:<a@b>\r\nMAIL FROM:<c@d>\r\nRCPT TO:<e@f>\r\n"
    "XFORWARD NAME=n\r\nRCPT TO:<g@h>\r\nDATA\r\n" MESSAGE,
    "RCPT TO:<c@d>\r\n" ENVELOPE "DATA x\r\nDATA\r\n" MESSAGE,
    ENVELOPE "RCPT TO:<\r@d>\r\nRCPT TO:<e@f>\r\nDATA\r\n" MESSAGE,
    "WHAT\r\nWHAT\r\nMAIL FROM:<bad@b>\r\nRCPT TO:<c@d>\r\nRCPT TO:<c@d>\r\n"
    "WHAT\r\n" ENVELOPE "WHAT\r\n" ENVELOPE,
    /* RSET and others between */
    ENVELOPE "RSET\r\nMAIL FROM:<e@f>\r\nRCPT TO:<g@h>\r\nDATA\r\n" MESSAGE,
    ENVELOPE "NOOP\r\nRCPT TO:<e@f>\r\nDATA\r\n" MESSAGE,
    ENVELOPE "EHLO c\r\n" ENVELOPE "DATA\r\n" MESSAGE,
    ENVELOPE "QUIT\r\n" ENVELOPE,
    /* a second message, and a third */
    ENVELOPE "DATA\r\n" MESSAGE ENVELOPE "RCPT TO:<e@f>\r\nDATA\r\n" MESSAGE
	     "MAIL FROM:<bad@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n" ENVELOPE
	     "DATA\r\n" MESSAGE "QUIT\r\n",
    /* a client that stops in the middle */
    ENVELOPE "RCPT TO:<e@",
    "XFORWARD NAME=n\r\nMAIL FROM:<a@b>\r\nRCPT TO:",
};

/* Plays a script: what the client heard, and what the next hop did. */
static void
play(const char *script, bool pipelines, int how, struct strbuf *client,
    struct strbuf *relay)
{
	struct scene s;
	struct server v;

	set_up(&s, pipelines);
	server_init(&v);
	talk_say(&s.client, script);
	converse(&v, &s, how);
	strbuf_reset(client);
	strbuf_add(client, strbuf_slice(&s.client.heard));
	strbuf_reset(relay);
	strbuf_add(relay, strbuf_slice(&v.heard));
	server_clear(&v);
	tear_down(&s);
}

/* Without the RCPTs that only a group gives to a next hop that has refused
 * their MAIL already. */
static void
drop_late_recipients(struct strbuf *heard)
{
	struct slice rest = strbuf_slice(heard), line;
	struct strbuf kept;
	bool refused = false;

	strbuf_init(&kept, REPLIES_MAX);
	while (rest.n > 0 && slice_cut(&rest, '\n', &line)) {
		if (slice_starts_nocase(line, SLICE("MAIL")))
			refused = slice_search(line, SLICE("bad")) < line.n;
		if (refused && slice_starts_nocase(line, SLICE("RCPT")))
			continue;
		strbuf_add(&kept, line);
		strbuf_add_char(&kept, '\n');
	}
	strbuf_reset(heard);
	strbuf_add(heard, strbuf_slice(&kept));
	strbuf_clear(&kept);
}

static void
test_the_client_hears_the_same(void **state)
{
	struct strbuf plain, grouped, plain_relay, grouped_relay;

	(void)state;
	strbuf_init(&plain, REPLIES_MAX);
	strbuf_init(&grouped, REPLIES_MAX);
	strbuf_init(&plain_relay, REPLIES_MAX);
	strbuf_init(&grouped_relay, REPLIES_MAX);
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		play(scripts[i], false, WHOLE, &plain, &plain_relay);
		for (int how = SINGLY; how < 60; how++) {
			play(scripts[i], true, how, &grouped, &grouped_relay);
			if (!slice_equal(
				strbuf_slice(&plain), strbuf_slice(&grouped)))
				fail_msg("%s\n--- alone:\n%s--- %d:\n%s",
				    scripts[i], strbuf_text(&plain), how,
				    strbuf_text(&grouped));
			drop_late_recipients(&grouped_relay);
			assert_slice_equal(strbuf_slice(&grouped_relay),
			    strbuf_slice(&plain_relay));
		}
	}
	strbuf_clear(&plain);
	strbuf_clear(&grouped);
	strbuf_clear(&plain_relay);
	strbuf_clear(&grouped_relay);
}

/* --- in one piece --- */

/* What one recv() of ours gives, after so many turns of the loop. */
static void
one_piece(struct talk *talk, int fd, const char *want)
{
	char bytes[4096];
	ssize_t n = -1;

	for (int i = 0; i < 500 && n < 0; i++) {
		(void)event_base_loop(talk->base, EVLOOP_NONBLOCK);
		n = __real_recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (n < 0)
			usleep(1000);
	}
	assert_true(n > 0);
	assert_slice_equal(slice_from(bytes, (size_t)n), slice_str(want));
}

static void
test_five_writes_and_five_reads_a_message(void **state)
{
	struct scene s;
	static const char relayed[] =
	    "XFORWARD NAME=n ADDR=192.0.2.9\r\nMAIL FROM:<a@b>\r\n"
	    "RCPT TO:<c@d>\r\nRCPT TO:<e@f>\r\n";

	(void)state;
	set_up(&s, true);
	for (int turn = 0; turn < 3; turn++) {
		calls.client = s.client.fd;
		calls.relay = s.relay.fd;
		calls.writes = calls.reads = 0;
		talk_say(&s.client, relayed);
		talk_say(&s.client, "DATA\r\n");
		one_piece(&s.relay, s.relay.fd, relayed);
		talk_say(
		    &s.relay, "250 x\r\n250 m\r\n550 r\r\n250-s\r\n250 s\r\n");
		one_piece(&s.client, s.client.fd,
		    "250 x\r\n250 m\r\n550 r\r\n250-s\r\n250 s\r\n"
		    "354 End data with <CR><LF>.<CR><LF>\r\n");
		talk_say(&s.client, MESSAGE);
		one_piece(&s.relay, s.relay.fd, "DATA\r\n");
		talk_say(&s.relay, "354 go\r\n");
		one_piece(&s.relay, s.relay.fd, MESSAGE);
		talk_say(&s.relay, "250-taken\r\n250 3CF6\r\n");
		one_piece(&s.client, s.client.fd, "250-taken\r\n250 3CF6\r\n");
		assert_int_equal(calls.writes, 5);
		assert_int_equal(calls.reads, 5);
	}
	tear_down(&s);
}

static void
test_a_thousand_recipients_and_some(void **state)
{
	struct scene s;
	struct server v;
	struct slice rest, line;
	struct strbuf said;
	unsigned accepted = 0, over = 0;

	(void)state;
	set_up(&s, true);
	server_init(&v);
	strbuf_init(&said, REPLIES_MAX);
	strbuf_add_str(&said, "MAIL FROM:<a@b>\r\n");
	for (unsigned i = 0; i < RECIPIENTS + 7; i++)
		strbuf_addf(&said, "RCPT TO:<%s%u@example.org>\r\n",
		    i % 500 == 3 ? "bad" : "r", i);
	strbuf_add_str(&said, "DATA\r\n" MESSAGE);
	talk_send(&s.client, strbuf_slice(&said));
	converse(&v, &s, WHOLE);
	rest = strbuf_slice(&s.client.heard);
	while (rest.n > 0 && slice_cut(&rest, '\n', &line)) {
		accepted += slice_starts_nocase(line, SLICE("250 2.1.5"));
		over += slice_starts_nocase(line, SLICE("452 4.5.3"));
	}
	assert_int_equal(accepted, RECIPIENTS);
	assert_int_equal(over, 7 - 2); /* two were refused before */
	assert_int_equal(v.recipients, RECIPIENTS);
	assert_int_equal(v.messages, 1);
	strbuf_clear(&said);
	server_clear(&v);
	tear_down(&s);
}

/* --- a next hop that fails in the middle --- */

static void
group(struct scene *s)
{
	talk_say(&s->client, ENVELOPE "RCPT TO:<e@f>\r\n");
	talk_hear(&s->relay, ENVELOPE "RCPT TO:<e@f>\r\n");
}

static void
test_it_says_421(void **state)
{
	struct scene s;

	(void)state;
	set_up(&s, true);
	group(&s);
	talk_say(&s.relay, "250 ok\r\n421 4.3.2 going down\r\n250 more\r\n");
	talk_hear(&s.client, "250 ok\r\n421 4.3.2 going down\r\n");
	talk_hear_end(&s.client);
	assert_int_equal(s.grouping.failures, 1);
	tear_down(&s);
}

static void
test_it_dies(void **state)
{
	static const struct {
		const char *said, *heard;
	} cases[] = {
	    {"250 ok\r\n",
		"250 ok\r\n451 4.4.2 next hop lost\r\n"
		"451 4.4.2 next hop lost\r\n"},
	    {"250 ok\r\n250 c\r\n25",
		"250 ok\r\n250 c\r\n451 4.4.2 next hop lost\r\n"},
	    {"250 ok\r\nwhat?\r\n",
		"250 ok\r\n451 4.4.2 next hop lost\r\n"
		"451 4.4.2 next hop lost\r\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct scene s;

		set_up(&s, true);
		group(&s);
		talk_say(&s.relay, cases[i].said);
		talk_run(&s.relay, 5);
		talk_hang_up(&s.relay);
		talk_hear(&s.client, cases[i].heard);
		/* The transaction is gone with it, and the next one takes a
		 * new connection. */
		talk_say(&s.client, "RSET\r\n");
		talk_hear(&s.client, "250 2.0.0 Ok\r\n");
		talk_say(&s.client, ENVELOPE);
		reconnect(&s);
		talk_hear(&s.relay, "MAIL FROM:<a@b>\r\n");
		talk_hear_nothing(&s.relay, 10); /* singly from now on */
		talk_say(&s.relay, "250 ok\r\n");
		talk_hear(&s.relay, "RCPT TO:<c@d>\r\n");
		talk_say(&s.relay, "250 ok\r\n");
		talk_hear(&s.client, "250 ok\r\n250 ok\r\n");
		tear_down(&s);
	}
}

/* Once it may have been going anyway; three times running it is the groups'
 * doing, and other sessions are spared it. */
static void
test_it_dies_again_and_again(void **state)
{
	struct proxy_grouping grouping = {0, 0};

	(void)state;
	for (unsigned i = 1; i <= PROXY_GROUPING_FAILURES_MAX; i++) {
		struct scene s;

		set_up(&s, true);
		s.stub.service.grouping = &grouping;
		group(&s);
		talk_say(&s.relay, "250 m\r\n");
		if (i == 1) { /* one that goes well begins the count anew */
			grouping.failures = PROXY_GROUPING_FAILURES_MAX - 1;
			talk_say(&s.relay, "250 c\r\n");
			talk_run(&s.relay, 5);
			assert_int_equal(grouping.failures, 0);
		}
		talk_run(&s.relay, 5);
		talk_hang_up(&s.relay);
		talk_run(&s.client, 20);
		assert_true((grouping.one_by_one_until_ms > clock_ms()) ==
		    (i == PROXY_GROUPING_FAILURES_MAX));
		tear_down(&s);
	}
}

/* It had closed for being idle: the group is said once more. */
static void
test_it_had_closed_before(void **state)
{
	struct scene s;

	(void)state;
	set_up(&s, true);
	group(&s);
	talk_say(&s.relay, "421 4.4.2 idle\r\n");
	reconnect(&s);
	talk_hear(&s.relay, ENVELOPE "RCPT TO:<e@f>\r\n");
	talk_say(&s.relay, "250 m\r\n250 c\r\n550 e\r\n");
	talk_hear(&s.client, "250 m\r\n250 c\r\n550 e\r\n");
	tear_down(&s);
}

/* With a 421 that was under way already: so too. */
static void
test_its_421_crosses_an_xforward(void **state)
{
	struct scene s;

	(void)state;
	set_up(&s, true);
	talk_say(&s.client, "XFORWARD NAME=n\r\n" ENVELOPE);
	talk_hear(&s.relay, "XFORWARD NAME=n\r\n" ENVELOPE);
	talk_say(&s.relay, "421 4.4.2 idle\r\n");
	reconnect(&s);
	talk_hear(&s.relay, "XFORWARD NAME=n\r\n" ENVELOPE);
	talk_say(&s.relay, "250 x\r\n250 m\r\n250 c\r\n");
	talk_hear(&s.client, "250 2.0.0 Ok\r\n250 m\r\n250 c\r\n");
	assert_int_equal(s.grouping.failures, 0);
	tear_down(&s);
}

/* Each RCPT behind a refused MAIL is an error to it, and one is too many: the
 * client, which made none, hears what it would have heard alone. */
static void
test_errors_behind_a_refused_mail_end_it(void **state)
{
	static const char *const ends[] = {"421 4.7.0 too many errors\r\n", ""};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct scene s;

		set_up(&s, true);
		group(&s);
		talk_say(&s.relay, "452 m\r\n503 c\r\n");
		talk_say(&s.relay, ends[i]);
		talk_run(&s.relay, 5);
		talk_hang_up(&s.relay);
		talk_hear(&s.client,
		    "452 m\r\n503 5.5.1 Error: need MAIL command\r\n"
		    "503 5.5.1 Error: need MAIL command\r\n");
		assert_int_equal(s.grouping.failures, 0);
		talk_say(&s.client, "MAIL FROM:<a@b>\r\n");
		reconnect(&s);
		talk_hear(&s.relay, "MAIL FROM:<a@b>\r\n");
		talk_say(&s.relay, "250 ok\r\n");
		talk_hear(&s.client, "250 ok\r\n");
		tear_down(&s);
	}
}

/* It had closed, and an XFORWARD was in front: that one is ours to answer, and
 * is said again on the new connection. */
static void
test_it_had_closed_at_an_xforward(void **state)
{
	struct scene s;

	(void)state;
	set_up(&s, true);
	talk_say(&s.client, "XFORWARD NAME=n\r\n" ENVELOPE);
	talk_hear(&s.relay, "XFORWARD NAME=n\r\n" ENVELOPE);
	talk_hang_up(&s.relay);
	reconnect(&s);
	talk_hear(&s.relay, "XFORWARD NAME=n\r\n" ENVELOPE);
	talk_say(&s.relay, "250 x\r\n250 m\r\n250 c\r\n");
	talk_hear(&s.client, "250 2.0.0 Ok\r\n250 m\r\n250 c\r\n");
	tear_down(&s);
}

/* --- a next hop that offers PIPELINING and cannot --- */

/* It takes the rest of a group for something else, and says so. */
static void
test_confused_it_gets_one_at_a_time(void **state)
{
	static const char *const confused[] = {
	    "503 5.5.1 pipelining?\r\n503 5.5.1 pipelining?\r\n",
	    "500 5.5.2 what\r\n502 5.5.2 what\r\n",
	    "503 5.5.1 pipelining?\r\n250 e\r\n",
	    "550 c\r\n503 5.5.1 pipelining?\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(confused) / sizeof(confused[0]); i++) {
		struct scene s;
		bool again[2] = {i != 3, i != 2};

		set_up(&s, true);
		group(&s);
		talk_say(&s.relay, "250 m\r\n");
		talk_say(&s.relay, confused[i]);
		if (again[0]) {
			talk_hear(&s.relay, "RCPT TO:<c@d>\r\n");
			talk_hear_nothing(&s.relay, 10);
			talk_say(&s.relay, "250 c\r\n");
		}
		if (again[1]) {
			talk_hear(&s.relay, "RCPT TO:<e@f>\r\n");
			if (again[0]) { /* it was told, and is not again */
				assert_true(s.grouping.one_by_one_until_ms >
				    clock_ms());
				s.grouping.one_by_one_until_ms = 0;
			}
			talk_say(&s.relay, "250 e\r\n");
		}
		talk_hear(&s.client,
		    again[0] ? "250 m\r\n250 c\r\n250 e\r\n"
			     : "250 m\r\n550 c\r\n250 e\r\n");
		/* Remembered for the connection, and for others. */
		assert_int_equal(s.grouping.one_by_one_until_ms > clock_ms(),
		    !again[0] || !again[1]);
		s.grouping.one_by_one_until_ms = 0;
		talk_say(&s.client, "RSET\r\n");
		talk_hear(&s.relay, "RSET\r\n");
		talk_say(&s.relay, "250 ok\r\n");
		talk_hear(&s.client, "250 ok\r\n");
		talk_say(&s.client, ENVELOPE);
		talk_hear(&s.relay, "MAIL FROM:<a@b>\r\n");
		talk_hear_nothing(&s.relay, 10);
		talk_say(&s.relay, "250 m\r\n");
		talk_hear(&s.relay, "RCPT TO:<c@d>\r\n");
		talk_say(&s.relay, "503 5.5.1 its own answer\r\n");
		talk_hear(&s.client, "250 m\r\n503 5.5.1 its own answer\r\n");
		tear_down(&s);
	}
}

/* The next hop, on another connection, gets these one at a time. */
static void
hear_singly(struct scene *s, const char *const lines[], size_t n)
{
	reconnect(s);
	for (size_t i = 0; i < n; i++) {
		talk_hear(&s->relay, lines[i]);
		talk_hear_nothing(&s->relay, 10);
		talk_say(&s->relay, "250 ok\r\n");
	}
}

/* What it made of the commands behind that one nobody knows: a recipient that was
 * taken there must not be named once more, so all begins anew elsewhere. */
static void
test_confused_before_a_transaction_it_is_left(void **state)
{
	static const char *const lines[] = {"XFORWARD ADDR=192.0.2.9\r\n",
	    "XFORWARD NAME=n ADDR=192.0.2.9\r\n", "MAIL FROM:<a@b>\r\n",
	    "RCPT TO:<c@d>\r\n"};
	struct scene s;

	(void)state;
	set_up(&s, true);
	talk_say(&s.client,
	    "XFORWARD NAME=n\r\nXFORWARD ADDR=192.0.2.9\r\n" ENVELOPE);
	talk_hear(&s.relay,
	    "XFORWARD NAME=n\r\nXFORWARD ADDR=192.0.2.9\r\n" ENVELOPE);
	talk_say(&s.relay, "250 n\r\n503 5.5.1 what\r\n250 m\r\n250 c\r\n");
	talk_hear_end(&s.relay);
	hear_singly(&s, lines, 4);
	talk_hear(&s.client, "250 n\r\n250 ok\r\n250 ok\r\n250 ok\r\n");
	assert_true(s.grouping.one_by_one_until_ms > clock_ms());
	tear_down(&s);
}

static void
test_confused_at_mail_it_is_left(void **state)
{
	static const char *const lines[] = {
	    "XFORWARD NAME=n\r\n", "MAIL FROM:<a@b>\r\n", "RCPT TO:<c@d>\r\n"};
	struct scene s;

	(void)state;
	set_up(&s, true);
	talk_say(&s.client, "XFORWARD NAME=n\r\n" ENVELOPE);
	talk_hear(&s.relay, "XFORWARD NAME=n\r\n" ENVELOPE);
	talk_say(&s.relay, "250 x\r\n503 5.5.1 what\r\n250 c\r\n");
	talk_hear_end(&s.relay);
	hear_singly(&s, lines, 3);
	talk_hear(&s.client, "250 x\r\n250 ok\r\n250 ok\r\n");
	tear_down(&s);
}

/* A policy's answer, which the command gets alone, too: nobody is confused, and
 * other sessions go on in groups. */
static void
test_its_own_503_is_no_confusion(void **state)
{
	struct scene s;

	(void)state;
	set_up(&s, true);
	group(&s);
	talk_say(&s.relay, "250 m\r\n503 5.7.1 no\r\n250 e\r\n");
	talk_hear(&s.relay, "RCPT TO:<c@d>\r\n");
	talk_say(&s.relay, "503 5.7.1 no\r\n");
	talk_hear(&s.client, "250 m\r\n503 5.7.1 no\r\n250 e\r\n");
	assert_int_equal(s.grouping.one_by_one_until_ms, 0);
	tear_down(&s);
}

/* A recipient of a sender that it refused: that begins no message. */
static void
test_confused_it_takes_rcpt_behind_a_refused_mail(void **state)
{
	struct scene s;

	(void)state;
	set_up(&s, true);
	group(&s);
	talk_say(&s.relay, "550 m\r\n250 c\r\n250 e\r\n");
	talk_hear(&s.client,
	    "550 m\r\n503 5.5.1 Error: need MAIL command\r\n"
	    "503 5.5.1 Error: need MAIL command\r\n");
	talk_hear(&s.relay, "RSET\r\n");
	talk_say(&s.client, "DATA\r\n");
	talk_hear(&s.client, "503 5.5.1 Error: need MAIL command\r\n");
	talk_say(&s.client, "MAIL FROM:<g@h>\r\n");
	talk_hear_nothing(&s.relay, 10);
	talk_say(&s.relay, "250 ok\r\n");
	talk_hear(&s.relay, "MAIL FROM:<g@h>\r\n");
	tear_down(&s);
}

/* The RSET that ends what nobody began may have it forget what XFORWARD told, which
 * holds for the next MAIL: it is told again. */
static void
test_what_xforward_told_outlives_our_own_rset(void **state)
{
	struct scene s;

	(void)state;
	set_up(&s, true);
	talk_say(&s.client, "XFORWARD NAME=n\r\n" ENVELOPE);
	talk_hear(&s.relay, "XFORWARD NAME=n\r\n" ENVELOPE);
	talk_say(&s.relay, "250 x\r\n550 m\r\n250 c\r\n");
	talk_hear(&s.client,
	    "250 x\r\n550 m\r\n503 5.5.1 Error: need MAIL command\r\n");
	talk_hear(&s.relay, "RSET\r\n");
	talk_say(&s.relay, "250 r\r\n");
	talk_say(&s.client, "MAIL FROM:<g@h>\r\n");
	talk_hear(&s.relay, "XFORWARD NAME=n\r\n");
	talk_say(&s.relay, "250 x\r\n");
	talk_hear(&s.relay, "MAIL FROM:<g@h>\r\n");
	talk_say(&s.relay, "250 m\r\n");
	talk_hear(&s.client, "250 m\r\n");
	tear_down(&s);
}

/* That is what it must say: nothing is said again, and groups go on. */
static void
test_503_behind_a_refused_mail_is_in_step(void **state)
{
	struct scene s;

	(void)state;
	set_up(&s, true);
	group(&s);
	talk_say(&s.relay, "550 m\r\n503 c\r\n503 e\r\n");
	talk_hear(&s.client,
	    "550 m\r\n503 5.5.1 Error: need MAIL command\r\n"
	    "503 5.5.1 Error: need MAIL command\r\n");
	talk_hear_nothing(&s.relay, 10);
	group(&s);
	tear_down(&s);
}

/* 354 to our RSET: the next command would be the first line of a message. */
static void
test_it_asks_for_a_message_without_data(void **state)
{
	struct scene s;

	(void)state;
	set_up(&s, true);
	talk_say(&s.client, ENVELOPE);
	talk_hear(&s.relay, ENVELOPE);
	talk_say(&s.relay, "550 m\r\n250 c\r\n");
	talk_hear(&s.relay, "RSET\r\n");
	talk_say(&s.relay, "354 go\r\n");
	talk_hear_end(&s.relay);
	talk_hear(&s.client, "550 m\r\n503 5.5.1 Error: need MAIL command\r\n");
	talk_say(&s.client, "MAIL FROM:<g@h>\r\n");
	reconnect(&s);
	talk_hear(&s.relay, "MAIL FROM:<g@h>\r\n");
	talk_say(&s.relay, "250 m\r\n");
	talk_hear(&s.client, "250 m\r\n");
	tear_down(&s);
}

/* Two XFORWARDs behind a refused MAIL: what was refused is over. */
static void
test_confused_behind_a_refused_mail(void **state)
{
	static const char *const lines[] = {"XFORWARD ADDR=192.0.2.9\r\n"};
	struct scene s;

	(void)state;
	set_up(&s, true);
	talk_say(&s.client, "MAIL FROM:<a@b>\r\n");
	talk_hear(&s.relay, "MAIL FROM:<a@b>\r\n");
	talk_say(&s.relay, "550 m\r\n");
	talk_hear(&s.client, "550 m\r\n");
	talk_say(&s.client, "XFORWARD NAME=n\r\nXFORWARD ADDR=192.0.2.9\r\n");
	talk_hear(&s.relay, "XFORWARD NAME=n\r\nXFORWARD ADDR=192.0.2.9\r\n");
	talk_say(&s.relay, "250 n\r\n503 5.5.1 what\r\n");
	talk_hear_end(&s.relay);
	hear_singly(&s, lines, 1);
	talk_hear(&s.client, "250 n\r\n250 ok\r\n");
	tear_down(&s);
}

/* It is told of one message. The one in the same piece behind that has none, on
 * another connection neither. */
static void
test_what_xforward_told_ends_with_the_message(void **state)
{
	struct scene s;

	(void)state;
	set_up(&s, true);
	talk_say(&s.client,
	    "XFORWARD NAME=n\r\n" ENVELOPE "DATA\r\n" MESSAGE ENVELOPE);
	talk_hear(&s.relay, "XFORWARD NAME=n\r\n" ENVELOPE);
	talk_say(&s.relay, "250 x\r\n250 m\r\n250 c\r\n");
	talk_hear(&s.relay, "DATA\r\n");
	talk_say(&s.relay, "354 go\r\n");
	talk_hear(&s.relay, MESSAGE);
	talk_say(&s.relay, "250 taken\r\n421 4.4.2 bye\r\n");
	reconnect(&s);
	talk_hear(&s.relay, ENVELOPE);
	talk_say(&s.relay, "250 m\r\n250 c\r\n");
	talk_hear(&s.client,
	    "250 x\r\n250 m\r\n250 c\r\n354 End data with "
	    "<CR><LF>.<CR><LF>\r\n250 taken\r\n250 m\r\n250 c\r\n");
	tear_down(&s);
}

/* It dropped all but the first: an answer that never comes. */
static void
test_confused_it_says_nothing(void **state)
{
	struct scene s;

	(void)state;
	patience_ms = 100;
	set_up(&s, true);
	patience_ms = 0;
	group(&s);
	talk_say(&s.relay, "250 m\r\n");
	talk_hear_nothing(&s.client, 10); /* held back: more is due */
	talk_hear(&s.client,
	    "250 m\r\n451 4.4.2 next hop lost\r\n451 4.4.2 next hop lost\r\n");
	assert_int_equal(s.grouping.failures, 1);
	tear_down(&s);
}

/* One more answer than commands: it is nobody's. */
static void
test_an_answer_too_many(void **state)
{
	struct scene s;

	(void)state;
	set_up(&s, true);
	group(&s);
	talk_say(&s.relay, "250 m\r\n250 c\r\n250 e\r\n250 and more\r\n");
	talk_hear(&s.client, "250 m\r\n250 c\r\n250 e\r\n");
	talk_hear_end(&s.relay);
	talk_say(&s.client, "DATA\r\n");
	talk_hear(&s.client, "451 4.4.2 next hop lost\r\n");
	tear_down(&s);
}

/* The client goes while answers are due. */
static void
test_the_client_goes_in_the_middle(void **state)
{
	struct scene s;

	(void)state;
	set_up(&s, true);
	group(&s);
	talk_say(&s.relay, "250 m\r\n");
	talk_hang_up(&s.client);
	talk_hear_end(&s.relay);
	tear_down(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_client_hears_the_same),
	    cmocka_unit_test(test_five_writes_and_five_reads_a_message),
	    cmocka_unit_test(test_a_thousand_recipients_and_some),
	    cmocka_unit_test(test_it_says_421),
	    cmocka_unit_test(test_it_dies),
	    cmocka_unit_test(test_it_dies_again_and_again),
	    cmocka_unit_test(test_it_had_closed_before),
	    cmocka_unit_test(test_it_had_closed_at_an_xforward),
	    cmocka_unit_test(test_its_421_crosses_an_xforward),
	    cmocka_unit_test(test_errors_behind_a_refused_mail_end_it),
	    cmocka_unit_test(test_confused_it_gets_one_at_a_time),
	    cmocka_unit_test(test_confused_before_a_transaction_it_is_left),
	    cmocka_unit_test(test_confused_at_mail_it_is_left),
	    cmocka_unit_test(test_its_own_503_is_no_confusion),
	    cmocka_unit_test(test_confused_it_takes_rcpt_behind_a_refused_mail),
	    cmocka_unit_test(test_what_xforward_told_outlives_our_own_rset),
	    cmocka_unit_test(test_what_xforward_told_ends_with_the_message),
	    cmocka_unit_test(test_503_behind_a_refused_mail_is_in_step),
	    cmocka_unit_test(test_it_asks_for_a_message_without_data),
	    cmocka_unit_test(test_confused_behind_a_refused_mail),
	    cmocka_unit_test(test_confused_it_says_nothing),
	    cmocka_unit_test(test_an_answer_too_many),
	    cmocka_unit_test(test_the_client_goes_in_the_middle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
