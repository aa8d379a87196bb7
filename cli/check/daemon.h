/*
 * What the running daemon says of itself by its control socket
 * (proxy/process/master_state.h), and what is wrong with that: another program
 * than this one, another configuration than the file has by now, a reload that
 * was refused, workers that are missing or give no sign of life.
 */
#ifndef CLI_CHECK_DAEMON_H
#define CLI_CHECK_DAEMON_H

#include <stdbool.h>

#include "base/strbuf.h"
#include "cli/check/report.h"
#include "proxy/settings/config.h"

struct json_t;

/* Its state, to be json_decref()'d; or NULL and the reason, and whether that is
 * because nobody listens. */
struct json_t *check_daemon_state(
    const char *path, bool *absent, struct strbuf *reason);

/* What is wrong with it. `path` is the file that it is compared with, `config`
 * what that says; NULL: it has mistakes. */
void check_daemon_look(const struct json_t *state, const char *path,
    const struct proxy_config *config, struct check_report *report);

/* Both, for `check`. */
void check_daemon(const struct proxy_config *, struct check_report *);

#endif
