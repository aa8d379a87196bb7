#include "proxy/settings/roles.h"

bool
proxy_recorder_is_wanted(const struct proxy_config *config)
{
	return config->metrics.listen.count > 0 ||
	    config->results.database != NULL;
}

bool
proxy_sealer_is_wanted(const struct proxy_config *config)
{
	return proxy_fronts_have(config, PROXY_FILTER_VERIFY) &&
	    config->checking.seal.domain != NULL;
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
	    ? proxy_sealer_is_wanted(config)
	    : proxy_recorder_is_wanted(config);
}
