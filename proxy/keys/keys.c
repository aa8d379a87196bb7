/*
 * A signer's keys: a bounded table, the least lately used leaves
 * first. What is asked of the master and what a use is given are two steps,
 * so that equal questions wait for one answer, and nobody is called back
 * out of proxy_keys_get().
 */
#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "dkim/key.h"
#include "proxy/keys/key_cache_private.h"
#include "proxy/keys/key_files.h"
#include "proxy/keys/key_wire.h"
#include "proxy/keys/keys.h"

/* Questions that are with the master at a time; others queue. Their answers
 * fit into the socket's buffer. */
#define IN_FLIGHT_MAX 16

struct proxy_key_use {
	TAILQ_ENTRY(proxy_key_use) link;
	struct proxy_keys *keys;
	struct proxy_key_entry *entry; /* among whose waits it is, or NULL */
	bool ready;		       /* it is in that list */
	enum proxy_key_status status;
	struct proxy_key_held *held;
	char *reason;
	proxy_key_fn *fn;
	void *ctx;
};

struct proxy_keys {
	struct event *readable, *later, *tick;
	int fd; /* to the master; -1: gone */
	size_t in_flight, uses;
	uint32_t next_id;
	struct proxy_key_cache cache;
	struct proxy_key_entries queued, asked;
	struct proxy_key_uses ready;
};

/* A key that was found is asked for again too, though seldom: a file may be
 * replaced, and nobody tells us. */
static bool
is_fresh(const struct proxy_key_entry *e)
{
	time_t age;

	if (!e->known)
		return false;
	age = clock_s() - e->known_at;
	return age < (e->status == PROXY_KEY_FOUND ? PROXY_KEYS_RECHECK_S
						   : PROXY_KEYS_MISSING_S);
}

/* --- answers to uses --- */

static void
soon(struct proxy_keys *keys)
{
	event_active(keys->later, EV_TIMEOUT, 0);
}

static void
leave_list(struct proxy_key_use *use)
{
	if (use->entry != NULL)
		TAILQ_REMOVE(&use->entry->waits, use, link);
	else if (use->ready)
		TAILQ_REMOVE(&use->keys->ready, use, link);
	use->entry = NULL;
	use->ready = false;
}

/* Not called at once: whoever asks must have its use in hand before it hears an
 * answer. */
static void
append_ready(struct proxy_key_use *use)
{
	leave_list(use);
	TAILQ_INSERT_TAIL(&use->keys->ready, use, link);
	use->ready = true;
	soon(use->keys);
}

/* The use has its answer; it is called later. */
static void
make_ready(struct proxy_key_use *use, const struct proxy_key_entry *e)
{
	use->status = e->status;
	use->held = proxy_key_hold(e->held);
	use->reason = e->reason == NULL ? NULL : xstrdup(e->reason);
	append_ready(use);
}

static struct proxy_key_answer
answer_with(enum proxy_key_status status, struct proxy_key_held *held)
{
	if (held == NULL)
		return (struct proxy_key_answer){.status = status};
	return (struct proxy_key_answer){
	    .status = status,
	    .held = held,
	    .key = held->key,
	    .domain = slice_str(held->domain),
	    .selector = slice_str(held->selector),
	    .since = held->since,
	    .used = held->used,
	};
}

/* One at a time, for a callback may end any use. */
static void
deliver(struct proxy_keys *keys)
{
	struct proxy_key_use *use;
	struct proxy_key_answer answer;
	char *reason;

	while ((use = TAILQ_FIRST(&keys->ready)) != NULL) {
		leave_list(use);
		reason = use->reason;
		use->reason = NULL;
		answer = answer_with(use->status, use->held);
		answer.reason = reason;
		use->fn(use->ctx, &answer);
		free(reason);
	}
}

/* --- answers to entries --- */

static void
leave_asking(struct proxy_keys *keys, struct proxy_key_entry *e)
{
	if (e->state == PROXY_KEY_ENTRY_QUEUED)
		TAILQ_REMOVE(&keys->queued, e, asking);
	if (e->state == PROXY_KEY_ENTRY_ASKED) {
		TAILQ_REMOVE(&keys->asked, e, asking);
		keys->in_flight--;
	}
	e->state = PROXY_KEY_ENTRY_IDLE;
}

static void
answer_waits(struct proxy_key_entry *e)
{
	while (!TAILQ_EMPTY(&e->waits))
		make_ready(TAILQ_FIRST(&e->waits), e);
}

static void
settle_entry(struct proxy_keys *keys, struct proxy_key_entry *e)
{
	leave_asking(keys, e);
	e->known = true;
	e->looking = false;
	e->known_at = e->looked_at = clock_s();
	answer_waits(e);
}

static void
forget(struct proxy_key_entry *e)
{
	proxy_key_let_go(e->held);
	e->held = NULL;
	free(e->reason);
	e->reason = NULL;
}

static void
settle_without(struct proxy_keys *keys, struct proxy_key_entry *e,
    enum proxy_key_status status, const char *reason)
{
	/* Of a mere look no trouble comes: what is there is good until it must
	 * be asked for, and who writes a key file anew may be in the middle of
	 * it. From then on it is one whose owner has taken it away, used or
	 * not. */
	if (e->looking && e->held != NULL && is_fresh(e)) {
		leave_asking(keys, e);
		e->looking = false;
		answer_waits(e);
		return;
	}
	forget(e);
	e->status = status;
	e->reason = xstrdup(reason);
	settle_entry(keys, e);
}

/* Whose file it was: the entry's domain, or a parent. */
static const char *
key_domain_of(
    const struct proxy_key_entry *e, const struct proxy_key_stamp *stamp)
{
	return stamp->domain_from < strlen(e->domain)
	    ? e->domain + stamp->domain_from
	    : e->domain;
}

/* A file that was opened for the entry. */
static void
settle_by_file(struct proxy_keys *keys, struct proxy_key_entry *e, int fd,
    const struct proxy_key_reply *reply)
{
	struct strbuf reason, why;
	struct dkim_key *key;

	strbuf_init(&why, PROXY_KEY_REASON_MAX);
	strbuf_init(&reason, PROXY_KEY_REASON_MAX * 2);
	key = proxy_key_file_read(fd, &why);
	if (key != NULL) {
		struct slice selector =
		    slice_from(reply->selector, reply->selector_n);

		/* The key that another one takes the place of stays for a
		 * while where fields may have its name in them. */
		if (e->held != NULL &&
		    !slice_equal(slice_str(e->held->selector), selector)) {
			proxy_key_let_go(e->replaced);
			e->replaced = e->held;
			e->held = NULL;
			e->replaced_at = clock_s();
		}
		forget(e);
		e->status = PROXY_KEY_FOUND;
		e->stamp = reply->stamp;
		e->held = proxy_key_hold_new(
		    key, key_domain_of(e, &reply->stamp), selector);
		settle_entry(keys, e);
	} else {
		strbuf_addf(&reason, "key of %s: %s",
		    key_domain_of(e, &reply->stamp), strbuf_text(&why));
		settle_without(
		    keys, e, PROXY_KEY_TROUBLE, strbuf_text(&reason));
	}
	strbuf_clear(&reason);
	strbuf_clear(&why);
}

/* --- asking --- */

static void lose_master(struct proxy_keys *);

/* False where the socket takes no more for now. */
static bool
ask_master(struct proxy_keys *keys, struct proxy_key_entry *e)
{
	struct proxy_key_request request;
	size_t n = strlen(e->domain);

	memset(&request, 0, sizeof(request));
	request.id = e->id = ++keys->next_id;
	request.rule = e->rule;
	request.has_stamp = e->held != NULL;
	request.stamp = e->stamp;
	request.domain_n = (uint32_t)n;
	assert(n <= sizeof(request.domain));
	memcpy(request.domain, e->domain, n);
	if (proxy_key_send(keys->fd,
		slice_from((const char *)&request, sizeof(request)), -1) != 0)
		return false;
	leave_asking(keys, e);
	e->state = PROXY_KEY_ENTRY_ASKED;
	e->asked_at = clock_s();
	keys->in_flight++;
	TAILQ_INSERT_TAIL(&keys->asked, e, asking);
	return true;
}

static void
ask_queued(struct proxy_keys *keys)
{
	struct proxy_key_entry *e;

	while ((e = TAILQ_FIRST(&keys->queued)) != NULL) {
		if (keys->fd < 0) {
			settle_without(
			    keys, e, PROXY_KEY_TROUBLE, "the master is gone");
		} else if (keys->in_flight >= IN_FLIGHT_MAX) {
			return;
		} else if (!ask_master(keys, e)) {
			if (errno != EAGAIN && errno != ENOBUFS)
				lose_master(keys);
			return;
		}
	}
}

static void
lose_master(struct proxy_keys *keys)
{
	if (keys->readable != NULL)
		event_free(keys->readable);
	keys->readable = NULL;
	if (keys->fd >= 0)
		(void)close(keys->fd);
	keys->fd = -1;
	while (!TAILQ_EMPTY(&keys->asked))
		settle_without(keys, TAILQ_FIRST(&keys->asked),
		    PROXY_KEY_TROUBLE, "the master is gone");
	soon(keys);
}

/* Takes the descriptor. */
static void
take_key_reply(
    struct proxy_keys *keys, const struct proxy_key_reply *reply, int fd)
{
	enum proxy_key_status status = PROXY_KEY_TROUBLE;
	struct proxy_key_entry *e;
	char *reason;

	TAILQ_FOREACH (e, &keys->asked, asking)
		if (e->id == reply->id)
			break;
	if (fd >= 0 && (e == NULL || reply->status != PROXY_KEY_REPLY_FOUND)) {
		(void)close(fd);
		fd = -1;
	}
	if (e == NULL) /* given up before */
		return;
	if (reply->status == PROXY_KEY_REPLY_UNCHANGED && e->held != NULL) {
		settle_entry(keys, e);
	} else if (reply->status == PROXY_KEY_REPLY_FOUND && fd >= 0) {
		settle_by_file(keys, e, fd, reply);
	} else {
		reason = reply->reason_n == 0
		    ? xstrdup("the master sent no key")
		    : xslicedup(slice_from(reply->reason, reply->reason_n));
		if (reply->status == PROXY_KEY_REPLY_MISSING)
			status = PROXY_KEY_MISSING;
		else if (reply->status == PROXY_KEY_REPLY_UNPUBLISHED)
			status = PROXY_KEY_UNPUBLISHED;
		settle_without(keys, e, status, reason);
		free(reason);
	}
}

static void
on_readable(evutil_socket_t socket, short what, void *ctx)
{
	struct proxy_keys *keys = ctx;
	struct proxy_key_reply reply;
	char datagram[sizeof(reply)];
	int fd;
	long n;

	(void)what;
	while (keys->fd >= 0) {
		n = proxy_key_receive(socket, datagram, sizeof(datagram), &fd);
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (n > 0 &&
		    proxy_key_reply_parse(
			slice_from(datagram, (size_t)n), &reply) == 0) {
			take_key_reply(keys, &reply, fd);
			continue;
		}
		if (fd >= 0)
			(void)close(fd);
		/* Whoever sends what is no reply is not trusted any more. */
		lose_master(keys);
	}
	ask_queued(keys);
	deliver(keys);
}

static void
on_later(evutil_socket_t socket, short what, void *ctx)
{
	struct proxy_keys *keys = ctx;

	(void)socket;
	(void)what;
	ask_queued(keys);
	deliver(keys);
}

static void
queue_entry(struct proxy_keys *keys, struct proxy_key_entry *e)
{
	e->state = PROXY_KEY_ENTRY_QUEUED;
	TAILQ_INSERT_TAIL(&keys->queued, e, asking);
}

/* Without need: what is held is good meanwhile. */
static void
queue_look(struct proxy_keys *keys, struct proxy_key_entry *e)
{
	e->looking = true;
	e->looked_at = clock_s();
	queue_entry(keys, e);
}

/* Those that are held, and have not been looked at for a while. */
static void
look_at_held(struct proxy_keys *keys)
{
	struct proxy_key_entry *e;
	time_t now = clock_s(), pause = PROXY_KEYS_LOOK_S;
	size_t looks = 0;

	/* Many have their turns one after the other. */
	if (pause < (time_t)(keys->cache.count / PROXY_KEYS_LOOKS_MAX + 1))
		pause = (time_t)(keys->cache.count / PROXY_KEYS_LOOKS_MAX + 1);
	TAILQ_FOREACH (e, &keys->cache.used, used) {
		if (e->replaced != NULL &&
		    now - e->replaced_at >= PROXY_KEYS_GRACE_S) {
			proxy_key_let_go(e->replaced);
			e->replaced = NULL;
		}
		/* What is held is better than a look that takes long. */
		if (e->looking && is_fresh(e) &&
		    now - e->looked_at > PROXY_KEYS_LOOK_WAIT_S)
			answer_waits(e);
		if (e->held == NULL || e->state != PROXY_KEY_ENTRY_IDLE ||
		    now - e->looked_at < pause || looks == PROXY_KEYS_LOOKS_MAX)
			continue;
		queue_look(keys, e);
		looks++;
	}
}

/* Gives up what the master has had for too long; tries again to ask. */
static void
on_tick(evutil_socket_t socket, short what, void *ctx)
{
	struct proxy_keys *keys = ctx;
	struct proxy_key_entry *e;
	time_t now = clock_s();

	while ((e = TAILQ_FIRST(&keys->asked)) != NULL) {
		/* They are in the order in which they were asked. */
		if (now - e->asked_at < PROXY_KEYS_WAIT_S)
			break;
		settle_without(
		    keys, e, PROXY_KEY_TROUBLE, "the master does not answer");
	}
	look_at_held(keys);
	on_later(socket, what, ctx);
}

/* --- doors --- */

static struct proxy_keys *
new_keys(struct event_base *base, size_t cap)
{
	struct proxy_keys *keys = xcalloc(1, sizeof(*keys));
	const struct timeval second = {1, 0};

	keys->fd = -1;
	proxy_key_cache_init(&keys->cache, cap);
	TAILQ_INIT(&keys->queued);
	TAILQ_INIT(&keys->asked);
	TAILQ_INIT(&keys->ready);
	keys->later = event_new(base, -1, 0, on_later, keys);
	keys->tick = event_new(base, -1, EV_PERSIST, on_tick, keys);
	(void)event_add(keys->tick, &second);
	return keys;
}

struct proxy_keys *
proxy_keys_new(struct event_base *base, int master_fd, size_t cap)
{
	struct proxy_keys *keys = new_keys(base, cap);

	keys->fd = master_fd;
	keys->readable =
	    event_new(base, master_fd, EV_READ | EV_PERSIST, on_readable, keys);
	(void)event_add(keys->readable, NULL);
	return keys;
}

struct proxy_key_use *
proxy_keys_get(struct proxy_keys *keys, unsigned rule, struct slice domain,
    proxy_key_fn *fn, void *ctx)
{
	struct proxy_key_use *use = xcalloc(1, sizeof(*use));
	struct proxy_key_entry *e;

	use->keys = keys;
	use->fn = fn;
	use->ctx = ctx;
	keys->uses++;
	if (!proxy_key_domain_is_safe(domain)) {
		use->status = PROXY_KEY_TROUBLE;
		use->reason = xstrdup("no domain that a key could be for");
		append_ready(use);
		return use;
	}
	e = proxy_key_cache_get(&keys->cache, rule, domain);
	/* While it is looked at, another one may be on its way. */
	if (is_fresh(e) && e->state == PROXY_KEY_ENTRY_IDLE) {
		make_ready(use, e);
		return use;
	}
	use->entry = e;
	TAILQ_INSERT_TAIL(&e->waits, use, link);
	if (e->state == PROXY_KEY_ENTRY_IDLE) {
		queue_entry(keys, e);
		soon(keys);
	}
	return use;
}

bool
proxy_keys_look_again(
    struct proxy_keys *keys, unsigned rule, struct slice domain)
{
	struct proxy_key_entry *e =
	    proxy_key_cache_find(&keys->cache, rule, domain);

	if (e == NULL || e->held == NULL)
		return false;
	if (e->state != PROXY_KEY_ENTRY_IDLE)
		return true;
	if (clock_s() - e->looked_at < PROXY_KEYS_AGAIN_S)
		return false;
	queue_look(keys, e);
	soon(keys);
	return true;
}

/* The usual way: a key that is there costs no wait and no allocation. */
bool
proxy_keys_peek(struct proxy_keys *keys, unsigned rule, struct slice domain,
    struct proxy_key_answer *answer)
{
	struct proxy_key_entry *e =
	    proxy_key_cache_find(&keys->cache, rule, domain);

	if (e == NULL || !is_fresh(e))
		return false;
	*answer = answer_with(e->status, e->held);
	answer->reason = e->reason;
	return true;
}

bool
proxy_keys_peek_replaced(struct proxy_keys *keys, unsigned rule,
    struct slice domain, struct slice selector, struct proxy_key_answer *answer)
{
	const struct proxy_key_entry *e =
	    proxy_key_cache_find(&keys->cache, rule, domain);

	if (e == NULL || e->replaced == NULL ||
	    !slice_equal_nocase(slice_str(e->replaced->selector), selector))
		return false;
	*answer = answer_with(PROXY_KEY_FOUND, e->replaced);
	return true;
}

void
proxy_key_note_use(struct proxy_key_held *held)
{
	held->used = clock_wall_s();
}

void
proxy_key_use_end(struct proxy_key_use *use)
{
	if (use == NULL)
		return;
	use->keys->uses--;
	leave_list(use);
	proxy_key_let_go(use->held);
	free(use->reason);
	free(use);
}

struct proxy_keys_figures
proxy_keys_figures(const struct proxy_keys *keys)
{
	struct proxy_keys_figures figures = {0, 0};
	const struct proxy_key_entry *e;
	int64_t now = clock_wall_s();

	TAILQ_FOREACH (e, &keys->cache.used, used) {
		if (e->held == NULL)
			continue;
		figures.keys++;
		if (now - e->stamp.mtime_s > (int64_t)figures.oldest)
			figures.oldest = (uint64_t)(now - e->stamp.mtime_s);
	}
	return figures;
}

void
proxy_keys_free(struct proxy_keys *keys)
{
	if (keys == NULL)
		return;
	assert(keys->uses == 0);
	if (keys->readable != NULL)
		event_free(keys->readable);
	event_free(keys->later);
	event_free(keys->tick);
	if (keys->fd >= 0)
		(void)close(keys->fd);
	proxy_key_cache_clear(&keys->cache);
	free(keys);
}
