/* What a worker counts; see counters.h. */
#include "proxy/counters.h"

static const char *const names[] = {
    [PROXY_COUNT_SESSIONS] = "sessions",
    [PROXY_COUNT_SESSIONS_REFUSED] = "sessions_refused",
    [PROXY_COUNT_SESSIONS_OPEN] = "sessions_open",
    [PROXY_COUNT_RELAY_FAILED] = "relay_failed",
    [PROXY_COUNT_SENT] = "sent",
    [PROXY_COUNT_REJECTED] = "rejected",
    [PROXY_COUNT_DEFERRED] = "deferred",
    [PROXY_COUNT_ABORTED] = "aborted",
    [PROXY_COUNT_MAYBE_DELIVERED] = "maybe_delivered",
    [PROXY_COUNT_BYTES] = "bytes",
    [PROXY_COUNT_SIGNATURES] = "signatures",
    [PROXY_COUNT_SIGNATURES_FAILED] = "signatures_failed",
    [PROXY_COUNT_UNSIGNED] = "unsigned",
};

_Static_assert(sizeof(names) / sizeof(names[0]) == PROXY_COUNTERS,
    "every counter has a name");

uint64_t
proxy_counter_get(const struct proxy_counters *c, enum proxy_counter which)
{
	return atomic_load_explicit(&c->n[which], memory_order_relaxed);
}

/* One writer, so a load and a store do; readers see whole numbers. */
void
proxy_count_add(
    struct proxy_counters *c, enum proxy_counter which, uint64_t more)
{
	atomic_store_explicit(&c->n[which], proxy_counter_get(c, which) + more,
	    memory_order_relaxed);
}

void
proxy_count(struct proxy_counters *c, enum proxy_counter which)
{
	proxy_count_add(c, which, 1);
}

void
proxy_count_down(struct proxy_counters *c, enum proxy_counter which)
{
	proxy_count_add(c, which, UINT64_MAX);
}

const char *
proxy_counter_name(enum proxy_counter which)
{
	return names[which];
}
