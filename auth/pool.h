/*
 * The questions of one message, whoever asks them: each once, with a copy
 * of its answer for those who ask later. Bounded.
 */
#ifndef AUTH_POOL_H
#define AUTH_POOL_H

#include <stdbool.h>
#include <stddef.h>

#include "dns/question.h"

struct auth_pool;

struct auth_pool *auth_pool_new(void);
void auth_pool_free(struct auth_pool *); /* NULL is fine */

/*
 * Notes that somebody asks. NULL: the answer is not there yet. Else the
 * answer: the pool's own, or DNS_TEMPFAIL where the question is new and
 * there are `most` already.
 */
const struct dns_answer *auth_pool_ask(
    struct auth_pool *, const struct dns_question *, size_t most);

/* How many different questions there were. */
size_t auth_pool_count(const struct auth_pool *);

/* The next question that was not given out yet; false for none. */
bool auth_pool_next(struct auth_pool *, struct dns_question *);

/* Keeps a copy of an answer to what was given out. False, and nothing kept,
 * where the question was not, or is answered. */
bool auth_pool_answer(
    struct auth_pool *, const struct dns_question *, const struct dns_answer *);

#endif
