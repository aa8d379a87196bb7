/* What each role may reach, and who forbids what; see sandbox.h. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include <linux/seccomp.h>

#include "base/compat.h"
#include "base/xalloc.h"
#include "dkim/hash.h"
#include "dns/servers.h"
#include "proxy/message/resolving.h"
#include "proxy/process/sandbox.h"
#include "proxy/process/sandbox_calls.h"
#include "proxy/process/sandbox_files.h"
#include "proxy/process/sandbox_filter.h"

/* --- how strictly --- */

static bool
is_deadly(void)
{
	const char *wish = getenv(PROXY_SANDBOX_VARIABLE);

	return wish != NULL && strcmp(wish, "death") == 0;
}

static enum proxy_sandbox
wanted(const struct proxy_config *config)
{
	if (config->sandbox == PROXY_SANDBOX_YES && compat_is_sanitized())
		return PROXY_SANDBOX_LOG;
	return config->sandbox;
}

static enum proxy_sandbox_unlisted
unlisted(const struct proxy_config *config)
{
	if (wanted(config) == PROXY_SANDBOX_LOG)
		return PROXY_SANDBOX_UNLISTED_LOGGED;
	return is_deadly() ? PROXY_SANDBOX_UNLISTED_DEATH
			   : PROXY_SANDBOX_UNLISTED_REFUSED;
}

/* --- what a role may reach --- */

static void
add_port(struct proxy_sandbox_reach *reach, const struct sockaddr_storage *at)
{
	const struct sockaddr_in *in = (const void *)at;
	const struct sockaddr_in6 *in6 = (const void *)at;

	if (reach->port_count == PROXY_SANDBOX_PORTS_MAX)
		return;
	if (at->ss_family == AF_INET)
		reach->ports[reach->port_count++] = ntohs(in->sin_port);
	else if (at->ss_family == AF_INET6)
		reach->ports[reach->port_count++] = ntohs(in6->sin6_port);
}

/* By TCP too, where an answer is too long for UDP. resolv.conf names none but
 * 53, whatever becomes of it. */
static void
add_name_servers(
    struct proxy_sandbox_reach *reach, const struct proxy_dns_settings *dns)
{
	struct dns_server list[DNS_SERVERS_MAX];
	struct dns_servers *servers;
	size_t n;

	if (dns->nameservers.count == 0) {
		reach->ports[reach->port_count++] = 53;
		return;
	}
	servers = proxy_resolving_servers(dns, NULL);
	n = dns_servers_order(servers, 0, list);
	for (size_t i = 0; i < n; i++) {
		struct sockaddr_storage at;

		memset(&at, 0, sizeof(at));
		memcpy(&at, &list[i].address, list[i].length);
		add_port(reach, &at);
	}
	dns_servers_free(servers);
}

/* The directory is the caller's to free. */
static struct proxy_sandbox_reach
reach_of(
    enum proxy_role role, const struct proxy_config *config, char **directory)
{
	const struct proxy_front *front = proxy_role_front(role, config);
	struct proxy_sandbox_reach reach = {.directory = NULL};

	*directory = NULL;
	if (front != NULL) {
		*directory = xstrdup(front->spool_dir);
		add_port(&reach, &front->relay.address);
		if (front->filter == PROXY_FILTER_VERIFY)
			add_name_servers(&reach, &config->dns);
	} else if (role == PROXY_ROLE_RECORDER) {
		if (config->results.database != NULL) {
			struct slice whole =
			    slice_str(config->results.database);
			size_t slash = slice_find_last(whole, '/');

			*directory = slash == 0
			    ? xstrdup("/")
			    : xslicedup(slice_first(whole, slash));
		}
		/* It asks the next hops and the name servers how they are,
		 * for [metrics]. */
		for (size_t i = 0; i < PROXY_FRONTS; i++)
			add_port(&reach, &config->fronts[i].relay.address);
		add_port(&reach, &config->reflector.relay.address);
		add_port(&reach, &config->reflector.spamd.address);
		add_name_servers(&reach, &config->dns);
	}
	reach.directory = *directory;
	return reach;
}

static unsigned
kind_of(enum proxy_role role, const struct proxy_config *config)
{
	const struct proxy_front *front = proxy_role_front(role, config);

	if (front != NULL)
		return front->filter == PROXY_FILTER_SIGN
		    ? PROXY_SANDBOX_SIGN
		    : PROXY_SANDBOX_VERIFY;
	return role == PROXY_ROLE_RECORDER ? PROXY_SANDBOX_RECORDER
					   : PROXY_SANDBOX_SIGNER;
}

/* --- who forbids it --- */

/* A call that whoever started us forbids ends so. Ours forbids none of those
 * that close a process in, so it does not matter whether it is there already. */
static bool
is_filtered(int why)
{
	return (why == EPERM || why == ENOSYS) &&
	    prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == SECCOMP_MODE_FILTER;
}

static const char *
who_forbids(int why)
{
	if (why == EOPNOTSUPP)
		return "the kernel was started without it (lsm=)";
	if (is_filtered(why))
		return "whoever started this daemon forbids the call: "
		       "SystemCallFilter= of the unit, or a container";
	return why == ENOSYS ? "this kernel does not have it" : strerror(why);
}

void
proxy_sandbox_begin(const struct proxy_config *config, struct log *log)
{
	int abi;

	if (wanted(config) == PROXY_SANDBOX_NO)
		return;
	if (wanted(config) == PROXY_SANDBOX_LOG) {
		log_printf(log, LOGGING_WARNING,
		    "sandbox = log: nothing is forbidden; what would be is in "
		    "the kernel's log (type=1326)");
		return;
	}
	abi = proxy_sandbox_abi();
	if (abi < 1)
		log_printf(log, LOGGING_WARNING,
		    "sandbox: without landlock, so any file may be reached "
		    "that its user may reach: %s",
		    who_forbids(errno));
	else
		log_printf(log, LOGGING_INFO,
		    "sandbox: system calls, and files%s (landlock ABI %d)",
		    abi < PROXY_SANDBOX_ABI_TCP ? "" : " and TCP ports", abi);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    proxy_sandbox_filter_master(unlisted(config)) != 0)
		log_printf(log, LOGGING_WARNING,
		    "sandbox: without a filter of system calls: %s",
		    who_forbids(errno));
}

/* --- going in --- */

/* Under tests what cannot be entered is a failure. */
static int
go_without(const char *what, struct log *log)
{
	log_printf(log, is_deadly() ? LOGGING_ERROR : LOGGING_WARNING,
	    "sandbox: without %s: %s", what, who_forbids(errno));
	return is_deadly() ? -1 : 0;
}

static int
close_files(
    enum proxy_role role, const struct proxy_config *config, struct log *log)
{
	char *directory;
	struct proxy_sandbox_reach reach = reach_of(role, config, &directory);
	int result = 0;

	/* Of a kernel that has none the master has told already. */
	if (proxy_sandbox_close(&reach) != 0 && proxy_sandbox_abi() > 0)
		result = go_without("landlock", log);
	free(directory);
	return result;
}

int
proxy_sandbox_enter(enum proxy_role role, const struct proxy_config *config,
    int tell, struct log *log)
{
	static const enum dkim_digest digests[] = {DKIM_SHA256, DKIM_SHA1};

	if (wanted(config) == PROXY_SANDBOX_NO)
		return 0;
	/* What libraries open when it is first used. */
	tzset();
	for (size_t i = 0; i < sizeof(digests) / sizeof(digests[0]); i++)
		dkim_hash_free(dkim_hash_new(digests[i]));
	if (wanted(config) == PROXY_SANDBOX_YES &&
	    close_files(role, config, log) != 0)
		return -1;
	if (proxy_sandbox_filter(
		kind_of(role, config), unlisted(config), tell) != 0)
		return go_without("a filter of system calls", log);
	return 0;
}
