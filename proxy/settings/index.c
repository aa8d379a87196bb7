/* Open addressing over key numbers, at most half full; FNV-1a. */
#include <stdint.h>
#include <stdlib.h>

#include "base/xalloc.h"
#include "proxy/settings/index.h"

#define FIRST_SLOTS 64

struct key {
	char *p;
	size_t n;
	uint64_t hash;
};

struct proxy_index {
	struct key *keys;
	size_t count, room;
	size_t *slots; /* a key's number + 1, or 0 */
	size_t slot_count;
};

static uint64_t
hash_of(struct slice s)
{
	uint64_t h = 14695981039346656037u;
	size_t i;

	for (i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * 1099511628211u;
	return h ^ (h >> 29);
}

struct proxy_index *
proxy_index_new(void)
{
	struct proxy_index *index = xcalloc(1, sizeof(*index));

	index->slot_count = FIRST_SLOTS;
	index->slots = xcalloc(index->slot_count, sizeof(*index->slots));
	return index;
}

void
proxy_index_free(struct proxy_index *index)
{
	size_t i;

	if (index == NULL)
		return;
	for (i = 0; i < index->count; i++)
		free(index->keys[i].p);
	free(index->keys);
	free(index->slots);
	free(index);
}

/* Where the key stands, or the empty slot where it would. */
static size_t
slot_of(const struct proxy_index *index, struct slice key, uint64_t hash)
{
	size_t mask = index->slot_count - 1, at = (size_t)hash & mask;
	const struct key *there;

	for (; index->slots[at] != 0; at = (at + 1) & mask) {
		there = &index->keys[index->slots[at] - 1];
		if (there->hash == hash &&
		    slice_equal(slice_from(there->p, there->n), key))
			break;
	}
	return at;
}

static void
grow_slots(struct proxy_index *index)
{
	size_t i, at, mask;

	free(index->slots);
	index->slot_count *= 2;
	index->slots = xcalloc(index->slot_count, sizeof(*index->slots));
	mask = index->slot_count - 1;
	for (i = 0; i < index->count; i++) {
		at = (size_t)index->keys[i].hash & mask;
		while (index->slots[at] != 0)
			at = (at + 1) & mask;
		index->slots[at] = i + 1;
	}
}

size_t
proxy_index_add(struct proxy_index *index, struct slice key)
{
	uint64_t hash = hash_of(key);
	size_t at = slot_of(index, key, hash);

	if (index->slots[at] != 0)
		return index->slots[at] - 1;
	if (index->count == index->room) {
		index->room = index->room == 0 ? 16 : index->room * 2;
		index->keys = xreallocarray(
		    index->keys, index->room, sizeof(*index->keys));
	}
	index->keys[index->count] = (struct key){xslicedup(key), key.n, hash};
	index->count++;
	index->slots[at] = index->count;
	if (index->count * 2 > index->slot_count)
		grow_slots(index);
	return index->count - 1;
}

size_t
proxy_index_find(const struct proxy_index *index, struct slice key)
{
	size_t at = slot_of(index, key, hash_of(key));

	return index->slots[at] == 0 ? PROXY_INDEX_NONE : index->slots[at] - 1;
}

struct slice
proxy_index_key(const struct proxy_index *index, size_t number)
{
	return slice_from(index->keys[number].p, index->keys[number].n);
}

size_t
proxy_index_count(const struct proxy_index *index)
{
	return index->count;
}
