/* DNS for a tool; see resolve.h. */
#include <stdlib.h>

#include <event2/event.h>

#include "auth/evaluation.h"
#include "base/xalloc.h"
#include "cli/kit/cli.h"
#include "cli/kit/resolve.h"
#include "dns/resolver.h"
#include "dns/servers.h"
#include "proxy/message/resolving.h"

enum { REASON_MAX = 1000 };

struct cli_resolver {
	struct event_base *base;
	struct dns_resolver *resolver;
	struct strbuf servers; /* their addresses */
};

/* A resolver leaves out what is no address; who asked for it is told. */
static int
check_nameserver(const char *text, const char *option)
{
	struct dns_servers *servers = dns_servers_new(false);
	struct strbuf reason;
	int outcome;

	strbuf_init(&reason, REASON_MAX);
	outcome = dns_servers_add(servers, slice_str(text), &reason);
	if (outcome != 0)
		cli_error("%s: %s", option, strbuf_text(&reason));
	strbuf_clear(&reason);
	dns_servers_free(servers);
	return outcome;
}

struct cli_resolver *
cli_resolver_new(const struct cli_dns *wishes,
    const struct proxy_dns_settings *configured, const char *option)
{
	struct proxy_dns_settings dns = {
	    .timeout = DNS_TIMEOUT_S, .cache_size = DNS_CACHE_BYTES};
	/* The list is read only. */
	char *one[1] = {(char *)(uintptr_t)wishes->nameserver};
	struct cli_resolver *r;

	if (wishes->nameserver != NULL &&
	    check_nameserver(wishes->nameserver, option) != 0)
		return NULL;
	if (configured != NULL)
		dns = *configured;
	if (wishes->nameserver != NULL)
		dns.nameservers = (struct proxy_strings){one, 1};
	if (wishes->timeout > 0)
		dns.timeout = (unsigned)wishes->timeout;
	r = xcalloc(1, sizeof(*r));
	r->base = event_base_new();
	r->resolver = proxy_resolver_new(r->base, &dns, NULL, NULL);
	strbuf_init(&r->servers, REASON_MAX);
	for (size_t i = 0; i < dns.nameservers.count; i++)
		strbuf_addf(&r->servers, "%s%s", i == 0 ? "" : ", ",
		    dns.nameservers.list[i]);
	if (dns.nameservers.count == 0)
		strbuf_add_str(&r->servers, "the servers of /etc/resolv.conf");
	return r;
}

void
cli_resolver_print(const struct cli_resolver *r, struct strbuf *to)
{
	strbuf_add(to, strbuf_slice(&r->servers));
}

struct event_base *
cli_resolver_base(const struct cli_resolver *r)
{
	return r->base;
}

struct dns_resolver *
cli_resolver_dns(const struct cli_resolver *r)
{
	return r->resolver;
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
	    AUTH_EVALUATION_QUESTIONS_MAX, PROXY_ASKING_DEADLINE_MS, NULL};
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
	strbuf_clear(&r->servers);
	free(r);
}
