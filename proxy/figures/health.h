/*
 * Would mail go through now? Connects to each next hop and waits for its
 * greeting, then says QUIT.
 */
#ifndef PROXY_FIGURES_HEALTH_H
#define PROXY_FIGURES_HEALTH_H

#include "proxy/settings/config.h"

struct event_base;

/* All of them must greet within this, ms. */
#define PROXY_HEALTH_MS 5000

enum { PROXY_HEALTH_HOPS = PROXY_FRONTS };

struct proxy_health_hop {
	const char *front; /* its name */
	bool up;
	char text[320]; /* its address; and what is wrong with it */
};

/* Called once, later, with one for each front that is there. They live for the
 * call. */
typedef void proxy_health_fn(
    void *ctx, const struct proxy_health_hop *, size_t count);

struct proxy_health;

struct proxy_health *proxy_health_ask(struct event_base *,
    const struct proxy_config *, proxy_health_fn *, void *ctx);
void proxy_health_cancel(struct proxy_health *); /* NULL is fine */

#endif
