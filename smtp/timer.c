/*
 * Deadlines that move all the time; see timer.h. Every line that comes moves
 * its connection's deadline, and to tell libevent each time would cost more
 * than the line does. So the event stays where it is, and when it comes it
 * looks whether the deadline has moved on meanwhile.
 */
#include <event2/event.h>

#include "base/clock.h"
#include "smtp/timer.h"

/* How far the coarse clock may lag: one tick of the slowest kernel. */
enum { LAG_MS = 10 };

static void
set_event(struct smtp_timer *timer, int64_t now)
{
	int64_t ms = timer->due_ms - now;
	struct timeval wait = {.tv_sec = (time_t)(ms / 1000),
	    .tv_usec = (suseconds_t)(ms % 1000) * 1000};

	timer->at_ms = timer->due_ms;
	(void)event_add(&timer->event, &wait);
}

static void
on_event(evutil_socket_t fd, short what, void *ctx)
{
	struct smtp_timer *timer = ctx;
	int64_t now = clock_coarse_ms();

	(void)fd;
	(void)what;
	timer->at_ms = 0;
	if (timer->due_ms == 0)
		return;
	if (now < timer->due_ms) {
		set_event(timer, now);
		return;
	}
	timer->due_ms = 0;
	timer->ended(timer->ctx);
}

void
smtp_timer_init(struct smtp_timer *timer, struct event_base *base,
    void (*ended)(void *ctx), void *ctx)
{
	(void)evtimer_assign(&timer->event, base, on_event, timer);
	timer->due_ms = timer->at_ms = 0;
	timer->ended = ended;
	timer->ctx = ctx;
}

void
smtp_timer_begin(struct smtp_timer *timer, unsigned ms)
{
	int64_t now;

	if (ms == 0) {
		timer->due_ms = 0;
		return;
	}
	now = clock_coarse_ms();
	timer->due_ms = now + ms + LAG_MS;
	if (timer->at_ms == 0 || timer->at_ms > timer->due_ms)
		set_event(timer, now);
}

void
smtp_timer_clear(struct smtp_timer *timer)
{
	(void)event_del(&timer->event);
	timer->due_ms = timer->at_ms = 0;
}
