/*
 * Questions and copies of their answers; see pool.h. SPF, Sender-ID, DMARC and
 * DKIM know nothing of each other and often want the same record. Here a
 * question goes out once, however many want it, and who comes later gets the
 * copy. The copies are the pool's own, since the resolver's answer lives only
 * as long as the call that brings it.
 */
#include <stdlib.h>

#include "auth/pool.h"
#include "base/xalloc.h"

enum state { WAITING, GIVEN_OUT, ANSWERED };

struct entry {
	enum state state;
	struct dns_question question;
	struct dns_answer answer;
	struct dns_record *records; /* the answer's */
	char *bytes;		    /* what their values show */
};

struct auth_pool {
	size_t room, count;
	struct entry *entries;
};

struct auth_pool *
auth_pool_new(void)
{
	return xcalloc(1, sizeof(struct auth_pool));
}

void
auth_pool_free(struct auth_pool *pool)
{
	if (pool == NULL)
		return;
	for (size_t i = 0; i < pool->count; i++) {
		free(pool->entries[i].records);
		free(pool->entries[i].bytes);
	}
	free(pool->entries);
	free(pool);
}

static struct entry *
find_entry(struct auth_pool *pool, const struct dns_question *question)
{
	for (size_t i = 0; i < pool->count; i++)
		if (dns_question_equal(&pool->entries[i].question, question))
			return &pool->entries[i];
	return NULL;
}

const struct dns_answer *
auth_pool_ask(
    struct auth_pool *pool, const struct dns_question *question, size_t most)
{
	static const struct dns_answer tempfail = {.status = DNS_TEMPFAIL};
	struct entry *entry = find_entry(pool, question);

	if (entry != NULL)
		return entry->state == ANSWERED ? &entry->answer : NULL;
	if (pool->count >= most)
		return &tempfail;
	/* For one more entry. Bounded by what callers of auth_pool_ask()
	 * allow. */
	if (pool->count >= pool->room) {
		pool->room = pool->room * 2 + 8;
		pool->entries = xreallocarray(
		    pool->entries, pool->room, sizeof(*pool->entries));
	}
	pool->entries[pool->count++] = (struct entry){.question = *question};
	return NULL;
}

size_t
auth_pool_count(const struct auth_pool *pool)
{
	return pool->count;
}

bool
auth_pool_next(struct auth_pool *pool, struct dns_question *question)
{
	for (size_t i = 0; i < pool->count; i++) {
		if (pool->entries[i].state != WAITING)
			continue;
		pool->entries[i].state = GIVEN_OUT;
		*question = pool->entries[i].question;
		return true;
	}
	return false;
}

bool
auth_pool_answer(struct auth_pool *pool, const struct dns_question *question,
    const struct dns_answer *answer)
{
	struct entry *entry = find_entry(pool, question);
	size_t total = 0, at = 0;

	if (entry == NULL || entry->state != GIVEN_OUT)
		return false;
	entry->state = ANSWERED;
	entry->answer = *answer;
	/* All values in one block. */
	for (size_t i = 0; i < answer->count; i++)
		total += answer->records[i].value.n;
	entry->records = xcalloc(answer->count + 1, sizeof(*entry->records));
	entry->bytes = xmalloc(total + 1);
	for (size_t i = 0; i < answer->count; i++) {
		struct dns_record record = answer->records[i];

		if (record.value.n > 0)
			memcpy(
			    entry->bytes + at, record.value.p, record.value.n);
		record.value.p = entry->bytes + at;
		at += record.value.n;
		entry->records[i] = record;
	}
	entry->answer.records = entry->records;
	return true;
}
