/*
 * The next hop of a session; see hop.h. Bringing a connection up (greeting,
 * EHLO again, XFORWARD again) goes on from answer to answer, until the errands
 * that wait for it can be said. Where it offers PIPELINING (RFC 2920), what may
 * stand in one group is said at once, and what was said in a group is judged
 * with care: servers have been seen that offer it and cannot.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "proxy/message/hop.h"
#include "smtp/command.h"

/* What a client was told and may lean on, so that losing it matters. */
enum {
	CARRIED = SMTP_EXT_8BITMIME | SMTP_EXT_DSN | SMTP_EXT_SMTPUTF8,
};

enum {
	ERRANDS_MAX = SMTP_RELAY_IN_FLIGHT_MAX,
	/* A line, with what MAIL's may grow by or the lines of an XFORWARD, and
	 * what it is about. */
	BYTES_OF_ONE = 3 * SMTP_COMMAND_MAX,
	BYTES_MAX = 2 * BYTES_OF_ONE, /* of all */
};

enum hop_state {
	GONE,	  /* no connection */
	GREETING, /* connecting, and until it has greeted */
	GREETED,  /* it has taken no EHLO on this connection */
	READY,	  /* it has */
	HOP_STATES
};

enum stage {
	WAITING,
	SAID,	 /* its answer is due */
	ANSWERED /* its answer is kept until those in front of it have theirs */
};

struct errand {
	enum proxy_errand what;
	enum stage stage;
	bool grouped; /* it was said behind others that were not answered */
	bool doubted; /* so its answer was not taken: it is said alone */
	size_t at;    /* in `bytes`, counted from their first one ever */
	size_t line_n, about_n;
	struct strbuf answer;
};

struct proxy_hop {
	const struct proxy_service *service;
	const struct proxy_hop_ops *ops;
	void *ctx;
	const struct trace *trace;
	enum hop_state state;
	struct smtp_relay *relay; /* NULL: GONE */
	bool used;		  /* it has answered a command before */
	bool tidy_due;		  /* RSET waits for its turn */
	bool open;		  /* behind what was said last more may go */
	bool one_by_one;	  /* it could perhaps not take a group */
	bool confused;		  /* it could not, and that was told */
	bool mail_refused;	  /* the last one that was said */
	bool *freed;		  /* set by proxy_hop_free(); NULL: unwatched */
	struct errand errands[ERRANDS_MAX]; /* a ring: the oldest at `first` */
	size_t first, count;
	struct strbuf bytes;
	size_t dropped;	     /* bytes that are not in there any more */
	struct strbuf hello; /* the client's EHLO or HELO, once accepted */
	struct smtp_capabilities capabilities;
	struct smtp_xforward client;
	unsigned known, xforward_due; /* bits of attributes */
	int64_t last_said;
};

static const struct smtp_relay_ops relay_ops;

static const char *const hop_names[HOP_STATES] = {
    [GONE] = "GONE",
    [GREETING] = "GREETING",
    [GREETED] = "GREETED",
    [READY] = "READY",
};

#define BIT(state) MACHINE_BIT(state)

static const unsigned hop_next[HOP_STATES] = {
    [GONE] = BIT(GREETING),
    [GREETING] = BIT(GREETED) | BIT(GONE),
    [GREETED] = BIT(READY) | BIT(GONE),
    [READY] = BIT(READY) | BIT(GONE),
};

const struct machine proxy_hop_machine = {
    "hop", hop_names, hop_next, HOP_STATES};

static void
move_hop(struct proxy_hop *h, enum hop_state state)
{
	h->state = (enum hop_state)machine_step(
	    &proxy_hop_machine, h->trace, h->state, state);
}

/* --- errands --- */

static struct errand *
errand(struct proxy_hop *h, size_t nth)
{
	return &h->errands[(h->first + nth) % ERRANDS_MAX];
}

/* What the oldest is; NONE where there is none. */
static enum proxy_errand
oldest_errand(const struct proxy_hop *h)
{
	return h->count == 0 ? PROXY_ERRAND_NONE : h->errands[h->first].what;
}

static struct slice
line_of(const struct proxy_hop *h, const struct errand *e)
{
	return slice_first(
	    slice_after(strbuf_slice(&h->bytes), e->at - h->dropped),
	    e->line_n);
}

/* One command line; of XFORWARD's there may be several, an LF between. */
static struct slice
first_line(const struct proxy_hop *h, const struct errand *e)
{
	struct slice lines = line_of(h, e);

	return slice_first(lines, slice_find(lines, '\n'));
}

/* Of the errands that there are. */
static size_t
used_bytes(const struct proxy_hop *h)
{
	return h->count == 0
	    ? 0
	    : h->dropped + h->bytes.n - h->errands[h->first].at;
}

static void
push_errand(struct proxy_hop *h, enum proxy_errand what, struct slice line,
    struct slice about)
{
	assert(h->count < ERRANDS_MAX);
	if (h->count == 0 || h->bytes.n + line.n + about.n > BYTES_MAX) {
		/* Bytes in front of the oldest errand's are of no more use. */
		size_t n = h->bytes.n - used_bytes(h);

		strbuf_consume(&h->bytes, n);
		h->dropped += n;
	}
	*errand(h, h->count++) = (struct errand){.what = what,
	    .at = h->dropped + h->bytes.n,
	    .line_n = line.n,
	    .about_n = about.n};
	strbuf_add(&h->bytes, line);
	strbuf_add(&h->bytes, about);
	assert(!h->bytes.full);
}

/* The one errand that there is, with its answer due. */
static void
push_said(struct proxy_hop *h, enum proxy_errand what)
{
	struct errand *e = errand(h, 0);

	push_errand(h, what, SLICE(""), SLICE(""));
	e->stage = SAID;
}

/* The oldest; its answer, where one is kept, is the caller's. */
static struct errand
pop_errand(struct proxy_hop *h)
{
	struct errand e = *errand(h, 0);

	h->first = (h->first + 1) % ERRANDS_MAX;
	h->count--;
	return e;
}

static void
drop_errands(struct proxy_hop *h)
{
	struct errand e;

	while (h->count > 0) {
		e = pop_errand(h);
		strbuf_clear(&e.answer);
	}
}

/* The oldest whose answer is due; NULL where none is. */
static struct errand *
said_errand(struct proxy_hop *h)
{
	for (size_t i = 0; i < h->count; i++)
		if (errand(h, i)->stage == SAID)
			return errand(h, i);
	return NULL;
}

/* --- the connection --- */

static void
connect_anew(struct proxy_hop *h)
{
	struct errand *e;

	h->used = h->tidy_due = false;
	h->xforward_due = h->known;
	for (size_t i = 0; i < h->count; i++) {
		e = errand(h, i);
		e->stage = WAITING;
		strbuf_clear(&e->answer);
	}
	move_hop(h, GREETING);
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
	strbuf_init(&h->bytes, BYTES_MAX);
	strbuf_init(&h->hello, SMTP_COMMAND_MAX);
	connect_anew(h);
	push_said(h, PROXY_ERRAND_GREETING);
	return h;
}

static void
disconnect(struct proxy_hop *h)
{
	smtp_relay_free(h->relay);
	h->relay = NULL;
	h->tidy_due = false;
	if (h->state != GONE)
		move_hop(h, GONE);
}

void
proxy_hop_free(struct proxy_hop *h)
{
	if (h == NULL)
		return;
	if (h->freed != NULL)
		*h->freed = true;
	disconnect(h);
	drop_errands(h);
	strbuf_clear(&h->bytes);
	strbuf_clear(&h->hello);
	free(h);
}

void
proxy_hop_drop(struct proxy_hop *h)
{
	disconnect(h);
	drop_errands(h);
}

/* --- what is said --- */

/* RFC 2920 section 3.1: others may follow it before it is answered. DATA is
 * not among them: it goes when the message is complete and judged. */
static bool
may_be_followed(enum proxy_errand what)
{
	return what == PROXY_ERRAND_XFORWARD ||
	    what == PROXY_ERRAND_XFORWARD_AGAIN || what == PROXY_ERRAND_MAIL ||
	    what == PROXY_ERRAND_RCPT;
}

static bool
takes_groups(const struct proxy_hop *h)
{
	const struct proxy_grouping *all = h->service->grouping;

	return h->state == READY && !h->one_by_one &&
	    (h->capabilities.extensions & SMTP_EXT_PIPELINING) != 0 &&
	    (all == NULL || all->one_by_one_until_ms <= clock_ms());
}

/* Now, behind what is in flight? */
static bool
may_be_said(const struct proxy_hop *h, enum proxy_errand what)
{
	if (smtp_relay_idle(h->relay))
		return true;
	return h->open && may_be_followed(what) && takes_groups(h) &&
	    smtp_relay_has_room(h->relay);
}

static void
say_to_hop(struct proxy_hop *h, enum proxy_errand what, struct slice line)
{
	h->last_said = clock_ms();
	h->open = may_be_followed(what);
	smtp_relay_ask(h->relay, what, line);
}

/* One line of what the next hop knew of the client on another connection;
 * false where nothing is left of it. */
static bool
say_xforward_again(struct proxy_hop *h)
{
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
		say_to_hop(h, PROXY_ERRAND_XFORWARD_AGAIN, strbuf_slice(&line));
	strbuf_clear(&line);
	return said != 0;
}

/* True where all is said that must stand before it. */
static bool
say_what_is_before(struct proxy_hop *h, enum proxy_errand what)
{
	if (what == PROXY_ERRAND_HELLO)
		return true;
	if (h->state == GREETED && h->hello.n > 0) {
		say_to_hop(
		    h, PROXY_ERRAND_HELLO_AGAIN, strbuf_slice(&h->hello));
		return false;
	}
	while (what != PROXY_ERRAND_XFORWARD && say_xforward_again(h))
		if (!may_be_said(h, what))
			return false;
	return true;
}

/* False where its turn has not come. */
static bool
say_errand(struct proxy_hop *h, struct errand *e)
{
	struct slice line;

	if (!may_be_said(h, e->what) || !say_what_is_before(h, e->what))
		return false;
	line = first_line(h, e);
	e->grouped = !smtp_relay_idle(h->relay);
	e->stage = SAID;
	if (e->what == PROXY_ERRAND_MAIL)
		h->mail_refused = false;
	say_to_hop(h, e->what, line);
	if (line.n < e->line_n)
		h->open = false; /* the rest goes first */
	return true;
}

/* Whatever can be said now. */
static void
go_on_with_errands(struct proxy_hop *h)
{
	if (h->relay == NULL || h->state == GREETING)
		return;
	if (h->tidy_due && smtp_relay_idle(h->relay)) {
		h->tidy_due = false;
		/* It may forget what XFORWARD told of the client with it. */
		h->xforward_due = h->known;
		say_to_hop(h, PROXY_ERRAND_TIDY, SLICE("RSET"));
	}
	if (h->tidy_due)
		return;
	for (size_t i = 0; i < h->count; i++)
		if (errand(h, i)->stage == WAITING &&
		    !say_errand(h, errand(h, i)))
			return;
}

/* --- what becomes of errands --- */

/* It offers PIPELINING and cannot: from now on it gets one command at a time,
 * and for some minutes so it does from other sessions. */
static void
note_confusion(struct proxy_hop *h, const char *how)
{
	struct proxy_grouping *all = h->service->grouping;

	if (h->confused)
		return;
	h->confused = h->one_by_one = true;
	if (all != NULL)
		all->one_by_one_until_ms = clock_ms() + PROXY_GROUPING_PAUSE_MS;
	log_printf(h->service->log, LOGGING_WARNING,
	    "next hop %.*s offers PIPELINING, and %s at a command that came "
	    "behind another: it gets one at a time",
	    (int)h->service->relay_name.n, h->service->relay_name.p, how);
}

/* It fails in a group, as it might have anyway: from now on this client's
 * commands go one at a time, and those of others where it goes on so. */
static void
note_failure(struct proxy_hop *h, const char *how)
{
	struct proxy_grouping *all = h->service->grouping;

	if (all != NULL && ++all->failures >= PROXY_GROUPING_FAILURES_MAX) {
		all->failures = 0;
		note_confusion(h, how);
	}
	h->one_by_one = true;
}

/* An RCPT behind a MAIL that was refused: whatever is said to it, and be it
 * nothing, the client hears 503. */
static bool
is_void(const struct proxy_hop *h, enum proxy_errand what)
{
	return what == PROXY_ERRAND_RCPT && h->mail_refused;
}

/* Is an answer due, and of use, to a command that had others in front? */
static bool
is_in_group(struct proxy_hop *h)
{
	const struct errand *e = said_errand(h);

	return e != NULL && e->grouped && !is_void(h, e->what);
}

/* To the oldest. False where the hop was freed meanwhile. */
static bool
answer_errand(struct proxy_hop *h, const struct smtp_reply *reply)
{
	struct errand e = pop_errand(h);
	struct slice bytes =
	    slice_after(strbuf_slice(&h->bytes), e.at - h->dropped);
	bool freed = false;

	h->used = true;
	h->freed = &freed;
	h->ops->reply(h->ctx, e.what,
	    slice_first(slice_after(bytes, e.line_n), e.about_n), reply);
	strbuf_clear(&e.answer);
	if (!freed)
		h->freed = NULL;
	return !freed;
}

/* False where the hop was freed meanwhile. */
static bool
fail_errand(struct proxy_hop *h, enum proxy_hop_fault fault, const char *why)
{
	struct errand e = {.what = PROXY_ERRAND_NONE};
	bool freed = false;

	if (h->count > 0)
		e = pop_errand(h);
	strbuf_clear(&e.answer);
	h->freed = &freed;
	h->ops->failed(h->ctx, e.what, fault, why);
	if (!freed)
		h->freed = NULL;
	return !freed;
}

/*
 * The connection is lost, or will not do, and the oldest errand with it. Those
 * behind it fare as they would have, had they come later: MAIL makes a new
 * connection, and what stands behind that waits for it.
 */
static void
fail_hop(struct proxy_hop *h, enum proxy_hop_fault fault, const char *why)
{
	disconnect(h);
	if (!fail_errand(h, fault, why))
		return;
	while (h->count > 0 && oldest_errand(h) != PROXY_ERRAND_MAIL)
		if (!fail_errand(h, fault, NULL))
			return;
	if (h->count > 0 && h->relay == NULL)
		connect_anew(h);
}

/* A line of several was taken: the next one goes. */
static bool
goes_on_with_lines(
    struct proxy_hop *h, struct errand *e, const struct smtp_reply *reply)
{
	size_t said = first_line(h, e).n;

	if (said == e->line_n || smtp_reply_class(reply) != 2)
		return false;
	e->at += said + 1;
	e->line_n -= said + 1;
	e->stage = WAITING;
	return true;
}

/* In a group such an answer may be to a command that the next hop cut or joined;
 * to one said alone it is the command's own, and a policy may give it. */
static bool
is_out_of_step(const struct smtp_reply *reply)
{
	return reply->code == 500 || reply->code == 502 || reply->code == 503;
}

/* To the oldest that is out. */
static void
take_errand_reply(struct proxy_hop *h, const struct smtp_reply *reply)
{
	struct errand *e = said_errand(h);
	struct smtp_reply kept;

	assert(e != NULL);
	if (e->grouped && !is_void(h, e->what) && is_out_of_step(reply)) {
		h->one_by_one = e->doubted = true;
		e->stage = WAITING;
		/* What it made of the commands behind that one cannot be known:
		 * a recipient may have been taken there, and would be named
		 * again. Only an RCPT leaves the transaction as it is. */
		if (e->what != PROXY_ERRAND_RCPT) {
			disconnect(h);
			connect_anew(h);
			return;
		}
	} else if (!goes_on_with_lines(h, e, reply)) {
		if (e->doubted && !is_out_of_step(reply))
			note_confusion(h, "answers out of step");
		/* An RCPT that is taken behind a MAIL that is not is of a
		 * transaction that nobody began: RSET ends it before
		 * anything else is said. */
		if (e->what == PROXY_ERRAND_MAIL)
			h->mail_refused = smtp_reply_class(reply) != 2;
		if (e->grouped && h->service->grouping != NULL)
			h->service->grouping->failures = 0;
		if (is_void(h, e->what) && smtp_reply_class(reply) == 2) {
			note_confusion(h, "takes RCPT behind a refused MAIL");
			h->tidy_due = true;
		}
		if (e != errand(h, 0)) {
			e->stage = ANSWERED;
			strbuf_init(&e->answer, SMTP_REPLY_MAX);
			strbuf_add(&e->answer, reply->wire);
		} else if (!answer_errand(h, reply))
			return;
	}
	while (h->count > 0 && errand(h, 0)->stage == ANSWERED) {
		kept = smtp_reply_slice(strbuf_slice(&errand(h, 0)->answer));
		if (!answer_errand(h, &kept))
			return;
	}
	go_on_with_errands(h);
}

/* A relay that had closed for being idle when `said` was: its answer, or its
 * silence, was to no command of ours. Once, and MAIL does no harm. */
static bool
was_closed_before(const struct proxy_hop *h, enum proxy_errand said)
{
	return h->used &&
	    (said == PROXY_ERRAND_MAIL || said == PROXY_ERRAND_HELLO ||
		said == PROXY_ERRAND_XFORWARD_AGAIN ||
		(said == PROXY_ERRAND_TIDY &&
		    oldest_errand(h) == PROXY_ERRAND_MAIL));
}

static void
on_greeting(struct proxy_hop *h, const struct smtp_reply *reply)
{
	bool waited_for = oldest_errand(h) == PROXY_ERRAND_GREETING;

	if (reply->code != 220 && !waited_for) {
		fail_hop(h, PROXY_HOP_UNREACHED, "it greets with a refusal");
		return;
	}
	if (reply->code == 220)
		move_hop(h, GREETED);
	else
		disconnect(h);
	if (!waited_for || answer_errand(h, reply))
		go_on_with_errands(h);
}

static void
on_hello_again(struct proxy_hop *h, const struct smtp_reply *reply)
{
	unsigned told = h->capabilities.extensions & CARRIED;

	if (reply->code != 250) {
		fail_hop(h, PROXY_HOP_UNREACHED, "it refuses EHLO");
		return;
	}
	move_hop(h, READY);
	smtp_ehlo_parse(reply, &h->capabilities);
	if ((told & ~h->capabilities.extensions) != 0)
		fail_hop(h, PROXY_HOP_CHANGED, "it offers less than before");
	else
		go_on_with_errands(h);
}

/* 421: it closes now, and so will the client's connection, to which it is told;
 * but where the client would have heard something else, had its commands come one
 * at a time, or had the connection been closed without a word. */
static void
on_goodbye(
    struct proxy_hop *h, enum proxy_errand what, const struct smtp_reply *reply)
{
	bool again = was_closed_before(h, what);
	bool unheard = what == PROXY_ERRAND_XFORWARD || is_void(h, what);

	if (!again && !unheard && is_in_group(h))
		note_failure(h, "says 421");
	disconnect(h);
	if (again)
		connect_anew(h);
	else if (h->count > 0 && !unheard)
		(void)answer_errand(h, reply);
	else
		fail_hop(h, PROXY_HOP_LOST, "it said 421");
}

static void
on_reply(void *ctx, const struct smtp_reply *reply)
{
	struct proxy_hop *h = ctx;
	enum proxy_errand what;

	/* What the reply answers. */
	if (h->state == GREETING)
		what = PROXY_ERRAND_GREETING;
	else
		what = oldest_errand(h) == PROXY_ERRAND_DOT
		    ? PROXY_ERRAND_DOT
		    : (enum proxy_errand)smtp_relay_answered(h->relay);
	if (reply->code == 421 && what != PROXY_ERRAND_GREETING) {
		on_goodbye(h, what, reply);
		return;
	}
	switch (what) {
	case PROXY_ERRAND_GREETING:
		on_greeting(h, reply);
		break;
	case PROXY_ERRAND_HELLO:
		if (reply->code == 250) {
			move_hop(h, READY);
			h->known = h->xforward_due = 0;
			memset(&h->client, 0, sizeof(h->client));
			strbuf_reset(&h->hello);
			strbuf_add(&h->hello, line_of(h, said_errand(h)));
			smtp_ehlo_parse(reply, &h->capabilities);
		}
		take_errand_reply(h, reply);
		break;
	case PROXY_ERRAND_HELLO_AGAIN:
		on_hello_again(h, reply);
		break;
	case PROXY_ERRAND_KEEPALIVE:
	case PROXY_ERRAND_TIDY:
	case PROXY_ERRAND_XFORWARD_AGAIN:
		/* It would read as a message what follows. */
		if (smtp_reply_class(reply) == 3)
			fail_hop(h, PROXY_HOP_LOST,
			    "it asks for a message without DATA");
		else
			go_on_with_errands(h);
		break;
	default:
		take_errand_reply(h, reply);
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
	enum proxy_errand what = (enum proxy_errand)smtp_relay_oldest(h->relay);
	bool reached = h->state != GREETING;

	if (what == PROXY_ERRAND_NONE) /* and could not be said any more */
		what = oldest_errand(h);
	if (how != SMTP_CLOSE_TIMEOUT && was_closed_before(h, what)) {
		disconnect(h);
		connect_anew(h);
		return;
	}
	if (is_in_group(h))
		note_failure(
		    h, how == SMTP_CLOSE_TIMEOUT ? "says nothing" : "closes");
	if (h->count > 0)
		proxy_count(h->service->counters, PROXY_COUNT_RELAY_FAILED);
	fail_hop(h, reached ? PROXY_HOP_LOST : PROXY_HOP_UNREACHED, why);
}

static const struct smtp_relay_ops relay_ops = {
    on_reply, on_drained, on_closed};

/* --- what the session asks for --- */

void
proxy_hop_command(struct proxy_hop *h, enum proxy_errand what,
    struct slice line, struct slice about)
{
	assert(h->relay != NULL || what == PROXY_ERRAND_MAIL ||
	    what == PROXY_ERRAND_HELLO);
	push_errand(h, what, line, about);
	if (h->relay == NULL)
		connect_anew(h);
	else
		go_on_with_errands(h);
}

bool
proxy_hop_xforward(
    struct proxy_hop *h, const struct smtp_xforward *client, unsigned named)
{
	struct strbuf lines;
	unsigned wanted, said;

	h->client = *client;
	/* Postfix ranks SOURCE=LOCAL above its smtpd's own settings, and
	 * then rewrites the header that was signed. Where it really came
	 * from is the session's to know; whatever the client said, the next
	 * hop hears REMOTE. */
	if (h->client.attributes[SMTP_XFORWARD_SOURCE].state !=
	    SMTP_XFORWARD_UNSET)
		(void)smtp_xforward_set(
		    &h->client, SMTP_XFORWARD_SOURCE, SLICE("REMOTE"));
	h->known |= named;
	named &= h->capabilities.xforward;
	if (h->relay == NULL || named == 0)
		return false;
	h->xforward_due &= ~named;
	strbuf_init(&lines, SMTP_XFORWARD_NAMES * SMTP_COMMAND_MAX);
	/* The lines that tell of these attributes, an LF between. */
	wanted = named;
	while ((said = smtp_xforward_print(&h->client, wanted, &lines)) != 0) {
		wanted &= ~said;
		strbuf_add_char(&lines, '\n');
	}
	if (lines.n > 0)
		strbuf_truncate(&lines, lines.n - 1);
	else
		strbuf_add_str(&lines, "NOOP");
	push_errand(h, PROXY_ERRAND_XFORWARD, strbuf_slice(&lines), SLICE(""));
	strbuf_clear(&lines);
	go_on_with_errands(h);
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
		go_on_with_errands(h);
	} else if (smtp_relay_idle(h->relay)) {
		say_to_hop(h, what, SLICE("NOOP"));
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
	push_said(h, PROXY_ERRAND_DOT);
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
	return h->state != GONE;
}

bool
proxy_hop_takes_more(const struct proxy_hop *h)
{
	return h->relay != NULL && takes_groups(h) && h->count < ERRANDS_MAX &&
	    BYTES_MAX - used_bytes(h) >= BYTES_OF_ONE;
}

bool
proxy_hop_owes(const struct proxy_hop *h)
{
	return h->count > 0;
}

int64_t
proxy_hop_quiet_ms(const struct proxy_hop *h, int64_t now)
{
	if (h->relay == NULL || !smtp_relay_idle(h->relay))
		return 0;
	return now - h->last_said;
}

const struct smtp_capabilities *
proxy_hop_capabilities(const struct proxy_hop *h)
{
	return &h->capabilities;
}
