/* A line of work, and a timer that is always due; see portions.h. */
#include <assert.h>
#include <stdlib.h>

#include <event2/event.h>

#include "base/xalloc.h"
#include "proxy/message/portions.h"

TAILQ_HEAD(line, proxy_portion);

struct proxy_portions {
	struct line line;
	struct event *turn;
};

/* A timer that is due comes up behind whatever the sockets have. */
static void
come_again(struct proxy_portions *all)
{
	const struct timeval now = {0, 0};

	if (!TAILQ_EMPTY(&all->line))
		(void)event_add(all->turn, &now);
}

static void
on_turn(evutil_socket_t fd, short what, void *ctx)
{
	struct proxy_portions *all = ctx;
	struct proxy_portion *next;

	(void)fd;
	(void)what;
	for (int i = 0; i < PROXY_PORTIONS_A_TURN; i++) {
		if ((next = TAILQ_FIRST(&all->line)) == NULL)
			break;
		proxy_portions_remove(all, next);
		next->work(next->ctx); /* may free it */
	}
	come_again(all);
}

struct proxy_portions *
proxy_portions_new(struct event_base *base)
{
	struct proxy_portions *all = xcalloc(1, sizeof(*all));

	TAILQ_INIT(&all->line);
	all->turn = evtimer_new(base, on_turn, all);
	if (all->turn == NULL)
		abort(); /* no memory, as in xalloc */
	return all;
}

void
proxy_portions_free(struct proxy_portions *all)
{
	if (all == NULL)
		return;
	assert(TAILQ_EMPTY(&all->line));
	event_free(all->turn);
	free(all);
}

void
proxy_portions_add(struct proxy_portions *all, struct proxy_portion *portion,
    void (*work)(void *ctx), void *ctx)
{
	assert(!portion->waits);
	portion->waits = true;
	portion->work = work;
	portion->ctx = ctx;
	TAILQ_INSERT_TAIL(&all->line, portion, entry);
	if (TAILQ_FIRST(&all->line) == portion)
		come_again(all);
}

void
proxy_portions_remove(struct proxy_portions *all, struct proxy_portion *portion)
{
	if (!portion->waits)
		return;
	portion->waits = false;
	TAILQ_REMOVE(&all->line, portion, entry);
}
