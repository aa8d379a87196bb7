/* The master's decisions; see master_rules.h. */
#include "proxy/process/master_rules.h"
#include "proxy/process/master.h"
#include "proxy/process/worker.h"

static const char *const master_names[PROXY_MASTER_STATES] = {
    [PROXY_MASTER_BEGINNING] = "BEGINNING",
    [PROXY_MASTER_SERVING] = "SERVING",
    [PROXY_MASTER_CHECKING] = "CHECKING",
    [PROXY_MASTER_CHANGING] = "CHANGING",
    [PROXY_MASTER_STOPPING] = "STOPPING",
};

#define BIT(state) MACHINE_BIT(PROXY_MASTER_##state)

static const unsigned master_next[PROXY_MASTER_STATES] = {
    [PROXY_MASTER_BEGINNING] = BIT(SERVING) | BIT(STOPPING),
    [PROXY_MASTER_SERVING] = BIT(CHECKING) | BIT(STOPPING),
    [PROXY_MASTER_CHECKING] = BIT(CHANGING) | BIT(SERVING) | BIT(STOPPING),
    [PROXY_MASTER_CHANGING] = BIT(SERVING) | BIT(STOPPING),
    [PROXY_MASTER_STOPPING] = 0,
};

const struct machine proxy_master_machine = {
    "master", master_names, master_next, PROXY_MASTER_STATES};

static const char *const seat_names[PROXY_SEAT_STATES] = {
    [PROXY_SEAT_EMPTY] = "EMPTY",
    [PROXY_SEAT_STARTING] = "STARTING",
    [PROXY_SEAT_SERVING] = "SERVING",
};

static const unsigned seat_next[PROXY_SEAT_STATES] = {
    [PROXY_SEAT_EMPTY] = MACHINE_BIT(PROXY_SEAT_STARTING),
    [PROXY_SEAT_STARTING] =
	MACHINE_BIT(PROXY_SEAT_SERVING) | MACHINE_BIT(PROXY_SEAT_EMPTY),
    [PROXY_SEAT_SERVING] = MACHINE_BIT(PROXY_SEAT_EMPTY),
};

const struct machine proxy_seat_machine = {
    "seat", seat_names, seat_next, PROXY_SEAT_STATES};

enum proxy_turn
proxy_rule_reload(enum proxy_master_state state)
{
	switch (state) {
	case PROXY_MASTER_SERVING:
		return PROXY_TURN_NOW;
	case PROXY_MASTER_BEGINNING:
	case PROXY_MASTER_CHECKING:
	case PROXY_MASTER_CHANGING:
		return PROXY_TURN_LATER;
	default:
		return PROXY_TURN_NEVER;
	}
}

enum proxy_seat_fate
proxy_rule_seat(bool leaving, bool starting)
{
	if (leaving)
		return PROXY_FATE_STAYS_EMPTY;
	return starting ? PROXY_FATE_GIVES_UP : PROXY_FATE_IS_REPLACED;
}

unsigned
proxy_rule_pause(unsigned pause, int64_t lived_s)
{
	if (pause == 0 || lived_s >= PROXY_MASTER_PAUSE_LAST)
		return PROXY_MASTER_PAUSE_FIRST;
	return pause * 2 > PROXY_MASTER_PAUSE_LAST ? PROXY_MASTER_PAUSE_LAST
						   : pause * 2;
}

/*
 * Rounds are counted, not time: all of us may have been stopped together. And
 * it is told a round before the end: where all of us wait for a log that takes
 * nothing, we wait here, and whoever goes on when it does has that time to show
 * it.
 */
enum proxy_silence
proxy_rule_silence(unsigned rounds, unsigned watchdog_s)
{
	unsigned most = watchdog_s / PROXY_WORKER_TICK_S;

	if (rounds <= most)
		return PROXY_SILENCE_BORNE;
	return rounds == most + 1 ? PROXY_SILENCE_TOLD : PROXY_SILENCE_ENDS;
}
