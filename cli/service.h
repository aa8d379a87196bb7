/*
 * The daemon as a service: systemd's, or that of its init script, or one that
 * somebody started by hand.
 */
#ifndef CLI_SERVICE_H
#define CLI_SERVICE_H

#include <stdbool.h>

#include "cli/steps.h"

/* Starts it, now and with the machine. What runs reads its settings again,
 * which is told as a change where they were `changed`. */
void cli_service_start(struct cli_steps *, bool changed);

/* Stops it, now and later. */
void cli_service_stop(struct cli_steps *);

/* Does systemd or the init script say that it runs? */
bool cli_service_runs(const struct cli_steps *);

/* Where it runs: has it read its settings again. 0, or -1 where that failed,
 * which is told. */
int cli_service_reload(struct cli_steps *);

#endif
