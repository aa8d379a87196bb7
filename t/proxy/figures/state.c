/* proxy/figures/state: what is said of a page of the test's own, at a time of
 * its own. */
#include <stdlib.h>

#include "base/xalloc.h"
#include "proxy/figures/state.h"
#include "t/lib/unit.h"

struct rig {
	struct proxy_config config;
	struct proxy_shared shared;
	struct proxy_state state;
	int64_t now;
};

static struct proxy_counters *
counters(struct rig *r, int slot)
{
	return &r->shared.slots[slot].counters;
}

static void
seat(struct rig *r, int slot, enum proxy_role role, int32_t pid)
{
	atomic_store(&r->shared.seats[slot].role, (uint32_t)role);
	atomic_store(&r->shared.seats[slot].pid, pid);
}

/* Two workers of [out] in 0 and 1, one of [in] in 2. */
static int
set_up(void **state)
{
	struct rig *r = xcalloc(1, sizeof(*r));

	proxy_fronts_init(&r->config);
	r->config.fronts[0].enabled = r->config.fronts[1].enabled = true;
	atomic_store(&r->shared.workers, 1);
	seat(r, 0, proxy_role_of(0), 10);
	seat(r, 1, proxy_role_of(1), 11);
	atomic_store(&r->shared.signers, 1);
	seat(r, 4, PROXY_ROLE_SIGNER, 14);
	r->now = 100000;
	*state = r;
	return 0;
}

static int
tear_down(void **state)
{
	free(*state);
	return 0;
}

/* A line of that level with those words in it. */
static void
says(struct rig *r, enum proxy_state_level level, const char *text)
{
	struct strbuf out;

	r->state.count = 0;
	proxy_state_add_workers(&r->state, &r->config, &r->shared);
	proxy_state_add_mail(&r->state, &r->config, &r->shared, r->now);
	proxy_state_add_reload(&r->state, &r->shared);
	for (size_t i = 0; i < r->state.count; i++)
		if (r->state.lines[i].level == level &&
		    strstr(r->state.lines[i].text, text) != NULL)
			return;
	strbuf_init(&out, 100000);
	proxy_state_print(&r->state, true, &out);
	fail_msg("no %d %s in\n%s", (int)level, text, strbuf_text(&out));
}

/* So long passes, with samples. */
static void
pass(struct rig *r, int64_t seconds)
{
	int64_t end = r->now + seconds;

	for (; r->now < end; r->now += 5) {
		struct proxy_history_sums sums = proxy_state_sums(&r->shared);

		proxy_history_add(&r->shared.history, r->now, &sums);
	}
}

static void
count(struct rig *r, int slot, enum proxy_counter which, uint64_t n)
{
	proxy_count_add(counters(r, slot), which, n);
}

static void
test_workers(void **state)
{
	struct rig *r = *state;

	says(r, PROXY_STATE_OK, "1 of 1 workers serve");
	assert_int_equal(proxy_state_worst(&r->state), PROXY_STATE_OK);
	atomic_store(&r->shared.seats[0].silent, 2);
	says(r, PROXY_STATE_OK, "1 of 1 workers serve");
	assert_int_equal(proxy_state_worst(&r->state), PROXY_STATE_OK);
	atomic_store(&r->shared.seats[0].silent, 3);
	says(r, PROXY_STATE_FAIL, "0 of 1 workers serve, 1 hang");
	seat(r, 3, proxy_role_of(0), 12); /* beside one that hangs */
	says(r, PROXY_STATE_OK, "1 of 1 workers serve");
	assert_int_equal(proxy_state_worst(&r->state), PROXY_STATE_OK);
	atomic_store(&r->shared.seats[3].drains, 1); /* of the old settings */
	says(r, PROXY_STATE_FAIL, "0 of 1 workers serve");
	atomic_store(&r->shared.seats[0].silent, 0);
	seat(r, 1, proxy_role_of(1), 0);
	says(r, PROXY_STATE_FAIL, "0 of 1 workers serve");
	r->config.fronts[1].enabled = false;
	says(r, PROXY_STATE_OK, "1 of 1 workers serve");
	assert_int_equal(proxy_state_worst(&r->state), PROXY_STATE_OK);
	says(r, PROXY_STATE_OK, "1 of 1 signers serve");
	seat(r, 4, PROXY_ROLE_SIGNER, 0);
	says(r, PROXY_STATE_FAIL, "0 of 1 signers serve");
}

static void
test_signing(void **state)
{
	struct rig *r = *state;

	pass(r, 4000);
	says(r, PROXY_STATE_OK, "0 messages signed");
	count(r, 0, PROXY_COUNT_TO_SIGN, 2);
	count(r, 0, PROXY_COUNT_SIGN_TROUBLE, 2);
	says(
	    r, PROXY_STATE_WARN, "failed for 2 of 2 messages in the last hour");
	count(r, 0, PROXY_COUNT_TO_SIGN, 1);
	count(r, 0, PROXY_COUNT_SIGN_TROUBLE, 1);
	says(r, PROXY_STATE_FAIL, "failed for all 3 messages");
	pass(r, 290);
	says(r, PROXY_STATE_FAIL, "failed for all 3 messages");
	pass(r, 20);
	says(r, PROXY_STATE_WARN, "failed for 3 of 3 messages");
	count(r, 0, PROXY_COUNT_TO_SIGN, 10); /* nine of ten fail */
	count(r, 0, PROXY_COUNT_SIGN_TROUBLE, 9);
	says(r, PROXY_STATE_WARN, "failed for 12 of 13 messages");
	pass(r, 3700);
	says(r, PROXY_STATE_OK, "0 messages signed");
}

static void
test_mail_put_off(void **state)
{
	struct rig *r = *state;

	pass(r, 4000);
	count(r, 1, PROXY_COUNT_SENT, 95);
	count(r, 1, PROXY_COUNT_DEFERRED, 5);
	says(
	    r, PROXY_STATE_OK, "5 of 100 messages deferred"); /* not over 5 % */
	count(r, 1, PROXY_COUNT_DEFERRED, 1);
	says(r, PROXY_STATE_WARN, "6 of 101 messages deferred");
	pass(r, 310);
	count(r, 1, PROXY_COUNT_DEFERRED, 4);
	says(r, PROXY_STATE_WARN, "10 of 105 messages deferred");
	count(r, 1, PROXY_COUNT_DEFERRED, 1);
	says(r, PROXY_STATE_FAIL, "all 5 messages of the last 5 minutes");
	count(r, 1, PROXY_COUNT_REJECTED, 1); /* it went through */
	says(r, PROXY_STATE_WARN, "11 of 107 messages deferred");
}

/* Whoever has name servers that are silent does not stop our mail; ours do. */
static void
test_mail_put_off_by_checks(void **state)
{
	struct rig *r = *state;

	pass(r, 4000);
	count(r, 1, PROXY_COUNT_DEFERRED, 9);
	count(r, 1, PROXY_COUNT_PUT_OFF, 5);
	says(r, PROXY_STATE_WARN, "9 of 9 messages deferred");
	r->state.deaf = true;
	says(r, PROXY_STATE_FAIL, "all 9 messages of the last 5 minutes");
	r->state.deaf = false;
	count(r, 1, PROXY_COUNT_PUT_OFF, 5); /* one went before its answer */
	says(r, PROXY_STATE_WARN, "9 of 9 messages deferred");
	count(r, 1, PROXY_COUNT_DEFERRED, 6);
	says(r, PROXY_STATE_FAIL, "all 15 messages of the last 5 minutes");
}

static void
test_records_and_reloads(void **state)
{
	struct rig *r = *state;
	struct strbuf out;

	pass(r, 4000);
	says(r, PROXY_STATE_OK, "none lost");
	seat(r, 2, PROXY_ROLE_RECORDER, 13);
	count(r, 0, PROXY_COUNT_RECORDS_LOST, 1);
	count(r, 2, proxy_count_lost(1), 2);
	says(r, PROXY_STATE_WARN, "3 lost in the last hour");
	pass(r, 3700);
	says(r, PROXY_STATE_OK, "none lost");
	proxy_shared_refused(
	    &r->shared, 86400, SLICE("c:3: \x1b[2Jno such \"setting\""));
	says(r, PROXY_STATE_WARN,
	    "refused at 1970-01-02 00:00:00 UTC, the settings of before hold: "
	    "c:3: \\x1b[2Jno such \\x22setting\\x22");
	strbuf_init(&out, 10000);
	proxy_state_print(&r->state, false, &out);
	assert_memory_equal(out.p, "ok\nreload: refused", 18);
	strbuf_clear(&out);
}

static void
test_no_more_lines_than_there_is_room_for(void **state)
{
	struct rig *r = *state;

	for (int i = 0; i < 2 * PROXY_STATE_LINES_MAX; i++)
		proxy_state_add(&r->state, PROXY_STATE_OK,
		    "a part of a long name", "%d", i);
	assert_int_equal(r->state.count, PROXY_STATE_LINES_MAX);
}

int
main(void)
{
#define RIGGED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    RIGGED(test_workers),
	    RIGGED(test_signing),
	    RIGGED(test_mail_put_off),
	    RIGGED(test_mail_put_off_by_checks),
	    RIGGED(test_records_and_reloads),
	    RIGGED(test_no_more_lines_than_there_is_room_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
