/* When a key may sign; see ready.h. */
#include "cli/rotate/ready.h"

static int64_t
longer(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* For how long the longest of other answers that were met may be kept. */
static int64_t
kept_for(const struct rotate_standing *standing)
{
	int64_t ttl = standing->until - longer(standing->met, standing->seen);

	ttl = longer(ttl, ROTATE_OTHER_MIN);
	return ttl > ROTATE_OTHER_MAX ? ROTATE_OTHER_MAX : ttl;
}

/* Stamps of a time that has not been yet: whoever wrote them had another clock,
 * and how long ago that was nobody knows. */
static void
forget_future(struct rotate_standing *standing, int64_t now)
{
	if (standing->seen > now)
		standing->seen = 0;
	if (standing->met > now)
		standing->met = now;
	if (standing->lame > now)
		standing->lame = now;
	if (standing->until > now + ROTATE_OTHER_MAX)
		standing->until = now + ROTATE_OTHER_MAX;
}

void
rotate_standing_take(struct rotate_standing *standing,
    const struct rotate_sight *sight, int64_t now)
{
	forget_future(standing, now);
	if (!sight->unheard)
		standing->lame = 0;
	else if (standing->lame == 0)
		standing->lame = now;
	if (sight->others) {
		int64_t kept = longer(kept_for(standing), sight->ttl);

		if (kept > ROTATE_OTHER_MAX)
			kept = ROTATE_OTHER_MAX;
		standing->seen = 0;
		standing->met = now;
		standing->until = longer(standing->until, now + kept);
	} else if (!sight->unheard && standing->seen == 0) {
		/* Up to this moment one may have given what was met before. */
		int64_t kept = kept_for(standing);

		standing->seen = now;
		standing->until = longer(standing->until, now + kept);
	}
}

enum rotate_wait
rotate_standing_wait(const struct rotate_standing *standing,
    const struct rotate_sight *sight, int64_t now)
{
	if (sight->others)
		return ROTATE_WAIT_RECORD;
	if (sight->unheard || standing->seen == 0)
		return ROTATE_WAIT_SERVER;
	if (now < standing->until)
		return ROTATE_WAIT_CACHES;
	return sight->confirmed ? ROTATE_READY : ROTATE_WAIT_RESOLVER;
}

bool
rotate_standing_is_lame(const struct rotate_standing *standing, int64_t now)
{
	return standing->lame != 0 && now - standing->lame >= ROTATE_LAME_AFTER;
}
