/*
 * Queries, look-ups, exchanges; see resolver.h. Equal queries share one
 * look-up; a look-up has one exchange after another, one for each time that
 * a CNAME leads out of a packet. What is found waits in the list `ready`
 * for the next turn of the loop, whence callbacks never surprise.
 */
#include <assert.h>
#include <stdlib.h>
#include <sys/queue.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/table.h"
#include "base/xalloc.h"
#include "dns/cache.h"
#include "dns/exchange.h"
#include "dns/resolver.h"
#include "dns/servers.h"

struct lookup;

struct dns_query {
	struct dns_question question;
	struct dns_resolver *resolver;
	struct lookup *lookup;		/* NULL once it is ready */
	struct dns_reply *reply;	/* NULL until it is ready */
	TAILQ_ENTRY(dns_query) in_list; /* the look-up's, or the ready */
	dns_answer_fn *fn;
	void *ctx;
};

TAILQ_HEAD(queries, dns_query);

struct lookup {
	struct dns_resolver *resolver;
	struct dns_question question;
	struct dns_question at; /* where CNAMEs have led */
	unsigned cnames;
	uint32_t ttl;
	bool authentic;
	int64_t begun, deadline;
	struct dns_exchange *exchange; /* NULL while it waits its turn */
	struct queries queries;
	uint32_t number;	     /* in the table */
	TAILQ_ENTRY(lookup) in_line; /* while it waits */
};

TAILQ_HEAD(line, lookup);

struct dns_resolver {
	struct event_base *base;
	struct event *deliver;
	struct dns_servers *servers;
	struct dns_cache *cache;
	struct dns_counts counts;
	unsigned timeout_ms;
	size_t queries_n, in_flight;
	struct table table;	 /* of look-ups; questions are strangers' */
	struct lookup **lookups; /* by number: one for each query at most */
	struct line waiting;
	struct queries ready;
};

static uint64_t
hash_question(
    const struct dns_resolver *resolver, const struct dns_question *question)
{
	return table_hash(
	    &resolver->table, slice_str(question->name), question->type);
}

static struct lookup *
find_lookup(struct dns_resolver *resolver, const struct dns_question *question)
{
	const struct table *table = &resolver->table;
	uint32_t n = table_first(table, hash_question(resolver, question));

	for (; n != TABLE_NONE; n = table_next(table, n))
		if (dns_question_equal(
			&resolver->lookups[n]->question, question))
			return resolver->lookups[n];
	return NULL;
}

/* The query has its reply; the loop's next turn will tell. */
static void
make_ready(struct dns_query *query, struct dns_reply *reply)
{
	struct dns_resolver *resolver = query->resolver;

	query->lookup = NULL;
	query->reply = dns_reply_hold(reply);
	TAILQ_INSERT_TAIL(&resolver->ready, query, in_list);
	event_active(resolver->deliver, EV_TIMEOUT, 0);
}

static void
on_deliver(evutil_socket_t fd, short what, void *arg)
{
	struct dns_resolver *resolver = arg;

	struct dns_query *query;
	size_t n = 0;

	(void)fd;
	(void)what;
	/* What becomes ready meanwhile has its turn after others' events;
	 * what is cancelled meanwhile is taken off the list. */
	TAILQ_FOREACH (query, &resolver->ready, in_list)
		n++;
	while (n-- > 0 && (query = TAILQ_FIRST(&resolver->ready)) != NULL) {
		struct dns_reply *reply = query->reply;
		struct dns_question question = query->question;
		dns_answer_fn *fn = query->fn;
		void *ctx = query->ctx;

		TAILQ_REMOVE(&resolver->ready, query, in_list);
		resolver->queries_n--;
		resolver->counts.answers[reply->answer.status]++;
		free(query);
		fn(ctx, &question, &reply->answer);
		dns_reply_drop(reply);
	}
}

static void start_waiting(struct dns_resolver *);

/* Its queries must have gone. */
static void
free_lookup(struct lookup *lookup)
{
	struct dns_resolver *resolver = lookup->resolver;

	assert(TAILQ_EMPTY(&lookup->queries));
	table_remove(&resolver->table,
	    hash_question(resolver, &lookup->question), lookup->number);
	resolver->lookups[lookup->number] = NULL;
	if (lookup->exchange != NULL) {
		dns_exchange_free(lookup->exchange);
		resolver->in_flight--;
	} else {
		TAILQ_REMOVE(&resolver->waiting, lookup, in_line);
	}
	free(lookup);
}

/* Takes the reply. */
static void
finish_lookup(struct lookup *lookup, struct dns_reply *reply)
{
	struct dns_resolver *resolver = lookup->resolver;
	int64_t now = clock_ms();
	struct dns_query *query;
	int64_t ms;
	static const int64_t bounds[DNS_TOOK_BUCKETS - 1] = {
	    5, 10, 25, 50, 100, 250, 500, 1000, 5000};
	unsigned bucket;

	if (lookup->ttl < reply->ttl)
		reply->ttl = lookup->ttl;
	reply->answer.authentic &= lookup->authentic;
	reply->answer.alias = lookup->cnames > 0;
	dns_cache_add(resolver->cache, &lookup->question, reply, now);
	ms = now - lookup->begun;
	bucket = 0;
	while (bucket < DNS_TOOK_BUCKETS - 1 && ms > bounds[bucket])
		bucket++;
	resolver->counts.took[bucket]++;
	resolver->counts.took_ms += (uint64_t)ms;
	while ((query = TAILQ_FIRST(&lookup->queries)) != NULL) {
		TAILQ_REMOVE(&lookup->queries, query, in_list);
		make_ready(query, reply);
	}
	dns_reply_drop(reply);
	free_lookup(lookup);
}

static dns_exchange_fn on_exchange;

/* True where there was time left to begin one. */
static bool
begin_exchange(struct lookup *lookup)
{
	struct dns_resolver *resolver = lookup->resolver;
	int64_t left = lookup->deadline - clock_ms();
	struct dns_exchange_order order = {.question = &lookup->at,
	    .cnames = DNS_CNAMES_MAX - lookup->cnames,
	    .servers = resolver->servers,
	    .counts = &resolver->counts};

	if (left <= 0)
		return false;
	order.timeout_ms = (unsigned)left;
	lookup->exchange =
	    dns_exchange_new(resolver->base, &order, on_exchange, lookup);
	return true;
}

static void
on_exchange(void *ctx, enum dns_packet_kind kind,
    const struct dns_packet_answer *answer)
{
	struct lookup *lookup = ctx;
	struct dns_resolver *resolver = lookup->resolver;
	struct dns_exchange *ended = lookup->exchange;

	lookup->cnames += answer->cnames;
	if (kind == DNS_PACKET_CNAME) {
		lookup->at = answer->next;
		lookup->authentic &= answer->authentic;
		if (answer->ttl < lookup->ttl)
			lookup->ttl = answer->ttl;
		if (begin_exchange(lookup)) {
			dns_exchange_free(ended);
			return;
		}
	}
	finish_lookup(lookup,
	    kind == DNS_PACKET_ANSWER ? answer->reply
				      : dns_reply_new_status(DNS_TEMPFAIL, 0));
	start_waiting(resolver);
}

/* The look-ups that may run now, the longest waiting first. */
static void
start_waiting(struct dns_resolver *resolver)
{
	struct lookup *lookup;

	while (resolver->in_flight < DNS_IN_FLIGHT_MAX &&
	    (lookup = TAILQ_FIRST(&resolver->waiting)) != NULL) {
		if (!begin_exchange(lookup)) {
			finish_lookup(
			    lookup, dns_reply_new_status(DNS_TEMPFAIL, 0));
			continue;
		}
		TAILQ_REMOVE(&resolver->waiting, lookup, in_line);
		resolver->in_flight++;
	}
}

static struct lookup *
new_lookup(struct dns_resolver *resolver, const struct dns_question *question)
{
	struct lookup *lookup = xcalloc(1, sizeof(*lookup));

	lookup->resolver = resolver;
	lookup->question = lookup->at = *question;
	lookup->ttl = UINT32_MAX;
	lookup->authentic = true;
	lookup->begun = clock_ms();
	lookup->deadline = lookup->begun + resolver->timeout_ms;
	TAILQ_INIT(&lookup->queries);
	lookup->number =
	    table_add(&resolver->table, hash_question(resolver, question));
	resolver->lookups[lookup->number] = lookup;
	TAILQ_INSERT_TAIL(&resolver->waiting, lookup, in_line);
	return lookup;
}

struct dns_resolver *
dns_resolver_new(struct event_base *base, struct dns_servers *servers,
    unsigned timeout_ms, size_t cache_bytes)
{
	struct dns_resolver *resolver = xcalloc(1, sizeof(*resolver));

	resolver->base = base;
	resolver->servers = servers;
	resolver->timeout_ms = timeout_ms;
	resolver->cache = dns_cache_new(DNS_CACHE_ENTRIES, cache_bytes);
	resolver->deliver = event_new(base, -1, 0, on_deliver, resolver);
	if (resolver->deliver == NULL)
		abort();
	table_init(&resolver->table, DNS_QUERIES_MAX);
	resolver->lookups = xcalloc(DNS_QUERIES_MAX, sizeof(struct lookup *));
	TAILQ_INIT(&resolver->waiting);
	TAILQ_INIT(&resolver->ready);
	return resolver;
}

struct dns_query *
dns_resolver_ask(struct dns_resolver *resolver,
    const struct dns_question *question, dns_answer_fn *fn, void *ctx)
{
	struct dns_query *query = xcalloc(1, sizeof(*query));
	int64_t now = clock_ms();
	struct dns_reply *reply;

	dns_servers_refresh(resolver->servers, now);
	query->question = *question;
	query->resolver = resolver;
	query->fn = fn;
	query->ctx = ctx;
	resolver->counts.asked++;
	resolver->queries_n++;
	reply = dns_cache_find(resolver->cache, question, now);
	if (reply != NULL) {
		resolver->counts.cached++;
		make_ready(query, reply);
	} else if (resolver->queries_n > DNS_QUERIES_MAX) {
		reply = dns_reply_new_status(DNS_TEMPFAIL, 0);
		make_ready(query, reply);
		dns_reply_drop(reply);
	} else {
		/* To a look-up of its own or of an equal query's. */
		struct lookup *lookup = find_lookup(resolver, question);

		if (lookup != NULL)
			resolver->counts.merged++;
		else
			lookup = new_lookup(resolver, question);
		query->lookup = lookup;
		TAILQ_INSERT_TAIL(&lookup->queries, query, in_list);
		start_waiting(resolver);
	}
	return query;
}

void
dns_query_cancel(struct dns_query *query)
{
	struct lookup *lookup;

	if (query == NULL)
		return;
	lookup = query->lookup;
	query->resolver->queries_n--;
	if (lookup == NULL) {
		TAILQ_REMOVE(&query->resolver->ready, query, in_list);
		dns_reply_drop(query->reply);
	} else {
		TAILQ_REMOVE(&lookup->queries, query, in_list);
		if (TAILQ_EMPTY(&lookup->queries)) {
			free_lookup(lookup);
			start_waiting(query->resolver);
		}
	}
	free(query);
}

const struct dns_counts *
dns_resolver_counts(const struct dns_resolver *resolver)
{
	return &resolver->counts;
}

void
dns_resolver_free(struct dns_resolver *resolver)
{
	if (resolver == NULL)
		return;
	for (size_t i = 0; i < DNS_QUERIES_MAX; i++)
		if (resolver->lookups[i] != NULL) {
			struct lookup *lookup = resolver->lookups[i];
			struct dns_query *query;

			while (
			    (query = TAILQ_FIRST(&lookup->queries)) != NULL) {
				TAILQ_REMOVE(&lookup->queries, query, in_list);
				free(query);
			}
			free_lookup(lookup);
		}
	while (!TAILQ_EMPTY(&resolver->ready))
		dns_query_cancel(TAILQ_FIRST(&resolver->ready));
	event_free(resolver->deliver);
	dns_cache_free(resolver->cache);
	table_clear(&resolver->table);
	free(resolver->lookups);
	dns_servers_free(resolver->servers);
	free(resolver);
}
