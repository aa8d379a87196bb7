/* From a record to an answer that was delivered; see reflector.h. */
#include <inttypes.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <time.h>

#include "base/escape.h"
#include "base/xalloc.h"
#include "record/mailer.h"
#include "record/reflect.h"
#include "record/reflector.h"

enum { HEADER_CAP = 512 * 1024, SAY_MAX = 1024, MINUTE = 60, HOUR = 3600 };

/* A record whose answer is not made yet: spamd is asked. */
struct pending {
	LIST_ENTRY(pending) entry;
	struct record_reflector *reflector;
	char *datagram; /* what the record's views show */
	size_t size;
	struct record_kept kept;
	struct record_spamd *spamd;
};

struct record_reflector {
	struct event_base *base;
	struct record_store *store;
	const struct record_reflector_rules *rules;
	LIST_HEAD(, pending) pending;
	unsigned pending_count;
	uint64_t made; /* for Message-IDs */

	struct record_mailer *mailer; /* one is being sent */
	int64_t sending;	      /* its id */
	unsigned tries;
};

static void
say(struct record_reflector *r, bool trouble, const char *what,
    struct slice foreign)
{
	struct strbuf line;

	strbuf_init(&line, SAY_MAX);
	(void)strbuf_addf(&line, "reflector: %s", what);
	(void)escape_log(slice_first(foreign, SAY_MAX / 8), &line);
	r->rules->say(r->rules->ctx, trouble, strbuf_text(&line));
	strbuf_clear(&line);
}

static void
count(struct record_reflector *r, enum record_reflector_result result)
{
	if (r->rules->count != NULL)
		r->rules->count(r->rules->ctx, result);
}

/* --- making --- */

static void
keep_answer(
    struct record_reflector *r, int64_t now, struct slice to, struct slice mail)
{
	const struct record_answer answer = {.to = to, .message = mail};
	struct strbuf reason;

	strbuf_init(&reason, SAY_MAX);
	switch (record_store_put_answer(
	    r->store, now, r->rules->an_hour, &answer, &reason)) {
	case 1:
		say(r, false, "will answer ", to);
		break;
	case 0:
		say(r, false, "too many answers an hour to ", to);
		count(r, RECORD_REFLECTOR_TOO_MANY);
		break;
	default:
		say(r, true, "an answer is lost: ", strbuf_slice(&reason));
		count(r, RECORD_REFLECTOR_LOST);
	}
	strbuf_clear(&reason);
}

/* What comes before the body, with the last field's line end. */
static struct slice
header_of(struct slice message)
{
	size_t end = slice_search(message, SLICE("\r\n\r\n"));

	return end == message.n ? message : slice_first(message, end + 2);
}

static struct slice
message_id_of(const struct mail_header *header)
{
	const struct mail_field *field =
	    mail_header_last(header, SLICE("Message-ID"));

	return field == NULL ? slice_from(NULL, 0) : slice_trim(field->value);
}

static void
print_answer(struct record_reflector *r, const struct record_kept *kept,
    const struct mail_header *header, struct slice spam)
{
	struct slice to = record_kept_get(kept, RECORD_ANSWER_TO);
	struct record_reflection reflection = {
	    .from = r->rules->address,
	    .to = to,
	    .summary = record_kept_get(kept, RECORD_SUMMARY),
	    .spam = spam,
	    .header = header_of(record_kept_get(kept, RECORD_MESSAGE)),
	    .message_id = message_id_of(header),
	    .now = (int64_t)time(NULL),
	};
	struct strbuf id, mail;

	strbuf_init(&id, 64);
	strbuf_init(&mail, RECORD_REFLECT_MAIL_MAX);
	(void)strbuf_addf(
	    &id, "%" PRId64 ".%" PRIu64 ".reflect", reflection.now, r->made++);
	reflection.id = strbuf_slice(&id);
	if (record_reflect_print(&reflection, &mail) == 0) {
		keep_answer(r, reflection.now, to, strbuf_slice(&mail));
	} else {
		say(r, true, "no answer can be made to ", to);
		count(r, RECORD_REFLECTOR_LOST);
	}
	strbuf_clear(&id);
	strbuf_clear(&mail);
}

static void
make_answer(struct record_reflector *r, const struct record_kept *kept,
    struct slice spam)
{
	struct mail_header *header = mail_header_parse(
	    record_kept_get(kept, RECORD_MESSAGE), HEADER_CAP);

	if (header != NULL)
		print_answer(r, kept, header, spam);
	mail_header_free(header);
}

static void
pending_free(struct pending *p)
{
	LIST_REMOVE(p, entry);
	p->reflector->pending_count--;
	record_spamd_cancel(p->spamd);
	free(p->datagram);
	free(p);
}

static void
on_spam(void *ctx, const struct record_spam *spam)
{
	struct pending *p = ctx;
	struct strbuf text;

	p->spamd = NULL;
	strbuf_init(&text, SAY_MAX);
	record_spam_print(spam, &text);
	make_answer(p->reflector, &p->kept, strbuf_slice(&text));
	strbuf_clear(&text);
	pending_free(p);
}

/* The views of a copy show the copy's bytes. */
static void
copy_kept(struct pending *p, const struct record_kept *kept)
{
	struct strbuf bytes;

	strbuf_init(&bytes, RECORD_KEPT_MAX);
	for (size_t i = 0; i < kept->count; i++)
		(void)record_kept_add(
		    &bytes, kept->members[i].tag, kept->members[i].value);
	p->size = bytes.n;
	p->datagram = strbuf_detach(&bytes);
	(void)record_kept_parse(slice_from(p->datagram, p->size), &p->kept);
}

static void
ask_spamd(struct record_reflector *r, const struct record_kept *kept)
{
	struct pending *p = xcalloc(1, sizeof(*p));

	p->reflector = r;
	copy_kept(p, kept);
	LIST_INSERT_HEAD(&r->pending, p, entry);
	r->pending_count++;
	p->spamd = record_spamd_ask(r->base, &r->rules->spamd,
	    record_kept_get(&p->kept, RECORD_MESSAGE), on_spam, p);
}

/* RFC 3834: never to a bounce, a list or another automatic message. */
static const char *
refuses(const struct record_kept *kept)
{
	struct mail_header *header = mail_header_parse(
	    record_kept_get(kept, RECORD_MESSAGE), HEADER_CAP);
	const char *why = "its header cannot be read";

	if (header != NULL)
		why = record_reflect_refuses(
		    header, record_kept_get(kept, RECORD_ANSWER_TO));
	mail_header_free(header);
	return why;
}

void
record_reflector_take(
    struct record_reflector *r, const struct record_kept *kept)
{
	struct slice to = record_kept_get(kept, RECORD_ANSWER_TO);
	const char *why;

	if (to.n == 0)
		return;
	why = refuses(kept);
	if (why != NULL) {
		say(r, false, "no answer: ", slice_str(why));
		count(r, RECORD_REFLECTOR_NOT_ANSWERED);
		return;
	}
	if (r->rules->spamd.length == 0)
		make_answer(r, kept, slice_from(NULL, 0));
	else if (r->pending_count >= RECORD_REFLECTOR_SPAMD_MAX)
		make_answer(r, kept, SLICE("temperror (too busy)"));
	else
		ask_spamd(r, kept);
}

/* --- sending --- */

static int64_t
pause_after(unsigned tries)
{
	static const int64_t pauses[] = {
	    MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE};

	return tries < sizeof(pauses) / sizeof(pauses[0]) ? pauses[tries]
							  : HOUR;
}

static void
on_sent(void *ctx, enum record_delivery how, struct slice text)
{
	struct record_reflector *r = ctx;
	int64_t now = (int64_t)time(NULL);

	r->mailer = NULL;
	if (how == RECORD_DELIVERED) {
		say(r, false, "answered: ", text);
		count(r, RECORD_REFLECTOR_SENT);
		(void)record_store_drop_answer(r->store, r->sending);
	} else if (how == RECORD_REFUSED ||
	    r->tries >= RECORD_REFLECTOR_TRIES_MAX) {
		say(r, true, "an answer is given up: ", text);
		count(r, RECORD_REFLECTOR_GIVEN_UP);
		(void)record_store_drop_answer(r->store, r->sending);
	} else {
		say(r, true, "an answer waits: ", text);
		count(r, RECORD_REFLECTOR_DEFERRED);
		(void)record_store_defer_answer(
		    r->store, r->sending, now + pause_after(r->tries));
	}
	record_reflector_tick(r, now);
}

static void
on_due(void *ctx, const struct record_answer *answer)
{
	struct record_reflector *r = ctx;
	const struct record_mail mail = {.helo = r->rules->helo,
	    .to = answer->to,
	    .message = answer->message};

	r->sending = answer->id;
	r->tries = answer->tries;
	r->mailer =
	    record_mailer_send(r->base, &r->rules->relay, &mail, on_sent, r);
}

void
record_reflector_tick(struct record_reflector *r, int64_t now)
{
	while (r->mailer == NULL &&
	    record_store_due_answer(r->store, now, on_due, r) == 1) {
		if (r->mailer != NULL)
			return;
		say(r, true, "an answer is given up: no address to send to",
		    slice_from(NULL, 0));
		count(r, RECORD_REFLECTOR_GIVEN_UP);
		if (record_store_drop_answer(r->store, r->sending) != 0)
			return;
	}
}

/* --- life --- */

struct record_reflector *
record_reflector_new(struct event_base *base, struct record_store *store,
    const struct record_reflector_rules *rules)
{
	struct record_reflector *r = xcalloc(1, sizeof(*r));

	r->base = base;
	r->store = store;
	r->rules = rules;
	LIST_INIT(&r->pending);
	return r;
}

void
record_reflector_free(struct record_reflector *r)
{
	struct pending *p;

	if (r == NULL)
		return;
	while ((p = LIST_FIRST(&r->pending)) != NULL)
		pending_free(p);
	record_mailer_cancel(r->mailer);
	free(r);
}
