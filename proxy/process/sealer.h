/*
 * The sealer: signs digests for the verifying workers, which hold no key
 * (DESIGN, "Processes"). It runs as the signing workers' user, holds the one
 * key of [in] seal_domain and reads no mail.
 *
 *	SIGTERM, SIGINT, SIGUSR2  ends
 */
#ifndef PROXY_PROCESS_SEALER_H
#define PROXY_PROCESS_SEALER_H

#include "base/log.h"
#include "proxy/figures/counters.h"
#include "proxy/settings/config.h"

/* Workers that it serves at a time. */
#define PROXY_SEALER_PEERS_MAX 256

struct proxy_sealer_job {
	const struct proxy_config *config;
	int hello_fd; /* workers' ends come over it; stays the caller's */
	int key_fd;   /* to ask the master for the key */
	struct proxy_counters *counters; /* its own slot's */
	struct log *log;
	void (*ready)(void *ctx);
	void *ctx;
};

/* Serves; 0 after a stop, -1 where it could not begin (logged). */
int proxy_sealer_run(const struct proxy_sealer_job *);

#endif
