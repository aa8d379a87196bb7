/* A resolver of the settings; see resolving.h. */
#include "proxy/resolving.h"
#include "dns/resolver.h"
#include "dns/servers.h"

enum { REASON_CAP = 1024 };

static struct dns_servers *
servers_of(const struct proxy_dns_settings *dns)
{
	struct dns_servers *servers;
	struct strbuf reason;

	if (dns->nameservers.count == 0)
		return dns_servers_from_file(DNS_RESOLV_CONF, dns->trust_ad);
	servers = dns_servers_new(dns->trust_ad);
	strbuf_init(&reason, REASON_CAP);
	for (size_t i = 0; i < dns->nameservers.count; i++)
		(void)dns_servers_add(
		    servers, slice_str(dns->nameservers.list[i]), &reason);
	strbuf_clear(&reason);
	return servers;
}

struct dns_resolver *
proxy_resolver_new(
    struct event_base *base, const struct proxy_dns_settings *dns)
{
	return dns_resolver_new(
	    base, servers_of(dns), dns->timeout * 1000, dns->cache_size);
}
