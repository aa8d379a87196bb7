/*
 * Telling a supervisor how we are: sd_notify(3)'s protocol, datagrams to
 * the socket that $NOTIFY_SOCKET names. Without one, nothing.
 */
#ifndef PROXY_PROCESS_NOTIFY_H
#define PROXY_PROCESS_NOTIFY_H

#include <stdint.h>

struct proxy_notify {
	int fd;		      /* -1: nobody wants to know */
	uint64_t watchdog_us; /* 0: none; tell it at least so often */
};

/* Reads the environment, and takes it out of there: workers are not to
 * speak for us. */
void proxy_notify_init(struct proxy_notify *);
void proxy_notify_clear(struct proxy_notify *);

/* Lines of VARIABLE=VALUE. */
void proxy_notify_send(const struct proxy_notify *, const char *lines);

/* RELOADING=1 with the time, which systemd 253 asks for. */
void proxy_notify_reloading(const struct proxy_notify *);

#endif
