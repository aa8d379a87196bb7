/* DNS for a tool; see resolve.h. */
#include <stdlib.h>

#include <event2/event.h>

#include "base/xalloc.h"
#include "cli/resolve.h"
#include "dns/resolver.h"
#include "dns/servers.h"
#include "proxy/resolving.h"

struct cli_resolver {
	struct event_base *base;
	struct dns_resolver *resolver;
};

static struct dns_servers *
servers_of(const char *nameserver, struct strbuf *reason)
{
	struct dns_servers *servers;

	if (nameserver == NULL)
		return dns_servers_from_file(DNS_RESOLV_CONF, false);
	servers = dns_servers_new(false);
	if (dns_servers_add(servers, slice_str(nameserver), reason) == 0)
		return servers;
	dns_servers_free(servers);
	return NULL;
}

struct cli_resolver *
cli_resolver_new(
    const char *nameserver, unsigned timeout_ms, struct strbuf *reason)
{
	struct dns_servers *servers = servers_of(nameserver, reason);
	struct cli_resolver *r;

	if (servers == NULL)
		return NULL;
	r = xcalloc(1, sizeof(*r));
	r->base = event_base_new();
	r->resolver = dns_resolver_new(r->base, servers,
	    timeout_ms == 0 ? DNS_TIMEOUT_MS : timeout_ms, DNS_CACHE_BYTES);
	return r;
}

struct cli_resolver *
cli_resolver_by(const struct proxy_dns_settings *dns, struct strbuf *reason)
{
	struct dns_servers *servers = dns_servers_new(false);
	struct cli_resolver *r = NULL;
	int outcome = 0;

	for (size_t i = 0; i < dns->nameservers.count && outcome == 0; i++)
		outcome = dns_servers_add(
		    servers, slice_str(dns->nameservers.list[i]), reason);
	dns_servers_free(servers);
	if (outcome != 0)
		return NULL;
	r = xcalloc(1, sizeof(*r));
	r->base = event_base_new();
	r->resolver = proxy_resolver_new(r->base, dns, NULL);
	return r;
}

static void
on_settled(void *ctx)
{
	*(bool *)ctx = true;
}

void
cli_resolve(
    struct cli_resolver *r, const struct proxy_asking_ops *ops, void *subject)
{
	static const struct proxy_asking_limits limits = {
	    PROXY_ASKING_QUESTIONS, PROXY_ASKING_DEADLINE_MS};
	struct proxy_asking *asking =
	    proxy_asking_new(r->base, r->resolver, &limits, ops, subject);
	bool settled = false;

	proxy_asking_go(asking);
	proxy_asking_wait(asking, on_settled, &settled);
	while (!settled && event_base_loop(r->base, EVLOOP_ONCE) == 0)
		continue;
	proxy_asking_free(asking);
}

void
cli_resolver_free(struct cli_resolver *r)
{
	if (r == NULL)
		return;
	dns_resolver_free(r->resolver);
	event_base_free(r->base);
	free(r);
}
