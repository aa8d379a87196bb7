/* What the recorder finds out by itself; see watch.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "dns/probe.h"
#include "proxy/figures/health.h"
#include "proxy/message/resolving.h"
#include "proxy/process/watch.h"

enum { TICK_S = 5, NAMESERVERS_EVERY_S = 15, PATH_ROOM = 4096 };

struct asker {
	STAILQ_ENTRY(asker) entry;
	proxy_watch_fn *fn;
	void *ctx;
};

STAILQ_HEAD(askers, asker);

struct proxy_watch {
	struct event_base *base;
	const struct proxy_config *config;
	struct proxy_shared *shared;
	struct event *tick, *known;
	struct askers askers;
	struct proxy_health *asking; /* NULL: nobody is */
	struct proxy_health_hop hops[PROXY_HEALTH_HOPS];
	size_t hop_count;
	int64_t hops_at; /* s, monotonic; of the last answer */

	struct dns_servers *servers; /* NULL: [in] is not there */
	struct dns_probe *probe;
	int64_t probed; /* s, monotonic */
	struct dns_probe_result answers[DNS_SERVERS_MAX];
	size_t answer_count;
	/* Since when one does not answer, s since 1970; of that address. */
	int64_t silent_since[DNS_SERVERS_MAX];

	char program[PATH_ROOM]; /* "" where that cannot be known */
};

/* --- next hops --- */

static void
tell_all(struct proxy_watch *w)
{
	struct askers askers = STAILQ_HEAD_INITIALIZER(askers);
	struct asker *a;

	/* Who asks from now on waits for the next answer. */
	STAILQ_CONCAT(&askers, &w->askers);
	while ((a = STAILQ_FIRST(&askers)) != NULL) {
		STAILQ_REMOVE_HEAD(&askers, entry);
		a->fn(a->ctx);
		free(a);
	}
}

static void
on_hops(void *ctx, const struct proxy_health_hop *hops, size_t count)
{
	struct proxy_watch *w = ctx;

	w->asking = NULL;
	memcpy(w->hops, hops, count * sizeof(hops[0]));
	w->hop_count = count;
	w->hops_at = clock_s();
	tell_all(w);
}

static void
on_known(evutil_socket_t fd, short what, void *ctx)
{
	struct proxy_watch *w = ctx;

	(void)fd;
	(void)what;
	if (w->asking == NULL)
		tell_all(w);
}

void
proxy_watch_ask(
    struct proxy_watch *w, unsigned max_age_s, proxy_watch_fn *fn, void *ctx)
{
	struct asker *a = xcalloc(1, sizeof(*a));

	a->fn = fn;
	a->ctx = ctx;
	STAILQ_INSERT_TAIL(&w->askers, a, entry);
	if (w->asking != NULL)
		return;
	if (w->hops_at > 0 && max_age_s > 0 &&
	    clock_s() - w->hops_at <= (int64_t)max_age_s)
		event_active(w->known, EV_TIMEOUT, 0);
	else
		w->asking = proxy_health_ask(w->base, w->config, on_hops, w);
}

int
proxy_watch_hop_is_up(const struct proxy_watch *w, const char *front)
{
	for (size_t i = 0; i < w->hop_count; i++)
		if (strcmp(w->hops[i].front, front) == 0)
			return w->hops[i].up;
	return -1;
}

/* --- name servers --- */

/* When that one fell silent: what is known of it stays. */
static int64_t
since_of(const struct proxy_watch *w, const char *server)
{
	for (size_t i = 0; i < w->answer_count; i++)
		if (strcmp(w->answers[i].server, server) == 0 &&
		    w->silent_since[i] != 0)
			return w->silent_since[i];
	return clock_wall_s();
}

static void
on_nameservers(void *ctx, const struct dns_probe_result *results, size_t count)
{
	struct proxy_watch *w = ctx;
	int64_t since[DNS_SERVERS_MAX];

	w->probe = NULL;
	for (size_t i = 0; i < count; i++)
		since[i] =
		    results[i].error == 0 ? 0 : since_of(w, results[i].server);
	memcpy(w->answers, results, count * sizeof(results[0]));
	memcpy(w->silent_since, since, count * sizeof(since[0]));
	w->answer_count = count;
}

/* --- the program --- */

/* --- all of it --- */

void
proxy_watch_state(const struct proxy_watch *w, struct proxy_state *state)
{
	struct stat runs, installed;

	state->deaf = w->answer_count > 0;
	for (size_t i = 0; i < w->answer_count; i++)
		if (w->answers[i].error == 0)
			state->deaf = false;
	for (size_t i = 0; i < w->hop_count; i++)
		proxy_state_add(state,
		    w->hops[i].up ? PROXY_STATE_OK : PROXY_STATE_FAIL,
		    w->hops[i].front, "next hop %s", w->hops[i].text);
	proxy_state_add_workers(state, w->config, w->shared);
	proxy_state_add_mail(state, w->config, w->shared, clock_s());
	proxy_state_add_reload(state, w->shared);
	proxy_state_add_keys(state, w->shared);
	for (size_t i = 0; i < w->answer_count; i++) {
		time_t since = (time_t)w->silent_since[i];
		char at[32] = "";
		struct tm utc;

		if (w->answers[i].error == 0) {
			proxy_state_add(state, PROXY_STATE_OK, "name server",
			    "%s answers", w->answers[i].server);
			continue;
		}
		if (gmtime_r(&since, &utc) != NULL)
			(void)strftime(
			    at, sizeof(at), "%Y-%m-%d %H:%M:%S", &utc);
		proxy_state_add(state, PROXY_STATE_WARN, "name server",
		    "%s: %s, since %s UTC", w->answers[i].server,
		    proxy_resolving_reason(w->answers[i].error), at);
	}
	if (w->program[0] == '\0' || stat("/proc/self/exe", &runs) != 0)
		return;
	if (stat(w->program, &installed) != 0)
		proxy_state_add(state, PROXY_STATE_WARN, "program",
		    "%.200s: %s; what runs was there when it began", w->program,
		    strerror(errno));
	else if (runs.st_dev != installed.st_dev ||
	    runs.st_ino != installed.st_ino)
		proxy_state_add(state, PROXY_STATE_WARN, "program",
		    "%.200s is another one than what runs: restart to run it",
		    w->program);
	else
		proxy_state_add(state, PROXY_STATE_OK, "program",
		    "%.200s is what runs", w->program);
}

static void
on_tick(evutil_socket_t fd, short what, void *ctx)
{
	struct proxy_watch *w = ctx;
	const struct proxy_history_sums sums = proxy_state_sums(w->shared);
	int64_t now;

	(void)fd;
	(void)what;
	proxy_history_add(&w->shared->history, clock_s(), &sums);
	now = clock_s();
	if (w->servers == NULL || w->probe != NULL ||
	    (w->probed != 0 && now - w->probed < NAMESERVERS_EVERY_S))
		return;
	w->probed = now;
	dns_servers_refresh(w->servers, clock_ms());
	w->probe = dns_probe_new(w->base, w->servers, on_nameservers, w);
}

struct proxy_watch *
proxy_watch_new(struct event_base *base, const struct proxy_config *config,
    const struct dns_conf_page *page, struct proxy_shared *shared)
{
	const struct timeval tick = {TICK_S, 0};
	struct proxy_watch *w = xcalloc(1, sizeof(*w));
	static const char deleted[] = " (deleted)";
	ssize_t n;
	size_t tail;

	w->base = base;
	w->config = config;
	w->shared = shared;
	STAILQ_INIT(&w->askers);
	w->tick = event_new(base, -1, EV_PERSIST, on_tick, w);
	w->known = event_new(base, -1, 0, on_known, w);
	if (w->tick == NULL || w->known == NULL)
		abort(); /* no memory */
	(void)event_add(w->tick, &tick);
	if (proxy_fronts_have(config, PROXY_FILTER_VERIFY))
		w->servers = proxy_resolving_servers(&config->dns, page);
	/* Linux puts " (deleted)" behind the path of a file that has no name
	 * any more. */
	n = readlink("/proc/self/exe", w->program, sizeof(w->program) - 1);
	tail = sizeof(deleted) - 1;
	if (n <= 0) {
		w->program[0] = '\0';
	} else {
		w->program[n] = '\0';
		if ((size_t)n > tail &&
		    strcmp(w->program + (size_t)n - tail, deleted) == 0)
			w->program[(size_t)n - tail] = '\0';
	}
	event_active(w->tick, EV_TIMEOUT, 0);
	return w;
}

void
proxy_watch_free(struct proxy_watch *w)
{
	struct asker *a;

	if (w == NULL)
		return;
	proxy_health_cancel(w->asking);
	dns_probe_cancel(w->probe);
	dns_servers_free(w->servers);
	event_free(w->tick);
	event_free(w->known);
	while ((a = STAILQ_FIRST(&w->askers)) != NULL) {
		STAILQ_REMOVE_HEAD(&w->askers, entry);
		free(a);
	}
	free(w);
}
