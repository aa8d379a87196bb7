/* A table, and a list by time of use. */
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "dkim/key.h"
#include "proxy/keys/key_cache_private.h"

/* --- held keys --- */

struct proxy_key_held *
proxy_key_hold(struct proxy_key_held *held)
{
	if (held != NULL)
		held->holders++;
	return held;
}

void
proxy_key_let_go(struct proxy_key_held *held)
{
	if (held == NULL || --held->holders > 0)
		return;
	dkim_key_free(held->key);
	free(held->domain);
	free(held->selector);
	free(held);
}

struct proxy_key_held *
proxy_key_hold_new(
    struct dkim_key *key, const char *domain, struct slice selector)
{
	struct proxy_key_held *held = xcalloc(1, sizeof(*held));

	held->key = key;
	held->domain = xstrdup(domain);
	held->selector = xslicedup(selector);
	held->since = clock_wall_s();
	held->holders = 1;
	return held;
}

/* --- the table --- */

static uint64_t
hash_of(const struct proxy_key_cache *cache, unsigned rule, struct slice domain)
{
	return table_hash(&cache->table, domain, rule);
}

static void
free_entry(struct proxy_key_cache *cache, struct proxy_key_entry *e)
{
	table_remove(&cache->table,
	    hash_of(cache, e->rule, slice_str(e->domain)), e->number);
	TAILQ_REMOVE(&cache->used, e, used);
	proxy_key_let_go(e->held);
	proxy_key_let_go(e->replaced);
	free(e->domain);
	free(e->reason);
	free(e);
	cache->count--;
}

/* Makes room for one more; what is waited for stays. */
static void
evict(struct proxy_key_cache *cache)
{
	struct proxy_key_entry *e = TAILQ_FIRST(&cache->used), *next;

	for (; cache->count >= cache->cap && e != NULL; e = next) {
		next = TAILQ_NEXT(e, used);
		if (e->state == PROXY_KEY_ENTRY_IDLE && TAILQ_EMPTY(&e->waits))
			free_entry(cache, e);
	}
}

static void
add_entry(struct proxy_key_cache *cache, struct proxy_key_entry *e)
{
	e->number = table_add(
	    &cache->table, hash_of(cache, e->rule, slice_str(e->domain)));
	cache->at[e->number] = e;
}

static void
make_table(struct proxy_key_cache *cache, size_t room)
{
	struct proxy_key_entry *e;

	table_clear(&cache->table);
	table_init(&cache->table, room);
	cache->at =
	    xreallocarray(cache->at, room, sizeof(struct proxy_key_entry *));
	TAILQ_FOREACH (e, &cache->used, used)
		add_entry(cache, e);
}

void
proxy_key_cache_init(struct proxy_key_cache *cache, size_t cap)
{
	*cache = (struct proxy_key_cache){.cap = cap > 0 ? cap : 1};
	TAILQ_INIT(&cache->used);
	make_table(cache, cache->cap);
}

void
proxy_key_cache_clear(struct proxy_key_cache *cache)
{
	struct proxy_key_entry *e;

	while ((e = TAILQ_FIRST(&cache->used)) != NULL)
		free_entry(cache, e);
	table_clear(&cache->table);
	free(cache->at);
}

struct proxy_key_entry *
proxy_key_cache_find(
    struct proxy_key_cache *cache, unsigned rule, struct slice domain)
{
	uint32_t n = table_first(&cache->table, hash_of(cache, rule, domain));

	for (; n != TABLE_NONE; n = table_next(&cache->table, n)) {
		struct proxy_key_entry *e = cache->at[n];

		if (e->rule != rule ||
		    !slice_equal(slice_str(e->domain), domain))
			continue;
		TAILQ_REMOVE(&cache->used, e, used);
		TAILQ_INSERT_TAIL(&cache->used, e, used);
		return e;
	}
	return NULL;
}

struct proxy_key_entry *
proxy_key_cache_get(
    struct proxy_key_cache *cache, unsigned rule, struct slice domain)
{
	struct proxy_key_entry *e = proxy_key_cache_find(cache, rule, domain);
	struct proxy_key_entry *entry;

	if (e != NULL)
		return e;
	evict(cache);
	entry = xcalloc(1, sizeof(*entry));
	if (cache->count == cache->table.room)
		make_table(cache, 2 * cache->count);
	entry->rule = rule;
	entry->domain = xslicedup(domain);
	TAILQ_INIT(&entry->waits);
	add_entry(cache, entry);
	TAILQ_INSERT_TAIL(&cache->used, entry, used);
	cache->count++;
	return entry;
}
