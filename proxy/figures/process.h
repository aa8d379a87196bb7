/*
 * What the kernel knows of a process. Ours say it of themselves, for others may
 * not look: the systemd unit has ProtectProc=invisible.
 */
#ifndef PROXY_FIGURES_PROCESS_H
#define PROXY_FIGURES_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/slice.h"
#include "proxy/figures/counters.h"

struct proxy_process {
	double cpu_seconds;
	uint64_t resident, virtual; /* bytes */
	double started;		    /* s since 1970 */
};

/* 0; -1 where there is none of that id, or it is not to be seen. */
int proxy_process_read(pid_t, struct proxy_process *);

/* The same out of the text of its /proc/PID/stat (proc(5)), on a machine that
 * was booted at `boot`, s since 1970. */
int proxy_process_parse(struct slice stat, double boot, struct proxy_process *);

/*
 * What a process looks at itself with, opened once: later it may open nothing
 * (proxy/process/sandbox.h). Zeroed: nothing is seen.
 */
struct proxy_process_eyes {
	bool open;
	int stat;      /* -1: none */
	void *folder;  /* a DIR; NULL: none */
	double booted; /* s since 1970 */
};

void proxy_process_eyes_open(struct proxy_process_eyes *);
void proxy_process_eyes_close(struct proxy_process_eyes *);

/* This one's, into its counters. */
void proxy_process_count(
    const struct proxy_process_eyes *, struct proxy_counters *);

/* The same out of the counters; false where it has not said anything. */
bool proxy_process_counted(
    const struct proxy_counters *, struct proxy_process *);

#endif
