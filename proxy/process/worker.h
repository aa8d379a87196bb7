/*
 * A worker: one event loop that takes connections and serves them until it
 * is told to stop. It takes none before it is told to: all of a reload's
 * workers must be able to serve, or none of them does.
 *
 *	SIGTERM, SIGINT  takes no more connections, lets messages in flight
 *	                 finish (stop_timeout), then returns
 *	SIGUSR2          drain: takes no more connections and returns when
 *	                 its sessions have ended; 421 between messages only
 *	                 after drain_timeout
 */
#ifndef PROXY_PROCESS_WORKER_H
#define PROXY_PROCESS_WORKER_H

#include "base/log.h"
#include "proxy/figures/counters.h"
#include "proxy/figures/shared.h"
#include "proxy/message/quota.h"
#include "proxy/settings/config.h"

enum { PROXY_WORKER_TICK_S = 5 };

struct proxy_worker_job {
	const struct proxy_config *config;
	const struct proxy_front *front; /* of the config */
	const int *listeners;		 /* one a `listen`, in order; taken */
	/* A byte comes from it when connections may be taken; a byte goes to
	 * it every PROXY_WORKER_TICK_S, as a sign of life. */
	int go_fd;
	int hello_fd; /* what the master hands over (hello_wire.h) */
	struct proxy_shared *shared; /* pages of others are put there */
	int record_fd; /* to hand records to the recorder; 0: none */
	const struct dns_conf_page *conf_page; /* resolv.conf's text */
	struct proxy_counters *counters;       /* its block, perhaps shared */
	struct proxy_quota *quota;
	struct log *log;
	void (*ready)(void *ctx); /* called when it could serve; may be NULL */
	void *ctx;
};

/* How many files it may have open when all its sessions are taken: what it
 * needs to be allowed. */
size_t proxy_worker_descriptors(const struct proxy_front *);

/* Serves; 0 after a stop or a drain, -1 where it could not begin (the
 * reason is logged). Sets the process's signal handling. */
int proxy_worker_run(const struct proxy_worker_job *);

#endif
