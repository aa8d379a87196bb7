/* A hash table of lists, and one list by last use; see cache.h. */
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/random.h>

#include "base/xalloc.h"
#include "dns/cache.h"

struct entry {
	struct dns_question question;
	struct dns_reply *reply;
	int64_t until;
	LIST_ENTRY(entry) in_bucket;
	TAILQ_ENTRY(entry) by_use; /* the last used is the first */
};

LIST_HEAD(bucket, entry);
TAILQ_HEAD(uses, entry);

struct dns_cache {
	size_t entries_max, bytes_max;
	size_t entries, bytes;
	uint64_t seed; /* names are strangers' choice: no one knows the hash */
	size_t buckets_n;
	struct bucket *buckets;
	struct uses uses;
};

/* The least power of two that is not less. */
static size_t
round_up(size_t n)
{
	size_t power = 1;

	while (power < n)
		power *= 2;
	return power;
}

struct dns_cache *
dns_cache_new(size_t entries_max, size_t bytes_max)
{
	struct dns_cache *cache = xcalloc(1, sizeof(*cache));

	cache->entries_max = entries_max;
	cache->bytes_max = bytes_max;
	cache->buckets_n = round_up(entries_max);
	cache->buckets = xcalloc(cache->buckets_n, sizeof(*cache->buckets));
	TAILQ_INIT(&cache->uses);
	if (getrandom(&cache->seed, sizeof(cache->seed), 0) !=
	    (ssize_t)sizeof(cache->seed))
		abort();
	return cache;
}

static struct bucket *
cache_bucket_of(
    const struct dns_cache *cache, const struct dns_question *question)
{
	uint64_t hash = dns_question_hash(question, cache->seed);

	return &cache->buckets[hash & (cache->buckets_n - 1)];
}

static size_t
cost(const struct dns_reply *reply)
{
	return sizeof(struct entry) + reply->bytes;
}

static void
drop(struct dns_cache *cache, struct entry *entry)
{
	LIST_REMOVE(entry, in_bucket);
	TAILQ_REMOVE(&cache->uses, entry, by_use);
	cache->entries--;
	cache->bytes -= cost(entry->reply);
	dns_reply_drop(entry->reply);
	free(entry);
}

void
dns_cache_free(struct dns_cache *cache)
{
	struct entry *entry;

	if (cache == NULL)
		return;
	while ((entry = TAILQ_FIRST(&cache->uses)) != NULL)
		drop(cache, entry);
	free(cache->buckets);
	free(cache);
}

static struct entry *
find_cached(const struct dns_cache *cache, const struct dns_question *question)
{
	struct entry *entry;

	LIST_FOREACH (entry, cache_bucket_of(cache, question), in_bucket)
		if (dns_question_equal(&entry->question, question))
			return entry;
	return NULL;
}

static uint32_t
capped_ttl(const struct dns_reply *reply)
{
	uint32_t max =
	    reply->answer.status == DNS_OK ? DNS_TTL_MAX : DNS_NEGATIVE_TTL_MAX;

	if (reply->answer.status == DNS_TEMPFAIL)
		return DNS_FAILURE_TTL;
	return reply->ttl < max ? reply->ttl : max;
}

/* Room for one more entry of that cost, the longest unused going first. */
static void
make_cache_room(struct dns_cache *cache, size_t bytes)
{
	struct entry *last;

	while ((cache->entries >= cache->entries_max ||
		   cache->bytes + bytes > cache->bytes_max) &&
	    (last = TAILQ_LAST(&cache->uses, uses)) != NULL)
		drop(cache, last);
}

void
dns_cache_add(struct dns_cache *cache, const struct dns_question *question,
    struct dns_reply *reply, int64_t now)
{
	struct entry *entry = find_cached(cache, question);
	uint32_t ttl = capped_ttl(reply);

	if (entry != NULL)
		drop(cache, entry);
	if (ttl == 0 || cost(reply) > cache->bytes_max)
		return;
	make_cache_room(cache, cost(reply));
	entry = xcalloc(1, sizeof(*entry));
	entry->question = *question;
	entry->reply = dns_reply_hold(reply);
	entry->until = now + (int64_t)ttl * 1000;
	LIST_INSERT_HEAD(cache_bucket_of(cache, question), entry, in_bucket);
	TAILQ_INSERT_HEAD(&cache->uses, entry, by_use);
	cache->entries++;
	cache->bytes += cost(reply);
}

struct dns_reply *
dns_cache_find(
    struct dns_cache *cache, const struct dns_question *question, int64_t now)
{
	struct entry *entry = find_cached(cache, question);

	if (entry == NULL)
		return NULL;
	if (entry->until <= now) {
		drop(cache, entry);
		return NULL;
	}
	TAILQ_REMOVE(&cache->uses, entry, by_use);
	TAILQ_INSERT_HEAD(&cache->uses, entry, by_use);
	return entry->reply;
}

size_t
dns_cache_bytes(const struct dns_cache *cache)
{
	return cache->bytes;
}
