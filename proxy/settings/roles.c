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
	return config->in.enabled && config->checking.seal.domain != NULL;
}
