/* The resolver that the settings ask for: [dns]. */
#ifndef PROXY_MESSAGE_RESOLVING_H
#define PROXY_MESSAGE_RESOLVING_H

#include "base/log.h"
#include "proxy/settings/config.h"

struct dns_conf_page;
struct dns_resolver;
struct dns_servers;
struct event_base;

/* The settings must have been checked (a bad name server is left out). Where
 * they name none, the page says which; NULL: the file is read here. A name
 * server that is of no use is logged, and that it answers again; NULL: no
 * log. Page and log must outlive the resolver. */
struct dns_resolver *proxy_resolver_new(struct event_base *,
    const struct proxy_dns_settings *, const struct dns_conf_page *,
    struct log *);

/* The servers alone; the caller's. */
struct dns_servers *proxy_resolving_servers(
    const struct proxy_dns_settings *, const struct dns_conf_page *);

/* Why a name server is of no use, in words for people. */
const char *proxy_resolving_reason(int error);

#endif
