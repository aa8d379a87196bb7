/* A process's octets to the master; see life_wire.h. */
#include "proxy/process/life_wire.h"

enum { REFUSED = 'x' };

/* In a signal's handler: nothing but memory is touched. */
void
proxy_life_refused(int call, unsigned char word[PROXY_LIFE_REFUSED_SIZE])
{
	word[0] = REFUSED;
	word[1] = (unsigned char)(call & 0xff);
	word[2] = (unsigned char)(call >> 8 & 0xff);
}

/* Is it one that was not told of, and may be? */
static bool
is_new(struct proxy_life *life, int call)
{
	for (unsigned i = 0; i < life->count; i++)
		if (life->calls[i] == call)
			return false;
	if (life->count == PROXY_LIFE_CALLS_MAX)
		return false;
	life->calls[life->count++] = call;
	return true;
}

bool
proxy_life_hear(struct proxy_life *life, struct slice octets,
    void (*refused)(void *ctx, int call), void *ctx)
{
	bool ready = false;
	int call;

	for (size_t i = 0; i < octets.n; i++) {
		if (life->n == 0 && octets.p[i] != REFUSED) {
			ready = ready || octets.p[i] == PROXY_LIFE_READY;
			continue;
		}
		life->word[life->n++] = (unsigned char)octets.p[i];
		if (life->n < PROXY_LIFE_REFUSED_SIZE)
			continue;
		life->n = 0;
		call = life->word[1] | life->word[2] << 8;
		if (is_new(life, call))
			refused(ctx, call);
	}
	return ready;
}
