/*
 * What a worker counts; see counters.h. Each counter has one writer, so adding
 * is a load and a store without a lock, and a reader sees a number that was
 * true. Sums over workers may be of slightly different moments, which no
 * figure minds.
 */
#include "proxy/figures/counters.h"
#include "auth/results.h"
#include "dns/resolver.h"

const unsigned proxy_delay_bounds[PROXY_DELAY_BUCKETS - 1] = {
    5, 10, 25, 50, 100, 250, 500, 1000, 5000, 30000, 120000};

const char *const proxy_unsigned_words[PROXY_UNSIGNED_COUNT] = {
    [PROXY_UNSIGNED_NO_RULE] = "no-key-for-domain",
    [PROXY_UNSIGNED_NO_KEY] = "no-key",
    [PROXY_UNSIGNED_MAP_SAYS_NONE] = "map-says-none",
    [PROXY_UNSIGNED_LEFT_OUT] = "left-out",
    [PROXY_UNSIGNED_NO_FROM] = "no-from",
    [PROXY_UNSIGNED_TWO_FROM] = "two-from-fields",
    [PROXY_UNSIGNED_BAD_FROM] = "bad-from",
    [PROXY_UNSIGNED_HEADER_LONG] = "header-too-long",
    [PROXY_UNSIGNED_FAILED] = "failed",
    [PROXY_UNSIGNED_NOT_OURS] = "not-ours",
    [PROXY_UNSIGNED_NOT_PUBLISHED] = "not-published",
};

const char *const proxy_dns_words[PROXY_DNS_OUTCOMES] = {
    "ok", "nodata", "nxdomain", "tempfail"};

const unsigned proxy_dns_bounds[PROXY_DNS_BUCKETS - 1] = {
    5, 10, 25, 50, 100, 250, 500, 1000, 5000};

const char *const proxy_sign_answer_words[PROXY_SIGN_ANSWERS] = {
    [PROXY_SIGN_ANSWER_DONE] = "done",
    [PROXY_SIGN_ANSWER_STALE] = "stale",
    [PROXY_SIGN_ANSWER_MISSING] = "missing",
    [PROXY_SIGN_ANSWER_TROUBLE] = "trouble",
    [PROXY_SIGN_ANSWER_UNPUBLISHED] = "unpublished",
    [PROXY_SIGN_ANSWER_REFUSED] = "refused",
};

const char *const proxy_packet_words[PROXY_DNS_PACKETS] = {
    "sent", "wrong", "truncated"};

_Static_assert((int)PROXY_DNS_BUCKETS == (int)DNS_TOOK_BUCKETS,
    "the resolver's buckets are ours");

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

void
proxy_count_set(
    struct proxy_counters *c, enum proxy_counter which, uint64_t value)
{
	atomic_store_explicit(&c->n[which], value, memory_order_relaxed);
}

void
proxy_count_delay(struct proxy_counters *c, uint64_t ms)
{
	unsigned bucket = 0;

	while (
	    bucket < PROXY_DELAY_BUCKETS - 1 && ms > proxy_delay_bounds[bucket])
		bucket++;
	proxy_count(c, (enum proxy_counter)(PROXY_COUNT_DELAYS + bucket));
	proxy_count_add(c, PROXY_COUNT_DELAY_MS, ms);
}

void
proxy_count_unsigned(struct proxy_counters *c, enum proxy_unsigned why)
{
	proxy_count(c, PROXY_COUNT_UNSIGNED);
	proxy_count(c, (enum proxy_counter)(PROXY_COUNT_REASONS + why));
}

enum proxy_counter
proxy_count_of_answer(size_t front, enum proxy_sign_answer_kind kind)
{
	return (enum proxy_counter)(PROXY_COUNT_SIGN_ANSWERS +
	    front * PROXY_SIGN_ANSWERS + (size_t)kind);
}

static void
add_family(struct proxy_counters *c, unsigned first, const uint64_t *now,
    const uint64_t *before, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		proxy_count_add(
		    c, (enum proxy_counter)(first + i), now[i] - before[i]);
}

void
proxy_count_dns(struct proxy_counters *c, const struct dns_counts *now,
    struct dns_counts *before)
{
	const uint64_t packets[PROXY_DNS_PACKETS] = {now->sent - before->sent,
	    now->wrong - before->wrong, now->truncated - before->truncated};
	static const uint64_t none[PROXY_DNS_PACKETS];

	add_family(c, PROXY_COUNT_DNS, now->answers, before->answers,
	    PROXY_DNS_OUTCOMES);
	add_family(c, PROXY_COUNT_DNS_TOOK, now->took, before->took,
	    PROXY_DNS_BUCKETS);
	add_family(c, PROXY_COUNT_PACKETS, packets, none, PROXY_DNS_PACKETS);
	proxy_count_add(
	    c, PROXY_COUNT_DNS_CACHED, now->cached - before->cached);
	proxy_count_add(
	    c, PROXY_COUNT_DNS_MERGED, now->merged - before->merged);
	proxy_count_add(c, PROXY_COUNT_DNS_MS, now->took_ms - before->took_ms);
	*before = *now;
}

void
proxy_count_results(
    struct proxy_counters *c, const struct auth_results *results)
{
	for (size_t i = 0; i < results->count; i++) {
		const struct auth_result *r = &results->list[i];

		proxy_count(c,
		    (enum proxy_counter)(PROXY_COUNT_RESULTS +
			r->method * PROXY_RESULT_VERDICTS + r->verdict));
	}
}

enum proxy_counter
proxy_count_lost(size_t front)
{
	return (enum proxy_counter)(PROXY_COUNT_LOST + front);
}

enum proxy_counter
proxy_count_pending(size_t front)
{
	return (enum proxy_counter)(PROXY_COUNT_PENDING + front);
}
