/*
 * How the daemon is, as the JSON that its control socket answers. What the
 * master itself knows stands there, and nothing of the page that others write.
 *
 *	{"version":"0.1.0", "build":"HEX", "pid":1, "started":SECONDS,
 *	 "generation":1,
 *	 "configuration":{"path":PATH, "stamp":"HEX", "read":SECONDS},
 *	 "reload":{"result":"none"|"running"|"done"|"refused", "at":SECONDS,
 *	           "why":TEXT},
 *	 "stopping":false,
 *	 "workers":[{"role":"out", "pid":2, "state":"starting"|"serving"|
 *	             "leaving", "generation":1, "since":SECONDS, "silent":0}...],
 *	 "missing":[ROLE...],
 *	 "silent":[PID...]}
 *
 * build is the linker's digest of the program that runs, stamp the SHA-256 of
 * the configuration and the maps that it serves by. A generation is one reading
 * of the settings that was taken. A worker's silence is how many seconds it has
 * owed a sign of life; `silent` has those that have owed three. `missing` are
 * the roles of processes that have ended and are about to be replaced.
 */
#ifndef PROXY_PROCESS_MASTER_STATE_H
#define PROXY_PROCESS_MASTER_STATE_H

#include "base/slice.h"
#include "base/strbuf.h"

struct proxy_master;

void proxy_master_print_version(struct strbuf *);
void proxy_master_print_state(const struct proxy_master *, struct strbuf *);

/* Lines "error: TEXT" and "warning: TEXT", as the answer to `reload`; those
 * that there is no room for are left out. */
void proxy_master_print_outcome(
    const char *outcome, struct slice lines, struct strbuf *);

#endif
