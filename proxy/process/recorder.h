/*
 * The recorder: takes the workers' records into the results database, sends
 * the reflector's answers, and serves [metrics]. It runs as the verifiers'
 * user, holds no key and hears no stranger.
 *
 *	SIGTERM, SIGINT, SIGUSR2  takes what is there, commits, returns
 */
#ifndef PROXY_PROCESS_RECORDER_H
#define PROXY_PROCESS_RECORDER_H

#include "base/log.h"
#include "proxy/figures/shared.h"
#include "proxy/settings/config.h"

struct proxy_recorder_job {
	const struct proxy_config *config;
	/* Over it the master hands pages, and workers' sockets with their
	 * records (hello_wire.h). */
	int hello_fd;
	const int *listeners; /* one a [metrics] listen, in order */
	const struct dns_conf_page *conf_page; /* resolv.conf's text */
	struct proxy_shared *shared;
	struct proxy_counters *counters; /* its own slot's */
	struct log *log;
	void (*ready)(void *ctx);
	void *ctx;
};

/* Serves; 0 after a stop, -1 where it could not begin (logged). */
int proxy_recorder_run(const struct proxy_recorder_job *);

#endif
