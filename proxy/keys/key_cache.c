/* A hash table with a ring by time of use. */
#include <stdlib.h>
#include <sys/random.h>
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
	uint64_t h = cache->seed ^ rule;
	size_t i;

	for (i = 0; i < domain.n; i++)
		h = (h ^ (unsigned char)domain.p[i]) * 1099511628211u;
	return h ^ (h >> 31);
}

static struct proxy_key_entry **
slot_of(struct proxy_key_cache *cache, uint64_t hash)
{
	return &cache->slots[hash & (cache->slot_count - 1)];
}

static struct proxy_key_entry *
find_entry(struct proxy_key_cache *cache, unsigned rule, struct slice domain)
{
	uint64_t hash = hash_of(cache, rule, domain);
	struct proxy_key_entry *e;

	for (e = *slot_of(cache, hash); e != NULL; e = e->same_slot)
		if (e->hash == hash && e->rule == rule &&
		    slice_equal(slice_str(e->domain), domain))
			return e;
	return NULL;
}

static void
free_entry(struct proxy_key_cache *cache, struct proxy_key_entry *e)
{
	struct proxy_key_entry **at = slot_of(cache, e->hash);

	while (*at != e)
		at = &(*at)->same_slot;
	*at = e->same_slot;
	proxy_ring_remove(&e->used);
	proxy_ring_remove(&e->asking);
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
	struct proxy_ring *link = cache->used.next, *next;
	struct proxy_key_entry *e;

	while (cache->count >= cache->cap && link != &cache->used) {
		next = link->next;
		e = (struct proxy_key_entry *)(void *)link;
		if (e->state == PROXY_KEY_ENTRY_IDLE &&
		    proxy_ring_is_empty(&e->waits))
			free_entry(cache, e);
		link = next;
	}
}

static struct proxy_key_entry *
new_entry(struct proxy_key_cache *cache, unsigned rule, struct slice domain)
{
	struct proxy_key_entry *e = xcalloc(1, sizeof(*e)), **slot;

	e->rule = rule;
	e->domain = xslicedup(domain);
	e->hash = hash_of(cache, rule, domain);
	proxy_ring_init(&e->asking);
	proxy_ring_init(&e->waits);
	proxy_ring_append(&cache->used, &e->used);
	slot = slot_of(cache, e->hash);
	e->same_slot = *slot;
	*slot = e;
	cache->count++;
	return e;
}

void
proxy_key_cache_init(struct proxy_key_cache *cache, size_t cap)
{
	cache->cap = cap > 0 ? cap : 1;
	for (cache->slot_count = 16; cache->slot_count < cap;)
		cache->slot_count *= 2;
	cache->slots =
	    xcalloc(cache->slot_count, sizeof(struct proxy_key_entry *));
	proxy_ring_init(&cache->used);
	if (getrandom(&cache->seed, sizeof(cache->seed), 0) < 0)
		cache->seed = (uint64_t)clock_wall_s();
}

void
proxy_key_cache_clear(struct proxy_key_cache *cache)
{
	while (!proxy_ring_is_empty(&cache->used))
		free_entry(
		    cache, (struct proxy_key_entry *)(void *)cache->used.next);
	free(cache->slots);
}

struct proxy_key_entry *
proxy_key_cache_find(
    struct proxy_key_cache *cache, unsigned rule, struct slice domain)
{
	struct proxy_key_entry *e = find_entry(cache, rule, domain);

	if (e == NULL)
		return NULL;
	proxy_ring_remove(&e->used);
	proxy_ring_append(&cache->used, &e->used);
	return e;
}

struct proxy_key_entry *
proxy_key_cache_get(
    struct proxy_key_cache *cache, unsigned rule, struct slice domain)
{
	struct proxy_key_entry *e = proxy_key_cache_find(cache, rule, domain);

	if (e != NULL)
		return e;
	evict(cache);
	return new_entry(cache, rule, domain);
}
