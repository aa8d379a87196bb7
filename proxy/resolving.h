/* The resolver that the settings ask for: [dns]. */
#ifndef PROXY_RESOLVING_H
#define PROXY_RESOLVING_H

#include "proxy/config.h"

struct dns_resolver;
struct event_base;

/* The settings must have been checked (a bad name server is left out). */
struct dns_resolver *proxy_resolver_new(
    struct event_base *, const struct proxy_dns_settings *);

#endif
