/*
 * The sending of aggregate reports; see report_send.h. Who was told is written
 * down before the next one is: a run that is broken off and begun again must
 * not tell the same address twice, for receivers count reports.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "auth/dmarc_record.h"
#include "base/clock.h"
#include "base/escape.h"
#include "cli/kit/cli.h"
#include "cli/kit/days.h"
#include "cli/report_send.h"
#include "record/mailer.h"
#include "record/rua.h"

enum {
	MAIL_MAX = 48 << 20, /* a report's mail, in base64 */
	REASON_MAX = 1000,
	SHOWN_MAX = 2000,
	PATH_LENGTH_MAX = 4000,
	SILENT_MAX = 3 /* then the next hop is down for all of them */
};

/* --- one run at a time --- */

int
report_send_begin(struct report_send *s)
{
	const char *database;
	struct strbuf path;

	s->resolver = NULL;
	s->silent = 0;
	s->waiting = 0;
	/* Beside the database, not in it: SQLite would lose its own locks. */
	database = s->config->results.database;
	strbuf_init(&path, PATH_LENGTH_MAX);
	strbuf_addf(&path, "%s-sending", database);
	s->lock = open(strbuf_text(&path),
	    O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (s->lock < 0) {
		cli_error("%s: %s", strbuf_text(&path), strerror(errno));
		strbuf_clear(&path);
		return CLI_UNWRITABLE;
	}
	strbuf_clear(&path);
	if (flock(s->lock, LOCK_EX | LOCK_NB) == 0)
		return CLI_OK;
	cli_error("another dmarc-report is sending; this one leaves it to it");
	return CLI_TEMPORARY;
}

int
report_send_end(struct report_send *s)
{
	cli_resolver_free(s->resolver);
	if (s->lock >= 0)
		(void)close(s->lock);
	return s->waiting > 0 ? CLI_TEMPORARY : CLI_OK;
}

/* --- telling --- */

/* One line: the domain, what, and the address, whose bytes the DNS gave. */
static void
tell_sending(const struct report_send *s, const struct record_sent *sent,
    const char *what, struct slice why)
{
	struct strbuf line;

	if (s->quiet)
		return;
	strbuf_init(&line, SHOWN_MAX);
	strbuf_addf(
	    &line, "%.*s: %s ", (int)sent->domain.n, sent->domain.p, what);
	escape_log(sent->address, &line);
	if (why.n > 0) {
		strbuf_add_str(&line, ": ");
		escape_log(why, &line);
	}
	strbuf_add_char(&line, '\n');
	cli_print(strbuf_slice(&line));
	strbuf_clear(&line);
}

static void
tell_trouble(const struct record_sent *sent, const char *what, struct slice why,
    void (*print)(const char *, ...))
{
	struct strbuf address, reason;

	strbuf_init(&address, SHOWN_MAX);
	strbuf_init(&reason, SHOWN_MAX);
	escape_log(sent->address, &address);
	escape_log(why, &reason);
	print("%.*s: %s %s: %s", (int)sent->domain.n, sent->domain.p, what,
	    strbuf_text(&address), strbuf_text(&reason));
	strbuf_clear(&address);
	strbuf_clear(&reason);
}

/* --- one mail --- */

struct sending {
	bool done;
	enum record_delivery how;
	struct strbuf text;
};

static void
on_sent(void *ctx, enum record_delivery how, struct slice text)
{
	struct sending *sending = ctx;

	sending->done = true;
	sending->how = how;
	strbuf_add(&sending->text, slice_first(text, REASON_MAX / 2));
}

/* "451 4.3.0 not now": the next hop spoke. */
static bool
is_reply(struct slice text)
{
	return text.n >= 3 && ascii_is_digit(text.p[0]) &&
	    ascii_is_digit(text.p[1]) && ascii_is_digit(text.p[2]);
}

/* What cannot be noted would be sent every day. */
static int
note_sent(struct report_send *s, struct record_sent *sent,
    enum record_sent_state state, struct slice reply)
{
	struct strbuf reason;
	int result;

	sent->state = state;
	sent->at = clock_wall_s();
	sent->reply = reply;
	strbuf_init(&reason, REASON_MAX);
	result = record_store_put_sent(s->store, sent, &reason);
	if (result != 0)
		cli_error("%.*s: what is sent cannot be noted: %s; stopped",
		    (int)sent->domain.n, sent->domain.p, strbuf_text(&reason));
	strbuf_clear(&reason);
	return result == 0 ? CLI_OK : CLI_UNWRITABLE;
}

static int
send_to(struct report_send *s, const struct record_report *report,
    struct slice gzip, struct record_sent *sent)
{
	struct sending sending = {.how = RECORD_DEFERRED};
	struct strbuf message;
	int status =
	    note_sent(s, sent, RECORD_SENT_DEFERRED, SLICE("begun, not ended"));
	static const enum record_sent_state states[] = {
	    [RECORD_DELIVERED] = RECORD_SENT,
	    [RECORD_DEFERRED] = RECORD_SENT_DEFERRED,
	    [RECORD_REFUSED] = RECORD_SENT_REFUSED,
	};

	if (status != CLI_OK)
		return status;
	strbuf_init(&message, MAIL_MAX);
	strbuf_init(&sending.text, REASON_MAX);
	if (record_report_mail(
		report, sent->address, gzip, clock_wall_s(), &message) == 0) {
		const struct record_mail *mail = &(struct record_mail){
		    .helo = slice_str(s->config->hostname),
		    .from = report->email,
		    .to = sent->address,
		    .message = strbuf_slice(&message),
		};
		const struct proxy_endpoint *at = &s->config->reflector.relay;
		const struct smtp_target target = {
		    .address = at->address, .address_length = at->length};
		struct event_base *base = event_base_new();

		if (base == NULL ||
		    record_mailer_send(
			base, &target, mail, on_sent, &sending) == NULL)
			strbuf_add_str(
			    &sending.text, "the mail could not be begun");
		else
			while (!sending.done &&
			    event_base_loop(base, EVLOOP_ONCE) == 0)
				continue;
		if (base != NULL)
			event_base_free(base);
	} else
		strbuf_add_str(&sending.text, "its mail is too long");
	status = note_sent(
	    s, sent, states[sending.how], strbuf_slice(&sending.text));
	if (sent->state == RECORD_SENT) {
		tell_sending(s, sent, "sent to", SLICE(""));
	} else if (sent->state == RECORD_SENT_REFUSED) {
		tell_trouble(
		    sent, "refused for good, to", sent->reply, cli_warn);
	} else {
		tell_trouble(sent, "not sent yet to", sent->reply, cli_error);
		s->waiting++;
	}
	s->silent =
	    sent->state == RECORD_SENT_DEFERRED && !is_reply(sent->reply)
	    ? s->silent + 1
	    : 0;
	strbuf_clear(&message);
	strbuf_clear(&sending.text);
	return status;
}

/* --- one report --- */

/* Was it sent there before? Then it is said. */
static bool
is_settled(struct report_send *s, struct record_sent *sent)
{
	struct strbuf reply, when;
	bool settled;

	strbuf_init(&reply, REASON_MAX);
	settled = !s->again &&
	    record_store_get_sent(s->store, sent, &reply) == 0 &&
	    (sent->state == RECORD_SENT || sent->state == RECORD_SENT_REFUSED);
	if (settled) {
		strbuf_init(&when, REASON_MAX);
		cli_time_print(sent->at, &when);
		strbuf_add_str(&when, " UTC");
		tell_sending(s, sent,
		    sent->state == RECORD_SENT ? "was sent before to"
					       : "was refused before by",
		    strbuf_slice(&when));
		strbuf_clear(&when);
	}
	strbuf_clear(&reply);
	return settled;
}

/* What is not sent is noted too: who looks at the day sees that it was seen to,
 * and what waits. What was sent once stays so. */
static int
note_unsent(struct report_send *s, struct record_sent *sent, bool waits,
    const char *why)
{
	struct strbuf reply;
	bool settled;

	strbuf_init(&reply, REASON_MAX);
	settled = record_store_get_sent(s->store, sent, &reply) == 0 &&
	    (sent->state == RECORD_SENT || sent->state == RECORD_SENT_REFUSED);
	strbuf_clear(&reply);
	if (settled)
		return CLI_OK;
	return note_sent(s, sent,
	    waits ? RECORD_SENT_DEFERRED : RECORD_SENT_UNWANTED,
	    slice_str(why));
}

static bool
ask_rua(void *rua, struct dns_question *question)
{
	return record_rua_ask(rua, question);
}

static void
answer_rua(void *rua, const struct dns_question *question,
    const struct dns_answer *answer)
{
	record_rua_answer(rua, question, answer);
}

static struct cli_resolver *
resolver(struct report_send *s)
{
	if (s->resolver == NULL)
		s->resolver = cli_resolver_new(
		    s->dns, &s->config->dns, "dmarc-report: --nameserver");
	return s->resolver;
}

int
report_send_report(struct report_send *s, int64_t day,
    const struct record_report *report, struct slice gzip)
{
	static const struct proxy_asking_ops ops = {ask_rua, answer_rua};
	struct record_sent sent = {
	    .day = day, .domain = report->domain, .policy = report->policy};
	struct auth_dmarc_record record;
	struct record_rua *rua;
	int status = CLI_OK;

	auth_dmarc_record_parse(report->policy, &record);
	if (record.rua.n == 0) {
		if (!s->quiet)
			printf("%.*s: wants no reports\n",
			    (int)report->domain.n, report->domain.p);
		return CLI_OK;
	}
	if (resolver(s) == NULL)
		return CLI_USAGE;
	rua = record_rua_new(report->domain, record.rua);
	cli_resolve(s->resolver, &ops, rua);
	for (size_t i = 0; status == CLI_OK && i < record_rua_count(rua); i++) {
		enum record_rua_status wanted =
		    record_rua_at(rua, i, &sent.address);
		const char *why;
		bool waits;

		if (wanted == RECORD_RUA_APPROVED && is_settled(s, &sent))
			status = CLI_OK;
		else if (wanted == RECORD_RUA_APPROVED &&
		    s->silent < SILENT_MAX)
			status = send_to(s, report, gzip, &sent);
		else {
			waits = wanted == RECORD_RUA_APPROVED ||
			    wanted == RECORD_RUA_LATER;
			why = wanted == RECORD_RUA_APPROVED
			    ? "the next hop does not answer"
			    : record_rua_reason(wanted);
			if (waits)
				s->waiting++;
			if (!s->quiet)
				tell_trouble(&sent, "not sent to",
				    slice_str(why), cli_warn);
			status = wanted == RECORD_RUA_AGAIN
			    ? CLI_OK
			    : note_unsent(s, &sent, waits, why);
		}
	}
	record_rua_free(rua);
	return status;
}
