/* Questions in, signatures out; see sign_desk.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/escape.h"
#include "base/xalloc.h"
#include "dkim/hash.h"
#include "dkim/key.h"
#include "dkim/signed_text.h"
#include "proxy/keys/key_files.h"
#include "proxy/keys/key_wire.h"
#include "proxy/keys/keys.h"
#include "proxy/keys/sign_desk.h"
#include "proxy/settings/sign_rights.h"

enum { REASON_MAX = 1024 };

struct waiting;

/* What is asked comes from a worker, which strangers talk to all day. So
 * nothing of a question is believed: the front is that of the socket, the rule
 * is looked up, and a text is read here again. */
struct asker {
	LIST_ENTRY(asker) entry;
	struct proxy_sign_desk *desk;
	const struct proxy_front *front;
	int fd;
	struct event *event;
	LIST_HEAD(, waiting) waiting; /* for keys */
	size_t waiting_count;
};

/* A question whose key is not there yet. */
struct waiting {
	LIST_ENTRY(waiting) entry;
	struct asker *asker;
	struct proxy_key_use *use;
	char *datagram;
	size_t n;
	int text_fd; /* PROXY_KEY_NO_FD: the text is in the datagram */
};

struct proxy_sign_desk {
	struct proxy_sign_desk_job job;
	struct proxy_sign_rights *rights;
	LIST_HEAD(, asker) askers;
	size_t asker_count;
	struct dkim_hash *hash; /* of the text that is signed */
	struct strbuf answers;	/* to those who asked in this turn */
	char datagram[PROXY_SIGN_QUESTION_MAX + 1];
};

/* A question while it is answered. */
struct turn {
	struct asker *asker;
	struct proxy_sign_question question;
	const struct proxy_sign_right *right;
	struct slice text;
	struct dkim_signed_text read;
};

/* --- letting go --- */

static void
drop_waiting(struct waiting *w)
{
	LIST_REMOVE(w, entry);
	w->asker->waiting_count--;
	proxy_key_use_end(w->use);
	if (w->text_fd >= 0)
		(void)close(w->text_fd);
	free(w->datagram);
	free(w);
}

/* A worker that goes takes its questions with it: nobody waits for the
 * answers. */
static void
drop_asker(struct asker *asker)
{
	struct proxy_sign_desk *desk = asker->desk;
	struct waiting *w;

	while ((w = LIST_FIRST(&asker->waiting)) != NULL)
		drop_waiting(w);
	LIST_REMOVE(asker, entry);
	event_free(asker->event);
	(void)close(asker->fd);
	free(asker);
	if (--desk->asker_count == 0 && desk->job.deserted != NULL)
		desk->job.deserted(desk->job.ctx);
}

/* --- answers --- */

static void
answer(const struct turn *t, struct proxy_sign_answer *answer, bool refused)
{
	struct proxy_sign_desk *desk = t->asker->desk;

	answer->id = t->question.id;
	/* Before it is sent, for the asker may be gone with it. */
	if (desk->job.answered != NULL)
		desk->job.answered(
		    desk->job.ctx, t->asker->front, answer->status, refused);
	proxy_sign_answer_add(answer, &desk->answers);
}

static void
answer_trouble(const struct turn *t, const char *reason)
{
	struct proxy_sign_answer a = {
	    .status = PROXY_SIGN_TROUBLE, .reason = slice_str(reason)};

	answer(t, &a, false);
}

/* What was answered in this turn. False where the asker is gone, for it takes
 * no answers. */
static bool
send_answers(struct asker *asker)
{
	struct strbuf *answers = &asker->desk->answers;
	bool sent = answers->n == 0 ||
	    proxy_key_send(asker->fd, strbuf_slice(answers), PROXY_KEY_NO_FD) ==
		0;

	strbuf_reset(answers);
	if (!sent)
		drop_asker(asker);
	return sent;
}

/* --- what may be asked --- */

/* NULL, or why nobody may ask that. */
static const char *
check_right(struct turn *t)
{
	const struct proxy_sign_desk *desk = t->asker->desk;
	bool seals, by_domainkeys, has_kind;

	t->right = proxy_sign_rights_find(desk->rights, t->question.right);
	if (t->right == NULL)
		return "there is no such rule";
	seals = t->right->use == PROXY_SIGN_USE_ARC;
	/* A worker for incoming mail is the one that strangers reach most
	 * easily: it may have chains sealed, and never mail signed. */
	if (seals != (t->asker->front->filter == PROXY_FILTER_VERIFY))
		return "the rule is of another front";
	by_domainkeys = t->right->use == PROXY_SIGN_USE_DOMAINKEYS;
	has_kind = true;
	switch (t->question.kind) {
	case PROXY_SIGN_ASK_DIGEST:
		has_kind = by_domainkeys;
		break;
	case PROXY_SIGN_ASK_TEXT:
		has_kind = !by_domainkeys;
		break;
	case PROXY_SIGN_ASK_KEY:
		break;
	}
	if (!has_kind)
		return "the rule has no such signature";
	/* The domain may become part of a path. */
	if (!proxy_key_domain_is_safe(t->question.domain))
		return "it is no domain";
	if (!proxy_sign_right_covers(
		desk->rights, t->right, t->question.domain))
		return "the domain is not the rule's";
	return NULL;
}

/* A text is signed only where it is a header with a signature's field at its
 * end. Without that look, whoever has taken over a worker could have any text
 * signed, an authorization for something else among them. */
static const char *
check_text(struct turn *t)
{
	const char *why;

	if (t->question.kind != PROXY_SIGN_ASK_TEXT)
		return NULL;
	why = dkim_signed_text_read(t->text, &t->read);
	if (why != NULL)
		return why;
	if ((t->read.kind == DKIM_TEXT_SIGNATURE) !=
	    (t->right->use == PROXY_SIGN_USE_DKIM))
		return "its last field is not of the rule's kind";
	return NULL;
}

/* --- signing --- */

static enum dkim_algorithm
algorithm_with(const struct turn *t, const struct dkim_key *key)
{
	return t->right->algorithm != DKIM_ALGORITHM_UNKNOWN
	    ? t->right->algorithm
	    : dkim_key_algorithm(key);
}

/* Of that key, and not yet signed. */
static struct proxy_sign_answer
answer_of(const struct turn *t, const struct proxy_key_answer *key)
{
	return (struct proxy_sign_answer){
	    .status = PROXY_SIGN_STALE,
	    .algorithm = algorithm_with(t, key->key),
	    .bits = dkim_key_bits(key->key),
	    /* Its key may be that of a parent: d= is then the parent's name. */
	    .domain_from = t->question.domain.n - key->domain.n,
	    .since = key->since,
	    .used = key->used,
	    .selector = key->selector,
	};
}

static void
sign(const struct turn *t, const struct proxy_key_answer *key,
    struct slice digest)
{
	struct proxy_sign_answer a = answer_of(t, key);
	struct strbuf signature;

	strbuf_init(&signature, DKIM_KEY_SIGNATURE_MAX);
	/* The one place where a key makes a signature. */
	if (dkim_key_sign(key->key, a.algorithm, digest, &signature) == 0) {
		proxy_key_note_use(key->held);
		a.status = PROXY_SIGN_DONE;
		a.signature = strbuf_slice(&signature);
		answer(t, &a, false);
	} else {
		answer_trouble(t, "the key does not sign");
	}
	strbuf_clear(&signature);
}

/* Hashed here and not by the asker: a digest says nothing of what it is of. */
static void
sign_text(const struct turn *t, const struct proxy_key_answer *key)
{
	struct dkim_hash *hash = t->asker->desk->hash;

	dkim_hash_begin_anew(hash);
	sink_write_to(dkim_hash_sink(hash), t->text);
	sign(t, key, dkim_hash_end(hash));
}

/* Is the text's own field that of the key? */
static bool
names_key(const struct turn *t, const struct proxy_key_answer *key)
{
	return slice_equal_nocase(t->read.domain, key->domain) &&
	    slice_equal_nocase(t->read.selector, key->selector) &&
	    t->read.algorithm == algorithm_with(t, key->key);
}

/* Which of the keys that there are the text names: the one that signs now, or
 * the one before. Each message under way at a change would be made twice if that
 * did not sign for a while. NULL: neither. */
static const struct proxy_key_answer *
find_named(const struct turn *t, const struct proxy_key_answer *key,
    struct proxy_key_answer *replaced)
{
	if (names_key(t, key))
		return key;
	return proxy_keys_peek_replaced(t->asker->desk->job.keys,
		   t->right->key_rule, t->question.domain, t->read.selector,
		   replaced) &&
		names_key(t, replaced)
	    ? replaced
	    : NULL;
}

static void
answer_with_key(const struct turn *t, const struct proxy_key_answer *key)
{
	struct proxy_sign_answer missing = {
	    .status = key->status == PROXY_KEY_UNPUBLISHED
		? PROXY_SIGN_UNPUBLISHED
		: PROXY_SIGN_MISSING,
	    .reason = slice_str(key->reason)};
	const struct proxy_key_answer *named = NULL;
	struct proxy_key_answer replaced;
	struct proxy_sign_answer a;

	if (key->status == PROXY_KEY_MISSING ||
	    key->status == PROXY_KEY_UNPUBLISHED) {
		answer(t, &missing, false);
		return;
	}
	if (key->status == PROXY_KEY_TROUBLE) {
		answer_trouble(t, key->reason);
		return;
	}
	if (!dkim_key_fits(key->key, algorithm_with(t, key->key))) {
		answer_trouble(
		    t, "the key is of another type than the algorithm");
		return;
	}
	if (t->question.kind == PROXY_SIGN_ASK_DIGEST) {
		sign(t, key, t->text);
		return;
	}
	if (t->question.kind == PROXY_SIGN_ASK_TEXT)
		named = find_named(t, key, &replaced);
	if (named != NULL) {
		sign_text(t, named);
	} else {
		a = answer_of(t, key);
		answer(t, &a, false);
	}
}

/* A text that names none of the keys that there are may name one that another
 * signer has seen already. To say STALE then sends the question to and fro
 * between the two until the worker gives up, and the mail is put off. */
static bool
may_be_outdated(const struct turn *t, const struct proxy_key_answer *key)
{
	struct proxy_key_answer replaced;

	return key->status == PROXY_KEY_FOUND &&
	    t->question.kind == PROXY_SIGN_ASK_TEXT &&
	    find_named(t, key, &replaced) == NULL &&
	    proxy_keys_look_again(t->asker->desk->job.keys, t->right->key_rule,
		t->question.domain);
}

/* --- questions --- */

/* Long texts: what the header of its front may have, and what our own fields
 * add. */
static const char *
open_text(struct turn *t, int fd)
{
	const struct proxy_sign_question *q = &t->question;

	t->text = q->text;
	if (q->text.p != NULL || q->text.n == 0)
		return fd == PROXY_KEY_NO_FD ? NULL
					     : "a file came with it, unasked";
	if (q->text.n > t->asker->front->max_header_size + PROXY_SIGN_TEXT_OVER)
		return "the text is too long";
	/* Sealed, or the asker could change the text between our look at it and
	 * the signature. */
	if (fd < 0 || proxy_sign_text_map(fd, q->text.n, &t->text) != 0)
		return "its text is no sealed file of that length";
	return NULL;
}

static void
close_text(const struct turn *t)
{
	if (t->question.text.p == NULL && t->text.p != NULL)
		proxy_sign_text_unmap(t->text);
}

static void
on_key(void *ctx, const struct proxy_key_answer *key)
{
	struct waiting *w = ctx;
	struct slice datagram = slice_from(w->datagram, w->n);
	struct turn t = {.asker = w->asker};

	(void)proxy_sign_question_take(&datagram, &t.question);
	/* Looked at once more, from the datagram: nothing of the first look was
	 * kept that could be stale. */
	if (check_right(&t) == NULL && open_text(&t, w->text_fd) == NULL &&
	    check_text(&t) == NULL)
		answer_with_key(&t, key);
	else
		answer_trouble(&t, "the text cannot be read again");
	close_text(&t);
	if (!send_answers(t.asker))
		return;
	if (t.asker->waiting_count == PROXY_SIGN_WAITING_MAX)
		(void)event_add(t.asker->event, NULL);
	drop_waiting(w);
}

/* The key must be asked for, or is being looked at. Takes the descriptor. */
static void
wait_for_key(const struct turn *t, struct slice datagram, int fd)
{
	struct asker *asker = t->asker;
	struct waiting *w = xcalloc(1, sizeof(*w));

	w->asker = asker;
	w->datagram = xslicedup(datagram);
	w->n = datagram.n;
	w->text_fd = fd;
	LIST_INSERT_HEAD(&asker->waiting, w, entry);
	/* A full asker is not read: it is held up by its own socket, and costs
	 * no more memory here. */
	if (++asker->waiting_count >= PROXY_SIGN_WAITING_MAX)
		(void)event_del(asker->event);
	w->use = proxy_keys_get(asker->desk->job.keys, t->right->key_rule,
	    t->question.domain, on_key, w);
}

/* `datagram` begins with that question. Takes the descriptor. */
static void
take_question(struct turn *t, struct slice datagram, int fd)
{
	struct asker *asker = t->asker;
	struct proxy_key_answer key;
	const char *why = check_right(t);

	if (why == NULL)
		why = open_text(t, fd);
	if (why == NULL)
		why = check_text(t);
	if (why != NULL) {
		struct proxy_sign_answer a = {.status = PROXY_SIGN_TROUBLE};
		struct strbuf text, domain;

		/* No worker that is still ours asks for such a thing. */
		strbuf_init(&text, REASON_MAX);
		strbuf_init(&domain, REASON_MAX / 2);
		escape_log(t->question.domain, &domain);
		strbuf_addf(&text, "a signer refused what was asked: %s", why);
		a.reason = strbuf_slice(&text);
		log_printf(asker->desk->job.log, LOGGING_ERROR,
		    "a worker of [%s] asked for a signature of %s that it must "
		    "not have: %s",
		    asker->front->name, strbuf_text(&domain), why);
		strbuf_clear(&domain);
		answer(t, &a, true);
		strbuf_clear(&text);
	} else if (proxy_keys_peek(asker->desk->job.keys, t->right->key_rule,
		       t->question.domain, &key) &&
	    !may_be_outdated(t, &key)) {
		answer_with_key(t, &key);
	} else {
		wait_for_key(t, datagram, fd);
		fd = PROXY_KEY_NO_FD;
	}
	close_text(t);
	if (fd >= 0)
		(void)close(fd);
}

/* The questions of a datagram. Takes the descriptor: the first one's, for one
 * whose text goes apart is alone. */
static void
take_questions(struct asker *asker, struct slice datagram, int fd)
{
	struct proxy_sign_question list[PROXY_SIGN_TOGETHER_MAX];
	struct slice rest = datagram, octets[PROXY_SIGN_TOGETHER_MAX];
	bool good = datagram.n <= PROXY_SIGN_QUESTION_MAX;
	size_t count;

	/* All of it is read before anything is signed. */
	for (count = 0; good && rest.n > 0; count++) {
		octets[count % PROXY_SIGN_TOGETHER_MAX] = rest;
		good = count < PROXY_SIGN_TOGETHER_MAX &&
		    proxy_sign_question_take(&rest, &list[count]) == 0;
	}
	/* The wire is between two halves of one program. What does not fit it
	 * was not sent by ours. */
	if (!good) {
		if (fd >= 0)
			(void)close(fd);
		log_printf(asker->desk->job.log, LOGGING_ERROR,
		    "a worker of [%s] asked a signer what is no question",
		    asker->front->name);
		drop_asker(asker);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		struct turn t = {.asker = asker, .question = list[i]};

		take_question(&t, octets[i], i == 0 ? fd : PROXY_KEY_NO_FD);
	}
	(void)send_answers(asker);
}

/* One datagram at a time, so that no worker keeps the others waiting for longer
 * than a few signatures take; and the loop says that more are there for less
 * than it costs to find that none is. */
static void
on_question(evutil_socket_t fd, short what, void *ctx)
{
	struct asker *asker = ctx;
	struct proxy_sign_desk *desk = asker->desk;
	int passed;
	long n = proxy_key_receive(
	    fd, desk->datagram, sizeof(desk->datagram), &passed);

	(void)what;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0 && passed != PROXY_KEY_FALSE_FD) {
		take_questions(
		    asker, slice_from(desk->datagram, (size_t)n), passed);
		return;
	}
	if (passed >= 0)
		(void)close(passed);
	drop_asker(asker);
}

/* --- askers --- */

void
proxy_sign_desk_take(
    struct proxy_sign_desk *desk, int socket, const struct proxy_front *front)
{
	struct asker *asker;

	if (desk->asker_count == PROXY_SIGN_ASKERS_MAX) {
		(void)close(socket);
		return;
	}
	asker = xcalloc(1, sizeof(*asker));
	asker->desk = desk;
	asker->front = front;
	asker->fd = socket;
	asker->event = event_new(
	    desk->job.base, socket, EV_READ | EV_PERSIST, on_question, asker);
	(void)event_add(asker->event, NULL);
	LIST_INIT(&asker->waiting);
	LIST_INSERT_HEAD(&desk->askers, asker, entry);
	desk->asker_count++;
}

bool
proxy_sign_desk_is_deserted(const struct proxy_sign_desk *desk)
{
	return desk->asker_count == 0;
}

struct proxy_sign_desk *
proxy_sign_desk_new(const struct proxy_sign_desk_job *job)
{
	struct proxy_sign_desk *desk = xcalloc(1, sizeof(*desk));

	desk->job = *job;
	desk->rights = proxy_sign_rights_new(job->config);
	desk->hash = dkim_hash_new(DKIM_SHA256);
	strbuf_init(&desk->answers, PROXY_SIGN_ANSWERS_MAX);
	LIST_INIT(&desk->askers);
	return desk;
}

void
proxy_sign_desk_free(struct proxy_sign_desk *desk)
{
	struct asker *asker;

	if (desk == NULL)
		return;
	while ((asker = LIST_FIRST(&desk->askers)) != NULL)
		drop_asker(asker);
	proxy_sign_rights_free(desk->rights);
	dkim_hash_free(desk->hash);
	strbuf_clear(&desk->answers);
	free(desk);
}
