/*
 * What keeps results and their reports from being of use, for `serve -t` and
 * `check`: reports that cannot pass DMARC, a database that takes nothing or is
 * nearly full. That `email` is no address is a mistake in the configuration,
 * told of where that is read.
 */
#ifndef CLI_CHECK_RESULTS_H
#define CLI_CHECK_RESULTS_H

#include "cli/check/report.h"
#include "proxy/settings/config.h"

/* Something that is wrong, and what to do about it. */
typedef void check_results_fn(void *ctx, const char *what, const char *todo);

/* Calls the function for all of that, where [results] database is set. The
 * database is tried as the recorder's user, in a process of its own. Adds to
 * `state`, where it can be read, how full it is and its newest record. */
void check_results_look(const struct proxy_config *, check_results_fn *,
    void *ctx, struct strbuf *state);

/* As findings. */
void check_results(const struct proxy_config *, struct check_report *);

#endif
