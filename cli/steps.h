/*
 * Steps that change a machine: each is told in a line, with the very command
 * where there is one, and taken unless nothing is to be changed.
 *
 *	users         ok    signpost, signpost-in
 *	postfix       done  the way back, 127.0.0.1:10028
 *	              postconf -Me '127.0.0.1:10028/inet=...'
 */
#ifndef CLI_STEPS_H
#define CLI_STEPS_H

#include <stdbool.h>

#include "base/strbuf.h"

enum cli_step_state {
	CLI_STEP_OK,	/* it is so already */
	CLI_STEP_DONE,	/* done now */
	CLI_STEP_WOULD, /* would be done */
	CLI_STEP_STOP,	/* a person must do something first */
	CLI_STEP_FAILED /* it could not be done */
};

struct cli_steps {
	bool dry;	  /* nothing is changed */
	const char *root; /* commands run within this tree; NULL: here */
	bool changed, stopped, failed;
};

/* One line, to stdout. */
void cli_steps_tell(struct cli_steps *, const char *what, enum cli_step_state,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* A line below it: what to do about it. */
void cli_steps_todo(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Tells the step and runs its command, which argv[0] is the name of. 0 where it
 * was done, or would be; -1 where it failed, which is told with what the
 * command said. */
int cli_steps_run(struct cli_steps *, const char *what,
    const char *const argv[], const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* The same for a command that has an effect only where an earlier run was ended
 * before it came to it: told as OK. */
int cli_steps_run_again(struct cli_steps *, const char *what,
    const char *const argv[], const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* A step that is not a command, when it has been taken, or left where nothing
 * is to be changed: DONE or WOULD, or FAILED where the outcome is not 0. */
void cli_steps_took(struct cli_steps *, const char *what, int outcome,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Asks a program that changes nothing, dry or not: 0 and what it printed, or
 * -1 and the reason. */
int cli_steps_ask(const struct cli_steps *, const char *const argv[],
    struct strbuf *out, struct strbuf *reason);

/* Who changes things at this configuration does it alone: a lock on its folder,
 * which another tool would change too. A descriptor, whose closing is the
 * lock's end; or -1 and a message of `tool`. */
int cli_steps_lock(const char *config, const char *tool);

/* How the program ends: CLI_UNWRITABLE where something could not be done,
 * CLI_FAILED where a person must do something first, else CLI_OK. */
int cli_steps_status(const struct cli_steps *);

#endif
