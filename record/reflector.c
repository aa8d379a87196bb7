/* From a record to an answer that was delivered; see reflector.h. */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <time.h>

#include "auth/address.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/xalloc.h"
#include "mail/address.h"
#include "record/mailbox.h"
#include "record/mailer.h"
#include "record/reflect.h"
#include "record/reflector.h"

enum {
	SAY_MAX = 1024,
	RULES_MAX = 8192,
	STRANGERS_PENDING_MAX = RECORD_REFLECTOR_SPAMD_MAX / 4,
	MINUTE = 60,
	HOUR = 3600
};

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
	unsigned pending_count, pending_strangers;
	uint64_t made; /* for Message-IDs */

	struct record_mailer *mailer; /* one is being sent */
	int64_t sending;	      /* its id */
	int64_t over; /* one that is sent, or given up, and must go; 0: none */
	unsigned tries;
};

static void
say_reflector(struct record_reflector *r, bool trouble, const char *what,
    struct slice foreign)
{
	struct strbuf line;

	strbuf_init(&line, SAY_MAX);
	strbuf_addf(&line, "reflector: %s", what);
	escape_log(slice_first(foreign, SAY_MAX / 8), &line);
	r->rules->say(r->rules->ctx, trouble, strbuf_text(&line));
	strbuf_clear(&line);
}

static void
count(struct record_reflector *r, enum record_reflector_result result)
{
	if (r->rules->count != NULL)
		r->rules->count(r->rules->ctx, result);
}

/* "no answer to ann@example.org: mail of a list" */
static void
refuse_answer(struct record_reflector *r, struct slice to, struct slice why)
{
	struct strbuf line;

	strbuf_init(&line, SAY_MAX);
	strbuf_add_str(&line, "reflector: no answer to <");
	escape_log(slice_first(to, SAY_MAX / 8), &line);
	strbuf_add_str(&line, ">: ");
	escape_log(slice_first(why, SAY_MAX / 8), &line);
	r->rules->say(r->rules->ctx, false, strbuf_text(&line));
	strbuf_clear(&line);
}

/* --- making --- */

static enum record_proof
proof_of(const struct record_kept *kept)
{
	enum record_proof proof;

	if (record_proof_parse(record_kept_get(kept, RECORD_PROOF), &proof) !=
	    0)
		return RECORD_PROOF_NONE;
	return proof;
}

/* The sender as he is counted. */
struct asking {
	struct record_asker asker;
	struct strbuf mailbox, client;
};

static void
asking_init(struct asking *a, const struct record_reflector *r,
    const struct record_kept *kept)
{
	struct slice client;
	struct auth_address address;
	char text[INET6_ADDRSTRLEN];
	bool v6;

	strbuf_init(&a->mailbox, RECORD_MAILBOX_MAX);
	strbuf_init(&a->client, 128);
	(void)record_mailbox_fold(
	    record_kept_get(kept, RECORD_ANSWER_TO), &a->mailbox);
	/* "192.0.2.0/24", "2001:db8::/64": neighbours count as one. */
	client = record_kept_get(kept, RECORD_CLIENT);
	if (auth_address_parse(client, &address) == 0) {
		v6 = address.length == 16;
		for (size_t i = v6 ? 8 : 3; i < address.length; i++)
			address.octets[i] = 0;
		(void)inet_ntop(v6 ? AF_INET6 : AF_INET, address.octets, text,
		    sizeof(text));
		strbuf_addf(&a->client, "%s/%d", text, v6 ? 64 : 24);
	}
	a->asker = (struct record_asker){
	    .proven = proof_of(kept) != RECORD_PROOF_NONE,
	    .mailbox = strbuf_slice(&a->mailbox),
	    .domain = mail_address_domain(strbuf_slice(&a->mailbox)),
	    .client = strbuf_slice(&a->client),
	    .bounds = &r->rules->bounds,
	};
}

static void
asking_clear(struct asking *a)
{
	strbuf_clear(&a->mailbox);
	strbuf_clear(&a->client);
}

/* The store did not take it: 0, or -1. */
static void
tell_refused(struct record_reflector *r, int how, struct slice to,
    const struct strbuf *reason)
{
	if (how == 0) {
		refuse_answer(r, to, strbuf_slice(reason));
		count(r, RECORD_REFLECTOR_TOO_MANY);
	} else {
		say_reflector(
		    r, true, "an answer is lost: ", strbuf_slice(reason));
		count(r, RECORD_REFLECTOR_LOST);
	}
}

/* Before spamd has work with it. */
static bool
is_within_bounds(struct record_reflector *r, const struct record_kept *kept)
{
	struct strbuf reason;
	struct asking a;
	int fits;

	strbuf_init(&reason, SAY_MAX);
	asking_init(&a, r, kept);
	fits = record_store_may_answer(
	    r->store, clock_wall_s(), &a.asker, &reason);
	if (fits != 1)
		tell_refused(
		    r, fits, record_kept_get(kept, RECORD_ANSWER_TO), &reason);
	asking_clear(&a);
	strbuf_clear(&reason);
	return fits == 1;
}

/* What spamd said: its line and its rules; both may be empty. */
struct said {
	struct slice spam, rules;
};

static void
make_answer(struct record_reflector *r, const struct record_kept *kept,
    const struct said *said)
{
	struct record_reflection reflection = {
	    .proof = proof_of(kept),
	    .from = r->rules->address,
	    .to = record_kept_get(kept, RECORD_ANSWER_TO),
	    .summary = record_kept_get(kept, RECORD_SUMMARY),
	    .spam = said->spam,
	    .rules = said->rules,
	    .header = record_kept_get(kept, RECORD_HEADER),
	    .subject = record_kept_get(kept, RECORD_SUBJECT),
	    .message_id = record_kept_get(kept, RECORD_MESSAGE_ID),
	    .now = clock_wall_s(),
	};
	struct strbuf id, mail;

	strbuf_init(&id, 64);
	strbuf_init(&mail, RECORD_REFLECT_MAIL_MAX);
	strbuf_addf(
	    &id, "%" PRId64 ".%" PRIu64 ".reflect", reflection.now, r->made++);
	reflection.id = strbuf_slice(&id);
	if (record_reflect_print(&reflection, &mail) == 0) {
		const struct record_answer answer = {
		    .to = reflection.to, .message = strbuf_slice(&mail)};
		struct strbuf reason;
		struct asking a;
		int kept_it;

		strbuf_init(&reason, SAY_MAX);
		asking_init(&a, r, kept);
		kept_it = record_store_put_answer(
		    r->store, reflection.now, &a.asker, &answer, &reason);
		if (kept_it == 1)
			say_reflector(r, false, "will answer ", reflection.to);
		else
			tell_refused(r, kept_it, reflection.to, &reason);
		asking_clear(&a);
		strbuf_clear(&reason);
	} else {
		say_reflector(
		    r, true, "no answer can be made to ", reflection.to);
		count(r, RECORD_REFLECTOR_LOST);
	}
	strbuf_clear(&id);
	strbuf_clear(&mail);
}

static void
pending_free(struct pending *p)
{
	LIST_REMOVE(p, entry);
	p->reflector->pending_count--;
	if (proof_of(&p->kept) == RECORD_PROOF_NONE)
		p->reflector->pending_strangers--;
	record_spamd_cancel(p->spamd);
	free(p->datagram);
	free(p);
}

static void
on_spam(void *ctx, const struct record_spam *spam)
{
	struct pending *p = ctx;
	struct strbuf text, rules;

	p->spamd = NULL;
	strbuf_init(&text, SAY_MAX);
	strbuf_init(&rules, RULES_MAX);
	record_spam_print(spam, &text);
	record_spam_print_rules(spam, &rules);
	make_answer(p->reflector, &p->kept,
	    &(struct said){strbuf_slice(&text), strbuf_slice(&rules)});
	strbuf_clear(&text);
	strbuf_clear(&rules);
	pending_free(p);
}

/* Empty: it is answered. */
static struct slice
reflector_refuses(const struct record_kept *kept)
{
	struct slice why = record_kept_get(kept, RECORD_UNANSWERED);

	if (why.n > 0)
		return why;
	if (proof_of(kept) == RECORD_PROOF_REFUTED)
		return SLICE("SPF says that it is not from that sender");
	if (!slice_equal(record_kept_get(kept, RECORD_STATUS), SLICE("sent")))
		return SLICE("the message itself was not taken");
	return why;
}

void
record_reflector_take(
    struct record_reflector *r, const struct record_kept *kept)
{
	struct slice to = record_kept_get(kept, RECORD_ANSWER_TO);
	/* Senders who are not proven leave spamd to the others. */
	bool busy = proof_of(kept) == RECORD_PROOF_NONE
	    ? r->pending_strangers >= STRANGERS_PENDING_MAX
	    : r->pending_count >= RECORD_REFLECTOR_SPAMD_MAX;
	struct slice why;

	if (record_kept_get(kept, RECORD_PROOF).n == 0)
		return;
	why = reflector_refuses(kept);
	if (why.n > 0) {
		refuse_answer(r, to, why);
		count(r, RECORD_REFLECTOR_NOT_ANSWERED);
		return;
	}
	if (!is_within_bounds(r, kept))
		return;
	if (r->rules->spamd.length == 0)
		make_answer(r, kept, &(struct said){{NULL, 0}, {NULL, 0}});
	else if (busy)
		make_answer(r, kept,
		    &(struct said){SLICE("temperror (too busy)"), {NULL, 0}});
	else {
		struct pending *p = xcalloc(1, sizeof(*p));
		struct strbuf bytes;

		p->reflector = r;
		/* The views of a copy show the copy's bytes. */
		strbuf_init(&bytes, RECORD_KEPT_MAX);
		for (size_t i = 0; i < kept->count; i++)
			(void)record_kept_add(&bytes, kept->members[i].tag,
			    kept->members[i].value);
		p->size = bytes.n;
		p->datagram = strbuf_detach(&bytes);
		(void)record_kept_parse(
		    slice_from(p->datagram, p->size), &p->kept);
		LIST_INSERT_HEAD(&r->pending, p, entry);
		r->pending_count++;
		if (proof_of(kept) == RECORD_PROOF_NONE)
			r->pending_strangers++;
		p->spamd = record_spamd_ask(r->base, &r->rules->spamd,
		    record_kept_get(&p->kept, RECORD_MESSAGE), on_spam, p);
	}
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

static void send_due(struct record_reflector *, int64_t now);

static void
purge(struct record_reflector *r, int64_t now)
{
	struct strbuf reason;

	strbuf_init(&reason, SAY_MAX);
	if (record_store_purge(r->store, now, &reason) != 0)
		say_reflector(r, true, "the database: ", strbuf_slice(&reason));
	strbuf_clear(&reason);
}

/* While one that is over cannot be deleted, nothing is sent: its place in the
 * database says that it still is to be. */
static bool
drop_over(struct record_reflector *r)
{
	if (r->over != 0 && record_store_drop_answer(r->store, r->over) != 0)
		return false;
	r->over = 0;
	return true;
}

static void
on_sent(void *ctx, enum record_delivery how, struct slice text)
{
	struct record_reflector *r = ctx;
	int64_t now = clock_wall_s();

	r->mailer = NULL;
	if (how == RECORD_DELIVERED) {
		say_reflector(r, false, "answered: ", text);
		count(r, RECORD_REFLECTOR_SENT);
		r->over = r->sending;
	} else if (how == RECORD_REFUSED ||
	    r->tries >= RECORD_REFLECTOR_TRIES_MAX) {
		say_reflector(r, true, "an answer is given up: ", text);
		count(r, RECORD_REFLECTOR_GIVEN_UP);
		r->over = r->sending;
	} else {
		say_reflector(r, true, "an answer waits: ", text);
		count(r, RECORD_REFLECTOR_DEFERRED);
		(void)record_store_defer_answer(
		    r->store, r->sending, now + pause_after(r->tries));
	}
	if (!drop_over(r))
		return; /* until the next tick */
	purge(r, now);
	send_due(r, now);
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

static void
send_due(struct record_reflector *r, int64_t now)
{
	while (r->mailer == NULL && drop_over(r) &&
	    record_store_due_answer(r->store, now, on_due, r) == 1) {
		if (r->mailer != NULL)
			return;
		say_reflector(r, true,
		    "an answer is given up: no address to send to",
		    slice_from(NULL, 0));
		count(r, RECORD_REFLECTOR_GIVEN_UP);
		r->over = r->sending;
	}
}

void
record_reflector_tick(struct record_reflector *r, int64_t now)
{
	purge(r, now);
	send_due(r, now);
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
	/* Whoever takes over from here finds the answer in the database. */
	while ((p = LIST_FIRST(&r->pending)) != NULL) {
		make_answer(r, &p->kept,
		    &(struct said){
			SLICE("temperror (spamd was not waited for)"),
			{NULL, 0}});
		pending_free(p);
	}
	record_mailer_cancel(r->mailer);
	free(r);
}
