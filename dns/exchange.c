/*
 * The order of tries; see exchange.h. A try is begun at once where the last
 * one failed and a server is left that was not asked, otherwise when the
 * interval has passed; tries already under way go on beside it.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "dns/attempt.h"
#include "dns/exchange.h"
#include "dns/resolver.h"

enum {
	INTERVAL_MAX_MS = 1000,
	INTERVAL_MIN_MS = 50,
	/* Beyond two a server, for one server that loses packets. */
	TRIES_MORE = 3
};

struct
try {
	struct dns_attempt *attempt;
	size_t server; /* index into the exchange's list */
	bool tcp;
};

struct dns_exchange {
	struct event_base *base;
	struct event *timer;
	struct dns_servers *servers;
	struct dns_counts *counts;
	struct dns_packet_query query;
	struct dns_server list[DNS_SERVERS_MAX];
	bool cannot[DNS_SERVERS_MAX];  /* it said so: not asked again */
	bool no_edns[DNS_SERVERS_MAX]; /* it does not know of it */
	size_t list_n, begun;
	struct try tries[DNS_TRIES_OPEN_MAX]; /* the oldest first */
	size_t tries_n;
	int64_t deadline, interval;
	dns_exchange_fn *fn;
	void *ctx;
};

static void
close_try(struct dns_exchange *exchange, size_t index)
{
	dns_attempt_free(exchange->tries[index].attempt);
	exchange->tries_n--;
	for (size_t i = index; i < exchange->tries_n; i++)
		exchange->tries[i] = exchange->tries[i + 1];
}

/* The last thing done in a callback: the exchange may be gone after it. */
static void
finish_exchange(struct dns_exchange *exchange, enum dns_packet_kind kind,
    const struct dns_packet_answer *answer)
{
	while (exchange->tries_n > 0)
		close_try(exchange, 0);
	(void)evtimer_del(exchange->timer);
	exchange->fn(exchange->ctx, kind, answer);
}

static void
finish_in_vain(struct dns_exchange *exchange)
{
	struct dns_packet_answer none;

	memset(&none, 0, sizeof(none));
	finish_exchange(exchange, DNS_PACKET_FAILED, &none);
}

static void
set_exchange_timer(struct dns_exchange *exchange, int64_t ms)
{
	int64_t left = exchange->deadline - clock_ms();
	struct timeval wait;

	if (ms > left)
		ms = left;
	if (ms < 0)
		ms = 0;
	wait.tv_sec = (time_t)(ms / 1000);
	wait.tv_usec = (suseconds_t)(ms % 1000 * 1000);
	(void)evtimer_add(exchange->timer, &wait);
}

static void
note_error(struct dns_exchange *exchange, size_t server, int error)
{
	dns_servers_note(
	    exchange->servers, &exchange->list[server], error, clock_ms());
}

static dns_attempt_fn on_attempt;

/* One more try, for which an older one may have to give way. */
static bool
open_try(struct dns_exchange *exchange, size_t server, bool tcp)
{
	struct dns_attempt_order order = {.server = &exchange->list[server],
	    .query = &exchange->query,
	    .tcp = tcp,
	    .counts = exchange->counts};
	struct dns_attempt *attempt;

	exchange->query.edns = !exchange->no_edns[server];
	exchange->query.want_ad = exchange->list[server].trust_ad;
	attempt = dns_attempt_new(exchange->base, &order, on_attempt, exchange);
	if (attempt == NULL) {
		/* What is short here says nothing of a server. */
		if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS &&
		    errno != ENOMEM)
			note_error(exchange, server, errno);
		return false;
	}
	if (exchange->tries_n == DNS_TRIES_OPEN_MAX)
		close_try(exchange, exchange->tries[0].tcp ? 1 : 0);
	exchange->tries[exchange->tries_n++] =
	    (struct try){.attempt = attempt, .server = server, .tcp = tcp};
	return true;
}

/* Round by round through those that have not said that they cannot. */
static size_t
next_server(struct dns_exchange *exchange)
{
	while (exchange->begun < 2 * exchange->list_n + TRIES_MORE) {
		size_t server = exchange->begun++ % exchange->list_n;

		if (!exchange->cannot[server])
			return server;
	}
	return SIZE_MAX;
}

/* The next try, or those after it where no packet can be sent. False where
 * none is left. */
static bool
begin_next(struct dns_exchange *exchange)
{
	size_t server;

	while (exchange->list_n > 0 &&
	    (server = next_server(exchange)) != SIZE_MAX)
		if (open_try(exchange, server, false))
			return true;
		else if (exchange->begun >= exchange->list_n)
			return true; /* after the interval again */
	return false;
}

static bool
all_cannot(const struct dns_exchange *exchange)
{
	for (size_t i = 0; i < exchange->list_n; i++)
		if (!exchange->cannot[i])
			return false;
	return true;
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct dns_exchange *exchange = arg;

	(void)fd;
	(void)what;
	if (clock_ms() >= exchange->deadline || all_cannot(exchange)) {
		finish_in_vain(exchange);
		return;
	}
	if (exchange->tries_n > 0)
		note_error(exchange,
		    exchange->tries[exchange->tries_n - 1].server, ETIMEDOUT);
	/* Where each server has been asked twice and as many tries are open as
	 * may be, the oldest is worth more than a new one would be, for its
	 * answer is nearer. */
	if ((exchange->tries_n < DNS_TRIES_OPEN_MAX ||
		exchange->begun < 2 * exchange->list_n) &&
	    !begin_next(exchange) && exchange->tries_n == 0) {
		finish_in_vain(exchange);
		return;
	}
	set_exchange_timer(exchange, exchange->interval);
}

/* This try has come to nothing. */
static void
go_on_asking(struct dns_exchange *exchange)
{
	if (all_cannot(exchange)) {
		finish_in_vain(exchange);
		return;
	}
	/* One that has not been asked need not wait. */
	if (exchange->begun < exchange->list_n) {
		(void)begin_next(exchange);
		set_exchange_timer(exchange, exchange->interval);
	}
}

static void
again(struct dns_exchange *exchange, size_t server, bool tcp)
{
	if (open_try(exchange, server, tcp))
		set_exchange_timer(exchange, exchange->interval);
	else
		go_on_asking(exchange);
}

static void
on_attempt(void *ctx, struct dns_attempt *attempt, enum dns_packet_kind kind,
    struct dns_packet_answer *answer)
{
	struct dns_exchange *exchange = ctx;
	struct dns_packet_answer own = *answer;
	int error = kind == DNS_PACKET_WRONG ? dns_attempt_error(attempt) : 0;
	struct try try;
	size_t i = 0;
	struct try found;

	while (i < exchange->tries_n && exchange->tries[i].attempt != attempt)
		i++;
	assert(i < exchange->tries_n);
	found = exchange->tries[i];
	close_try(exchange, i);
	try = found;
	note_error(exchange, try.server, error);
	switch (kind) {
	case DNS_PACKET_ANSWER:
	case DNS_PACKET_CNAME:
		own.authentic &= exchange->list[try.server].trust_ad;
		if (own.reply != NULL)
			own.reply->answer.authentic = own.authentic;
		finish_exchange(exchange, kind, &own);
		break;
	case DNS_PACKET_TRUNCATED:
		exchange->counts->truncated++;
		again(exchange, try.server, true);
		break;
	case DNS_PACKET_NO_EDNS:
		exchange->no_edns[try.server] = true;
		again(exchange, try.server, try.tcp);
		break;
	case DNS_PACKET_FAILED:
		exchange->cannot[try.server] = true;
		go_on_asking(exchange);
		break;
	case DNS_PACKET_WRONG:
		go_on_asking(exchange);
		break;
	}
}

struct dns_exchange *
dns_exchange_new(struct event_base *base,
    const struct dns_exchange_order *order, dns_exchange_fn *fn, void *ctx)
{
	struct dns_exchange *exchange = xcalloc(1, sizeof(*exchange));
	int64_t now = clock_ms();
	int64_t interval;

	exchange->base = base;
	exchange->timer = evtimer_new(base, on_timer, exchange);
	if (exchange->timer == NULL)
		abort();
	exchange->servers = order->servers;
	exchange->counts = order->counts;
	exchange->query.question = *order->question;
	exchange->query.cnames = order->cnames;
	exchange->list_n =
	    dns_servers_order(order->servers, now, exchange->list);
	exchange->deadline = now + order->timeout_ms;
	/* Each server twice before the deadline, one at least every second. */
	interval =
	    (int64_t)order->timeout_ms / (int64_t)(2 * exchange->list_n + 1);
	if (interval > INTERVAL_MAX_MS)
		interval = INTERVAL_MAX_MS;
	exchange->interval =
	    interval < INTERVAL_MIN_MS ? INTERVAL_MIN_MS : interval;
	exchange->fn = fn;
	exchange->ctx = ctx;
	(void)begin_next(exchange);
	set_exchange_timer(
	    exchange, exchange->list_n > 0 ? exchange->interval : 0);
	return exchange;
}

void
dns_exchange_free(struct dns_exchange *exchange)
{
	if (exchange == NULL)
		return;
	while (exchange->tries_n > 0)
		close_try(exchange, 0);
	event_free(exchange->timer);
	free(exchange);
}
