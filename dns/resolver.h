/*
 * Asks the configured servers; one event base, one cache. Equal questions
 * in flight are asked once; CNAMEs are followed. The callback runs later,
 * never before dns_resolver_ask() returns, and exactly once unless the
 * query is cancelled first.
 */
#ifndef DNS_RESOLVER_H
#define DNS_RESOLVER_H

#include <stdint.h>

#include "dns/question.h"

/* Questions on the wire at a time; others wait their turn. */
#define DNS_IN_FLIGHT_MAX 200
/* Queries open at a time; one more is answered DNS_TEMPFAIL. */
#define DNS_QUERIES_MAX 20000
/* CNAMEs followed for one question. */
#define DNS_CNAMES_MAX 8
#define DNS_TIMEOUT_S  5
#define DNS_TIMEOUT_MS (DNS_TIMEOUT_S * 1000)
/* What a cache may take, and its entries (dns/cache.h). */
#define DNS_CACHE_MEGABYTES 8
#define DNS_CACHE_BYTES	    ((size_t)DNS_CACHE_MEGABYTES << 20)
#define DNS_CACHE_ENTRIES   10000

struct event_base;
struct dns_servers;
struct dns_resolver;
struct dns_query;

/* The answer is the resolver's and for the length of the call. The query
 * is gone when this is called. It may ask and cancel, but not free the
 * resolver. */
typedef void dns_answer_fn(
    void *ctx, const struct dns_question *, const struct dns_answer *);

/* How long a question took that was asked of a server: at most 5, 10, 25, 50,
 * 100, 250, 500, 1000, 5000 ms, or more. */
#define DNS_TOOK_BUCKETS 10

/* Since the start, for those who count. */
struct dns_counts {
	uint64_t asked;	     /* queries */
	uint64_t cached;     /* answered from the cache */
	uint64_t merged;     /* joined an equal one in flight */
	uint64_t sent;	     /* packets */
	uint64_t wrong;	     /* packets that answer no question of ours */
	uint64_t truncated;  /* asked again over TCP */
	uint64_t answers[4]; /* by enum dns_status; cached ones too */
	uint64_t took[DNS_TOOK_BUCKETS], took_ms; /* equal ones once */
};

/* Takes the servers (and frees them with itself). A question is answered
 * DNS_TEMPFAIL after `timeout_ms`, CNAMEs and waiting for its turn
 * included. The cache takes at most `cache_bytes`. */
struct dns_resolver *dns_resolver_new(struct event_base *, struct dns_servers *,
    unsigned timeout_ms, size_t cache_bytes);

struct dns_query *dns_resolver_ask(struct dns_resolver *,
    const struct dns_question *, dns_answer_fn *, void *ctx);

/* The callback will not be called; the query is gone. NULL is fine. */
void dns_query_cancel(struct dns_query *);

const struct dns_counts *dns_resolver_counts(const struct dns_resolver *);

/* Cancels what is open. NULL is fine. */
void dns_resolver_free(struct dns_resolver *);

#endif
