/*
 * State machines as tables; see machine.h. A state is changed here and nowhere
 * else, so that a transition which the table does not have is seen at the
 * moment at which it happens, not when its consequences are, and the trace has
 * every one.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/machine.h"

bool
machine_may(const struct machine *machine, unsigned from, unsigned to)
{
	return from < machine->count && to < machine->count &&
	    (machine->next[from] & MACHINE_BIT(to)) != 0;
}

static const char *
state_name_or_none(const struct machine *machine, unsigned state)
{
	return state < machine->count ? machine->states[state] : "none";
}

unsigned
machine_check(const struct machine *machine, unsigned from, unsigned to)
{
	if (!machine_may(machine, from, to)) {
		fprintf(stderr,
		    "signpost: a fault of its own: %s may not go from %s to "
		    "%s\n",
		    machine->name, state_name_or_none(machine, from),
		    state_name_or_none(machine, to));
		abort();
	}
	return to;
}

unsigned
machine_step(const struct machine *machine, const struct trace *trace,
    unsigned from, unsigned to)
{
	(void)machine_check(machine, from, to);
	trace_state(
	    trace, machine->name, machine->states[from], machine->states[to]);
	return to;
}

unsigned
machine_step_logged(const struct machine *machine, struct log *log,
    const char *who, unsigned from, unsigned to)
{
	(void)machine_check(machine, from, to);
	if (from != to)
		log_printf(log, LOGGING_DEBUG, "%s%s: %s -> %s", who,
		    machine->name, machine->states[from], machine->states[to]);
	return to;
}
