/*
 * How much all spools of all workers may hold together (`spool_max`).
 * Every worker counts for itself, in its memory or on a page that the others of
 * its front can read; over the sum of all nothing more is granted. What one
 * that died has counted is set to zero by whoever replaces it.
 */
#ifndef PROXY_MESSAGE_QUOTA_H
#define PROXY_MESSAGE_QUOTA_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct proxy_quota {
	_Atomic uint64_t *mine; /* bytes held */
	/* What all others hold; NULL: there are none. */
	uint64_t (*others)(const void *ctx);
	const void *ctx;
	uint64_t max; /* bytes; 0: no bound */
};

/* A quota of one process: `slot` is where it counts, and is zeroed. */
void proxy_quota_init(
    struct proxy_quota *, _Atomic uint64_t *slot, uint64_t max);

/* Asks for `n` more bytes; false, and nothing taken, where they would pass
 * the bound. */
bool proxy_quota_take(struct proxy_quota *, uint64_t n);
void proxy_quota_give_back(struct proxy_quota *, uint64_t n);

/* What all workers hold now. */
uint64_t proxy_quota_used(const struct proxy_quota *);

#endif
