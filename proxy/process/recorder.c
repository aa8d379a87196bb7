/* The recorder's loop; see recorder.h. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "proxy/figures/health.h"
#include "proxy/process/hello.h"
#include "proxy/process/recorder.h"
#include "proxy/process/recorder_site.h"
#include "proxy/process/signals.h"
#include "record/kept.h"
#include "record/reflect.h"
#include "record/reflector.h"
#include "record/store.h"

enum {
	BATCH = 64, /* records, before other events have their turn */
	SEND_EVERY_S = 5,
	EXPIRE_EVERY_S = 600,
	REOPEN_EVERY_S = 2,
	COMPLAIN_EVERY_S = 60,
	/* At the end, for answers under way; for who is still asking. */
	LEAVE_MS = PROXY_HEALTH_MS + 1000,
	LEAVE_ASKERS_MS = 500,
	LEAVE_LOOK_MS = 20,
	REASON_MAX = 1024,
	WAITING_MAX = 1 << 20, /* octets of records, between two ticks */
	HELD_TICKS = 4,	       /* they wait for who has locked the database */
	SIGNALS = 3
};

_Static_assert((int)PROXY_ANSWERS == (int)RECORD_REFLECTOR_RESULTS,
    "a counter for every result");

struct sender;

struct recorder {
	const struct proxy_recorder_job *job;
	struct event_base *base;
	struct event *hello, *tick, *leave, *signals[SIGNALS];
	LIST_HEAD(, sender) senders;
	char *datagram;
	struct strbuf waiting;	    /* sizes and datagrams, for the next tick */
	struct record_store *store; /* NULL: not wanted, or not to be had */
	struct record_reflector_rules rules;
	struct record_reflector *reflector;
	struct proxy_recorder_site *site;
	char *trouble;	  /* why nothing can be kept now; NULL: it can */
	uint64_t lost;	  /* in this trouble */
	unsigned held;	  /* ticks that they have waited for a lock */
	int64_t ticks;	  /* seconds */
	int64_t leaving;  /* ms, monotonic, since when; 0: it stays */
	int64_t complain; /* not before this tick again */
};

static bool
is_wanted(const struct recorder *r)
{
	return r->job->config->results.database != NULL;
}

/* --- what is lost is counted --- */

static void
forget_pending(struct recorder *r)
{
	for (size_t i = 0; i < PROXY_FRONTS; i++)
		proxy_count_set(r->job->counters, proxy_count_pending(i), 0);
}

/* All that was not committed. */
static void
lose_pending(struct recorder *r)
{
	const struct proxy_counters *c = r->job->counters;

	for (size_t i = 0; i < PROXY_FRONTS; i++) {
		enum proxy_counter counter = proxy_count_lost(i);
		uint64_t more = proxy_counter_get(c, proxy_count_pending(i));

		proxy_count_add(r->job->counters, counter, more);
		r->lost += more;
	}
	forget_pending(r);
	strbuf_reset(&r->waiting);
}

/* --- trouble: told when it begins, once a minute, and when it ends --- */

static void
trouble_begin(struct recorder *r, const struct strbuf *reason)
{
	char *why = xstrdup(strbuf_text(reason));

	lose_pending(r);
	r->held = 0;
	if (r->trouble == NULL || strcmp(r->trouble, why) != 0)
		r->complain = r->ticks;
	proxy_recorder_site_set_trouble(r->site, why);
	free(r->trouble);
	r->trouble = why;
	if (r->ticks < r->complain)
		return;
	r->complain = r->ticks + COMPLAIN_EVERY_S;
	log_printf(r->job->log, LOGGING_ERROR,
	    "results database: %s; %llu records are lost so far", r->trouble,
	    (unsigned long long)r->lost);
}

static void
trouble_end(struct recorder *r)
{
	if (r->trouble == NULL)
		return;
	log_printf(r->job->log, LOGGING_WARNING,
	    "results database: it can be used again; %llu records were lost",
	    (unsigned long long)r->lost);
	proxy_recorder_site_set_trouble(r->site, NULL);
	free(r->trouble);
	r->trouble = NULL;
	r->lost = 0;
}

/* --- records --- */

/* The first that waits, off the front; false: there is none. */
static bool
next_waiting(struct slice *rest, struct record_kept *kept)
{
	size_t n;

	while (rest->n > sizeof(n)) {
		struct slice datagram;

		memcpy(&n, rest->p, sizeof(n));
		*rest = slice_after(*rest, sizeof(n));
		datagram = slice_first(*rest, n);
		*rest = slice_after(*rest, n);
		if (record_kept_parse(datagram, kept) == 0)
			return true;
	}
	return false;
}

/* All that waits at once: who else wants to write, a tool, waits for
 * milliseconds. What the reflector does is done when they are safe, for where
 * the store does not take an answer it forgets what is not committed. */
static int
add_waiting(struct recorder *r, struct strbuf *reason)
{
	struct slice rest = strbuf_slice(&r->waiting);
	struct record_kept kept;

	while (next_waiting(&rest, &kept))
		if (record_store_add(r->store, &kept, reason) != 0)
			return -1;
	if (record_store_commit(r->store, reason) != 0)
		return -1;
	forget_pending(r);
	rest = strbuf_slice(&r->waiting);
	while (r->reflector != NULL && next_waiting(&rest, &kept))
		record_reflector_take(r->reflector, &kept);
	strbuf_reset(&r->waiting);
	return 0;
}

static void
keep_waiting(struct recorder *r)
{
	struct strbuf reason;

	strbuf_init(&reason, REASON_MAX);
	if (add_waiting(r, &reason) == 0)
		r->held = 0;
	else if (!record_store_is_busy(r->store) ||
	    r->waiting.n > WAITING_MAX || r->held++ >= HELD_TICKS)
		/* A tool that writes is done in a moment: for that long they
		 * are held, and no record is lost. */
		trouble_begin(r, &reason);
	strbuf_clear(&reason);
}

/* Of mail that went its front's way; and of mail to the reflector who checks
 * alone says anything, within bounds. */
static bool
may_say(const struct proxy_front *front, const struct record_kept *kept)
{
	bool out =
	    slice_equal(record_kept_get(kept, RECORD_DIRECTION), SLICE("out"));

	if (out != (front->filter == PROXY_FILTER_SIGN))
		return false;
	if (out && record_kept_get(kept, RECORD_PROOF).p != NULL)
		return false;
	return record_reflect_is_within(kept);
}

static void
not_pending(const struct recorder *r, const struct proxy_front *front)
{
	enum proxy_counter pending = proxy_count_pending(front->number);

	proxy_count_set(r->job->counters, pending,
	    proxy_counter_get(r->job->counters, pending) - 1);
}

/* It is counted as pending. */
static void
take_datagram(
    struct recorder *r, const struct proxy_front *front, struct slice datagram)
{
	struct record_kept kept;

	if (!is_wanted(r)) {
		not_pending(r, front);
		return;
	}
	if (record_kept_parse(datagram, &kept) == 0 &&
	    record_store_takes(&kept) && may_say(front, &kept)) {
		/* Until the next tick, or the one at which it can be tried
		 * again. */
		/* Taken: one that says which way its message went, and so
		 * what was done to it. */
		if (r->trouble != NULL) {
			lose_pending(r);
		} else {
			strbuf_add(&r->waiting,
			    slice_from(
				(const char *)&datagram.n, sizeof(datagram.n)));
			strbuf_add(&r->waiting, datagram);
			if (r->waiting.n > WAITING_MAX)
				keep_waiting(r);
		}
	} else {
		proxy_count(r->job->counters, proxy_count_lost(front->number));
		not_pending(r, front);
		log_printf(r->job->log, LOGGING_ERROR,
		    "a worker of [%s] sent what is no record of its own; it is "
		    "counted as lost",
		    front->name);
	}
}

/* A worker's, until its end. */
struct sender {
	LIST_ENTRY(sender) entry;
	struct recorder *recorder;
	const struct proxy_front *front;
	int fd;
	struct event *event;
};

static void
drop_sender(struct sender *sender)
{
	LIST_REMOVE(sender, entry);
	event_free(sender->event);
	(void)close(sender->fd);
	free(sender);
}

/* False where there is none now; or no more, and the sender is gone. */
static bool
take_one(struct sender *sender)
{
	struct recorder *r = sender->recorder;
	ssize_t n;

	/* Before it leaves the socket: whoever is killed in between would lose
	 * it in silence. */
	proxy_count(
	    r->job->counters, proxy_count_pending(sender->front->number));
	n = recv(sender->fd, r->datagram, RECORD_KEPT_MAX, MSG_DONTWAIT);
	if (n > 0) {
		take_datagram(
		    r, sender->front, slice_from(r->datagram, (size_t)n));
		return true;
	}
	not_pending(r, sender->front);
	if (n == 0 || (errno != EAGAIN && errno != EINTR))
		drop_sender(sender);
	return false;
}

static void
on_record(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	for (int i = 0; i < BATCH && take_one(ctx); i++)
		continue;
}

static void
on_hello(evutil_socket_t fd, short what, void *ctx)
{
	struct recorder *r = ctx;
	struct proxy_hello hello;
	int given;

	(void)fd;
	(void)what;
	if (!proxy_hello_take(r->hello, r->job->shared, &hello, &given))
		return;
	if (hello.kind == PROXY_HELLO_RECORDS) {
		struct sender *sender = xcalloc(1, sizeof(*sender));

		sender->recorder = r;
		sender->front = &r->job->config->fronts[hello.number];
		sender->fd = given;
		sender->event = event_new(
		    r->base, given, EV_READ | EV_PERSIST, on_record, sender);
		(void)event_add(sender->event, NULL);
		LIST_INSERT_HEAD(&r->senders, sender, entry);
	} else {
		(void)close(given);
	}
}

/* --- the store --- */

static void
close_store(struct recorder *r)
{
	record_reflector_free(r->reflector);
	r->reflector = NULL;
	proxy_recorder_site_set_store(r->site, NULL);
	record_store_close(r->store);
	r->store = NULL;
}

static void
open_store(struct recorder *r)
{
	const struct proxy_results_settings *results = &r->job->config->results;
	const struct record_store_limits limits = {
	    .bytes_max = results->max_size, .keep_seconds = results->keep};
	struct strbuf reason;

	if (!is_wanted(r))
		return;
	strbuf_init(&reason, REASON_MAX);
	r->store = record_store_open(results->database, &limits, &reason);
	if (r->store == NULL) {
		trouble_begin(r, &reason);
	} else {
		trouble_end(r);
		if (r->rules.address.n > 0)
			r->reflector =
			    record_reflector_new(r->base, r->store, &r->rules);
	}
	proxy_recorder_site_set_store(r->site, r->store);
	strbuf_clear(&reason);
}

static void
commit(struct recorder *r, int64_t now)
{
	struct strbuf reason;

	strbuf_init(&reason, REASON_MAX);
	if (r->trouble != NULL) {
		if (record_store_try(r->store, &reason) == 0)
			trouble_end(r);
		else
			trouble_begin(r, &reason);
	} else {
		keep_waiting(r);
	}
	/* Makes room, where that is what lacks. */
	if (r->ticks % EXPIRE_EVERY_S == 0 && r->held == 0 &&
	    record_store_expire(r->store, now, &reason) != 0 &&
	    r->trouble == NULL)
		trouble_begin(r, &reason);
	strbuf_clear(&reason);
}

static void
on_tick(evutil_socket_t fd, short what, void *ctx)
{
	struct recorder *r = ctx;
	int64_t now = clock_wall_s();

	(void)fd;
	(void)what;
	r->ticks++;
	if (r->store != NULL) {
		/* Records in a file that has no name any more are seen by
		 * nobody. */
		struct strbuf reason;

		if (!record_store_is_there(r->store)) {
			strbuf_init(&reason, REASON_MAX);
			strbuf_addf(&reason,
			    "%s is gone, or another file has its name",
			    r->job->config->results.database);
			trouble_begin(r, &reason);
			close_store(r);
			open_store(r);
			strbuf_clear(&reason);
		}
	} else if (r->ticks % REOPEN_EVERY_S == 0)
		open_store(r);
	if (r->store == NULL)
		return;
	commit(r, now);
	if (r->reflector != NULL && r->ticks % SEND_EVERY_S == 0)
		record_reflector_tick(r->reflector, now);
}

/* --- life --- */

static void
say_recorder(void *ctx, bool trouble, const char *what)
{
	struct recorder *r = ctx;

	log_printf(
	    r->job->log, trouble ? LOGGING_WARNING : LOGGING_INFO, "%s", what);
}

/* Of one domain that anybody may name: twice what one mailbox gets. */
static unsigned
stranger_domain(const struct proxy_reflector_settings *s)
{
	unsigned two = 2 * s->max_per_hour;

	return two < s->max_per_client ? two : s->max_per_client;
}

static void
count_answer(void *ctx, enum record_reflector_result result)
{
	struct recorder *r = ctx;

	proxy_count(r->job->counters,
	    (enum proxy_counter)(PROXY_COUNT_ANSWERS + (unsigned)result));
}

static void
on_signal(evutil_socket_t number, short what, void *ctx)
{
	struct recorder *r = ctx;
	struct sender *sender, *next;

	(void)number;
	(void)what;
	if (r->leaving != 0)
		return;
	/* What is still there is kept while it can be; then the end of it is
	 * told. */
	for (sender = LIST_FIRST(&r->senders); sender != NULL; sender = next) {
		next = LIST_NEXT(sender, entry);
		while (take_one(sender))
			continue;
	}
	r->held = HELD_TICKS; /* there is no other time */
	if (r->store != NULL && r->trouble == NULL)
		commit(r, clock_wall_s());
	if (r->trouble != NULL)
		log_printf(r->job->log, LOGGING_ERROR,
		    "results database: %s; %llu records were lost", r->trouble,
		    (unsigned long long)r->lost);
	/* What comes now is the next recorder's. */
	while (!LIST_EMPTY(&r->senders))
		drop_sender(LIST_FIRST(&r->senders));
	(void)event_del(r->hello);
	(void)event_del(r->tick);
	record_reflector_free(r->reflector);
	r->reflector = NULL;
	proxy_recorder_site_stop(r->site);
	r->leaving = clock_ms();
	event_active(r->leave, EV_TIMEOUT, 0);
}

/* Whoever asked while a reload changed over still gets his page. */
static void
on_leave(evutil_socket_t fd, short what, void *ctx)
{
	const struct timeval again = {0, LEAVE_LOOK_MS * 1000};
	struct recorder *r = ctx;
	int64_t ms = clock_ms() - r->leaving;

	(void)fd;
	(void)what;
	if (ms < LEAVE_MS &&
	    proxy_recorder_site_is_busy(r->site, ms < LEAVE_ASKERS_MS))
		(void)event_add(r->leave, &again);
	else
		(void)event_base_loopbreak(r->base);
}

static void
make_events(struct recorder *r)
{
	static const int numbers[SIGNALS] = {SIGTERM, SIGINT, SIGUSR2};
	const struct timeval second = {1, 0};

	for (size_t i = 0; i < SIGNALS; i++) {
		r->signals[i] = evsignal_new(r->base, numbers[i], on_signal, r);
		(void)event_add(r->signals[i], NULL);
	}
	r->hello = event_new(
	    r->base, r->job->hello_fd, EV_READ | EV_PERSIST, on_hello, r);
	(void)event_add(r->hello, NULL);
	r->leave = event_new(r->base, -1, 0, on_leave, r);
	r->tick = event_new(r->base, -1, EV_PERSIST, on_tick, r);
	(void)event_add(r->tick, &second);
}

int
proxy_recorder_run(const struct proxy_recorder_job *job)
{
	const struct sigaction ignore = {.sa_handler = SIG_IGN};
	struct recorder r = {.job = job};
	const struct proxy_reflector_settings *s;

	(void)sigaction(SIGPIPE, &ignore, NULL);
	(void)sigaction(SIGXFSZ, &ignore, NULL);
	(void)sigaction(SIGHUP, &ignore, NULL);
	r.base = event_base_new();
	if (r.base == NULL) {
		log_printf(job->log, LOGGING_ERROR, "cannot wait for events");
		return -1;
	}
	r.datagram = xmalloc(RECORD_KEPT_MAX);
	strbuf_init(&r.waiting, 2 * WAITING_MAX);
	s = &r.job->config->reflector;
	r.rules = (struct record_reflector_rules){
	    .address = slice_str(s->address),
	    .helo = slice_str(r.job->config->hostname),
	    .relay = {.address = s->relay.address,
		.address_length = s->relay.length},
	    .spamd = {.address = s->spamd.address,
		.length = s->spamd.length,
		.ms = s->spamd_timeout * 1000},
	    .bounds = {.mailbox = s->max_per_hour,
		.domain = s->max_per_client,
		.stranger_domain = stranger_domain(s),
		.client = s->max_per_client,
		.all = s->max_per_hour_all},
	    .say = say_recorder,
	    .count = count_answer,
	    .ctx = &r,
	};
	make_events(&r);
	r.site = proxy_recorder_site_new(r.base, job);
	/* The page outlives its process: what one that was killed had in its
	 * hands is counted by the next. */
	lose_pending(&r);
	if (r.lost > 0)
		log_printf(r.job->log, LOGGING_ERROR,
		    "the recorder before this one ended without committing: "
		    "%llu records are lost",
		    (unsigned long long)r.lost);
	r.lost = 0;
	open_store(&r);
	if (job->ready != NULL)
		job->ready(job->ctx);
	(void)event_base_dispatch(r.base);
	proxy_signals_block();
	for (size_t i = 0; i < SIGNALS; i++)
		event_free(r.signals[i]);
	while (!LIST_EMPTY(&r.senders))
		drop_sender(LIST_FIRST(&r.senders));
	event_free(r.hello);
	event_free(r.tick);
	event_free(r.leave);
	proxy_recorder_site_free(r.site);
	r.site = NULL;
	close_store(&r);
	free(r.trouble);
	strbuf_clear(&r.waiting);
	event_base_free(r.base);
	free(r.datagram);
	return 0;
}
