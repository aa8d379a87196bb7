/*
 * Does each name server answer now; see probe.h. All are asked at once, for an
 * operator who waits, and it does not matter what they answer: a server that
 * says SERVFAIL is there, and so is one that refuses.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "dns/attempt.h"
#include "dns/probe.h"
#include "dns/resolver.h"

enum { TRIES = 2 };

struct asked {
	struct dns_probe *probe;
	struct dns_attempt *tries[TRIES];
	int error; /* why not, while nothing came */
	bool over;
};

struct dns_probe {
	struct event_base *base;
	struct event *timer;
	struct dns_server list[DNS_SERVERS_MAX];
	struct asked asked[DNS_SERVERS_MAX];
	size_t count, open;
	unsigned round;
	struct dns_packet_query query;
	struct dns_counts counts; /* nobody's */
	dns_probe_fn *fn;
	void *ctx;
};

static void
end_one(struct asked *a)
{
	if (a->over)
		return;
	a->over = true;
	a->probe->open--;
	/* On the loop's next turn: we may be in an attempt's callback. */
	if (a->probe->open == 0)
		event_active(a->probe->timer, EV_TIMEOUT, 0);
}

static void
on_attempt(void *ctx, struct dns_attempt *attempt, enum dns_packet_kind kind,
    struct dns_packet_answer *answer)
{
	struct asked *a = ctx;

	a->error = kind == DNS_PACKET_WRONG ? dns_attempt_error(attempt) : 0;
	if (kind == DNS_PACKET_ANSWER)
		dns_reply_drop(answer->reply);
	for (size_t i = 0; i < TRIES; i++)
		if (a->tries[i] == attempt)
			a->tries[i] = NULL;
	dns_attempt_free(attempt);
	end_one(a);
}

static void
ask_all(struct dns_probe *probe)
{
	struct timeval wait = {
	    DNS_PROBE_MS / TRIES / 1000, DNS_PROBE_MS / TRIES % 1000 * 1000};

	(void)evtimer_add(probe->timer, &wait);
	for (size_t i = 0; i < probe->count; i++) {
		struct asked *a = &probe->asked[i];
		struct dns_attempt_order order = {.server = &probe->list[i],
		    .query = &probe->query,
		    .counts = &probe->counts};
		struct dns_attempt **try = &a->tries[probe->round];

		if (a->over)
			continue;
		*try = dns_attempt_new(probe->base, &order, on_attempt, a);
		if (*try == NULL) {
			a->error = errno;
			end_one(a);
		}
	}
}

static void
on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct dns_probe *probe = ctx;
	struct dns_probe_result results[DNS_SERVERS_MAX];
	size_t count = probe->count;

	(void)fd;
	(void)what;
	if (probe->open > 0 && ++probe->round < TRIES) {
		ask_all(probe);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		dns_server_print(&probe->list[i], results[i].server);
		results[i].error = probe->asked[i].error;
	}
	probe->fn(probe->ctx, results, count);
	dns_probe_cancel(probe);
}

struct dns_probe *
dns_probe_new(struct event_base *base, const struct dns_servers *servers,
    dns_probe_fn *fn, void *ctx)
{
	struct dns_probe *probe = xcalloc(1, sizeof(*probe));

	probe->base = base;
	probe->timer = evtimer_new(base, on_timer, probe);
	if (probe->timer == NULL)
		abort();
	probe->fn = fn;
	probe->ctx = ctx;
	/* What any resolver knows without asking another (RFC 6761). */
	(void)dns_question_set(
	    &probe->query.question, DNS_A, SLICE("localhost"));
	probe->count = probe->open =
	    dns_servers_order(servers, clock_ms(), probe->list);
	for (size_t i = 0; i < probe->count; i++)
		probe->asked[i] =
		    (struct asked){.probe = probe, .error = ETIMEDOUT};
	ask_all(probe);
	return probe;
}

void
dns_probe_cancel(struct dns_probe *probe)
{
	if (probe == NULL)
		return;
	for (size_t i = 0; i < probe->count; i++)
		for (size_t k = 0; k < TRIES; k++)
			dns_attempt_free(probe->asked[i].tries[k]);
	event_free(probe->timer);
	free(probe);
}
