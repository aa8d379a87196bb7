/*
 * A table, and a list by last use; see cache.h. Names are chosen by whoever
 * sends mail, so the cache is bounded twice, by entries and by octets, and its
 * table has a secret. What was found last is the first in the list, and the
 * last goes for what is new: names that many messages want stay.
 */
#include <stdlib.h>
#include <sys/queue.h>

#include "base/table.h"
#include "base/xalloc.h"
#include "dns/cache.h"

struct entry {
	struct dns_question question;
	struct dns_reply *reply;
	int64_t until;
	uint32_t number;	   /* in the table */
	TAILQ_ENTRY(entry) by_use; /* the last used is the first */
};

TAILQ_HEAD(uses, entry);

struct dns_cache {
	size_t entries_max, bytes_max;
	size_t entries, bytes;
	struct table table; /* names are strangers' choice */
	struct entry **at;  /* by number */
	struct uses uses;
};

struct dns_cache *
dns_cache_new(size_t entries_max, size_t bytes_max)
{
	struct dns_cache *cache = xcalloc(1, sizeof(*cache));

	cache->entries_max = entries_max;
	cache->bytes_max = bytes_max;
	table_init(&cache->table, entries_max);
	cache->at = xcalloc(entries_max, sizeof(struct entry *));
	TAILQ_INIT(&cache->uses);
	return cache;
}

static uint64_t
hash_cached(const struct dns_cache *cache, const struct dns_question *question)
{
	return table_hash(
	    &cache->table, slice_str(question->name), question->type);
}

static size_t
cost(const struct dns_reply *reply)
{
	return sizeof(struct entry) + reply->bytes;
}

static void
drop(struct dns_cache *cache, struct entry *entry)
{
	table_remove(
	    &cache->table, hash_cached(cache, &entry->question), entry->number);
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
	table_clear(&cache->table);
	free(cache->at);
	free(cache);
}

static struct entry *
find_cached(const struct dns_cache *cache, const struct dns_question *question)
{
	uint32_t n = table_first(&cache->table, hash_cached(cache, question));

	for (; n != TABLE_NONE; n = table_next(&cache->table, n))
		if (dns_question_equal(&cache->at[n]->question, question))
			return cache->at[n];
	return NULL;
}

void
dns_cache_add(struct dns_cache *cache, const struct dns_question *question,
    struct dns_reply *reply, int64_t now)
{
	struct entry *entry = find_cached(cache, question);
	uint32_t ttl;
	uint32_t max =
	    reply->answer.status == DNS_OK ? DNS_TTL_MAX : DNS_NEGATIVE_TTL_MAX;
	size_t bytes;
	struct entry *last;

	if (reply->answer.status == DNS_TEMPFAIL)
		ttl = DNS_FAILURE_TTL;
	else
		ttl = reply->ttl < max ? reply->ttl : max;
	if (entry != NULL)
		drop(cache, entry);
	if (ttl == 0 || cost(reply) > cache->bytes_max)
		return;
	/* Room for one more entry of that cost, the longest unused going
	 * first. */
	bytes = cost(reply);
	while ((cache->entries >= cache->entries_max ||
		   cache->bytes + bytes > cache->bytes_max) &&
	    (last = TAILQ_LAST(&cache->uses, uses)) != NULL)
		drop(cache, last);
	entry = xcalloc(1, sizeof(*entry));
	entry->question = *question;
	entry->reply = dns_reply_hold(reply);
	entry->until = now + (int64_t)ttl * 1000;
	entry->number = table_add(&cache->table, hash_cached(cache, question));
	cache->at[entry->number] = entry;
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
