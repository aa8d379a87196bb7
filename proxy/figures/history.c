/*
 * What was counted of late; see history.h. Counters say how much since the
 * start; how it goes is in the difference of two of their samples. So some are
 * kept, the oldest going for the newest, and never more of them.
 */
#include <stddef.h>

#include "proxy/figures/history.h"

static const struct proxy_history_sample *
sample_at(const struct proxy_history *h, uint64_t number)
{
	return &h->samples[number % PROXY_HISTORY_SAMPLES];
}

/* A clock that went back is a machine started anew; so is the page then. */
void
proxy_history_add(
    struct proxy_history *h, int64_t now, const struct proxy_history_sums *sums)
{
	uint64_t next = atomic_load(&h->next);
	struct proxy_history_sample *to =
	    &h->samples[next % PROXY_HISTORY_SAMPLES];

	if (next > 0 &&
	    now - atomic_load(&sample_at(h, next - 1)->at) <
		PROXY_HISTORY_EVERY_S)
		return;
	for (size_t front = 0; front < PROXY_FRONTS; front++)
		for (size_t i = 0; i < PROXY_HISTORY_COUNTS; i++)
			atomic_store(&to->n[front][i], sums->n[front][i]);
	atomic_store(&to->at, now);
	atomic_store(&h->next, next + 1);
}

/* The newest sample that is so old; the oldest of a full ring where none is;
 * NULL where nothing was counted before. */
static const struct proxy_history_sample *
sample_before(const struct proxy_history *h, int64_t then)
{
	uint64_t next = atomic_load(&h->next), n = next;
	const struct proxy_history_sample *s;

	if (n > PROXY_HISTORY_SAMPLES)
		n = PROXY_HISTORY_SAMPLES;
	for (uint64_t back = 1; back <= n; back++) {
		s = sample_at(h, next - back);
		if (atomic_load(&s->at) <= then)
			return s;
	}
	return n == PROXY_HISTORY_SAMPLES ? sample_at(h, next - n) : NULL;
}

struct proxy_history_sums
proxy_history_since(const struct proxy_history *h, int64_t now,
    unsigned seconds, const struct proxy_history_sums *sums)
{
	const struct proxy_history_sample *s =
	    sample_before(h, now - (int64_t)seconds);
	struct proxy_history_sums diff = *sums;

	for (size_t front = 0; s != NULL && front < PROXY_FRONTS; front++)
		for (size_t i = 0; i < PROXY_HISTORY_COUNTS; i++) {
			uint64_t *n = &diff.n[front][i];
			uint64_t then = atomic_load(&s->n[front][i]);

			*n = *n < then ? 0 : *n - then;
		}
	return diff;
}
