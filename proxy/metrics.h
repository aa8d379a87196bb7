/* What was counted, in Prometheus' text format (version 0.0.4). */
#ifndef PROXY_METRICS_H
#define PROXY_METRICS_H

#include <stdint.h>

#include "base/strbuf.h"
#include "proxy/counters.h"

/* One proxy, summed over its workers. */
struct proxy_metrics_side {
	const char *name; /* "out", "in"; NULL: it is not there */
	uint64_t n[PROXY_COUNTERS];
	uint64_t spool; /* bytes held */
	uint64_t workers;
};

struct proxy_metrics {
	const char *version;
	struct proxy_metrics_side sides[2];
	uint64_t restarts, generation;
	int64_t started; /* seconds since 1970 */
};

int proxy_metrics_print(const struct proxy_metrics *, struct strbuf *);

#endif
