/*
 * Questions to signers, and what becomes of them; see signers.h. A signer may
 * die with questions open; they are asked again of another one until the
 * deadline, since to sign a text twice harms nobody.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/compat.h"
#include "base/table.h"
#include "base/xalloc.h"
#include "proxy/keys/key_wire.h"
#include "proxy/message/signers.h"

/* A signer that owes an answer and has given none for longer, s, is not asked
 * where another is. Answers of one signer while others wait for theirs. */
enum { SILENT_S = 2, ANSWERS_A_TURN = 8, REASON_MAX = 128 };
/* A signer that has so many slow questions has enough to do, and is asked so
 * many together. */
enum { BUSY = 2, SLOW_TOGETHER = 2 };

struct signer;

enum asking_state {
	ASKING_QUEUED, /* for a signer that has room */
	ASKING_ASKED,
	ASKING_DONE
};

struct proxy_sign_asking {
	TAILQ_ENTRY(proxy_sign_asking) entry; /* of queued, or of a signer's */
	struct proxy_signers *signers;
	struct proxy_sign_wish wish;
	enum asking_state state;
	struct signer *signer; /* ASKED: who has it */
	struct signer *not_to; /* who did not answer; perhaps gone since */
	uint64_t id;
	int64_t since; /* s: it waits for a signer, or for its answer; a time to
			* come: it rests until then */
	bool second;   /* one signer did not answer in time */
	unsigned deaths, stales, rests;
	bool named; /* the names are known */
	/* Of Ed25519: it takes as long as to wake a process, a tenth of what RSA
	 * takes. */
	bool quick;
	bool unmade; /* it has no text, and is told so from the event loop */
	struct proxy_sign_names names;
	char selector[PROXY_SIGN_NAME_MAX];
	struct slice text;
};

TAILQ_HEAD(line, proxy_sign_asking);

struct signer {
	LIST_ENTRY(signer) entry;
	struct proxy_signers *signers;
	int fd;
	struct event *event;
	struct line asked; /* the first asked first */
	size_t in_flight;  /* with those that nobody waits for any more */
	size_t slow;	   /* of these */
	int64_t spoke;	   /* s: its last answer, or when it came to owe one */
	bool full;	   /* its socket, until it answers or the tick */
};

/* What a key was called when it was last heard of. */
struct heard {
	uint64_t hash;
	unsigned right;
	char *domain, *selector;
	size_t domain_from;
	enum dkim_algorithm algorithm;
};

struct proxy_signers {
	struct event_base *base;
	unsigned timeout;
	LIST_HEAD(, signer) list;
	size_t count;
	struct line queued;
	size_t asking; /* not DONE */
	uint64_t ids;
	struct event *tick, *later;
	struct table names; /* of those below, by right and domain */
	struct heard heard[PROXY_SIGNERS_HEARD];
	size_t oldest; /* of them, where none has been forgotten meanwhile */
};

static bool
is_silent(const struct signer *signer, int64_t now)
{
	return signer->in_flight > 0 && now - signer->spoke > SILENT_S;
}

/* --- names that were heard --- */

static struct heard *
find_heard(struct proxy_signers *signers, unsigned right, struct slice domain)
{
	uint64_t hash = table_hash(&signers->names, domain, right);

	for (uint32_t n = table_first(&signers->names, hash); n != TABLE_NONE;
	     n = table_next(&signers->names, n))
		if (signers->heard[n].right == right &&
		    slice_equal(slice_str(signers->heard[n].domain), domain))
			return &signers->heard[n];
	return NULL;
}

/* NULL is fine. */
static void
forget_heard(struct proxy_signers *signers, struct heard *heard)
{
	if (heard == NULL)
		return;
	table_remove(
	    &signers->names, heard->hash, (uint32_t)(heard - signers->heard));
	free(heard->domain);
	free(heard->selector);
	memset(heard, 0, sizeof(*heard));
}

/* A place for one more, of which the oldest goes where there is none. */
static struct heard *
place_heard(struct proxy_signers *signers, uint64_t hash)
{
	uint32_t n = table_add(&signers->names, hash);

	if (n == TABLE_NONE) {
		forget_heard(signers, &signers->heard[signers->oldest]);
		signers->oldest = (signers->oldest + 1) % PROXY_SIGNERS_HEARD;
		n = table_add(&signers->names, hash);
	}
	signers->heard[n].hash = hash;
	return &signers->heard[n];
}

bool
proxy_signers_know(
    struct proxy_signers *signers, unsigned right, struct slice domain)
{
	return find_heard(signers, right, domain) != NULL;
}

static void
name_asking(struct proxy_sign_asking *a, struct slice selector, size_t from,
    enum dkim_algorithm algorithm)
{
	assert(selector.n <= sizeof(a->selector));
	memcpy(a->selector, selector.p, selector.n);
	a->names = (struct proxy_sign_names){
	    .domain = slice_after(a->wish.domain, from),
	    .selector = slice_from(a->selector, selector.n),
	    .algorithm = algorithm,
	};
	a->named = true;
	a->quick = dkim_algorithm_key_type(algorithm) == DKIM_KEY_ED25519;
}

const struct proxy_sign_names *
proxy_sign_asking_names(const struct proxy_sign_asking *a)
{
	return &a->names;
}

bool
proxy_sign_asking_is_likely(const struct proxy_sign_asking *a)
{
	const struct signer *signer = NULL;

	if (a != NULL && a->named && !a->unmade)
		LIST_FOREACH (signer, &a->signers->list, entry)
			if (!is_silent(signer, clock_s()))
				break;
	return signer != NULL;
}

/* --- the end of an asking --- */

static void
leave_lines(struct proxy_sign_asking *a)
{
	if (a->state == ASKING_QUEUED)
		TAILQ_REMOVE(&a->signers->queued, a, entry);
	else if (a->state == ASKING_ASKED)
		TAILQ_REMOVE(&a->signer->asked, a, entry);
	if (a->state != ASKING_DONE && --a->signers->asking == 0)
		(void)event_del(a->signers->tick);
	a->state = ASKING_DONE;
	a->signer = NULL;
}

/* It may be ended by whom it is told. */
static void
tell_answer(struct proxy_sign_asking *a, const struct proxy_sign_answer *answer)
{
	leave_lines(a);
	a->wish.done(a->wish.ctx, answer);
}

/* The next one asks for the key before there is a text. */
static void
forget_key(const struct proxy_sign_asking *a)
{
	forget_heard(
	    a->signers, find_heard(a->signers, a->wish.right, a->wish.domain));
}

static void
tell_trouble(struct proxy_sign_asking *a, const char *reason)
{
	struct proxy_sign_answer answer = {
	    .status = PROXY_SIGN_TROUBLE, .reason = slice_str(reason)};

	if (!a->unmade)
		forget_key(a);
	tell_answer(a, &answer);
}

void
proxy_sign_asking_end(struct proxy_sign_asking *a)
{
	if (a == NULL)
		return;
	leave_lines(a);
	free(a);
}

/* --- asking --- */

static void
queue_asking(struct proxy_sign_asking *a)
{
	a->state = ASKING_QUEUED;
	a->since = clock_s();
	TAILQ_INSERT_TAIL(&a->signers->queued, a, entry);
}

/* A quick question goes to a signer that is awake already, if it need not wait
 * there for a slow one; any other to the signer that has the fewest. */
static bool
is_better(const struct proxy_sign_asking *a, const struct signer *signer,
    const struct signer *than, int64_t now)
{
	if (is_silent(signer, now) != is_silent(than, now))
		return is_silent(than, now);
	if (signer->slow != than->slow)
		return signer->slow < than->slow;
	return a->quick ? signer->in_flight > than->in_flight
			: signer->in_flight < than->in_flight;
}

/* NULL: none, or none that is likely to answer before one does that is busy. */
static struct signer *
choose_signer(const struct proxy_sign_asking *a)
{
	struct signer *signer, *best = NULL;
	int64_t now = clock_s();
	bool speaks = false;

	if (a->since > now)
		return NULL;
	LIST_FOREACH (signer, &a->signers->list, entry) {
		if (signer == a->not_to)
			continue;
		speaks |= !is_silent(signer, now);
		if (signer->in_flight < PROXY_SIGNERS_IN_FLIGHT &&
		    !signer->full &&
		    (best == NULL || is_better(a, signer, best, now)))
			best = signer;
	}
	return best != NULL && speaks && is_silent(best, now) ? NULL : best;
}

static struct proxy_sign_question
question_of(const struct proxy_sign_asking *a)
{
	return (struct proxy_sign_question){
	    .id = a->id,
	    .kind = a->named ? a->wish.kind : PROXY_SIGN_ASK_KEY,
	    .right = a->wish.right,
	    .domain = a->wish.domain,
	    .selector = a->names.selector,
	    .text = a->named ? a->text : slice_from(NULL, 0),
	};
}

/* Questions for one signer, the first of the queue's and some behind it. */
struct handful {
	struct proxy_sign_asking *list[PROXY_SIGN_TOGETHER_MAX];
	struct proxy_sign_question questions[PROXY_SIGN_TOGETHER_MAX];
	size_t count, octets;
};

static void
add_to_handful(struct handful *h, struct proxy_sign_asking *a)
{
	/* Its answer says whether it was slow, though nobody may wait for it. */
	a->id = 2 * ++a->signers->ids + (a->named && !a->quick);
	h->list[h->count] = a;
	h->questions[h->count] = question_of(a);
	h->octets += proxy_sign_question_size(&h->questions[h->count]);
	h->count++;
}

/* It goes with no other: its text goes apart, or a signer has died of it, which
 * should take none with it that is harmless. */
static bool
goes_alone(const struct proxy_sign_asking *a)
{
	return !a->named || a->deaths > 0 || a->text.n > PROXY_SIGN_INLINE_MAX;
}

/* A datagram wakes a process, and so does its answer; but the first answer waits
 * for the last. So slow ones go by two, and only to a signer that has enough to
 * do: none that could be asked has less, for it was the best. */
static void
fill_handful(
    struct handful *h, const struct signer *signer, struct proxy_sign_asking *a)
{
	size_t room = PROXY_SIGNERS_IN_FLIGHT - signer->in_flight;
	int64_t now = clock_s();
	size_t most = 1;

	if (a->quick)
		most = PROXY_SIGN_TOGETHER_MAX;
	else if (signer->slow >= BUSY)
		most = SLOW_TOGETHER;
	if (goes_alone(a))
		most = 1;
	if (most > room)
		most = room;
	*h = (struct handful){.count = 0};
	add_to_handful(h, a);
	while (h->count < most && (a = TAILQ_NEXT(a, entry)) != NULL) {
		struct proxy_sign_question next = question_of(a);

		if (a->unmade || goes_alone(a) ||
		    a->quick != h->list[0]->quick || a->not_to == signer ||
		    a->since > now ||
		    h->octets + proxy_sign_question_size(&next) >
			PROXY_SIGN_QUESTION_MAX)
			break;
		add_to_handful(h, a);
	}
}

/* 0, or -1 and errno. */
static int
send_handful(const struct signer *signer, const struct handful *h)
{
	int result, fd = PROXY_KEY_NO_FD;

	if (h->questions[0].text.n > PROXY_SIGN_INLINE_MAX) {
		fd = proxy_sign_text_put(h->questions[0].text);
		if (fd < 0)
			return -1;
	}
	result =
	    proxy_sign_questions_send(signer->fd, h->questions, h->count, fd);
	if (fd >= 0)
		(void)close(fd);
	return result;
}

enum sent { SENT, SENT_LATER, SENT_NEVER };

static enum sent
ask_signer(struct signer *signer, struct proxy_sign_asking *first)
{
	struct handful h;

	fill_handful(&h, signer, first);
	if (send_handful(signer, &h) != 0) {
		/* It has enough to do, or its end is known in a moment. */
		signer->full =
		    errno == EAGAIN || errno == EPIPE || errno == ECONNRESET;
		return signer->full ? SENT_LATER : SENT_NEVER;
	}
	for (size_t i = 0; i < h.count; i++) {
		struct proxy_sign_asking *a = h.list[i];

		TAILQ_REMOVE(&a->signers->queued, a, entry);
		TAILQ_INSERT_TAIL(&signer->asked, a, entry);
		a->state = ASKING_ASKED;
		a->signer = signer;
		a->since = clock_s();
		if (signer->in_flight++ == 0)
			signer->spoke = a->since;
		signer->slow += a->id % 2;
	}
	return SENT;
}

/* From the event loop: it may tell of trouble. */
static void
ask_queued(struct proxy_signers *signers)
{
	struct proxy_sign_asking *a, *before, *next;
	struct signer *signer;
	enum sent sent;

	for (a = TAILQ_FIRST(&signers->queued); a != NULL; a = next) {
		before = TAILQ_PREV(a, line, entry);
		sent = a->unmade ? SENT_NEVER : SENT_LATER;
		while (
		    sent == SENT_LATER && (signer = choose_signer(a)) != NULL)
			sent = ask_signer(signer, a);
		if (sent == SENT_NEVER) {
			tell_trouble(
			    a, a->unmade ? "" : "a signer cannot be asked");
			before = NULL; /* who was told may have ended others */
		}
		if (sent == SENT_LATER)
			next = TAILQ_NEXT(a, entry);
		else /* it is gone, and some behind it may be */
			next = before == NULL ? TAILQ_FIRST(&signers->queued)
					      : TAILQ_NEXT(before, entry);
	}
}

/* The text for the names that are known now. */
static void
make_text(struct proxy_sign_asking *a)
{
	a->unmade = a->wish.kind != PROXY_SIGN_ASK_KEY &&
	    a->wish.make(a->wish.ctx, &a->names, &a->text) != 0;
}

/* --- answers --- */

/* The names as the signer has them. -1: it is mistaken in the domain. */
static int
take_heard_names(
    struct proxy_sign_asking *a, const struct proxy_sign_answer *answer)
{
	struct heard *heard, *same;

	if (answer->domain_from >= a->wish.domain.n)
		return -1;
	name_asking(
	    a, answer->selector, answer->domain_from, answer->algorithm);
	same = find_heard(a->signers, a->wish.right, a->wish.domain);
	if (same != NULL &&
	    slice_equal(slice_str(same->selector), a->names.selector) &&
	    same->algorithm == a->names.algorithm &&
	    same->domain_from == a->wish.domain.n - a->names.domain.n)
		return 0;
	forget_heard(a->signers, same);
	heard = place_heard(a->signers,
	    table_hash(&a->signers->names, a->wish.domain, a->wish.right));
	heard->right = a->wish.right;
	heard->domain = xslicedup(a->wish.domain);
	heard->selector = xslicedup(a->names.selector);
	heard->domain_from = a->wish.domain.n - a->names.domain.n;
	heard->algorithm = a->names.algorithm;
	return 0;
}

static void
take_stale(struct proxy_sign_asking *a, const struct proxy_sign_answer *answer)
{
	bool named = a->named;

	if (take_heard_names(a, answer) != 0) {
		tell_trouble(a, "a signer names no domain");
	} else if (a->wish.kind == PROXY_SIGN_ASK_KEY) {
		tell_answer(a, answer);
	} else if (named && ++a->stales > PROXY_SIGNERS_STALE_MAX &&
	    a->rests == PROXY_SIGNERS_RESTS_MAX) {
		tell_trouble(a, "the key was replaced again and again");
	} else {
		TAILQ_REMOVE(&a->signer->asked, a, entry);
		queue_asking(a);
		/* Two signers that know different keys say STALE in turn,
		 * until the one that is behind looks at the file, which it
		 * does once in a second. So it rests. */
		if (a->stales > PROXY_SIGNERS_STALE_MAX) {
			a->stales = 0;
			a->rests++;
			a->since = clock_s() + PROXY_SIGNERS_REST_S;
		}
		make_text(a);
	}
}

/* DomainKeys hashes none of the names, so the signer need not be asked again
 * where they are others. */
static void
take_done(struct proxy_sign_asking *a, const struct proxy_sign_answer *answer)
{
	bool same = slice_equal(answer->selector, a->names.selector) &&
	    answer->domain_from == a->wish.domain.n - a->names.domain.n;

	if (a->wish.kind == PROXY_SIGN_ASK_DIGEST && !same) {
		if (take_heard_names(a, answer) != 0) {
			tell_trouble(a, "a signer names no domain");
			return;
		}
		make_text(a);
		if (a->unmade) {
			tell_trouble(a, "");
			return;
		}
	}
	tell_answer(a, answer);
}

static void
take_answer(struct signer *signer, const struct proxy_sign_answer *answer)
{
	struct proxy_sign_asking *a;

	signer->spoke = clock_s();
	signer->full = false;
	if (signer->in_flight > 0)
		signer->in_flight--;
	if (signer->slow > 0 && answer->id % 2 != 0)
		signer->slow--;
	TAILQ_FOREACH (a, &signer->asked, entry)
		if (a->id == answer->id)
			break;
	if (a == NULL) /* ended meanwhile */
		return;
	if (answer->status == PROXY_SIGN_STALE)
		take_stale(a, answer);
	else if (answer->status != PROXY_SIGN_DONE) {
		forget_key(a);
		tell_answer(a, answer);
	} else if (a->named && a->wish.kind != PROXY_SIGN_ASK_KEY)
		take_done(a, answer);
	else
		tell_trouble(a, "a signer signed what was not asked");
}

/* --- signers come and go --- */

/* Another may come to lie where it was. */
static void
forget_signer(struct proxy_signers *signers, const struct signer *gone)
{
	struct proxy_sign_asking *a;
	struct signer *signer;

	TAILQ_FOREACH (a, &signers->queued, entry)
		if (a->not_to == gone)
			a->not_to = NULL;
	LIST_FOREACH (signer, &signers->list, entry)
		TAILQ_FOREACH (a, &signer->asked, entry)
			if (a->not_to == gone)
				a->not_to = NULL;
}

static void
drop_signer(struct signer *signer)
{
	struct proxy_signers *signers = signer->signers;
	struct proxy_sign_asking *a;
	struct line orphans = TAILQ_HEAD_INITIALIZER(orphans);

	LIST_REMOVE(signer, entry);
	signers->count--;
	event_free(signer->event);
	(void)close(signer->fd);
	TAILQ_CONCAT(&orphans, &signer->asked, entry);
	/* Back into the line, before those that were never asked. */
	while ((a = TAILQ_LAST(&orphans, line)) != NULL) {
		TAILQ_REMOVE(&orphans, a, entry);
		a->state = ASKING_QUEUED;
		a->signer = NULL;
		a->since = clock_s();
		a->deaths++;
		TAILQ_INSERT_HEAD(&signers->queued, a, entry);
	}
	forget_signer(signers, signer);
}

/* One at a time, for who is told may end others. */
static void
give_up_deadly(struct proxy_signers *signers)
{
	struct proxy_sign_asking *a = TAILQ_FIRST(&signers->queued);

	while (a != NULL) {
		if (a->deaths < PROXY_SIGNERS_DEATHS_MAX) {
			a = TAILQ_NEXT(a, entry);
			continue;
		}
		tell_trouble(a, "signers die of it");
		a = TAILQ_FIRST(&signers->queued);
	}
}

/* False where it is none of a signer of ours. */
static bool
take_answers(struct signer *signer, struct slice datagram)
{
	struct proxy_sign_answer answer;

	for (unsigned i = 0; datagram.n > 0; i++) {
		if (i == PROXY_SIGN_TOGETHER_MAX ||
		    proxy_sign_answer_take(&datagram, &answer) != 0)
			return false;
		take_answer(signer, &answer);
	}
	return true;
}

/* One datagram at a time: where more are there, the loop says so for less than
 * it costs to find that none is. Several where questions waited for room. */
static void
on_answer(evutil_socket_t fd, short what, void *ctx)
{
	struct signer *signer = ctx;
	struct proxy_signers *signers = signer->signers;
	char datagram[PROXY_SIGN_ANSWERS_MAX + 1] COMPAT_UNWRITTEN;
	bool waited;
	int passed, i = 0;
	long n;

	(void)what;
	do {
		waited = !TAILQ_EMPTY(&signers->queued);
		n = proxy_key_receive(fd, datagram, sizeof(datagram), &passed);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (passed >= 0)
			(void)close(passed);
		if (n <= 0 ||
		    !take_answers(signer, slice_from(datagram, (size_t)n))) {
			drop_signer(signer);
			free(signer);
			give_up_deadly(signers);
			break;
		}
	} while (++i < ANSWERS_A_TURN && signer->in_flight > 0 && waited);
	ask_queued(signers);
}

void
proxy_signers_add(struct proxy_signers *signers, int socket)
{
	struct signer *signer;

	if (signers->count == PROXY_SIGNERS_MAX) {
		(void)close(socket);
		return;
	}
	signer = xcalloc(1, sizeof(*signer));
	signer->signers = signers;
	signer->fd = socket;
	TAILQ_INIT(&signer->asked);
	signer->event = event_new(
	    signers->base, socket, EV_READ | EV_PERSIST, on_answer, signer);
	(void)event_add(signer->event, NULL);
	LIST_INSERT_HEAD(&signers->list, signer, entry);
	signers->count++;
	event_active(signers->later, EV_TIMEOUT, 0);
}

/* --- time --- */

static bool
is_late(const struct proxy_sign_asking *a)
{
	return clock_s() - a->since >= (int64_t)a->signers->timeout;
}

/* The first in a line that is late; they stand there by the time at which they
 * came, but for those of a signer that died. */
static struct proxy_sign_asking *
find_late(struct proxy_signers *signers)
{
	struct proxy_sign_asking *a;
	struct signer *signer;

	TAILQ_FOREACH (a, &signers->queued, entry)
		if (is_late(a))
			return a;
	LIST_FOREACH (signer, &signers->list, entry)
		if ((a = TAILQ_FIRST(&signer->asked)) != NULL && is_late(a))
			return a;
	return NULL;
}

static bool
has_other_signer(const struct proxy_sign_asking *a)
{
	const struct signer *signer;

	LIST_FOREACH (signer, &a->signers->list, entry)
		if (signer != a->signer)
			return true;
	return false;
}

static void
on_tick(evutil_socket_t fd, short what, void *ctx)
{
	struct proxy_signers *signers = ctx;
	struct proxy_sign_asking *a;
	struct signer *signer;

	(void)fd;
	(void)what;
	LIST_FOREACH (signer, &signers->list, entry)
		signer->full = false;
	/* Those that have rested, before they are found late. */
	ask_queued(signers);
	while ((a = find_late(signers)) != NULL) {
		if (a->second || a->state != ASKING_ASKED ||
		    !has_other_signer(a)) {
			tell_trouble(a, "no signer answered in time");
			continue;
		}
		/* It goes to another signer, once. */
		a->second = true;
		a->not_to = a->signer;
		TAILQ_REMOVE(&a->signer->asked, a, entry);
		queue_asking(a);
	}
	ask_queued(signers);
}

static void
on_later(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	ask_queued(ctx);
}

/* --- doors --- */

struct proxy_sign_asking *
proxy_sign_ask(
    struct proxy_signers *signers, const struct proxy_sign_wish *wish)
{
	const struct timeval second = {1, 0};
	struct proxy_sign_asking *a = xcalloc(1, sizeof(*a));
	const struct heard *heard =
	    find_heard(signers, wish->right, wish->domain);

	a->signers = signers;
	a->wish = *wish;
	if (signers->asking++ == 0)
		(void)event_add(signers->tick, &second);
	queue_asking(a);
	if (heard != NULL && wish->kind != PROXY_SIGN_ASK_KEY) {
		name_asking(a, slice_str(heard->selector), heard->domain_from,
		    heard->algorithm);
		make_text(a);
	}
	/* Nothing is told before this returns, and others may go along. */
	event_active(signers->later, EV_TIMEOUT, 0);
	return a;
}

struct proxy_signers *
proxy_signers_new(struct event_base *base, unsigned timeout)
{
	struct proxy_signers *signers = xcalloc(1, sizeof(*signers));

	signers->base = base;
	signers->timeout = timeout;
	LIST_INIT(&signers->list);
	TAILQ_INIT(&signers->queued);
	table_init(&signers->names, PROXY_SIGNERS_HEARD);
	signers->tick = event_new(base, -1, EV_PERSIST, on_tick, signers);
	signers->later = event_new(base, -1, 0, on_later, signers);
	return signers;
}

void
proxy_signers_free(struct proxy_signers *signers)
{
	struct signer *signer;

	if (signers == NULL)
		return;
	assert(signers->asking == 0);
	while ((signer = LIST_FIRST(&signers->list)) != NULL) {
		drop_signer(signer);
		free(signer);
	}
	for (size_t i = 0; i < PROXY_SIGNERS_HEARD; i++)
		if (signers->heard[i].domain != NULL)
			forget_heard(signers, &signers->heard[i]);
	table_clear(&signers->names);
	event_free(signers->tick);
	event_free(signers->later);
	free(signers);
}
