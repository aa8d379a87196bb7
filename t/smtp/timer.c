/* smtp/timer: it ends once, when it is due and not before, however often it
 * was begun anew, made shorter or stopped. */
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "smtp/timer.h"
#include "t/lib/unit.h"

struct clock {
	struct event_base *base;
	struct smtp_timer timer;
	double began, ended;
	unsigned count;
};

static double
now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void
on_ended(void *ctx)
{
	struct clock *c = ctx;

	c->count++;
	c->ended = now();
}

static void
set_up(struct clock *c)
{
	*c = (struct clock){.base = event_base_new()};
	assert_non_null(c->base);
	smtp_timer_init(&c->timer, c->base, on_ended, c);
}

static void
tear_down(struct clock *c)
{
	smtp_timer_clear(&c->timer);
	event_base_free(c->base);
}

static void
begin(struct clock *c, unsigned ms)
{
	c->began = now();
	smtp_timer_begin(&c->timer, ms);
}

static void
run(struct clock *c, unsigned ms)
{
	const struct timeval wait = {0, (suseconds_t)ms * 1000};

	(void)event_base_loopexit(c->base, &wait);
	(void)event_base_dispatch(c->base);
}

static void
test_not_before_it_is_due(void **state)
{
	struct clock c;

	(void)state;
	set_up(&c);
	for (unsigned i = 1; i <= 50; i++) {
		begin(&c, 20);
		(void)usleep(i * 137);
		begin(&c, 20); /* anywhere within a tick of the clock */
		run(&c, 60);
		assert_int_equal(c.count, i);
		assert_true(c.ended - c.began >= 20);
	}
	tear_down(&c);
}

static void
test_begun_anew_it_waits_anew(void **state)
{
	struct clock c;

	(void)state;
	set_up(&c);
	for (int i = 0; i < 10; i++) {
		begin(&c, 400);
		run(&c, 50);
		assert_int_equal(c.count, 0);
	}
	run(&c, 900);
	assert_int_equal(c.count, 1);
	assert_true(c.ended - c.began >= 400);
	tear_down(&c);
}

static void
test_made_shorter_it_comes_sooner(void **state)
{
	struct clock c;

	(void)state;
	set_up(&c);
	begin(&c, 60 * 1000);
	begin(&c, 30);
	run(&c, 300);
	assert_int_equal(c.count, 1);
	assert_true(c.ended - c.began >= 30);
	tear_down(&c);
}

static void
test_stopped_it_does_not_come(void **state)
{
	struct clock c;

	(void)state;
	set_up(&c);
	begin(&c, 20);
	smtp_timer_begin(&c.timer, 0);
	run(&c, 100);
	assert_int_equal(c.count, 0);
	begin(&c, 20);
	run(&c, 200);
	assert_int_equal(c.count, 1);
	begin(&c, 20);
	smtp_timer_clear(&c.timer);
	run(&c, 100);
	assert_int_equal(c.count, 1);
	assert_int_equal(
	    event_base_get_num_events(c.base, EVENT_BASE_COUNT_ADDED), 0);
	tear_down(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_not_before_it_is_due),
	    cmocka_unit_test(test_begun_anew_it_waits_anew),
	    cmocka_unit_test(test_made_shorter_it_comes_sooner),
	    cmocka_unit_test(test_stopped_it_does_not_come),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
