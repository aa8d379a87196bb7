/*
 * A few names and when each may be logged again; see seldom.h. So many slots
 * and never more, whatever strangers do: a new name takes the one that is due
 * first, and while none is due it is not logged.
 */
#include "proxy/message/seldom.h"

static uint64_t
mix(uint64_t hash, struct slice bytes)
{
	for (size_t i = 0; i < bytes.n; i++) /* FNV-1a */
		hash = (hash ^ (unsigned char)bytes.p[i]) * 0x100000001b3;
	return hash;
}

/* While all slots are taken and none is due, who has none is not logged: a
 * flood of very many clients is PROXY_SELDOM_SLOTS lines a minute. */
bool
proxy_seldom_may(struct proxy_seldom *seldom, const char *what,
    struct slice whom, int64_t now_ms)
{
	uint64_t name;
	size_t oldest = 0, i;

	if (seldom == NULL)
		return true;
	name = mix(mix(0xcbf29ce484222325, slice_str(what)), whom) | 1;
	for (i = 0; i < PROXY_SELDOM_SLOTS; i++) {
		if (seldom->slots[i].name == name)
			break;
		if (seldom->slots[i].due_ms < seldom->slots[oldest].due_ms)
			oldest = i;
	}
	if (i == PROXY_SELDOM_SLOTS)
		i = oldest;
	if (seldom->slots[i].due_ms > now_ms)
		return false;
	seldom->slots[i].name = name;
	seldom->slots[i].due_ms = now_ms + PROXY_SELDOM_MS;
	return true;
}
