/*
 * The next hop of a session; see hop.h. Bringing a connection up (greeting,
 * EHLO again, XFORWARD again) goes on from answer to answer in go_on_with_errand(), until
 * the command that waits for it can be said.
 */
#include <assert.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "proxy/message/hop.h"
#include "smtp/command.h"

/* What a client was told and may lean on, so that losing it matters. */
enum {
	CARRIED = SMTP_EXT_8BITMIME | SMTP_EXT_DSN | SMTP_EXT_SMTPUTF8,
};

struct errand {
	enum proxy_errand what;
	struct strbuf line;
};

struct proxy_hop {
	const struct proxy_service *service;
	const struct proxy_hop_ops *ops;
	void *ctx;
	const struct trace *trace;
	struct smtp_relay *relay; /* NULL: gone */
	bool greeted, helloed;	  /* on this connection */
	bool used;		  /* it has answered a command before */
	bool tidy_due;		  /* RSET waits for its turn */
	enum proxy_errand in_flight;
	struct errand waiting; /* kept until it is answered */
	struct strbuf hello;   /* the client's EHLO or HELO, once accepted */
	struct smtp_capabilities capabilities;
	struct smtp_xforward client;
	unsigned known, xforward_due; /* bits of attributes */
	int64_t last_said;
};

static const struct smtp_relay_ops relay_ops;

static void
connect_anew(struct proxy_hop *h)
{
	h->greeted = h->helloed = h->used = h->tidy_due = false;
	h->xforward_due = h->known;
	h->in_flight = PROXY_ERRAND_GREETING;
	h->relay =
	    smtp_relay_new(h->service->base, &h->service->relay, &relay_ops, h);
	trace_line(h->trace, "connecting to %.*s",
	    (int)h->service->relay_name.n, h->service->relay_name.p);
	smtp_relay_trace(h->relay, h->trace);
}

struct proxy_hop *
proxy_hop_new(const struct proxy_service *service, const struct trace *trace,
    const struct proxy_hop_ops *ops, void *ctx)
{
	struct proxy_hop *h = xcalloc(1, sizeof(*h));

	h->service = service;
	h->trace = trace;
	h->ops = ops;
	h->ctx = ctx;
	strbuf_init(&h->waiting.line, SMTP_COMMAND_MAX + 32);
	strbuf_init(&h->hello, SMTP_COMMAND_MAX);
	h->waiting.what = PROXY_ERRAND_GREETING;
	connect_anew(h);
	return h;
}

void
proxy_hop_free(struct proxy_hop *h)
{
	if (h == NULL)
		return;
	smtp_relay_free(h->relay);
	strbuf_clear(&h->waiting.line);
	strbuf_clear(&h->hello);
	free(h);
}

void
proxy_hop_drop(struct proxy_hop *h)
{
	smtp_relay_free(h->relay);
	h->relay = NULL;
	h->in_flight = PROXY_ERRAND_NONE;
	h->tidy_due = false;
}

static void
say_errand(struct proxy_hop *h, enum proxy_errand what, struct slice line)
{
	h->in_flight = what;
	h->last_said = clock_ms();
	smtp_relay_command(h->relay, line);
}

/* One line of the attributes that are due; false where none is. */
static bool
say_xforward(struct proxy_hop *h)
{
	enum proxy_errand what = h->waiting.what == PROXY_ERRAND_XFORWARD
	    ? PROXY_ERRAND_XFORWARD
	    : PROXY_ERRAND_XFORWARD_AGAIN;
	struct strbuf line;
	unsigned said;

	h->xforward_due &= h->capabilities.xforward;
	if (h->xforward_due == 0)
		return false;
	strbuf_init(&line, 2 * SMTP_XFORWARD_LINE_MAX);
	said = smtp_xforward_print(&h->client, h->xforward_due, &line);
	h->xforward_due &= ~said;
	if (said == 0)
		h->xforward_due = 0;
	else
		say_errand(h, what, strbuf_slice(&line));
	strbuf_clear(&line);
	return said != 0;
}

/* The command that waits, or what has to be said before it. */
static void
go_on_with_errand(struct proxy_hop *h)
{
	if (h->relay == NULL || !h->greeted ||
	    h->in_flight != PROXY_ERRAND_NONE)
		return;
	if (h->tidy_due) {
		h->tidy_due = false;
		say_errand(h, PROXY_ERRAND_TIDY, SLICE("RSET"));
		return;
	}
	if (h->waiting.what == PROXY_ERRAND_NONE)
		return;
	if (!h->helloed && h->hello.n > 0 &&
	    h->waiting.what != PROXY_ERRAND_HELLO) {
		say_errand(
		    h, PROXY_ERRAND_HELLO_AGAIN, strbuf_slice(&h->hello));
		return;
	}
	if (h->waiting.what != PROXY_ERRAND_HELLO && say_xforward(h))
		return;
	say_errand(h, h->waiting.what, strbuf_slice(&h->waiting.line));
}

static void
fail_hop(struct proxy_hop *h, enum proxy_hop_fault fault, const char *why)
{
	enum proxy_errand what = h->waiting.what;

	proxy_hop_drop(h);
	h->waiting.what = PROXY_ERRAND_NONE;
	h->ops->failed(h->ctx, what, fault, why);
}

static void
answer_command(struct proxy_hop *h, const struct smtp_reply *reply)
{
	enum proxy_errand what = h->waiting.what;

	h->waiting.what = PROXY_ERRAND_NONE;
	h->used = true;
	h->ops->reply(h->ctx, what, reply);
}

/* A relay that had closed for being idle when MAIL was said: its answer, or
 * its silence, was to no command of ours. Once, and MAIL does no harm. */
static bool
was_closed_before(const struct proxy_hop *h)
{
	return h->used &&
	    (h->in_flight == PROXY_ERRAND_MAIL ||
		h->in_flight == PROXY_ERRAND_HELLO ||
		h->in_flight == PROXY_ERRAND_XFORWARD_AGAIN ||
		(h->in_flight == PROXY_ERRAND_TIDY &&
		    h->waiting.what == PROXY_ERRAND_MAIL));
}

static void
on_greeting(struct proxy_hop *h, const struct smtp_reply *reply)
{
	if (h->waiting.what == PROXY_ERRAND_GREETING) {
		h->greeted = reply->code == 220;
		if (!h->greeted)
			proxy_hop_drop(h);
		answer_command(h, reply);
		return;
	}
	if (reply->code != 220) {
		fail_hop(h, PROXY_HOP_UNREACHED, "it greets with a refusal");
		return;
	}
	h->greeted = true;
	go_on_with_errand(h);
}

static void
on_hello(struct proxy_hop *h, const struct smtp_reply *reply)
{
	if (reply->code == 250) {
		h->helloed = true;
		h->known = h->xforward_due = 0;
		memset(&h->client, 0, sizeof(h->client));
		strbuf_reset(&h->hello);
		strbuf_add(&h->hello, strbuf_slice(&h->waiting.line));
		smtp_ehlo_parse(reply, &h->capabilities);
	}
	answer_command(h, reply);
}

static void
on_hello_again(struct proxy_hop *h, const struct smtp_reply *reply)
{
	unsigned told = h->capabilities.extensions & CARRIED;

	if (reply->code != 250) {
		fail_hop(h, PROXY_HOP_UNREACHED, "it refuses EHLO");
		return;
	}
	h->helloed = true;
	smtp_ehlo_parse(reply, &h->capabilities);
	if ((told & ~h->capabilities.extensions) != 0)
		fail_hop(h, PROXY_HOP_CHANGED, "it offers less than before");
	else
		go_on_with_errand(h);
}

static void
on_xforward(struct proxy_hop *h, const struct smtp_reply *reply)
{
	if (smtp_reply_class(reply) == 2 && say_xforward(h))
		return;
	h->xforward_due = 0;
	answer_command(h, reply);
}

static void
on_reply(void *ctx, const struct smtp_reply *reply)
{
	struct proxy_hop *h = ctx;
	enum proxy_errand what = h->in_flight;

	if (reply->code == 421 && what != PROXY_ERRAND_GREETING) {
		bool again = was_closed_before(h);

		proxy_hop_drop(h);
		if (again)
			connect_anew(h);
		else if (h->waiting.what != PROXY_ERRAND_NONE)
			answer_command(h, reply);
		else
			fail_hop(h, PROXY_HOP_LOST, "it said 421");
		return;
	}
	h->in_flight = PROXY_ERRAND_NONE;
	switch (what) {
	case PROXY_ERRAND_GREETING:
		on_greeting(h, reply);
		break;
	case PROXY_ERRAND_HELLO:
		on_hello(h, reply);
		break;
	case PROXY_ERRAND_HELLO_AGAIN:
		on_hello_again(h, reply);
		break;
	case PROXY_ERRAND_XFORWARD:
		on_xforward(h, reply);
		break;
	case PROXY_ERRAND_KEEPALIVE:
	case PROXY_ERRAND_TIDY:
	case PROXY_ERRAND_XFORWARD_AGAIN:
		go_on_with_errand(h);
		break;
	default:
		answer_command(h, reply);
		break;
	}
}

static void
on_drained(void *ctx)
{
	struct proxy_hop *h = ctx;

	h->ops->drained(h->ctx);
}

static void
on_closed(void *ctx, enum smtp_close how, const char *why)
{
	struct proxy_hop *h = ctx;
	bool reached = h->greeted;

	if (how == SMTP_CLOSE_TIMEOUT || !was_closed_before(h)) {
		if (h->waiting.what != PROXY_ERRAND_NONE)
			proxy_count(
			    h->service->counters, PROXY_COUNT_RELAY_FAILED);
		fail_hop(
		    h, reached ? PROXY_HOP_LOST : PROXY_HOP_UNREACHED, why);
		return;
	}
	proxy_hop_drop(h);
	connect_anew(h);
}

static const struct smtp_relay_ops relay_ops = {
    on_reply, on_drained, on_closed};

void
proxy_hop_command(
    struct proxy_hop *h, enum proxy_errand what, struct slice line)
{
	assert(h->waiting.what == PROXY_ERRAND_NONE);
	assert(h->relay != NULL || what == PROXY_ERRAND_MAIL ||
	    what == PROXY_ERRAND_HELLO);
	h->waiting.what = what;
	strbuf_reset(&h->waiting.line);
	strbuf_add(&h->waiting.line, line);
	assert(!h->waiting.line.full);
	if (h->relay == NULL)
		connect_anew(h);
	else
		go_on_with_errand(h);
}

/* Postfix ranks SOURCE=LOCAL above its smtpd's own settings, and then rewrites
 * the header that was signed. Where it really came from is the session's to
 * know; whatever the client said, the next hop hears REMOTE. */
static void
hide_source(struct smtp_xforward *client)
{
	if (client->attributes[SMTP_XFORWARD_SOURCE].state !=
	    SMTP_XFORWARD_UNSET)
		(void)smtp_xforward_set(
		    client, SMTP_XFORWARD_SOURCE, SLICE("REMOTE"));
}

bool
proxy_hop_xforward(
    struct proxy_hop *h, const struct smtp_xforward *client, unsigned named)
{
	h->client = *client;
	hide_source(&h->client);
	h->known |= named;
	if (h->relay == NULL || (named & h->capabilities.xforward) == 0)
		return false;
	h->waiting.what = PROXY_ERRAND_XFORWARD;
	strbuf_reset(&h->waiting.line);
	strbuf_add_str(&h->waiting.line, "NOOP"); /* were none to say */
	h->xforward_due = named;
	go_on_with_errand(h);
	return true;
}

void
proxy_hop_forget_client(struct proxy_hop *h)
{
	if (h->known == 0)
		return;
	h->known = h->xforward_due = 0;
	memset(&h->client, 0, sizeof(h->client));
}

void
proxy_hop_background(struct proxy_hop *h, enum proxy_errand what)
{
	if (h->relay == NULL)
		return;
	if (what == PROXY_ERRAND_TIDY) {
		h->tidy_due = true;
		go_on_with_errand(h);
	} else if (h->in_flight == PROXY_ERRAND_NONE) {
		say_errand(h, what, SLICE("NOOP"));
	}
}

bool
proxy_hop_body(struct proxy_hop *h, struct slice chunk)
{
	return h->relay == NULL || smtp_relay_body(h->relay, chunk);
}

void
proxy_hop_body_end(struct proxy_hop *h)
{
	if (h->relay == NULL)
		return;
	h->in_flight = h->waiting.what = PROXY_ERRAND_DOT;
	h->last_said = clock_ms();
	smtp_relay_body_end(h->relay);
}

const struct trace *
proxy_hop_trace(const struct proxy_hop *h)
{
	return h->trace;
}

bool
proxy_hop_connected(const struct proxy_hop *h)
{
	return h->relay != NULL;
}

bool
proxy_hop_owes(const struct proxy_hop *h)
{
	return h->waiting.what != PROXY_ERRAND_NONE;
}

int64_t
proxy_hop_quiet_ms(const struct proxy_hop *h, int64_t now)
{
	if (h->relay == NULL || h->in_flight != PROXY_ERRAND_NONE)
		return 0;
	return now - h->last_said;
}

const struct smtp_capabilities *
proxy_hop_capabilities(const struct proxy_hop *h)
{
	return &h->capabilities;
}
