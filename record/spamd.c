/* A question to spamd; see spamd.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "base/number.h"
#include "base/xalloc.h"
#include "record/spamd.h"

struct record_spamd {
	struct bufferevent *conn;
	struct event *timer;
	bool ping; /* it is only asked whether it is there */
	record_spamd_fn *fn;
	void *ctx;
};

/* Takes a decimal number such as "-1.5" off the front. */
static bool
take_number(struct slice *in, double *number)
{
	char text[32];
	char *end;
	size_t n = 0;

	*in = slice_trim(*in);
	while (n < in->n && n < sizeof(text) - 1 &&
	    (ascii_is_digit(in->p[n]) || in->p[n] == '.' || in->p[n] == '-'))
		n++;
	if (n == 0)
		return false;
	memcpy(text, in->p, n);
	text[n] = '\0';
	*number = strtod(text, &end);
	*in = slice_after(*in, n);
	return *end == '\0';
}

/* " True ; 15.0 / 5.0" */
static bool
parse_spam_line(struct slice value, struct record_spam *spam)
{
	struct slice word;

	if (!slice_cut(&value, ';', &word))
		return false;
	word = slice_trim(word);
	spam->spam = slice_equal_nocase(word, SLICE("True")) ||
	    slice_equal_nocase(word, SLICE("Yes"));
	if (!spam->spam && !slice_equal_nocase(word, SLICE("False")) &&
	    !slice_equal_nocase(word, SLICE("No")))
		return false;
	if (!take_number(&value, &spam->score))
		return false;
	value = slice_trim(value);
	if (value.n == 0 || value.p[0] != '/')
		return false;
	value = slice_after(value, 1);
	return take_number(&value, &spam->threshold);
}

/* "SPAMD/1.1 0 EX_OK" */
static bool
is_ok(struct slice line)
{
	struct slice word;

	return slice_starts_nocase(line, SLICE("SPAMD/")) &&
	    slice_cut(&line, ' ', &word) && slice_cut(&line, ' ', &word) &&
	    slice_equal(slice_trim(word), SLICE("0"));
}

/* Takes the header off the front of `*rest`; false where its empty line is
 * not there. */
static bool
take_header(struct slice *rest, struct record_spam *spam, uint64_t *length)
{
	struct slice line;

	while (slice_cut(rest, '\n', &line)) {
		line = slice_trim(line);
		if (line.n == 0)
			return rest->p != NULL || rest->n > 0;
		/* One line of its header. A Content-length that is no number
		 * is none. */
		if (slice_starts_nocase(line, SLICE("Spam:")))
			spam->known =
			    parse_spam_line(slice_after(line, 5), spam);
		else if (slice_starts_nocase(line, SLICE("Content-length:")))
			(void)number_parse(slice_trim(slice_after(line, 15)),
			    RECORD_SPAMD_REPLY_MAX, length);
	}
	return false;
}

struct record_spam
record_spamd_parse(struct slice reply)
{
	struct record_spam spam = {.reason = ""};
	struct slice rest = reply, line;
	uint64_t length = UINT64_MAX;

	if (!slice_cut(&rest, '\n', &line) || !is_ok(line)) {
		spam.reason = "spamd gave no answer that is ok";
		return spam;
	}
	(void)take_header(&rest, &spam, &length);
	if (!spam.known)
		spam.reason = "spamd's answer has no verdict";
	else
		spam.rules = slice_trim(slice_first(rest, length));
	return spam;
}

bool
record_spamd_is_whole(struct slice reply)
{
	struct record_spam spam = {.reason = ""};
	uint64_t length = UINT64_MAX;
	struct slice rest = reply;

	return take_header(&rest, &spam, &length) && length != UINT64_MAX &&
	    rest.n >= length;
}

/* A rule's name, as SpamAssassin takes them. */
static bool
is_rule(struct slice rule)
{
	for (size_t i = 0; i < rule.n; i++)
		if (!ascii_is_alnum(rule.p[i]) && rule.p[i] != '_')
			return false;
	return rule.n > 0 && rule.n <= RECORD_SPAM_RULE_MAX;
}

void
record_spam_print(const struct record_spam *spam, struct strbuf *out)
{
	if (!spam->known)
		strbuf_addf(out, "temperror (%s)", spam->reason);
	else
		strbuf_addf(out, "%s (score %.1f, spam from %.1f)",
		    spam->spam ? "spam" : "ham", spam->score, spam->threshold);
}

void
record_spam_print_rules(const struct record_spam *spam, struct strbuf *out)
{
	struct slice rest = spam->rules, rule;
	size_t begun = out->n;

	while (rest.n > 0 && slice_cut(&rest, ',', &rule)) {
		rule = slice_trim(rule);
		if (!is_rule(rule))
			continue;
		strbuf_add_str(out, out->n > begun ? ", " : "");
		strbuf_add(out, rule);
	}
}

void
record_spamd_cancel(struct record_spamd *ask)
{
	if (ask == NULL)
		return;
	bufferevent_free(ask->conn);
	event_free(ask->timer);
	free(ask);
}

/* The last word: the handle is gone before the function runs. */
static void
tell_spam(struct record_spamd *ask, const struct record_spam *spam)
{
	record_spamd_fn *fn = ask->fn;
	void *ctx = ask->ctx;

	record_spamd_cancel(ask);
	fn(ctx, spam);
}

static void
give_up_asking(struct record_spamd *ask, const char *why)
{
	struct record_spam spam = {.reason = why};

	tell_spam(ask, &spam);
}

static void
on_timer(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	give_up_asking(ctx, "spamd did not answer in time");
}

/* What has come so far. */
static struct slice
reply_of(struct bufferevent *conn)
{
	struct evbuffer *input = bufferevent_get_input(conn);
	size_t n = evbuffer_get_length(input);

	return slice_from((const char *)evbuffer_pullup(input, -1), n);
}

static void
tell_reply(struct record_spamd *ask, struct bufferevent *conn)
{
	struct slice reply = reply_of(conn);
	char *copy = xslicedup(reply);
	struct slice all = slice_from(copy, reply.n);
	struct slice line = slice_first(all, slice_find(all, '\n'));
	struct record_spam spam = {.reason = "spamd does not answer PING"};

	if (ask->ping) /* "SPAMD/1.5 0 PONG" */
		spam.known =
		    slice_search(line, SLICE("PONG")) < line.n && is_ok(line);
	else
		spam = record_spamd_parse(all);
	tell_spam(ask, &spam);
	free(copy);
}

/* One that says how long its answer is may keep the connection. */
static void
on_readable(struct bufferevent *conn, void *ctx)
{
	struct record_spamd *ask = ctx;
	struct slice reply = reply_of(conn);

	if (reply.n > RECORD_SPAMD_REPLY_MAX)
		give_up_asking(ask, "spamd's answer is too long");
	else if (ask->ping ? slice_find(reply, '\n') < reply.n
			   : record_spamd_is_whole(reply))
		tell_reply(ctx, conn);
}

/* Else spamd closes behind its answer. */
static void
on_event(struct bufferevent *conn, short what, void *ctx)
{
	if ((what & BEV_EVENT_CONNECTED) != 0)
		return;
	if ((what & BEV_EVENT_EOF) == 0)
		give_up_asking(ctx, strerror(EVUTIL_SOCKET_ERROR()));
	else
		tell_reply(ctx, conn);
}

/* A message without an address is none: PING. */
static struct record_spamd *
begin_asking(struct event_base *base, const struct record_spamd_at *at,
    struct slice message, record_spamd_fn *fn, void *ctx)
{
	unsigned ms = at->ms == 0 ? RECORD_SPAMD_MS : at->ms;
	struct timeval bound = {ms / 1000, (ms % 1000) * 1000};
	struct record_spamd *ask = xcalloc(1, sizeof(*ask));
	struct sockaddr_storage address = at->address;
	struct bufferevent *conn;
	struct evbuffer *out;

	ask->ping = message.p == NULL;
	ask->fn = fn;
	ask->ctx = ctx;
	ask->timer = evtimer_new(base, on_timer, ask);
	ask->conn = bufferevent_socket_new(
	    base, -1, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
	bufferevent_setcb(ask->conn, on_readable, NULL, on_event, ask);
	conn = ask->conn;
	out = bufferevent_get_output(conn);
	if (message.p == NULL) {
		(void)evbuffer_add_printf(out, "PING SPAMC/1.2\r\n\r\n");
	} else {
		(void)evbuffer_add_printf(out,
		    "SYMBOLS SPAMC/1.2\r\nContent-length: %zu\r\n\r\n",
		    message.n);
		(void)evbuffer_add(out, message.p, message.n);
	}
	(void)bufferevent_enable(ask->conn, EV_READ | EV_WRITE);
	(void)evtimer_add(ask->timer, &bound);
	/* A failure comes as an event, or the timer tells. */
	(void)bufferevent_socket_connect(
	    ask->conn, (struct sockaddr *)&address, (int)at->length);
	return ask;
}

struct record_spamd *
record_spamd_ask(struct event_base *base, const struct record_spamd_at *at,
    struct slice message, record_spamd_fn *fn, void *ctx)
{
	return begin_asking(
	    base, at, message.p == NULL ? SLICE("") : message, fn, ctx);
}

struct record_spamd *
record_spamd_ping(struct event_base *base, const struct record_spamd_at *at,
    record_spamd_fn *fn, void *ctx)
{
	return begin_asking(base, at, slice_from(NULL, 0), fn, ctx);
}
