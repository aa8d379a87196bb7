/*
 * What the master decides, as arithmetic: its own states and those of a seat,
 * and what follows from them and from how long something took. No process, no
 * descriptor and no event is touched here.
 */
#ifndef PROXY_PROCESS_MASTER_RULES_H
#define PROXY_PROCESS_MASTER_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/machine.h"

/* DESIGN, "States". */
enum proxy_master_state {
	PROXY_MASTER_BEGINNING, /* its first generation has not reported in */
	PROXY_MASTER_SERVING,
	PROXY_MASTER_CHECKING, /* a reload: settings and keys are looked at */
	PROXY_MASTER_CHANGING, /* a reload: its generation reports in */
	PROXY_MASTER_STOPPING, /* every generation leaves */
	PROXY_MASTER_STATES
};
extern const struct machine proxy_master_machine;

/* The place of one process. */
enum proxy_seat_state {
	PROXY_SEAT_EMPTY,    /* nobody; perhaps a pause is on */
	PROXY_SEAT_STARTING, /* forked, has not reported in */
	PROXY_SEAT_SERVING,  /* it has; it takes connections once it is told */
	PROXY_SEAT_STATES
};
extern const struct machine proxy_seat_machine;

/* Somebody asks for a reload. */
enum proxy_turn {
	PROXY_TURN_NOW,
	PROXY_TURN_LATER, /* once, when what is under way has ended */
	PROXY_TURN_NEVER
};
enum proxy_turn proxy_rule_reload(enum proxy_master_state);

/* A process has ended that nobody replaced yet. */
enum proxy_seat_fate {
	PROXY_FATE_STAYS_EMPTY, /* its generation leaves */
	PROXY_FATE_GIVES_UP, /* its generation never serves: all of it goes */
	PROXY_FATE_IS_REPLACED
};
enum proxy_seat_fate proxy_rule_seat(bool leaving, bool starting);

/* Seconds until the next one, where the last pause was `pause` (0: none yet)
 * and the process then lived for so long. */
unsigned proxy_rule_pause(unsigned pause, int64_t lived_s);

/* A worker has shown no sign of life for so many rounds. */
enum proxy_silence {
	PROXY_SILENCE_BORNE,
	PROXY_SILENCE_TOLD, /* a round before the end it is said, once */
	PROXY_SILENCE_ENDS  /* it is killed */
};
enum proxy_silence proxy_rule_silence(unsigned rounds, unsigned watchdog_s);

#endif
