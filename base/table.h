/*
 * The one hash table: it finds small numbers, which its owner knows as places
 * in an array of his. What stands there is the owner's, and so is the question
 * whether two keys are equal:
 *	for (n = table_first(&t, hash); n != TABLE_NONE; n = table_next(&t, n))
 *		if (is_equal(&mine[n], key))
 *			...
 * It is made for so many, and holds no more; each costs four to twelve octets,
 * whatever it stands for. Who chooses the keys cannot make them share a chain:
 * table_hash() has a secret of each table's own.
 */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

#define TABLE_NONE UINT32_MAX

/* A table for so many or fewer has no secret, which costs a call of the
 * kernel: no chain can be longer than that. */
enum { TABLE_FEW = 64 };

struct table {
	uint32_t *heads; /* of the chains: a number and 1; 0: an empty one */
	uint32_t *next;	 /* by number: the same; also of those that are free */
	uint32_t room, used, free;
	unsigned shift;	       /* what of a mixed hash is no chain's number */
	uint64_t point, mixer; /* the secret */
};

/* An empty one, for numbers below `room` (at most 2^31). */
void table_init(struct table *, size_t room);
void table_clear(struct table *);

/* A hash of the key and of a number beside it. Case is ignored (ASCII), which
 * suits the names of mail and DNS: keys that differ in nothing else share a
 * chain, and are still told apart by their owner. */
uint64_t table_hash(const struct table *, struct slice key, unsigned beside);

/* Takes a free number into the chain of `hash`, in front of the others: 0, 1, 2
 * ... and what was removed again, the last one first. TABLE_NONE: it is
 * full. */
uint32_t table_add(struct table *, uint64_t hash);
/* Frees it. `hash` is what it was added by. */
void table_remove(struct table *, uint64_t hash, uint32_t number);

/* The chain of a hash, in which others may stand as well. */
static inline uint32_t
table_first(const struct table *t, uint64_t hash)
{
	return t->heads[hash * t->mixer >> t->shift] - 1;
}

static inline uint32_t
table_next(const struct table *t, uint32_t number)
{
	return t->next[number] - 1;
}

#endif
