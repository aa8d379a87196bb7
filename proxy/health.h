/*
 * Would mail go through now? Connects to each next hop and waits for its
 * greeting, then says QUIT.
 */
#ifndef PROXY_HEALTH_H
#define PROXY_HEALTH_H

#include "proxy/config.h"

struct event_base;

/* All of them must greet within this, ms. */
#define PROXY_HEALTH_MS 5000

/* Called once, later. `trouble` is empty where all is well, else it says
 * what is wrong, one thing a line; it lives for the call. */
typedef void proxy_health_fn(void *ctx, const char *trouble);

struct proxy_health;

struct proxy_health *proxy_health_ask(struct event_base *,
    const struct proxy_config *, proxy_health_fn *, void *ctx);
void proxy_health_cancel(struct proxy_health *); /* NULL is fine */

#endif
