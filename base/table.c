/*
 * Chains of numbers, for keys that strangers choose; see table.h. A key is
 * hashed as a polynomial over its octets at a point that nobody knows: two keys
 * of n octets agree at n of two thousand million points at most, so whoever
 * does not know the point cannot choose keys that do. A hash with a secret that
 * is only mixed in, as FNV's, has keys that collide whatever the secret is.
 */
#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/table.h"
#include "base/xalloc.h"

#define TABLE_PRIME UINT64_C(0x7fffffff) /* 2^31 - 1 */

/* Of tables without a secret; splitmix64's. */
#define TABLE_POINT 0x1b873593u
#define TABLE_MIXER UINT64_C(0xbf58476d1ce4e5b9)

void
table_init(struct table *t, size_t room)
{
	uint64_t secret[2] = {TABLE_POINT, TABLE_MIXER};
	size_t chains = 2;

	assert(room <= UINT32_C(1) << 31);
	*t = (struct table){.room = (uint32_t)room, .shift = 63};
	for (; chains < room; chains *= 2)
		t->shift--;
	/* In one piece: a message's header makes one. */
	t->heads = xcalloc(chains + room, sizeof(*t->heads));
	t->next = t->heads + chains;
	/* Without the kernel's randomness, early after a start, it is time that
	 * may be lost, nothing else. */
	if (t->room > TABLE_FEW)
		(void)!getrandom(secret, sizeof(secret), GRND_NONBLOCK);
	t->point = 1 + secret[0] % (TABLE_PRIME - 1);
	t->mixer = secret[1] | 1;
}

void
table_clear(struct table *t)
{
	free(t->heads);
	*t = (struct table){0};
}

uint64_t
table_hash(const struct table *t, struct slice key, unsigned beside)
{
	uint64_t hash = (key.n ^ (uint64_t)beside << 16) % TABLE_PRIME;

	for (size_t i = 0; i < key.n; i++) {
		hash = hash * t->point + (unsigned char)ascii_lower(key.p[i]);
		/* Modulo 2^31 - 1, but for a last step that may wait. */
		hash = (hash & TABLE_PRIME) + (hash >> 31);
		hash = (hash & TABLE_PRIME) + (hash >> 31);
	}
	return hash;
}

uint32_t
table_add(struct table *t, uint64_t hash)
{
	uint32_t *head = &t->heads[hash * t->mixer >> t->shift];
	uint32_t one = t->free;

	if (one != 0)
		t->free = t->next[one - 1];
	else if (t->used < t->room)
		one = ++t->used;
	else
		return TABLE_NONE;
	t->next[one - 1] = *head;
	*head = one;
	return one - 1;
}

void
table_remove(struct table *t, uint64_t hash, uint32_t number)
{
	uint32_t *at = &t->heads[hash * t->mixer >> t->shift];

	while (*at != number + 1) {
		assert(*at != 0);
		at = &t->next[*at - 1];
	}
	*at = t->next[number];
	t->next[number] = t->free;
	t->free = number + 1;
}
