/* A resolver of the settings; see resolving.h. */
#include <errno.h>
#include <string.h>

#include "dns/resolver.h"
#include "dns/servers.h"
#include "proxy/message/resolving.h"

enum { REASON_CAP = 1024 };

struct dns_servers *
proxy_resolving_servers(
    const struct proxy_dns_settings *dns, const struct dns_conf_page *page)
{
	struct dns_servers *servers;
	struct strbuf reason;

	if (dns->nameservers.count == 0 && page != NULL)
		return dns_servers_from_page(page, dns->trust_ad);
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

const char *
proxy_resolving_reason(int error)
{
	if (error == ETIMEDOUT)
		return "no answer";
	if (error ==
	    EPERM) /* as the systemd unit has it; see signpost.conf(5) */
		return "not allowed: IPAddressAllow= or a packet filter";
	return strerror(error);
}

static void
on_server(void *ctx, const char *server, int error)
{
	struct log *log = ctx;

	if (error == 0)
		log_printf(
		    log, LOGGING_INFO, "name server %s: answers again", server);
	else
		log_printf(log, LOGGING_WARNING, "name server %s: %s", server,
		    proxy_resolving_reason(error));
}

struct dns_resolver *
proxy_resolver_new(struct event_base *base,
    const struct proxy_dns_settings *dns, const struct dns_conf_page *page,
    struct log *log)
{
	struct dns_servers *servers = proxy_resolving_servers(dns, page);

	if (log != NULL)
		dns_servers_watch(servers, on_server, log);
	return dns_resolver_new(
	    base, servers, dns->timeout * 1000, dns->cache_size);
}
