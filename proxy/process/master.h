/*
 * The master: opens what only root may, starts workers and replaces them,
 * hands out keys, and hears nothing from the network.
 *
 *	SIGHUP           reads the settings anew: all of them or none
 *	SIGTERM, SIGINT  lets messages in flight finish, then ends
 */
#ifndef PROXY_PROCESS_MASTER_H
#define PROXY_PROCESS_MASTER_H

#include <stdbool.h>

#include "proxy/settings/config.h"

/* Seconds until a worker that died is replaced: doubled each time, from
 * the first to the last; begun anew when one has lived so long. */
#define PROXY_MASTER_PAUSE_FIRST 1
#define PROXY_MASTER_PAUSE_LAST	 60
/* Seconds for new workers to report in; for those told to stop, besides
 * their own stop_timeout. */
#define PROXY_MASTER_START_S 30
#define PROXY_MASTER_KILL_S  10

struct proxy_master_job {
	const char *path;	     /* of the configuration, for reloads */
	struct proxy_config *config; /* checked; taken */
	const char *pidfile;	     /* NULL: the configuration's, if any */
	bool daemon;		     /* go to the background once it serves */
};

/*
 * Serves until told to stop. 0; or -1 where it could not begin, with the
 * reason on stderr and in the log. With `daemon` it returns in the child
 * only: the parent ends, with status 0 once the child serves, else 71.
 */
int proxy_master_run(const struct proxy_master_job *);

#endif
