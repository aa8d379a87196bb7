/*
 * One message; see transaction.h and DESIGN, "States". It never says 250:
 * only a relay's own answer to the final dot is passed on as one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/compat.h"
#include "base/escape.h"
#include "base/xalloc.h"
#include "mail/opening.h"
#include "mail/reader.h"
#include "mail/skim.h"
#include "proxy/message/ending.h"
#include "proxy/message/long_line.h"
#include "proxy/message/splice.h"
#include "proxy/message/transaction.h"

enum {
	PLAY_CHUNK = 64 * 1024,
	REPLY_TEXT_CAP = 512, /* of a refusal of ours */
	MESSAGE_ID_CLIP = 512
};

enum state {
	COLLECTING,
	SWALLOWING,
	FILTERING,
	EARLY,
	INVITED,
	OFFERING,
	SENDING,
	AWAITING,
	DONE
};

struct intake {
	struct sink sink;
	struct proxy_transaction *t;
};

struct proxy_transaction {
	enum state state;
	const struct proxy_service *service;
	struct proxy_hop *hop;
	const struct proxy_envelope *envelope;
	const struct proxy_transaction_ops *ops;
	void *ctx;
	int64_t begun_ms, done_ms; /* the latter 0 until it is answered */

	struct mail_newline newline;
	struct intake opened; /* after newline */
	struct mail_opening opening;
	struct intake intake; /* after that: spool and reader */
	struct proxy_spool *spool;
	struct mail_reader *reader;
	struct mail_skim *skim;	 /* the header was over its bound */
	uint64_t size, size_max; /* size_max 0: no bound */
	struct proxy_long_line lines;
	void *filter;
	const struct mail_header *header; /* as far as it was read */
	struct proxy_edit *edit;
	struct proxy_again again;
	struct proxy_splice splice; /* on its way to the relay */
	struct proxy_journal journal;
	struct strbuf verdict; /* our own answer, once it is settled */
	const char *status;    /* the journal's word for it */
	bool client_gone;
	bool perhaps_heard; /* it is not known yet; the journal waits */
	bool sent;	    /* the answer was the relay's 2xx */
	bool in_end;	    /* within the filter's end */
};

static const char *const transaction_names[] = {
    [COLLECTING] = "COLLECTING",
    [SWALLOWING] = "SWALLOWING",
    [FILTERING] = "FILTERING",
    [EARLY] = "EARLY",
    [INVITED] = "INVITED",
    [OFFERING] = "OFFERING",
    [SENDING] = "SENDING",
    [AWAITING] = "AWAITING",
    [DONE] = "DONE",
};

#define BIT(state) MACHINE_BIT(state)

static const unsigned transaction_next[] = {
    [COLLECTING] = BIT(SWALLOWING) | BIT(FILTERING) | BIT(DONE),
    [SWALLOWING] = BIT(DONE),
    [FILTERING] = BIT(EARLY) | BIT(DONE),
    [EARLY] = BIT(INVITED) | BIT(OFFERING) | BIT(DONE),
    [INVITED] = BIT(SENDING) | BIT(DONE),
    [OFFERING] = BIT(SENDING) | BIT(DONE),
    [SENDING] = BIT(AWAITING) | BIT(DONE),
    [AWAITING] = BIT(DONE),
    [DONE] = 0,
};

const struct machine proxy_transaction_machine = {
    "transaction", transaction_names, transaction_next, DONE + 1};

static void
move_transaction(struct proxy_transaction *t, enum state state)
{
	t->state = (enum state)machine_step(&proxy_transaction_machine,
	    proxy_hop_trace(t->hop), t->state, state);
}

/* --- the end --- */

static void
write_journal(struct proxy_transaction *t, const char *status)
{
	struct proxy_journal *r = &t->journal;
	int64_t ms = (t->done_ms > 0 ? t->done_ms : clock_ms()) - t->begun_ms;

	r->relay = t->service->relay_name;
	r->size = t->size;
	r->status = status;
	proxy_ending_tell(t->service, t->envelope, r, ms);
}

static const char *
status_of(unsigned code)
{
	return code < 400 ? "sent" : code < 500 ? "deferred" : "rejected";
}

static void
drop_filter(struct proxy_transaction *t)
{
	if (t->filter != NULL)
		t->service->filter->free(t->filter);
	t->filter = NULL;
}

/* The relay's 2xx that no one heard is RFC 1047's second copy, and so is a
 * relay lost with the dot at it. */
static void
write_answer(struct proxy_transaction *t, bool heard)
{
	if (!heard && t->status[0] != 'm')
		t->status = t->sent ? "maybe-delivered" : "aborted";
	write_journal(t, t->status);
}

/* Passes on an answer and ends. */
static void
finish_transaction(struct proxy_transaction *t, const struct smtp_reply *reply,
    const char *status)
{
	enum proxy_heard heard = PROXY_UNHEARD;

	move_transaction(t, DONE);
	t->status = status;
	t->sent = reply->code < 300;
	t->done_ms = clock_ms();
	drop_filter(t);
	strbuf_add(&t->journal.reply,
	    slice_first(smtp_reply_line(reply), MESSAGE_ID_CLIP));
	if (!t->client_gone)
		heard = t->ops->answer(t->ctx, reply);
	t->perhaps_heard = heard == PROXY_HEARD_PERHAPS;
	if (t->perhaps_heard)
		proxy_spool_reset(t->spool);
	else
		write_answer(t, heard == PROXY_HEARD);
}

static void
finish_with_verdict(struct proxy_transaction *t)
{
	struct smtp_reply reply = smtp_reply_slice(strbuf_slice(&t->verdict));

	finish_transaction(
	    t, &reply, t->status != NULL ? t->status : status_of(reply.code));
}

/* Our own answer. `text` begins with its enhanced code. */
static void
settle_transaction(struct proxy_transaction *t, unsigned code, const char *text)
{
	strbuf_reset(&t->verdict);
	(void)smtp_reply_print(
	    code, slice_first(slice_str(text), REPLY_TEXT_CAP), &t->verdict);
}

static void
remark(struct proxy_transaction *t, const char *what)
{
	t->journal.queue_id = strbuf_slice(&t->envelope->queue_id);
	proxy_journal_remark(
	    t->service->log, LOGGING_WARNING, &t->journal, what);
}

/* While the body still comes: what was kept is of no more use, and the
 * relay's transaction neither. */
static void
swallow(struct proxy_transaction *t, unsigned code, const char *text)
{
	settle_transaction(t, code, text);
	move_transaction(t, SWALLOWING);
	drop_filter(t);
	proxy_spool_reset(t->spool);
	proxy_hop_background(t->hop, PROXY_ERRAND_TIDY);
}

/* --- collecting --- */

static void
on_header(void *ctx, const struct mail_header *header)
{
	struct proxy_transaction *t = ctx;
	const struct mail_field *id =
	    mail_header_last(header, SLICE("Message-ID"));

	if (id != NULL)
		strbuf_add(&t->journal.message_id,
		    slice_first(slice_trim(id->value), MESSAGE_ID_CLIP));
	t->header = header;
	t->service->filter->header(t->filter, header);
}

static void
on_body(void *ctx, struct slice chunk)
{
	struct proxy_transaction *t = ctx;

	t->service->filter->body(t->filter, chunk);
}

static const struct mail_reader_ops reader_ops = {on_header, on_body};

static void
look_at_spool(struct proxy_transaction *t, enum proxy_spool_status status)
{
	switch (status) {
	case PROXY_SPOOL_OK:
		return;
	case PROXY_SPOOL_OVER:
		remark(t, proxy_spool_reason(t->spool));
		swallow(t, 452, "4.3.1 insufficient system storage");
		return;
	case PROXY_SPOOL_BROKEN:
		remark(t, proxy_spool_reason(t->spool));
		swallow(t, 451, "4.3.0 cannot keep the message now");
		return;
	}
}

/* --- a header that is too large --- */

static bool
drops_field(void *ctx, const struct mail_field *field, bool whole)
{
	struct proxy_transaction *t = ctx;
	const struct proxy_filter_ops *filter = t->service->filter;

	/* Once the message is refused nothing is kept, and no filter is left
	 * to ask, though of this chunk more fields may come. */
	return t->state == COLLECTING && filter->drops != NULL &&
	    filter->drops(t->filter, field, whole);
}

static void
keep_bytes(void *ctx, struct slice bytes)
{
	struct proxy_transaction *t = ctx;

	if (t->state == COLLECTING)
		look_at_spool(t, proxy_spool_append(t->spool, bytes));
}

static const struct mail_skim_ops skim_ops = {drops_field, keep_bytes};

/* From here on fields are let through one by one on their way into the spool,
 * the one that is not whole yet first. `bytes` were the last ones read. */
static void
lose_header(struct proxy_transaction *t, struct slice bytes)
{
	struct slice rest;
	const struct mail_header *part = mail_reader_partial(t->reader, &rest);
	size_t whole = mail_header_size(part);
	uint64_t unread = t->size - whole - rest.n;

	t->header = part;
	proxy_spool_cut(t->spool, whole);
	t->service->filter->no_header(
	    t->filter, mail_reader_reason(t->reader), part);
	t->skim = mail_skim_new(&skim_ops, t);
	mail_skim_write(t->skim, rest);
	if (t->state == COLLECTING && unread > 0)
		mail_skim_write(
		    t->skim, slice_after(bytes, bytes.n - (size_t)unread));
}

/* Behind the newline stage. */
static void
take_line_ends_settled(struct sink *sink, struct slice bytes)
{
	mail_opening_write(&((struct intake *)sink)->t->opening, bytes);
}

/* Behind the opening stage: the message's bytes as they will be sent. */
static void
take_message(struct sink *sink, struct slice bytes)
{
	struct proxy_transaction *t = ((struct intake *)sink)->t;

	if (t->state != COLLECTING)
		return;
	t->size += bytes.n;
	if (t->size_max > 0 && t->size > t->size_max) {
		swallow(t, 552, "5.3.4 message size exceeds fixed limit");
		return;
	}
	proxy_long_line_write(&t->lines, bytes);
	if (t->skim != NULL) {
		mail_skim_write(t->skim, bytes);
		return;
	}
	look_at_spool(t, proxy_spool_append(t->spool, bytes));
	if (t->state == COLLECTING && mail_reader_write(t->reader, bytes) != 0)
		lose_header(t, bytes);
}

/* Every message of ours is spooled, so a filter that wants it once more costs
 * nothing before it reads. */
static ssize_t
read_again(void *ctx, char *to, size_t most)
{
	struct proxy_transaction *t = ctx;
	struct proxy_splice splice;

	proxy_splice_begin(&splice, t->spool, t->header, NULL);
	return proxy_splice_next(&splice, to, most);
}

/* --- onward --- */

/* The relay has part of the message: without its final dot it keeps
 * nothing. */
static void
abandon(struct proxy_transaction *t, const char *text)
{
	proxy_hop_drop(t->hop);
	settle_transaction(t, 451, text);
	finish_with_verdict(t);
}

static void
play(struct proxy_transaction *t)
{
	char chunk[PLAY_CHUNK] COMPAT_UNWRITTEN;
	ssize_t n;

	while ((n = proxy_splice_next(&t->splice, chunk, sizeof(chunk))) > 0)
		if (!proxy_hop_body(t->hop, slice_from(chunk, (size_t)n)))
			return;
	if (n < 0) {
		remark(t, "spool: cannot read back");
		abandon(t, "4.3.0 cannot read the message back");
		return;
	}
	move_transaction(t, AWAITING);
	proxy_hop_body_end(t->hop);
}

static void
send_on(struct proxy_transaction *t)
{
	move_transaction(t, SENDING);
	drop_filter(t);
	proxy_splice_begin(&t->splice, t->spool, t->header, t->edit);
	play(t);
}

/* --- filtering --- */

/* Refuses a message that is complete and of which the relay has nothing. A relay
 * that was told DATA waits for one, and nothing but the end of its connection
 * says that none comes. */
static void
refuse_transaction(struct proxy_transaction *t, unsigned code, const char *text)
{
	settle_transaction(t, code, text);
	if (t->state == FILTERING)
		proxy_hop_background(t->hop, PROXY_ERRAND_TIDY);
	else
		proxy_hop_drop(t->hop);
	finish_with_verdict(t);
}

/* The relay's answer to DATA takes a while, and so may the outcome. */
static void
on_passing(void *ctx)
{
	struct proxy_transaction *t = ctx;

	move_transaction(t, EARLY);
	proxy_hop_command(t->hop, PROXY_ERRAND_DATA, SLICE("DATA"), SLICE(""));
}

static void
on_outcome(void *ctx, const struct proxy_outcome *outcome)
{
	struct proxy_transaction *t = ctx;
	struct strbuf text;
	unsigned code;

	if (outcome->verdict == PROXY_PASS) {
		if (t->state == FILTERING)
			on_passing(t);
		if (t->state == EARLY)
			move_transaction(t, OFFERING);
		else
			send_on(t);
	} else {
		/* In SMTP's words: 550 or 451, and an enhanced code
		 * (RFC 3463). */
		strbuf_init(&text, REPLY_TEXT_CAP);
		code = proxy_outcome_print(outcome, &text);
		refuse_transaction(t, code, strbuf_text(&text));
		strbuf_clear(&text);
	}
	if (t->state == DONE && !t->in_end)
		t->ops->done(t->ctx); /* frees it */
}

static void
on_data_reply(struct proxy_transaction *t, const struct smtp_reply *reply)
{
	switch (smtp_reply_class(reply)) {
	case 3:
		if (reply->code != 354) {
			abandon(t, "4.3.0 next hop out of step");
			return;
		}
		if (t->state == EARLY)
			move_transaction(t, INVITED);
		else
			send_on(t);
		return;
	case 4:
	case 5:
		proxy_hop_background(t->hop, PROXY_ERRAND_TIDY);
		finish_transaction(t, reply, status_of(reply->code));
		return;
	default:
		abandon(t, "4.3.0 next hop out of step");
		return;
	}
}

/* --- doors --- */

struct proxy_transaction *
proxy_transaction_new(const struct proxy_service *service,
    struct proxy_hop *hop, const struct proxy_envelope *envelope,
    int64_t begun_ms, const struct proxy_transaction_ops *ops, void *ctx)
{
	struct proxy_transaction *t = xcalloc(1, sizeof(*t));
	uint64_t theirs = proxy_hop_capabilities(hop)->size;

	t->state = COLLECTING;
	trace_state(proxy_hop_trace(hop), "transaction", "NONE", "COLLECTING");
	t->service = service;
	t->hop = hop;
	t->envelope = envelope;
	t->begun_ms = begun_ms;
	t->ops = ops;
	t->ctx = ctx;
	t->intake = (struct intake){{take_message}, t};
	t->opened = (struct intake){{take_line_ends_settled}, t};
	mail_opening_init(&t->opening, &t->intake.sink);
	mail_newline_init(&t->newline, service->newline, &t->opened.sink);
	t->spool = proxy_spool_new(
	    service->spool_mark, service->spool_files, service->quota);
	t->lines.most = service->line_max;
	t->reader = mail_reader_new(service->header_max, &reader_ops, t);
	t->edit = proxy_edit_new();
	/* The smaller of two limits, of which 0 is none. */
	t->size_max = service->message_max;
	if (t->size_max == 0 || (theirs != 0 && theirs < t->size_max))
		t->size_max = theirs;
	proxy_journal_init(&t->journal);
	strbuf_init(&t->verdict, REPLY_TEXT_CAP + 16);
	t->again = (struct proxy_again){.read = read_again, .ctx = t};
	t->filter = service->filter->begin(service->filter_env,
	    &(struct proxy_filter_job){.envelope = envelope,
		.journal = &t->journal,
		.edit = t->edit,
		.again = &t->again,
		.passing = on_passing,
		.ctx = t,
		.trace = proxy_hop_trace(hop)});
	if (!proxy_hop_connected(hop))
		swallow(t, 451, "4.3.0 next hop lost");
	return t;
}

void
proxy_transaction_body(struct proxy_transaction *t, struct slice chunk)
{
	if (t->state == COLLECTING)
		mail_newline_write(&t->newline, chunk);
	else
		t->size += chunk.n;
}

void
proxy_transaction_body_end(struct proxy_transaction *t)
{
	if (t->state == COLLECTING) {
		mail_newline_end(&t->newline);
		mail_opening_end(&t->opening);
		if (t->state == COLLECTING && t->skim == NULL &&
		    mail_reader_end(t->reader) != 0)
			lose_header(t, SLICE(""));
		if (t->state == COLLECTING && t->skim != NULL)
			mail_skim_end(t->skim);
		if (t->state == COLLECTING)
			look_at_spool(t, proxy_spool_end(t->spool));
	}
	if (t->state == SWALLOWING) {
		finish_with_verdict(t);
		return;
	}
	move_transaction(t, FILTERING);
	proxy_long_line_note(&t->lines, &t->journal);
	if (t->newline.mode == MAIL_NEWLINE_REJECT &&
	    mail_newline_is_bare(&t->newline)) {
		refuse_transaction(
		    t, 550, "5.6.0 bare CR or LF in the message");
		return;
	}
	t->in_end = true;
	t->service->filter->end(t->filter, on_outcome, t);
	t->in_end = false;
}

void
proxy_transaction_reply(struct proxy_transaction *t, enum proxy_errand what,
    const struct smtp_reply *reply)
{
	if (what == PROXY_ERRAND_DATA &&
	    (t->state == EARLY || t->state == OFFERING))
		on_data_reply(t, reply);
	else if (what == PROXY_ERRAND_DOT && t->state == AWAITING) {
		if (smtp_reply_class(reply) == 3)
			abandon(t, "4.3.0 next hop out of step");
		else
			finish_transaction(t, reply, status_of(reply->code));
	}
}

void
proxy_transaction_drained(struct proxy_transaction *t)
{
	if (t->state == SENDING)
		play(t);
}

static void
remark_lost(struct proxy_transaction *t, const char *when, const char *why)
{
	struct strbuf text;

	strbuf_init(&text, 1024);
	strbuf_addf(&text, "next hop lost %s: %s", when, why);
	remark(t, strbuf_text(&text));
	strbuf_clear(&text);
}

void
proxy_transaction_hop_lost(struct proxy_transaction *t, const char *why)
{
	switch (t->state) {
	case COLLECTING:
		remark_lost(t, "before DATA", why);
		swallow(t, 451, "4.3.0 next hop lost");
		return;
	case FILTERING:
	case EARLY:
	case INVITED:
	case OFFERING:
		remark_lost(t, "at DATA", why);
		abandon(t, "4.3.0 next hop lost");
		return;
	case SENDING:
		remark_lost(t, "in the body", why);
		abandon(t, "4.3.0 next hop lost in the body");
		return;
	case AWAITING:
		remark_lost(t, "after the final dot", why);
		t->status = "maybe-delivered";
		abandon(t, "4.3.0 next hop lost after the final dot");
		return;
	case SWALLOWING:
	case DONE:
		return;
	}
}

bool
proxy_transaction_client_lost(struct proxy_transaction *t, const char *why)
{
	if (t->state == DONE)
		return false;
	t->client_gone = true;
	if (t->state == AWAITING)
		return true;
	if (t->state >= EARLY)
		proxy_hop_drop(t->hop);
	move_transaction(t, DONE);
	drop_filter(t);
	strbuf_addf(&t->journal.reply, "client gone: %s", why);
	write_journal(t, "aborted");
	return false;
}

void
proxy_transaction_cut(struct proxy_transaction *t)
{
	static const char why[] = "stopped after the final dot";

	if (!proxy_transaction_client_lost(t, "stopped"))
		return;
	remark(t, why);
	move_transaction(t, DONE);
	strbuf_add_str(&t->journal.reply, why);
	write_journal(t, "maybe-delivered");
}

void
proxy_transaction_tick(struct proxy_transaction *t, int64_t now_ms)
{
	if ((t->state == COLLECTING || t->state == FILTERING) &&
	    proxy_hop_quiet_ms(t->hop, now_ms) >= t->service->keepalive_ms)
		proxy_hop_background(t->hop, PROXY_ERRAND_KEEPALIVE);
}

bool
proxy_transaction_done(const struct proxy_transaction *t)
{
	return t->state == DONE;
}

bool
proxy_transaction_is_perhaps_heard(const struct proxy_transaction *t)
{
	return t->perhaps_heard;
}

void
proxy_transaction_heard(struct proxy_transaction *t, bool heard)
{
	t->perhaps_heard = false;
	write_answer(t, heard);
}

void
proxy_transaction_free(struct proxy_transaction *t)
{
	if (t == NULL)
		return;
	drop_filter(t);
	mail_skim_free(t->skim);
	mail_reader_free(t->reader);
	proxy_spool_free(t->spool);
	proxy_edit_free(t->edit);
	proxy_journal_clear(&t->journal);
	strbuf_clear(&t->verdict);
	free(t);
}
