/* Users by role; see users.h. */
#include <pwd.h>
#include <unistd.h>

#include "proxy/settings/users.h"

/* One that the settings name is taken at their word. */
static bool
is_missing(const char *user, unsigned line)
{
	return line == 0 && geteuid() == 0 && getpwnam(user) == NULL;
}

bool
proxy_signer_user_is_missing(const struct proxy_config *config)
{
	return is_missing(config->keys_user, config->keys_user_line);
}

bool
proxy_recorder_user_is_missing(const struct proxy_config *config)
{
	return is_missing(config->results.user, config->results.user_line);
}

const char *
proxy_signer_user(const struct proxy_config *config)
{
	return proxy_signer_user_is_missing(config)
	    ? proxy_front_with(config, PROXY_FILTER_SIGN)->user
	    : config->keys_user;
}

const char *
proxy_recorder_user(const struct proxy_config *config)
{
	return proxy_recorder_user_is_missing(config)
	    ? proxy_front_with(config, PROXY_FILTER_VERIFY)->user
	    : config->results.user;
}
