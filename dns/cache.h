/*
 * Replies kept while their TTL lasts, in bounded memory; the one unused for
 * longest goes first. Times are milliseconds of a clock that never goes
 * back, given by the caller.
 */
#ifndef DNS_CACHE_H
#define DNS_CACHE_H

#include "dns/reply.h"

/* Seconds that a reply is kept at the most. Behind us stands a resolver
 * with a cache of its own, so short is cheap, and lets mistakes pass. */
#define DNS_TTL_MAX	     3600
#define DNS_NEGATIVE_TTL_MAX 300
/* RFC 9520 section 3.2: a failure is remembered too, for a little while. */
#define DNS_FAILURE_TTL 5

struct dns_cache;

/* At most that many entries and bytes, the entries' own among them. */
struct dns_cache *dns_cache_new(size_t entries_max, size_t bytes_max);
void dns_cache_free(struct dns_cache *);

/* Holds the reply. One with a TTL of 0, and one too large, is not kept; a
 * former one to the same question goes in any case. */
void dns_cache_add(struct dns_cache *, const struct dns_question *,
    struct dns_reply *, int64_t now);

/* NULL where there is none, or it has outlived its TTL. The cache's own:
 * hold it to keep it beyond the next call. */
struct dns_reply *dns_cache_find(
    struct dns_cache *, const struct dns_question *, int64_t now);

size_t dns_cache_bytes(const struct dns_cache *);

#endif
