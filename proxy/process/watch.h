/*
 * What the recorder finds out by itself for /health, the page and the figures:
 * whether next hops greet, which it asks when somebody wants to know; whether
 * name servers answer, which it asks all the time, for on a quiet host nobody
 * else does; whether the program on disk is still this one. It takes the
 * samples of proxy/figures/history.h, too.
 */
#ifndef PROXY_PROCESS_WATCH_H
#define PROXY_PROCESS_WATCH_H

#include "base/log.h"
#include "proxy/figures/shared.h"
#include "proxy/figures/state.h"
#include "proxy/settings/config.h"

struct dns_conf_page;
struct event_base;
struct proxy_watch;

/* All of it is borrowed, for as long as the watch. */
struct proxy_watch *proxy_watch_new(struct event_base *,
    const struct proxy_config *, const struct dns_conf_page *,
    struct proxy_shared *);
void proxy_watch_free(struct proxy_watch *); /* NULL is fine */

/* Calls back, later, when it is known whether the next hops greet. An answer
 * that is not older than `max_age_s` will do; whoever asks while others wait
 * gets their answer. What was not called back is forgotten with the watch. */
typedef void proxy_watch_fn(void *ctx);
void proxy_watch_ask(
    struct proxy_watch *, unsigned max_age_s, proxy_watch_fn *, void *ctx);

/* All that is known; the last answers of next hops and name servers. */
void proxy_watch_state(const struct proxy_watch *, struct proxy_state *);

/* Did the next hop of [out] or [in] greet? -1: nobody has asked. */
int proxy_watch_hop_is_up(const struct proxy_watch *, const char *front);

#endif
