/*
 * What a worker counts. One writer, any number of readers: no lock, no
 * system call. The block may lie on a page that others read.
 */
#ifndef PROXY_COUNTERS_H
#define PROXY_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

enum proxy_counter {
	PROXY_COUNT_SESSIONS,	      /* accepted */
	PROXY_COUNT_SESSIONS_REFUSED, /* not in `allow` */
	PROXY_COUNT_SESSIONS_OPEN,    /* goes down, too */
	PROXY_COUNT_RELAY_FAILED,     /* connections not made or lost */
	PROXY_COUNT_SENT,	      /* the relay said 250, and so did we */
	PROXY_COUNT_REJECTED,	      /* 5xx after the data */
	PROXY_COUNT_DEFERRED,	      /* 4xx after the data */
	PROXY_COUNT_ABORTED,	      /* the client went before its answer */
	PROXY_COUNT_MAYBE_DELIVERED,  /* RFC 1047: a second copy may come */
	PROXY_COUNT_BYTES,	      /* of the messages sent */
	PROXY_COUNT_SIGNATURES,	      /* made */
	PROXY_COUNT_SIGNATURES_FAILED,
	PROXY_COUNT_UNSIGNED, /* messages passed on without one */
	PROXY_COUNTERS
};

struct proxy_counters {
	_Atomic uint64_t n[PROXY_COUNTERS];
};

void proxy_count_add(
    struct proxy_counters *, enum proxy_counter, uint64_t more);
void proxy_count(struct proxy_counters *, enum proxy_counter);
void proxy_count_down(struct proxy_counters *, enum proxy_counter);
uint64_t proxy_counter_get(const struct proxy_counters *, enum proxy_counter);

/* "messages_sent" and so on: static, for logs and metrics. */
const char *proxy_counter_name(enum proxy_counter);

#endif
