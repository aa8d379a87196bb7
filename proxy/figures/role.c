/* What a process is; see role.h. */
#include <string.h>

#include "proxy/figures/role.h"

enum proxy_role
proxy_role_of(size_t front)
{
	return (enum proxy_role)((size_t)PROXY_ROLE_WORKER + front);
}

bool
proxy_role_is_worker(enum proxy_role role)
{
	return role >= PROXY_ROLE_WORKER && role < PROXY_ROLES;
}

const struct proxy_front *
proxy_role_front(enum proxy_role role, const struct proxy_config *config)
{
	return proxy_role_is_worker(role)
	    ? &config->fronts[role - PROXY_ROLE_WORKER]
	    : NULL;
}

const char *
proxy_role_name(enum proxy_role role)
{
	if (proxy_role_is_worker(role))
		return proxy_front_rows[role - PROXY_ROLE_WORKER].name;
	return role == PROXY_ROLE_SIGNER ? "signer" : "recorder";
}

const char *
proxy_role_kind(enum proxy_role role)
{
	return proxy_role_is_worker(role) ? "worker" : "process";
}

enum proxy_role
proxy_role_find(const char *name)
{
	for (int i = PROXY_ROLE_RECORDER; i < PROXY_ROLES; i++)
		if (strcmp(name, proxy_role_name((enum proxy_role)i)) == 0)
			return (enum proxy_role)i;
	return PROXY_ROLE_NONE;
}
