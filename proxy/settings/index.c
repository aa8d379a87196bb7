/* The keys by number, and a table that finds the numbers; see index.h. */
#include <stdint.h>
#include <stdlib.h>

#include "base/table.h"
#include "base/xalloc.h"
#include "proxy/settings/index.h"

#define FIRST_ROOM 32

struct key {
	char *p;
	size_t n;
};

struct proxy_index {
	struct key *keys;
	size_t count, room;
	struct table table; /* of `room` */
};

struct proxy_index *
proxy_index_new(void)
{
	struct proxy_index *index = xcalloc(1, sizeof(*index));

	index->room = FIRST_ROOM;
	index->keys = xcalloc(index->room, sizeof(*index->keys));
	table_init(&index->table, index->room);
	return index;
}

void
proxy_index_free(struct proxy_index *index)
{
	if (index == NULL)
		return;
	for (size_t i = 0; i < index->count; i++)
		free(index->keys[i].p);
	free(index->keys);
	table_clear(&index->table);
	free(index);
}

size_t
proxy_index_find(const struct proxy_index *index, struct slice key)
{
	uint32_t n =
	    table_first(&index->table, table_hash(&index->table, key, 0));

	for (; n != TABLE_NONE; n = table_next(&index->table, n))
		if (slice_equal(proxy_index_key(index, n), key))
			return n;
	return PROXY_INDEX_NONE;
}

size_t
proxy_index_find_nearest(const struct proxy_index *index, struct slice domain)
{
	size_t number = PROXY_INDEX_NONE;

	while (domain.n > 0 && number == PROXY_INDEX_NONE) {
		number = proxy_index_find(index, domain);
		domain = slice_after(domain, slice_find(domain, '.') + 1);
	}
	return number;
}

size_t
proxy_index_add(struct proxy_index *index, struct slice key)
{
	size_t number = proxy_index_find(index, key);

	if (number != PROXY_INDEX_NONE)
		return number;
	if (index->count == index->room) {
		/* A larger table has another secret, and its numbers come in
		 * order again. */
		index->room *= 2;
		index->keys = xreallocarray(
		    index->keys, index->room, sizeof(*index->keys));
		table_clear(&index->table);
		table_init(&index->table, index->room);
		for (size_t i = 0; i < index->count; i++)
			(void)table_add(&index->table,
			    table_hash(
				&index->table, proxy_index_key(index, i), 0));
	}
	number = table_add(&index->table, table_hash(&index->table, key, 0));
	index->keys[number] = (struct key){xslicedup(key), key.n};
	index->count++;
	return number;
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
