/*
 * A state machine as a table: the names of its states, and which of them may
 * follow which. Whoever has one changes its state in one function, and that
 * function goes through here: a step that the table does not have is a fault
 * of ours, and goes no further.
 */
#ifndef BASE_MACHINE_H
#define BASE_MACHINE_H

#include <stdbool.h>

#include "base/log.h"
#include "base/trace.h"

struct machine {
	const char *name;	   /* for traces: "transaction" */
	const char *const *states; /* the name of each */
	const unsigned *next;	   /* of each, the bits of those behind it */
	unsigned count;		   /* 32 at most */
};

#define MACHINE_BIT(state) (1U << (state))

/* May `to` come behind `from`? */
bool machine_may(const struct machine *, unsigned from, unsigned to);

/* Returns `to` where it may be, otherwise ends the process as below. */
unsigned machine_check(const struct machine *, unsigned from, unsigned to);

/*
 * Returns `to`, having traced the step, where it may be. Otherwise it says so
 * on stderr and aborts, in every build: a message is then still with who sent
 * it, and in a state that nobody thought of it might not be. The trace may be
 * NULL.
 */
unsigned machine_step(
    const struct machine *, const struct trace *, unsigned from, unsigned to);

/* The same where there is no connection: the line begins with `who`. */
unsigned machine_step_logged(const struct machine *, struct log *,
    const char *who, unsigned from, unsigned to);

#endif
