#include <unistd.h>

#include "proxy/settings/roles.h"
#include "proxy/settings/users.h"

bool
proxy_recorder_is_wanted(const struct proxy_config *config)
{
	return config->metrics.listen.count > 0 ||
	    config->results.database != NULL;
}

static bool
seals_checked_mail(const struct proxy_config *config)
{
	return proxy_fronts_have(config, PROXY_FILTER_VERIFY) &&
	    config->checking.seal.domain != NULL;
}

static bool
wants_signers(const struct proxy_config *config)
{
	return proxy_fronts_have(config, PROXY_FILTER_SIGN) ||
	    seals_checked_mail(config);
}

bool
proxy_front_asks_signers(
    const struct proxy_config *config, const struct proxy_front *front)
{
	return front->filter == PROXY_FILTER_SIGN || seals_checked_mail(config);
}

/* 0: one a core. */
static size_t
count_or_cores(unsigned wanted)
{
	long cores;

	if (wanted > 0)
		return wanted;
	cores = sysconf(_SC_NPROCESSORS_ONLN);
	return cores < 1		? 1
	    : cores > PROXY_WORKERS_MAX ? PROXY_WORKERS_MAX
					: (size_t)cores;
}

size_t
proxy_worker_count(const struct proxy_config *config)
{
	return count_or_cores(config->workers);
}

size_t
proxy_signer_count(const struct proxy_config *config)
{
	return wants_signers(config) ? count_or_cores(config->signers) : 0;
}

bool
proxy_front_user_is_wanted(
    const struct proxy_config *config, const struct proxy_front *front)
{
	if (front->enabled)
		return true;
	if (front->number != proxy_front_with(config, front->filter)->number)
		return false;
	return front->filter == PROXY_FILTER_SIGN
	    ? wants_signers(config) && proxy_signer_user_is_missing(config)
	    : proxy_recorder_is_wanted(config) &&
		proxy_recorder_user_is_missing(config);
}
