/*
 * The two ends of the demonstration: a client that hands one message to an
 * SMTP server, and a sink that takes what comes and puts it into a file.
 * Loopback only; every wait ends at the deadline or with a signal.
 */
#ifndef CLI_DEMO_WIRE_H
#define CLI_DEMO_WIRE_H

#include <signal.h>
#include <stdint.h>

#include "base/slice.h"
#include "base/strbuf.h"

/* How long to wait, and which signals end a wait: they are blocked outside
 * of it, so none is missed. */
struct demo_clock {
	int64_t deadline; /* ms, CLOCK_MONOTONIC */
	sigset_t mask;	  /* while waiting */
};

/* A listening socket on 127.0.0.1 and its port; -1 and errno. */
int demo_listen(uint16_t *port);

/* A port nobody listens on (now); 0 and errno. */
uint16_t demo_free_port(void);

/* One try to connect; the descriptor, non-blocking, or -1. */
int demo_connect(uint16_t port);

/* Waits `ms`, or less where a signal comes: -1 then, or at the deadline. */
int demo_pause(const struct demo_clock *, int ms);

struct demo_envelope {
	const char *sender, *recipient;
	struct slice message; /* CRLF line ends */
};

/* Hands the message over a fresh connection, which is closed. 0; or -1 and
 * the reason, which has the server's words. */
int demo_send(int fd, const struct demo_clock *, const struct demo_envelope *,
    struct strbuf *reason);

/* Takes connections one after the other; the first whole message goes to
 * `path`, which appears when it is complete. Returns at the deadline, or
 * with a signal. */
void demo_sink(int listener, const struct demo_clock *, const char *path);

#endif
