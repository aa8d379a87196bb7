/* The rows of the fronts; see fronts.h. */
#include <stdlib.h>

#include "proxy/settings/config.h"
#include "proxy/settings/fronts.h"

const struct proxy_front_row proxy_front_rows[PROXY_FRONTS] = {
    {"out", PROXY_FILTER_SIGN, "/var/lib/signpost/spool", NULL},
    {"in", PROXY_FILTER_VERIFY, "/var/lib/signpost/spool-in", "signpost-in"},
};

void
proxy_fronts_init(struct proxy_config *config)
{
	for (size_t i = 0; i < PROXY_FRONTS; i++) {
		struct proxy_front *front = &config->fronts[i];

		front->number = i;
		front->name = proxy_front_rows[i].name;
		front->filter = proxy_front_rows[i].filter;
	}
}

size_t
proxy_front_find(struct slice section)
{
	size_t i = 0;

	while (i < PROXY_FRONTS &&
	    !slice_equal(section, slice_str(proxy_front_rows[i].name)))
		i++;
	return i;
}

bool
proxy_front_speaks(const struct proxy_front *front, enum proxy_listen_kind kind)
{
	for (size_t i = 0; i < front->listen.count; i++)
		if (front->listen.list[i].kind == kind)
			return true;
	return false;
}

bool
proxy_fronts_any(const struct proxy_config *config)
{
	bool any = false;

	for (size_t i = 0; i < PROXY_FRONTS; i++)
		any |= config->fronts[i].enabled;
	return any;
}

bool
proxy_fronts_have(
    const struct proxy_config *config, enum proxy_filter_kind filter)
{
	return proxy_front_with(config, filter)->enabled;
}

const struct proxy_front *
proxy_front_with(
    const struct proxy_config *config, enum proxy_filter_kind filter)
{
	const struct proxy_front *first = NULL;

	for (size_t i = 0; i < PROXY_FRONTS; i++) {
		const struct proxy_front *front = &config->fronts[i];

		if (front->filter != filter)
			continue;
		if (front->enabled)
			return front;
		if (first == NULL)
			first = front;
	}
	if (first == NULL)
		abort(); /* the rows have no such filter */
	return first;
}
