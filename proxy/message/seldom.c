/*
 * A few names and when each may be logged again; see seldom.h. So many slots
 * and never more, whatever strangers do: a new name takes the one that is due
 * first, and while none is due it is not logged.
 */
#include "proxy/message/seldom.h"

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
	name = slice_fnv(slice_fnv(SLICE_FNV, slice_str(what)), whom) | 1;
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
