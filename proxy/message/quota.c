/*
 * What all spools may hold together; see quota.h. Each worker alone could be
 * within its bounds and all of them together fill the disk. A slot that only
 * one process writes needs no lock, and a worker that dies leaves a number
 * behind, not a lock that is held.
 */
#include "proxy/message/quota.h"

void
proxy_quota_init(struct proxy_quota *q, _Atomic uint64_t *slot, uint64_t max)
{
	atomic_store_explicit(slot, 0, memory_order_relaxed);
	*q = (struct proxy_quota){.mine = slot, .max = max};
}

uint64_t
proxy_quota_used(const struct proxy_quota *q)
{
	return atomic_load_explicit(q->mine, memory_order_relaxed) +
	    (q->others == NULL ? 0 : q->others(q->ctx));
}

/* Taken first and looked at after, so that two workers at once can at worst
 * both be refused, never both be let over. */
bool
proxy_quota_take(struct proxy_quota *q, uint64_t n)
{
	atomic_fetch_add_explicit(q->mine, n, memory_order_seq_cst);
	if (q->max == 0 || proxy_quota_used(q) <= q->max)
		return true;
	proxy_quota_give_back(q, n);
	return false;
}

/* Never below zero, whatever stands there. */
void
proxy_quota_give_back(struct proxy_quota *q, uint64_t n)
{
	uint64_t held = atomic_load_explicit(q->mine, memory_order_seq_cst);

	while (!atomic_compare_exchange_weak(
	    q->mine, &held, held < n ? 0 : held - n))
		continue;
}
