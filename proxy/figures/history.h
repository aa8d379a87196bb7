/*
 * What was counted of late: a sample of the sums every few seconds, for an
 * hour. Arithmetic; the caller has the clock. It lies on the shared page, and
 * so it outlives the recorder, who alone writes it.
 */
#ifndef PROXY_FIGURES_HISTORY_H
#define PROXY_FIGURES_HISTORY_H

#include <stdatomic.h>
#include <stdint.h>

#include "proxy/settings/fronts.h"

/* One more than an hour of samples. */
enum {
	PROXY_HISTORY_EVERY_S = 10,
	PROXY_HISTORY_HOUR_S = 3600,
	PROXY_HISTORY_SAMPLES = PROXY_HISTORY_HOUR_S / PROXY_HISTORY_EVERY_S + 2
};

/* What is remembered of each front. */
enum proxy_history_of {
	PROXY_HISTORY_SENT,
	PROXY_HISTORY_REJECTED,
	PROXY_HISTORY_DEFERRED,
	PROXY_HISTORY_PUT_OFF, /* of those, by our own checks */
	PROXY_HISTORY_TO_SIGN,
	PROXY_HISTORY_SIGN_TROUBLE,
	PROXY_HISTORY_LOST, /* records, by the recorder too */
	PROXY_HISTORY_COUNTS
};

/* Sums since the start, by the front's number. */
struct proxy_history_sums {
	uint64_t n[PROXY_FRONTS][PROXY_HISTORY_COUNTS];
};

struct proxy_history_sample {
	_Atomic int64_t at; /* s of a clock that never goes back; 0: none */
	_Atomic uint64_t n[PROXY_FRONTS][PROXY_HISTORY_COUNTS];
};

struct proxy_history {
	_Atomic uint64_t next; /* samples taken */
	struct proxy_history_sample samples[PROXY_HISTORY_SAMPLES];
};

/* Takes a sample, unless the last one is not PROXY_HISTORY_EVERY_S old. */
void proxy_history_add(
    struct proxy_history *, int64_t now, const struct proxy_history_sums *);

/* How much was counted in the last `seconds` (an hour at the most) up to now,
 * when the sums are these. */
struct proxy_history_sums proxy_history_since(const struct proxy_history *,
    int64_t now, unsigned seconds, const struct proxy_history_sums *);

#endif
