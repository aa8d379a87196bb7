/*
 * Does each name server answer now? One question to each of them by UDP,
 * twice where the first is lost: for those who tell people, for a resolver
 * that nobody asks hears of nothing. Any answer will do.
 */
#ifndef DNS_PROBE_H
#define DNS_PROBE_H

#include "dns/servers.h"

/* For all of them together. */
#define DNS_PROBE_MS 3000

struct dns_probe_result {
	char server[DNS_SERVER_TEXT_MAX]; /* "192.0.2.1:53" */
	int error; /* 0: it answers; ETIMEDOUT: it is silent; else why not */
};

struct event_base;
struct dns_probe;

/* Called once, later; the probe is gone then. */
typedef void dns_probe_fn(
    void *ctx, const struct dns_probe_result *, size_t count);

/* The servers are copied. */
struct dns_probe *dns_probe_new(
    struct event_base *, const struct dns_servers *, dns_probe_fn *, void *ctx);

void dns_probe_cancel(struct dns_probe *); /* NULL is fine */

#endif
