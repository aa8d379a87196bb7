/* cli/rotate/ready: when a key may sign, step by step, by a clock of our own. */
#include "cli/rotate/ready.h"
#include "t/lib/unit.h"

enum { START = 1800000000, HOUR = 3600, DAY = 86400 };

/* One look: when, what was seen, and what it comes to. */
struct step {
	int64_t at; /* s since START */
	struct rotate_sight sight;
	enum rotate_wait wait;
	int64_t until; /* since START; 0: not looked at */
};

enum { STEPS_MAX = 8 };

struct life {
	const char *what;
	struct step steps[STEPS_MAX]; /* the last one is that of 0 s again */
};

#define RIGHT                     \
	{                         \
		.confirmed = true \
	}
#define OTHER(seconds)                           \
	{                                        \
		.others = true, .ttl = (seconds) \
	}
#define SILENT                                     \
	{                                          \
		.unheard = true, .confirmed = true \
	}

static const struct life lives[] = {
    {"never seen elsewhere: an hour from the first look",
	{{0, RIGHT, ROTATE_WAIT_CACHES, HOUR},
	    {HOUR - 1, RIGHT, ROTATE_WAIT_CACHES, HOUR},
	    {HOUR, RIGHT, ROTATE_READY, HOUR}}},
    {"from when it is first right everywhere, not from when it last was not",
	{{0, OTHER(7200), ROTATE_WAIT_RECORD, 7200},
	    /* it was published a moment before this look */
	    {DAY, RIGHT, ROTATE_WAIT_CACHES, DAY + 7200},
	    {DAY + 7199, RIGHT, ROTATE_WAIT_CACHES, DAY + 7200},
	    {DAY + 7200, RIGHT, ROTATE_READY, DAY + 7200}}},
    {"the longest of all that were met counts",
	{{0, OTHER(DAY), ROTATE_WAIT_RECORD, DAY},
	    {HOUR, OTHER(60), ROTATE_WAIT_RECORD, HOUR + DAY},
	    {2 * HOUR, OTHER(0), ROTATE_WAIT_RECORD, 2 * HOUR + DAY},
	    {3 * HOUR, RIGHT, ROTATE_WAIT_CACHES, 3 * HOUR + DAY},
	    {3 * HOUR + DAY, RIGHT, ROTATE_READY, 3 * HOUR + DAY}}},
    {"a short TTL counts as an hour",
	{{0, OTHER(5), ROTATE_WAIT_RECORD, HOUR},
	    {10, RIGHT, ROTATE_WAIT_CACHES, 10 + HOUR},
	    {10 + HOUR, RIGHT, ROTATE_READY, 10 + HOUR}}},
    {"and a TTL of a liar's as a week",
	{{0, OTHER(UINT32_MAX), ROTATE_WAIT_RECORD, 7 * DAY},
	    {10, RIGHT, ROTATE_WAIT_CACHES, 10 + 7 * DAY},
	    {10 + 7 * DAY, RIGHT, ROTATE_READY, 10 + 7 * DAY}}},
    {"a secondary that falls back begins it anew",
	{{0, RIGHT, ROTATE_WAIT_CACHES, HOUR},
	    {HOUR, OTHER(300), ROTATE_WAIT_RECORD, 2 * HOUR},
	    {HOUR + 60, RIGHT, ROTATE_WAIT_CACHES, 2 * HOUR + 60},
	    {2 * HOUR + 59, RIGHT, ROTATE_WAIT_CACHES, 2 * HOUR + 60},
	    {2 * HOUR + 60, RIGHT, ROTATE_READY, 2 * HOUR + 60}}},
    {"one that is silent keeps it waiting, and not longer than it is",
	{{0, RIGHT, ROTATE_WAIT_CACHES, HOUR},
	    {HOUR, SILENT, ROTATE_WAIT_SERVER, HOUR},
	    {3 * HOUR, RIGHT, ROTATE_READY, HOUR}}},
    {"one that was silent from the first counts from when it is heard",
	{{0, SILENT, ROTATE_WAIT_SERVER, 0},
	    {DAY, RIGHT, ROTATE_WAIT_CACHES, DAY + HOUR},
	    {DAY + HOUR, RIGHT, ROTATE_READY, DAY + HOUR}}},
    {"the resolver must give it, too",
	{{0, RIGHT, ROTATE_WAIT_CACHES, HOUR},
	    {HOUR, {0}, ROTATE_WAIT_RESOLVER, HOUR},
	    {HOUR + 1, RIGHT, ROTATE_READY, HOUR}}},
    {"a clock that is set back begins it anew",
	{{0, OTHER(DAY), ROTATE_WAIT_RECORD, DAY},
	    {HOUR, RIGHT, ROTATE_WAIT_CACHES, HOUR + DAY},
	    {-30 * DAY, RIGHT, ROTATE_WAIT_CACHES, -23 * DAY},
	    {-23 * DAY - 1, RIGHT, ROTATE_WAIT_CACHES, -23 * DAY},
	    {-23 * DAY, RIGHT, ROTATE_READY, -23 * DAY}}},
};

static void
test_a_key_is_ready_when_nothing_else_can_be_in_a_cache(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lives) / sizeof(lives[0]); i++) {
		struct rotate_standing standing = {0};

		for (size_t k = 0; k < STEPS_MAX; k++) {
			const struct step *step = &lives[i].steps[k];
			enum rotate_wait wait;

			if (k > 0 && step->at == 0)
				break;
			rotate_standing_take(
			    &standing, &step->sight, START + step->at);
			wait = rotate_standing_wait(
			    &standing, &step->sight, START + step->at);
			if (wait != step->wait ||
			    (step->until != 0 &&
				standing.until != START + step->until))
				fail_msg("%s: look %zu: %d, until %lld",
				    lives[i].what, k, (int)wait,
				    (long long)standing.until - START);
		}
	}
}

/* A moment before `until' no answer that was met can have been kept for longer:
 * whatever the looks and the TTLs, against a cache that asks at each second at
 * random. */
static void
test_no_cache_has_another_answer_when_it_is_ready(void **state)
{
	uint64_t seed = 20261130;

	(void)state;
	for (unsigned round = 0; round < 2000; round++) {
		struct rotate_standing standing = {0};
		int64_t published, kept = 0, now = START;
		uint32_t ttl;

		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		published = START + (int64_t)((seed >> 33) % (2 * DAY));
		ttl = (uint32_t)((seed >> 20) % (2 * DAY));
		/* Whoever asked a second before it was published. */
		kept = published - 1 + ttl;
		for (;;) {
			const struct rotate_sight sight = {
			    .others = now < published,
			    .ttl = now < published ? ttl : 0,
			    .confirmed = true,
			};

			rotate_standing_take(&standing, &sight, now);
			if (rotate_standing_wait(&standing, &sight, now) ==
			    ROTATE_READY)
				break;
			seed = seed * 6364136223846793005ULL + 1;
			now += 60 + (int64_t)((seed >> 33) % (6 * HOUR));
			assert_true(now < START + 30 * DAY);
		}
		assert_true(now > kept || published == START);
	}
}

static void
test_a_server_that_is_silent_for_a_day_is_lame(void **state)
{
	const struct rotate_sight silent = {.unheard = true};
	const struct rotate_sight right = {.confirmed = true};
	struct rotate_standing standing = {0};

	(void)state;
	rotate_standing_take(&standing, &silent, START);
	assert_false(rotate_standing_is_lame(&standing, START + DAY - 1));
	rotate_standing_take(&standing, &silent, START + DAY);
	assert_true(rotate_standing_is_lame(&standing, START + DAY));
	rotate_standing_take(&standing, &right, START + DAY + 1);
	assert_false(rotate_standing_is_lame(&standing, START + 9 * DAY));
	/* set back: a day from now, not one that never ends */
	rotate_standing_take(&standing, &silent, START);
	rotate_standing_take(&standing, &silent, START - 30 * DAY);
	assert_true(rotate_standing_is_lame(&standing, START - 29 * DAY));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		test_a_key_is_ready_when_nothing_else_can_be_in_a_cache),
	    cmocka_unit_test(test_no_cache_has_another_answer_when_it_is_ready),
	    cmocka_unit_test(test_a_server_that_is_silent_for_a_day_is_lame),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
