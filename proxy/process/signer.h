/*
 * A signer: holds private keys and signs for the workers of all fronts, which
 * hold none (DESIGN, "Asker and signer"). It has no files and no network, and
 * reads no mail; whom it serves, and for what, is proxy/keys/sign_desk.h's
 * affair.
 *
 *	SIGTERM, SIGINT, SIGUSR2  ends: the master says so when the last worker
 *	                          of its generation has gone
 */
#ifndef PROXY_PROCESS_SIGNER_H
#define PROXY_PROCESS_SIGNER_H

#include "base/log.h"
#include "proxy/figures/counters.h"
#include "proxy/keys/sign_desk.h"
#include "proxy/settings/config.h"

struct proxy_signer_job {
	const struct proxy_config *config;
	int control_fd; /* a byte every PROXY_WORKER_TICK_S: a sign of life */
	int hello_fd;	/* askers' sockets come over it; stays the caller's */
	int key_fd;	/* to ask the master for keys; taken */
	struct proxy_counters *counters;
	struct log *log;
	void (*ready)(void *ctx);
	void *ctx;
};

/* Serves; 0 after a stop, -1 where it could not begin (logged). */
int proxy_signer_run(const struct proxy_signer_job *);

#endif
