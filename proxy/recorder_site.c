/* What [metrics] shows; see recorder_site.h. */
#include <stdlib.h>
#include <sys/queue.h>
#include <time.h>

#include "base/xalloc.h"
#include "proxy/health.h"
#include "proxy/metrics.h"
#include "proxy/recorder_site.h"
#include "record/http.h"
#include "record/page.h"

enum { TROUBLE_MAX = 4096, FIGURES = 8 };

/* A page that waits for the next hops' greetings. */
struct waiting {
	LIST_ENTRY(waiting) entry;
	struct proxy_recorder_site *site;
	struct record_request *request;
	struct proxy_health *health;
	void (*print)(struct waiting *, const char *trouble);
};

struct proxy_recorder_site {
	struct event_base *base;
	const struct proxy_recorder_job *job;
	struct record_store *store;
	const char *store_trouble; /* NULL: none */
	struct record_site pages;
	struct record_http *http[PROXY_LISTENERS_MAX];
	size_t http_count;
	LIST_HEAD(, waiting) waiting;
};

/* --- figures --- */

static void
sum_side(const struct proxy_shared *shared, enum proxy_role role,
    struct proxy_metrics_side *side)
{
	for (int i = 0; i < PROXY_SHARED_SLOTS; i++) {
		const struct proxy_shared_slot *slot = &shared->slots[i];

		if (atomic_load(&slot->role) != (uint32_t)role)
			continue;
		for (unsigned c = 0; c < PROXY_COUNTERS; c++)
			if (c != PROXY_COUNT_KEY_AGE)
				side->n[c] += proxy_counter_get(
				    &slot->counters, (enum proxy_counter)c);
			else if (proxy_counter_get(&slot->counters,
				     (enum proxy_counter)c) > side->n[c])
				side->n[c] = proxy_counter_get(
				    &slot->counters, (enum proxy_counter)c);
		side->spool += atomic_load(&shared->spool[i]);
		side->workers += atomic_load(&slot->pid) > 0;
	}
}

static void
gather(const struct proxy_recorder_site *site, struct proxy_metrics *m)
{
	const struct proxy_config *config = site->job->config;
	const struct proxy_shared *shared = site->job->shared;

	*m = (struct proxy_metrics){
	    .version = PROXY_VERSION,
	    .restarts = atomic_load(&shared->restarts),
	    .generation = atomic_load(&shared->generation),
	    .started = atomic_load(&shared->started),
	};
	m->sides[0].name = config->out.enabled ? "out" : NULL;
	m->sides[1].name = config->in.enabled ? "in" : NULL;
	sum_side(shared, PROXY_ROLE_OUT, &m->sides[0]);
	sum_side(shared, PROXY_ROLE_IN, &m->sides[1]);
	m->sides[0].n[PROXY_COUNT_RECORDS_LOST] +=
	    proxy_shared_sum(shared, PROXY_ROLE_RECORDER, PROXY_COUNT_LOST_OUT);
	m->sides[1].n[PROXY_COUNT_RECORDS_LOST] +=
	    proxy_shared_sum(shared, PROXY_ROLE_RECORDER, PROXY_COUNT_LOST_IN);
}

static void
on_metrics(void *ctx, struct record_request *request)
{
	struct proxy_metrics *m = xcalloc(1, sizeof(*m));
	struct strbuf page;

	gather(ctx, m);
	strbuf_init(&page, RECORD_HTTP_PAGE_MAX);
	(void)proxy_metrics_print(m, &page);
	record_http_answer(request, 200, &page);
	strbuf_clear(&page);
	free(m);
}

/* --- health --- */

static size_t
workers_wanted(const struct proxy_recorder_site *site, bool enabled)
{
	return enabled ? atomic_load(&site->job->shared->workers) : 0;
}

static size_t
workers_there(const struct proxy_shared *shared, enum proxy_role role)
{
	size_t n = 0;

	for (int i = 0; i < PROXY_SHARED_SLOTS; i++)
		n += atomic_load(&shared->slots[i].role) == (uint32_t)role &&
		    atomic_load(&shared->slots[i].pid) > 0 &&
		    atomic_load(&shared->slots[i].drains) == 0;
	return n;
}

static void
check_workers(const struct proxy_recorder_site *site,
    const struct proxy_front *front, enum proxy_role role,
    struct strbuf *trouble)
{
	size_t wanted = workers_wanted(site, front->enabled);
	size_t there = workers_there(site->job->shared, role);

	if (there < wanted)
		(void)strbuf_addf(trouble, "%s: %zu of %zu workers serve\n",
		    front->name, there, wanted);
}

static void
on_health_known(void *ctx, const char *next_hops)
{
	struct waiting *w = ctx;
	struct proxy_recorder_site *site = w->site;
	const struct proxy_config *config = site->job->config;
	struct strbuf trouble;

	w->health = NULL;
	strbuf_init(&trouble, TROUBLE_MAX);
	(void)strbuf_add_str(&trouble, next_hops);
	check_workers(site, &config->out, PROXY_ROLE_OUT, &trouble);
	check_workers(site, &config->in, PROXY_ROLE_IN, &trouble);
	w->print(w, strbuf_text(&trouble));
	strbuf_clear(&trouble);
	LIST_REMOVE(w, entry);
	free(w);
}

static void
wait_for_health(struct proxy_recorder_site *site,
    struct record_request *request,
    void (*print)(struct waiting *, const char *trouble))
{
	struct waiting *w = xcalloc(1, sizeof(*w));

	w->site = site;
	w->request = request;
	w->print = print;
	LIST_INSERT_HEAD(&site->waiting, w, entry);
	w->health =
	    proxy_health_ask(site->base, site->job->config, on_health_known, w);
}

static void
print_health(struct waiting *w, const char *trouble)
{
	struct strbuf page;

	strbuf_init(&page, 2 * TROUBLE_MAX);
	(void)strbuf_add_str(&page, trouble[0] == '\0' ? "ok\n" : trouble);
	/* Mail goes on without it: whoever takes hosts out by this page must
	 * not take out this one. */
	if (w->site->store_trouble != NULL)
		(void)strbuf_addf(
		    &page, "results database: %s\n", w->site->store_trouble);
	record_http_answer(w->request, trouble[0] == '\0' ? 200 : 503, &page);
	strbuf_clear(&page);
}

static void
on_health(void *ctx, struct record_request *request)
{
	wait_for_health(ctx, request, print_health);
}

/* --- the status page --- */

static size_t
fill_figures(const struct proxy_metrics *m, struct record_figure *to)
{
	const struct proxy_metrics_side *out = &m->sides[0], *in = &m->sides[1];
	size_t n = 0;

	if (out->name != NULL) {
		to[n++] = (struct record_figure){
		    "Sent, outbound", out->n[PROXY_COUNT_SENT], "since start"};
		to[n++] = (struct record_figure){
		    "Signatures", out->n[PROXY_COUNT_SIGNATURES], NULL};
		to[n++] = (struct record_figure){
		    "Unsigned", out->n[PROXY_COUNT_UNSIGNED], NULL};
	}
	if (in->name != NULL) {
		to[n++] = (struct record_figure){
		    "Sent, inbound", in->n[PROXY_COUNT_SENT], "since start"};
		to[n++] = (struct record_figure){
		    "Refused", in->n[PROXY_COUNT_REJECTED], NULL};
	}
	to[n++] = (struct record_figure){"Sessions",
	    out->n[PROXY_COUNT_SESSIONS_OPEN] +
		in->n[PROXY_COUNT_SESSIONS_OPEN],
	    "open now"};
	to[n++] =
	    (struct record_figure){"Workers", out->workers + in->workers, NULL};
	if (out->n[PROXY_COUNT_RECORDS_LOST] + in->n[PROXY_COUNT_RECORDS_LOST] >
	    0)
		to[n++] = (struct record_figure){"Records lost",
		    out->n[PROXY_COUNT_RECORDS_LOST] +
			in->n[PROXY_COUNT_RECORDS_LOST],
		    "since start"};
	return n;
}

static void
print_page(struct waiting *w, const char *trouble)
{
	struct proxy_metrics *m = xcalloc(1, sizeof(*m));
	struct record_figure figures[FIGURES];
	struct record_page page = {
	    .store = w->site->store,
	    .store_trouble = w->site->store_trouble,
	    .now = (int64_t)time(NULL),
	    .version = PROXY_VERSION,
	    .host = w->site->job->config->hostname,
	    .trouble = trouble[0] == '\0' ? NULL : trouble,
	    .figures = figures,
	};
	struct strbuf html;

	gather(w->site, m);
	page.figure_count = fill_figures(m, figures);
	strbuf_init(&html, RECORD_HTTP_PAGE_MAX);
	(void)record_page_print(&page, &html);
	record_http_answer(w->request, 200, &html);
	strbuf_clear(&html);
	free(m);
}

static void
on_page(void *ctx, struct record_request *request)
{
	wait_for_health(ctx, request, print_page);
}

/* --- serving --- */

static const struct record_route routes[] = {
    {"/", "text/html; charset=utf-8", on_page},
    {"/health", "text/plain; charset=utf-8", on_health},
    {"/metrics", "text/plain; version=0.0.4; charset=utf-8", on_metrics},
    {NULL, NULL, NULL},
};

static bool
is_allowed(void *ctx, const struct sockaddr *peer)
{
	const struct proxy_recorder_site *site = ctx;

	return peer->sa_family == AF_UNIX ||
	    proxy_networks_contain(&site->job->config->metrics.allow, peer);
}

static bool
is_named(void *ctx, struct slice name)
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
	    routes, is_allowed, is_named, on_trouble, site};
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
	if (site != NULL)
		site->store = store;
}

void
proxy_recorder_site_set_trouble(
    struct proxy_recorder_site *site, const char *trouble)
{
	if (site != NULL)
		site->store_trouble = trouble;
}

void
proxy_recorder_site_free(struct proxy_recorder_site *site)
{
	struct waiting *w;

	if (site == NULL)
		return;
	while ((w = LIST_FIRST(&site->waiting)) != NULL) {
		proxy_health_cancel(w->health);
		LIST_REMOVE(w, entry);
		free(w);
	}
	for (size_t i = 0; i < site->http_count; i++)
		record_http_free(site->http[i]);
	free(site);
}
