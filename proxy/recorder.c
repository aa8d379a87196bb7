/* The recorder's loop; see recorder.h. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <event2/event.h>

#include "base/xalloc.h"
#include "proxy/recorder.h"
#include "proxy/recorder_site.h"
#include "record/kept.h"
#include "record/reflector.h"
#include "record/store.h"

enum {
	BATCH = 64, /* records, before other events have their turn */
	SEND_EVERY_S = 5,
	EXPIRE_EVERY_S = 600,
	REOPEN_EVERY_S = 10,
	COMPLAIN_EVERY_S = 60,
	SIGNALS = 3
};

_Static_assert((int)PROXY_ANSWERS == (int)RECORD_REFLECTOR_RESULTS,
    "a counter for every result");

struct recorder {
	const struct proxy_recorder_job *job;
	struct event_base *base;
	struct event *record, *tick, *signals[SIGNALS];
	char *datagram;
	struct record_store *store; /* NULL: not wanted, or not to be had */
	struct record_reflector_rules rules;
	struct record_reflector *reflector;
	struct proxy_recorder_site *site;
	uint64_t lost;	  /* records that the store did not take */
	int64_t ticks;	  /* seconds */
	int64_t complain; /* not before this tick again */
};

static struct proxy_counters *
counters(const struct recorder *r)
{
	return r->job->counters;
}

/* --- trouble, once a minute --- */

static void
complain(struct recorder *r, const struct strbuf *reason)
{
	if (r->ticks < r->complain)
		return;
	r->complain = r->ticks + COMPLAIN_EVERY_S;
	log_printf(r->job->log, LOGGING_ERROR,
	    "results database: %s; %llu records are lost so far",
	    strbuf_text(reason), (unsigned long long)r->lost);
}

static void
lose(struct recorder *r, const struct strbuf *reason)
{
	r->lost++;
	proxy_count(counters(r), PROXY_COUNT_RECORDS_LOST);
	complain(r, reason);
}

/* --- records --- */

static void
take(struct recorder *r, struct slice datagram)
{
	struct record_kept kept;
	struct strbuf reason;

	strbuf_init(&reason, 1024);
	if (record_kept_parse(datagram, &kept) != 0) {
		(void)strbuf_add_str(&reason, "a worker sent no record");
		lose(r, &reason);
	} else if (r->store == NULL) {
		if (r->job->config->results.database != NULL) {
			(void)strbuf_add_str(&reason, "it is not open");
			lose(r, &reason);
		}
	} else if (record_store_add(r->store, &kept, &reason) != 0) {
		lose(r, &reason);
	} else if (r->reflector != NULL) {
		record_reflector_take(r->reflector, &kept);
	}
	strbuf_clear(&reason);
}

/* True where one was there. */
static bool
take_one(struct recorder *r)
{
	ssize_t n =
	    recv(r->job->record_fd, r->datagram, RECORD_KEPT_MAX, MSG_DONTWAIT);

	if (n > 0)
		take(r, slice_from(r->datagram, (size_t)n));
	return n > 0;
}

static void
on_record(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	for (int i = 0; i < BATCH && take_one(ctx); i++)
		continue;
}

/* --- the store --- */

static void
open_store(struct recorder *r)
{
	const struct proxy_results_settings *results = &r->job->config->results;
	const struct record_store_limits limits = {
	    .bytes_max = results->max_size, .keep_seconds = results->keep};
	struct strbuf reason;

	if (results->database == NULL)
		return;
	strbuf_init(&reason, 1024);
	r->store = record_store_open(results->database, &limits, &reason);
	if (r->store == NULL)
		complain(r, &reason);
	else if (r->rules.address.n > 0)
		r->reflector =
		    record_reflector_new(r->base, r->store, &r->rules);
	proxy_recorder_site_set_store(r->site, r->store);
	strbuf_clear(&reason);
}

static void
commit(struct recorder *r, int64_t now)
{
	struct strbuf reason;

	strbuf_init(&reason, 1024);
	if (record_store_commit(r->store, &reason) != 0 ||
	    (r->ticks % EXPIRE_EVERY_S == 0 &&
		record_store_expire(r->store, now, &reason) != 0))
		complain(r, &reason);
	strbuf_clear(&reason);
}

static void
on_tick(evutil_socket_t fd, short what, void *ctx)
{
	struct recorder *r = ctx;
	int64_t now = (int64_t)time(NULL);

	(void)fd;
	(void)what;
	r->ticks++;
	if (r->store == NULL) {
		if (r->ticks % REOPEN_EVERY_S == 0)
			open_store(r);
		return;
	}
	commit(r, now);
	if (r->reflector != NULL && r->ticks % SEND_EVERY_S == 0)
		record_reflector_tick(r->reflector, now);
}

/* --- life --- */

static void
say(void *ctx, bool trouble, const char *what)
{
	struct recorder *r = ctx;

	log_printf(
	    r->job->log, trouble ? LOGGING_WARNING : LOGGING_INFO, "%s", what);
}

static void
count_answer(void *ctx, enum record_reflector_result result)
{
	struct recorder *r = ctx;

	proxy_count(counters(r),
	    (enum proxy_counter)(PROXY_COUNT_ANSWERS + (unsigned)result));
}

static void
fill_rules(struct recorder *r)
{
	const struct proxy_reflector_settings *s = &r->job->config->reflector;

	r->rules = (struct record_reflector_rules){
	    .address = slice_str(s->address),
	    .helo = slice_str(r->job->config->hostname),
	    .relay = {.address = s->relay.address,
		.address_length = s->relay.length},
	    .spamd = {.address = s->spamd.address,
		.length = s->spamd.length,
		.ms = s->spamd_timeout * 1000},
	    .an_hour = s->max_per_hour,
	    .say = say,
	    .count = count_answer,
	    .ctx = r,
	};
}

static void
on_signal(evutil_socket_t number, short what, void *ctx)
{
	struct recorder *r = ctx;

	(void)number;
	(void)what;
	while (take_one(r))
		continue;
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
	r->record = event_new(
	    r->base, r->job->record_fd, EV_READ | EV_PERSIST, on_record, r);
	(void)event_add(r->record, NULL);
	r->tick = event_new(r->base, -1, EV_PERSIST, on_tick, r);
	(void)event_add(r->tick, &second);
}

static void
recorder_clear(struct recorder *r)
{
	for (size_t i = 0; i < SIGNALS; i++)
		event_free(r->signals[i]);
	event_free(r->record);
	event_free(r->tick);
	proxy_recorder_site_free(r->site);
	record_reflector_free(r->reflector);
	record_store_close(r->store);
	event_base_free(r->base);
	free(r->datagram);
}

bool
proxy_recorder_is_wanted(const struct proxy_config *config)
{
	return config->metrics.listen.count > 0 ||
	    config->results.database != NULL;
}

int
proxy_recorder_run(const struct proxy_recorder_job *job)
{
	const struct sigaction ignore = {.sa_handler = SIG_IGN};
	struct recorder r = {.job = job};

	(void)sigaction(SIGPIPE, &ignore, NULL);
	(void)sigaction(SIGXFSZ, &ignore, NULL);
	(void)sigaction(SIGHUP, &ignore, NULL);
	r.base = event_base_new();
	if (r.base == NULL) {
		log_printf(job->log, LOGGING_ERROR, "cannot wait for events");
		return -1;
	}
	r.datagram = xmalloc(RECORD_KEPT_MAX);
	fill_rules(&r);
	make_events(&r);
	r.site = proxy_recorder_site_new(r.base, job);
	open_store(&r);
	if (job->ready != NULL)
		job->ready(job->ctx);
	(void)event_base_dispatch(r.base);
	recorder_clear(&r);
	return 0;
}
