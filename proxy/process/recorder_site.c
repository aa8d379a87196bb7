/* What [metrics] shows; see recorder_site.h. */
#include <stdlib.h>
#include <sys/queue.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "proxy/figures/metrics.h"
#include "proxy/figures/state.h"
#include "proxy/process/recorder_site.h"
#include "proxy/process/spawn.h"
#include "proxy/process/watch.h"
#include "proxy/settings/index.h"
#include "record/http.h"
#include "record/http_request.h"
#include "record/page.h"
#include "record/store_page.h"

enum {
	TEXT_MAX = PROXY_STATE_LINES_MAX * sizeof(struct proxy_state_line),
	OWN_MOST = 20, /* of our domains that are named on the page */
	/* For the figures, which are fetched all the time, a next hop need not
	 * be asked each time: its log would be full of it. */
	RELAY_AGE_S = 30,
	DAY = 86400,
	REPORTS_BY_S = 6 * 3600,
	/* A statement of the page may take so long: records wait meanwhile. And
	 * what took this long is shown again for so many times that time. */
	PAGE_STATEMENT_MS = 3000,
	PAGE_LONG_MS = 100,
	PAGE_AGAIN = 10
};

/* A page that waits for the next hops' greetings. */
struct waiting {
	LIST_ENTRY(waiting) entry;
	struct proxy_recorder_site *site;
	struct record_request *request;
	void (*print)(struct waiting *);
};

/* What the database said, and when. */
struct shown {
	struct record_page_wish wish;
	int64_t at, took; /* ms, monotonic; took 0: nothing is here */
	struct strbuf text;
};

struct proxy_recorder_site {
	struct event_base *base;
	const struct proxy_recorder_job *job;
	struct proxy_watch *watch;
	struct record_store *store;
	const char *store_trouble; /* NULL: none */
	struct shown shown;
	struct record_site pages;
	struct record_http *http[PROXY_LISTENERS_MAX];
	size_t http_count;
	LIST_HEAD(, waiting) waiting;
	struct proxy_process_eyes eyes;
};

/* --- waiting for next hops --- */

static void
on_known(void *ctx)
{
	struct waiting *w = ctx;

	LIST_REMOVE(w, entry);
	/* Off the list first: nothing that the answer sets off may find it
	 * there. */
	w->print(w);
	free(w);
}

/* No page blocks: the recorder takes records meanwhile, and a next hop that is
 * away answers after seconds. */
static void
wait_for_hops(struct proxy_recorder_site *site, struct record_request *request,
    unsigned max_age_s, void (*print)(struct waiting *))
{
	struct waiting *w = xcalloc(1, sizeof(*w));

	w->site = site;
	w->request = request;
	w->print = print;
	LIST_INSERT_HEAD(&site->waiting, w, entry);
	proxy_watch_ask(site->watch, max_age_s, on_known, w);
}

/* --- figures --- */

/* Lost records are counted by the recorder, but belong to the front that made
 * them. */
static void
gather_front(const struct proxy_recorder_site *site, size_t number,
    struct proxy_metrics_front *to)
{
	const struct proxy_front *front = &site->job->config->fronts[number];
	const struct proxy_shared *shared = site->job->shared;

	to->name = front->enabled ? front->name : NULL;
	to->filter = front->filter;
	to->relay_up = proxy_watch_hop_is_up(site->watch, front->name);
	/* Counters of processes that have died count too, or a figure would go
	 * down, which a scraper takes for a restart. */
	for (int i = 0; i < PROXY_SHARED_SLOTS; i++) {
		const union proxy_shared_slot *slot = &shared->slots[i];
		const struct proxy_shared_seat *seat = &shared->seats[i];

		if (atomic_load(&seat->role) != (uint32_t)proxy_role_of(number))
			continue;
		for (unsigned c = 0; c < PROXY_COUNTERS; c++)
			to->n[c] += proxy_counter_get(
			    &slot->counters, (enum proxy_counter)c);
		to->spool += atomic_load(&slot->spool);
		to->workers += atomic_load(&seat->pid) > 0;
	}
	to->n[PROXY_COUNT_RECORDS_LOST] += proxy_shared_sum(
	    shared, PROXY_ROLE_RECORDER, proxy_count_lost(number));
}

/* Each place that a signer has, or had: its counters go on. */
static void
gather_signers(const struct proxy_shared *shared, struct proxy_metrics *m)
{
	for (int i = 0; i < PROXY_SHARED_SLOTS; i++) {
		const union proxy_shared_slot *slot = &shared->slots[i];
		const struct proxy_shared_seat *seat = &shared->seats[i];
		struct proxy_metrics_signer *to = &m->signers[m->signer_count];
		bool there = atomic_load(&seat->pid) > 0;

		if (atomic_load(&seat->role) != PROXY_ROLE_SIGNER)
			continue;
		m->signer_count++;
		to->keys = !there
		    ? 0
		    : proxy_counter_get(&slot->counters, PROXY_COUNT_KEYS);
		to->key_age = !there
		    ? 0
		    : proxy_counter_get(&slot->counters, PROXY_COUNT_KEY_AGE);
		for (size_t k = 0; k < PROXY_FRONTS; k++)
			for (size_t a = 0; a < PROXY_SIGN_ANSWERS; a++)
				to->answers[k][a] =
				    proxy_counter_get(&slot->counters,
					proxy_count_of_answer(
					    k, (enum proxy_sign_answer_kind)a));
	}
}

/* As it says of itself; where it has not, as far as we may look. */
static void
add_process(struct proxy_metrics *m, const char *role, unsigned slot, pid_t pid,
    const struct proxy_counters *says)
{
	struct proxy_metrics_process *p = &m->processes[m->process_count];

	if (!proxy_process_counted(says, &p->is) &&
	    proxy_process_read(pid, &p->is) != 0)
		return;
	p->role = role;
	p->slot = slot;
	p->fds = proxy_counter_get(says, PROXY_COUNT_FDS);
	p->fds_max = proxy_counter_get(says, PROXY_COUNT_FDS_MAX);
	m->process_count++;
}

static void
gather_processes(
    const struct proxy_recorder_site *site, struct proxy_metrics *m)
{
	const struct proxy_shared *shared = site->job->shared;

	proxy_process_count(&site->eyes, site->job->counters);
	/* The recorder's parent: the master is its only one. */
	add_process(m, "master", 0, getppid(), &shared->master);
	for (unsigned i = 0; i < PROXY_SHARED_SLOTS; i++) {
		const union proxy_shared_slot *slot = &shared->slots[i];
		const struct proxy_shared_seat *seat = &shared->seats[i];
		int32_t pid = atomic_load(&seat->pid);

		if (pid > 0)
			add_process(m,
			    proxy_role_name(
				(enum proxy_role)atomic_load(&seat->role)),
			    i, pid, &slot->counters);
	}
}

/*
 * Reports are sent by another program, which says so in the database: what is
 * new there is counted. Rows of the running second may still come, and are left
 * for the next time.
 */
static int
look_at_reports(
    const struct proxy_recorder_site *site, struct record_reports *reports)
{
	const struct proxy_shared *shared = site->job->shared;
	int64_t now = clock_wall_s(), seen = atomic_load(&shared->started);

	for (int i = 0; i < PROXY_SHARED_SLOTS; i++) {
		const union proxy_shared_slot *slot = &shared->slots[i];
		const struct proxy_shared_seat *seat = &shared->seats[i];
		int64_t at = (int64_t)proxy_counter_get(
		    &slot->counters, PROXY_COUNT_REPORTS_SEEN);

		/* The latest mark of any recorder, one that has been replaced
		 * among them: what it has counted must not be counted again. */
		if (atomic_load(&seat->role) == PROXY_ROLE_RECORDER &&
		    at > seen)
			seen = at;
	}
	if (site->store == NULL ||
	    record_store_reports(
		site->store, now - now % DAY - DAY, seen, now, reports) != 0)
		return -1;
	proxy_count_add(
	    site->job->counters, PROXY_COUNT_REPORTS, (uint64_t)reports->sent);
	proxy_count_set(
	    site->job->counters, PROXY_COUNT_REPORTS_SEEN, (uint64_t)now);
	return 0;
}

static void
gather(const struct proxy_recorder_site *site, struct proxy_metrics *m)
{
	const struct proxy_config *config = site->job->config;
	const struct proxy_shared *shared = site->job->shared;
	struct record_reports reports;

	*m = (struct proxy_metrics){
	    .version = PROXY_VERSION,
	    .restarts = atomic_load(&shared->restarts),
	    .generation = atomic_load(&shared->generation),
	    .started = atomic_load(&shared->started),
	    .reload_refused = atomic_load(&shared->reload.refused) != 0,
	    .reload_done = atomic_load(&shared->reload.done),
	    .database = config->results.database != NULL,
	    .database_up = site->store != NULL && site->store_trouble == NULL,
	    .database_bytes =
		site->store == NULL ? -1 : record_store_size(site->store),
	    .reflector = config->reflector.address != NULL,
	};
	m->reports_last =
	    look_at_reports(site, &reports) == 0 ? reports.last_sent : -1;
	/* After the look above, which may add to them. */
	m->reports =
	    proxy_shared_sum(shared, PROXY_ROLE_RECORDER, PROXY_COUNT_REPORTS);
	m->keys_published = atomic_load(&shared->keys_published);
	m->keys_lost = atomic_load(&shared->keys_lost);
	m->keys_staged = atomic_load(&shared->keys_staged);
	for (size_t i = 0; i < PROXY_FRONTS; i++)
		gather_front(site, i, &m->fronts[i]);
	for (unsigned i = 0; i < PROXY_ANSWERS; i++)
		m->answers[i] = proxy_shared_sum(shared, PROXY_ROLE_RECORDER,
		    (enum proxy_counter)(PROXY_COUNT_ANSWERS + i));
	gather_signers(shared, m);
	gather_processes(site, m);
}

/* On the heap: it is larger than what a stack should hold. */
static void
print_metrics(struct waiting *w)
{
	struct proxy_metrics *m = xcalloc(1, sizeof(*m));
	struct strbuf page;

	gather(w->site, m);
	strbuf_init(&page, RECORD_HTTP_PAGE_MAX);
	(void)proxy_metrics_print(m, &page);
	record_http_answer(w->request, 200, &page);
	strbuf_clear(&page);
	free(m);
}

/* A scraper comes every few seconds, so an answer that is some seconds old
 * does. */
static void
on_metrics(void *ctx, struct record_request *request)
{
	wait_for_hops(ctx, request, RELAY_AGE_S, print_metrics);
}

/* --- how is it going --- */

/* Whoever asks for reports of yesterday should have them by the morning. */
static void
add_reports(const struct proxy_recorder_site *site, struct proxy_state *state)
{
	struct record_reports reports;

	if (look_at_reports(site, &reports) != 0 ||
	    site->job->config->reflector.relay.length == 0)
		return; /* there is nowhere to send them */
	if (reports.deferred > 0)
		proxy_state_add(state, PROXY_STATE_WARN, "reports",
		    "%lld of yesterday's %lld wait for the next hop: signpost "
		    "dmarc-report --list says why",
		    (long long)reports.deferred, (long long)reports.tried);
	else if (reports.wanted && reports.tried == 0 &&
	    clock_wall_s() % DAY >= REPORTS_BY_S)
		proxy_state_add(state, PROXY_STATE_WARN, "reports",
		    "none of yesterday was sent, though domains ask for them: "
		    "signpost dmarc-report --send");
	else if (reports.taken == reports.tried)
		proxy_state_add(state, PROXY_STATE_OK, "reports",
		    "%lld of yesterday were sent", (long long)reports.taken);
	else
		proxy_state_add(state, PROXY_STATE_OK, "reports",
		    "%lld of yesterday's %lld were sent, the others are "
		    "refused or not wanted",
		    (long long)reports.taken, (long long)reports.tried);
}

static struct proxy_state *
state_of(const struct proxy_recorder_site *site)
{
	struct proxy_state *state = xcalloc(1, sizeof(*state));

	proxy_watch_state(site->watch, state);
	if (site->job->config->results.database != NULL) {
		int64_t bytes =
		    site->store == NULL ? -1 : record_store_size(site->store);

		if (site->store_trouble != NULL)
			proxy_state_add(state, PROXY_STATE_WARN,
			    "results database", "records are lost: %.400s",
			    site->store_trouble);
		else if (bytes < 0)
			proxy_state_add(state, PROXY_STATE_WARN,
			    "results database", "%.200s cannot be used",
			    site->job->config->results.database);
		else
			proxy_state_add(state, PROXY_STATE_OK,
			    "results database", "%.200s, %lld kB",
			    site->job->config->results.database,
			    (long long)bytes / 1024);
	}
	if (site->store != NULL &&
	    site->job->config->reflector.address != NULL) {
		int64_t waiting = record_store_answers_waiting(site->store);

		if (waiting > 0)
			proxy_state_add(state, PROXY_STATE_WARN, "reflector",
			    "answers that wait, for the next hop does not take "
			    "them: %lld",
			    (long long)waiting);
		else if (waiting == 0)
			proxy_state_add(state, PROXY_STATE_OK, "reflector",
			    "no answer waits");
	}
	add_reports(site, state);
	return state;
}

static void
print_health(struct waiting *w)
{
	struct proxy_state *state = state_of(w->site);
	struct strbuf page;
	struct slice value;
	bool verbose = record_http_query_find(
	    record_http_query(w->request), SLICE("verbose"), &value);

	strbuf_init(&page, TEXT_MAX);
	proxy_state_print(state, verbose, &page);
	/* 503 only where mail does not flow: a balancer takes a host out for
	 * it, and a warning is no reason for that. */
	record_http_answer(w->request,
	    proxy_state_worst(state) == PROXY_STATE_FAIL ? 503 : 200, &page);
	strbuf_clear(&page);
	free(state);
}

static void
on_health(void *ctx, struct record_request *request)
{
	wait_for_hops(ctx, request, 0, print_health);
}

/* --- the status page --- */

/* The domain itself or any above it, label by label: mail of a host below a
 * domain of ours is ours. */
static bool
is_own_domain(void *ctx, struct slice domain)
{
	const struct proxy_recorder_site *site = ctx;
	const struct proxy_index *set = site->job->config->signing.domain_set;

	while (domain.n > 0) {
		if (set != NULL &&
		    proxy_index_find(set, domain) != PROXY_INDEX_NONE)
			return true;
		domain = slice_after(domain, slice_find(domain, '.') + 1);
	}
	return false;
}

/* What is wrong, the worst first. */
static size_t
fill_causes(const struct proxy_state *state,
    struct record_page_cause to[PROXY_STATE_LINES_MAX])
{
	size_t n = 0;

	for (int level = PROXY_STATE_FAIL; level > PROXY_STATE_OK; level--)
		for (size_t i = 0; i < state->count; i++)
			if ((int)state->lines[i].level == level)
				to[n++] = (struct record_page_cause){
				    .stops = level == PROXY_STATE_FAIL,
				    .part = state->lines[i].part,
				    .text = state->lines[i].text,
				};
	return n;
}

static size_t
fill_own(const struct proxy_config *config, struct slice to[OWN_MOST])
{
	size_t n = 0;

	for (; n < OWN_MOST && n < config->signing.domains.count; n++)
		to[n] = slice_str(config->signing.domains.list[n]);
	return n;
}

/* Many who look at much cost no more than a tenth of our time. */
static struct slice
results_of(struct proxy_recorder_site *site, const struct record_page *page)
{
	struct shown *s = &site->shown;
	int64_t now = clock_ms();

	if (s->took >= PAGE_LONG_MS && now - s->at < s->took * PAGE_AGAIN &&
	    s->wish.hours == page->wish.hours &&
	    s->wish.by_failures == page->wish.by_failures &&
	    s->wish.all == page->wish.all)
		return strbuf_slice(&s->text);
	strbuf_clear(&s->text);
	strbuf_init(&s->text, RECORD_HTTP_PAGE_MAX);
	if (page->store != NULL)
		/* The page may ask for a long time of many records. Such a
		 * statement is broken off, since records wait meanwhile. */
		record_store_bound(page->store, PAGE_STATEMENT_MS);
	(void)record_page_results(page, &s->text);
	if (page->store != NULL)
		record_store_bound(page->store, RECORD_QUERY_MS);
	s->wish = page->wish;
	s->at = clock_ms();
	s->took = s->at - now;
	return strbuf_slice(&s->text);
}

static void
print_page(struct waiting *w)
{
	static const enum record_page_state states[] = {
	    [PROXY_STATE_OK] = RECORD_PAGE_WELL,
	    [PROXY_STATE_WARN] = RECORD_PAGE_ATTENTION,
	    [PROXY_STATE_FAIL] = RECORD_PAGE_TROUBLE,
	};
	const struct proxy_recorder_site *site = w->site;
	const struct proxy_config *config = site->job->config;
	struct proxy_state *state = state_of(site);
	struct record_page_cause causes[PROXY_STATE_LINES_MAX];
	struct slice own[OWN_MOST];
	struct record_page page = {
	    .store = site->store,
	    .wanted = config->results.database != NULL,
	    .now = clock_wall_s(),
	    .started = atomic_load(&site->job->shared->started),
	    .version = PROXY_VERSION,
	    .host = config->hostname,
	    .out = proxy_fronts_have(config, PROXY_FILTER_SIGN),
	    .in = proxy_fronts_have(config, PROXY_FILTER_VERIFY),
	    .state = states[proxy_state_worst(state)],
	    .causes = causes,
	    .cause_count = fill_causes(state, causes),
	    .own = own,
	    .own_count = fill_own(config, own),
	    .is_own = is_own_domain,
	    .ctx = w->site,
	    .wish = record_page_wish(record_http_query(w->request)),
	};
	struct strbuf html;

	strbuf_init(&html, RECORD_HTTP_PAGE_MAX);
	(void)record_page_print(&page, results_of(w->site, &page), &html);
	record_http_answer(w->request, 200, &html);
	strbuf_clear(&html);
	free(state);
}

static void
on_page(void *ctx, struct record_request *request)
{
	wait_for_hops(ctx, request, 0, print_page);
}

/* --- serving --- */

static const struct record_route routes[] = {
    {"/", "text/html; charset=utf-8", on_page},
    {"/health", "text/plain; charset=utf-8", on_health},
    {"/metrics", "text/plain; version=0.0.4; charset=utf-8", on_metrics},
    {NULL, NULL, NULL},
};

/* Who can open a Unix socket was let in by the permissions of its file. */
static bool
is_reader_allowed(void *ctx, const struct sockaddr *peer)
{
	const struct proxy_recorder_site *site = ctx;

	return peer->sa_family == AF_UNIX ||
	    proxy_networks_contain(&site->job->config->metrics.allow, peer);
}

/* The Host field of the request must be a name of ours. Otherwise a page in
 * somebody's browser could have its own name point here and read ours (DNS
 * rebinding). */
static bool
is_domain_named(void *ctx, struct slice name)
{
	const struct proxy_recorder_site *site = ctx;
	const struct proxy_strings *hosts = &site->job->config->metrics.hosts;

	if (slice_equal_nocase(name, slice_str(site->job->config->hostname)))
		return true;
	for (size_t i = 0; i < hosts->count; i++)
		if (slice_equal_nocase(name, slice_str(hosts->list[i])))
			return true;
	return false;
}

static void
on_trouble(void *ctx, const char *why)
{
	const struct proxy_recorder_site *site = ctx;

	log_printf(site->job->log, LOGGING_WARNING,
	    "[metrics] cannot accept: %s", why);
}

struct proxy_recorder_site *
proxy_recorder_site_new(
    struct event_base *base, const struct proxy_recorder_job *job)
{
	size_t count = job->config->metrics.listen.count;
	struct proxy_recorder_site *site;

	if (count == 0)
		return NULL;
	site = xcalloc(1, sizeof(*site));
	site->base = base;
	site->job = job;
	site->pages = (struct record_site){
	    routes, is_reader_allowed, is_domain_named, on_trouble, site};
	proxy_process_eyes_open(&site->eyes);
	site->watch =
	    proxy_watch_new(base, job->config, job->conf_page, job->shared);
	LIST_INIT(&site->waiting);
	for (size_t i = 0; i < count; i++) {
		struct record_http *http =
		    record_http_new(base, job->listeners[i], &site->pages);

		if (http == NULL)
			log_printf(job->log, LOGGING_ERROR,
			    "[metrics] listen: cannot serve");
		else
			site->http[site->http_count++] = http;
	}
	return site;
}

void
proxy_recorder_site_set_store(
    struct proxy_recorder_site *site, struct record_store *store)
{
	if (site == NULL)
		return;
	site->store = store;
	/* What was shown was of another database. */
	site->shown.took = 0;
}

void
proxy_recorder_site_set_trouble(
    struct proxy_recorder_site *site, const char *trouble)
{
	if (site != NULL)
		site->store_trouble = trouble;
}

void
proxy_recorder_site_stop(struct proxy_recorder_site *site)
{
	for (size_t i = 0; site != NULL && i < site->http_count; i++)
		record_http_stop(site->http[i]);
}

bool
proxy_recorder_site_is_busy(const struct proxy_recorder_site *site, bool askers)
{
	for (size_t i = 0; site != NULL && i < site->http_count; i++)
		if (record_http_is_busy(site->http[i], askers))
			return true;
	return false;
}

void
proxy_recorder_site_free(struct proxy_recorder_site *site)
{
	struct waiting *w;

	if (site == NULL)
		return;
	while ((w = LIST_FIRST(&site->waiting)) != NULL) {
		LIST_REMOVE(w, entry);
		/* Whom these would answer goes with the servers below. */
		free(w);
	}
	for (size_t i = 0; i < site->http_count; i++)
		record_http_free(site->http[i]);
	proxy_watch_free(site->watch);
	proxy_process_eyes_close(&site->eyes);
	strbuf_clear(&site->shown.text);
	free(site);
}
