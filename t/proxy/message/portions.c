/* In order, a few in a turn, and never what was called off. */
#include <event2/event.h>

#include "proxy/message/portions.h"
#include "t/lib/unit.h"

enum { PIECES = 2 * PROXY_PORTIONS_A_TURN + 1 };

struct rig {
	struct event_base *base;
	struct proxy_portions *all;
	struct proxy_portion pieces[PIECES];
	int done[4 * PIECES], count;
};

struct piece {
	struct rig *rig;
	int number;
};

static void
set_up(struct rig *rig)
{
	*rig = (struct rig){.base = event_base_new()};
	assert_non_null(rig->base);
	rig->all = proxy_portions_new(rig->base);
}

static void
tear_down(struct rig *rig)
{
	proxy_portions_free(rig->all);
	event_base_free(rig->base);
}

static void
work(void *ctx)
{
	struct piece *piece = ctx;

	piece->rig->done[piece->rig->count++] = piece->number;
}

static void
turn(struct rig *rig)
{
	(void)event_base_loop(rig->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static void
test_who_came_first_is_done_first_and_a_few_in_a_turn(void **state)
{
	struct rig rig;
	struct piece pieces[PIECES];

	(void)state;
	set_up(&rig);
	for (int i = 0; i < PIECES; i++) {
		pieces[i] = (struct piece){&rig, i};
		proxy_portions_add(rig.all, &rig.pieces[i], work, &pieces[i]);
	}
	assert_int_equal(rig.count, 0);
	turn(&rig);
	assert_int_equal(rig.count, PROXY_PORTIONS_A_TURN);
	turn(&rig);
	assert_int_equal(rig.count, 2 * PROXY_PORTIONS_A_TURN);
	turn(&rig);
	assert_int_equal(rig.count, PIECES);
	turn(&rig);
	assert_int_equal(rig.count, PIECES);
	for (int i = 0; i < PIECES; i++)
		assert_int_equal(rig.done[i], i);
	tear_down(&rig);
}

static void
test_what_was_called_off_is_not_done(void **state)
{
	struct rig rig;
	struct piece pieces[3];

	(void)state;
	set_up(&rig);
	for (int i = 0; i < 3; i++) {
		pieces[i] = (struct piece){&rig, i};
		proxy_portions_add(rig.all, &rig.pieces[i], work, &pieces[i]);
	}
	proxy_portions_remove(rig.all, &rig.pieces[1]);
	proxy_portions_remove(rig.all, &rig.pieces[1]);
	turn(&rig);
	assert_int_equal(rig.count, 2);
	assert_int_equal(rig.done[0], 0);
	assert_int_equal(rig.done[1], 2);
	proxy_portions_remove(rig.all, &rig.pieces[0]);
	tear_down(&rig);
}

static void
add_itself_again(void *ctx)
{
	struct piece *piece = ctx;
	struct rig *rig = piece->rig;

	work(piece);
	if (rig->count < 2 * PROXY_PORTIONS_A_TURN)
		proxy_portions_add(
		    rig->all, &rig->pieces[0], add_itself_again, piece);
}

static void
test_work_may_make_more_work_and_the_turn_still_ends(void **state)
{
	struct rig rig;
	struct piece piece = {&rig, 7};

	(void)state;
	set_up(&rig);
	proxy_portions_add(rig.all, &rig.pieces[0], add_itself_again, &piece);
	turn(&rig);
	assert_int_equal(rig.count, PROXY_PORTIONS_A_TURN);
	turn(&rig);
	assert_int_equal(rig.count, 2 * PROXY_PORTIONS_A_TURN);
	tear_down(&rig);
}

static void
test_without_work_the_loop_has_nothing_to_wait_for(void **state)
{
	struct rig rig;
	struct piece piece = {&rig, 1};

	(void)state;
	set_up(&rig);
	proxy_portions_add(rig.all, &rig.pieces[0], work, &piece);
	assert_int_equal(
	    event_base_loop(rig.base, EVLOOP_ONCE | EVLOOP_NONBLOCK), 0);
	assert_int_equal(rig.count, 1);
	/* 1: no event is left. */
	assert_int_equal(
	    event_base_loop(rig.base, EVLOOP_ONCE | EVLOOP_NONBLOCK), 1);
	tear_down(&rig);
	proxy_portions_free(NULL);
}

static void
note_socket(evutil_socket_t fd, short what, void *ctx)
{
	struct rig *rig = ctx;

	(void)what;
	rig->done[rig->count++] = -1;
	assert_int_equal(evutil_closesocket(fd), 0);
}

/* The reason for it all. */
static void
test_a_socket_that_is_ready_does_not_wait_for_all_of_it(void **state)
{
	struct rig rig;
	struct piece pieces[PIECES];
	evutil_socket_t pair[2];

	(void)state;
	set_up(&rig);
	for (int i = 0; i < PIECES; i++) {
		pieces[i] = (struct piece){&rig, i};
		proxy_portions_add(rig.all, &rig.pieces[i], work, &pieces[i]);
	}
	assert_int_equal(evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	turn(&rig);
	assert_int_equal(event_base_once(rig.base, pair[0], EV_READ,
			     note_socket, &rig, NULL),
	    0);
	assert_int_equal(send(pair[1], "x", 1, 0), 1);
	turn(&rig);
	assert_int_equal(rig.done[PROXY_PORTIONS_A_TURN], -1);
	turn(&rig);
	assert_int_equal(rig.count, PIECES + 1);
	assert_int_equal(evutil_closesocket(pair[1]), 0);
	tear_down(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		test_who_came_first_is_done_first_and_a_few_in_a_turn),
	    cmocka_unit_test(test_what_was_called_off_is_not_done),
	    cmocka_unit_test(
		test_without_work_the_loop_has_nothing_to_wait_for),
	    cmocka_unit_test(
		test_work_may_make_more_work_and_the_turn_still_ends),
	    cmocka_unit_test(
		test_a_socket_that_is_ready_does_not_wait_for_all_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
