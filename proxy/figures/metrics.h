/* What was counted, in Prometheus' text format (version 0.0.4). */
#ifndef PROXY_FIGURES_METRICS_H
#define PROXY_FIGURES_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/strbuf.h"
#include "proxy/figures/counters.h"
#include "proxy/figures/process.h"
#include "proxy/figures/shared.h"

/* One front, summed over its workers. */
struct proxy_metrics_front {
	const char *name; /* NULL: it is not there */
	enum proxy_filter_kind filter;
	uint64_t n[PROXY_COUNTERS];
	uint64_t spool; /* bytes held */
	uint64_t workers;
	int relay_up; /* -1: not known */
};

/* One signer, by its number among them. */
struct proxy_metrics_signer {
	uint64_t keys, key_age;
	uint64_t answers[PROXY_FRONTS][PROXY_SIGN_ANSWERS];
};

/* One of our processes. */
struct proxy_metrics_process {
	const char *role; /* "master", "out" ... */
	unsigned slot;
	struct proxy_process is;
	uint64_t fds, fds_max; /* 0: it has not said */
};

/* Times are seconds since 1970. */
struct proxy_metrics {
	const char *version;
	struct proxy_metrics_front fronts[PROXY_FRONTS];
	uint64_t restarts, generation;
	int64_t started;
	bool reload_refused; /* the last one */
	int64_t reload_done; /* the settings were last taken */
	bool database;	     /* is wanted */
	bool database_up;
	int64_t database_bytes; /* -1: not known */
	uint64_t reports;	/* sent, since the start */
	int64_t reports_last;	/* one was sent; 0: never, -1: not known */
	bool reflector;
	uint64_t answers[PROXY_ANSWERS];
	struct proxy_metrics_signer signers[PROXY_SHARED_SLOTS];
	size_t signer_count;
	uint64_t keys_published, keys_lost, keys_staged;
	struct proxy_metrics_process processes[PROXY_SHARED_SLOTS + 1];
	size_t process_count;
};

int proxy_metrics_print(const struct proxy_metrics *, struct strbuf *);

#endif
