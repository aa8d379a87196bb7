/*
 * What tools ask the running master: one request a connection, and one JSON
 * object as its answer.
 *
 * The socket is a SOCK_SEQPACKET one in the file system ([signpost] control),
 * with mode 0600, so that root and who runs the master may ask, and nobody else
 * can take its name. An answer is one datagram on a connection that has carried
 * none before: it fits the socket's buffer, so a slow reader holds nobody up.
 *
 *	version	{"version":"0.1.0","build":"HEX","pid":1}
 *	state	how it is going; proxy/process/master_state.h
 *	reload	{"reload":"done"|"refused","errors":[TEXT...],
 *		"warnings":[TEXT...]}, when that is known: what the log says
 *
 *	key DOMAIN, trial DOMAIN
 *		which keys the signers have for it; a fixed text, signed as
 *		mail of it would be: proxy/process/inquiry.h
 *
 * What is wrong with a request is {"error":TEXT}. Stamps of time are seconds
 * since 1970.
 */
#ifndef PROXY_PROCESS_CONTROL_H
#define PROXY_PROCESS_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/slice.h"
#include "base/strbuf.h"
#include "proxy/process/control_request.h"

#define PROXY_CONTROL_ANSWER_MAX ((size_t)65536)

struct event_base;
struct proxy_control;

/* Who asked, as long as he waits; for nobody else to look into. */
struct proxy_control_ticket {
	size_t place;
	uint64_t number;
};

struct proxy_control_ops {
	/* True, and the answer in the strbuf (cap PROXY_CONTROL_ANSWER_MAX);
	 * false where it comes later, by proxy_control_answer_one(). */
	bool (*answer)(void *ctx, const struct proxy_control_request *,
	    struct proxy_control_ticket, struct strbuf *answer);
	/* Somebody asks for a reload; proxy_control_answer() tells him. */
	void (*reload)(void *ctx);
};

/* Without a socket as yet. */
struct proxy_control *proxy_control_new(
    struct event_base *, const struct proxy_control_ops *, void *ctx);
/* Takes its socket's name away, where it is still its own; NULL is fine. */
void proxy_control_free(struct proxy_control *);

/*
 * Listens at `path` and no longer where it did; NULL: nowhere. A directory that
 * is not there is made (0755), and a socket that a process left behind taken
 * away. 0; or -1 and the reason, and all is as it was.
 */
int proxy_control_listen(
    struct proxy_control *, const char *path, struct strbuf *reason);

/* A reload began: whoever has asked so far waits for its outcome, and whoever
 * asks from now on for that of the next one. NULL is fine. */
void proxy_control_began(struct proxy_control *);
/* To one, if he still waits. */
void proxy_control_answer_one(
    struct proxy_control *, struct proxy_control_ticket, struct slice answer);
/* That reload's outcome, to those who wait for it. NULL is fine. */
void proxy_control_answer(struct proxy_control *, struct slice answer);

/* Is who opened that socket, or listens at it, root or who runs this process?
 * Its process goes to `*pid`. */
bool proxy_control_peer_is_trusted(int fd, pid_t *pid);

/*
 * The other side: asks who listens at `path`, and waits so many seconds.
 * `master` is who it must be; 0: root, or who we are. 0 and the answer; or -1
 * and the reason, with absent where nobody listens there, and forbidden where we
 * are not among those who may ask.
 */
struct proxy_control_asking {
	const char *path, *request;
	pid_t master;
	unsigned wait_s;
	bool absent, forbidden;
};

int proxy_control_ask(struct proxy_control_asking *, struct strbuf *answer,
    struct strbuf *reason);

#endif
