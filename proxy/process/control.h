/*
 * What tools ask the running master: one question a connection, one answer.
 * A reload by signal says nothing of its outcome; asked here, it does.
 *
 * The socket is SOCK_SEQPACKET in the abstract namespace, under a name that
 * has the master's process id in it. Nobody but root, and who runs the master,
 * is listened to; and who asks makes sure that it is that very process that
 * answers, for anybody may take a name.
 *
 * Question: "reload". Answer: a line "done" or "refused", then lines "error:
 * TEXT" and "warning: TEXT", what the log says too.
 */
#ifndef PROXY_PROCESS_CONTROL_H
#define PROXY_PROCESS_CONTROL_H

#include <sys/types.h>

#include "base/slice.h"
#include "base/strbuf.h"

#define PROXY_CONTROL_RELOAD	 "reload"
#define PROXY_CONTROL_ANSWER_MAX 32768

struct event_base;
struct proxy_control;

/* Somebody asks for a reload. */
typedef void proxy_control_fn(void *ctx);

/* For this process. NULL and the reason where the name cannot be had: then
 * nobody can ask. */
struct proxy_control *proxy_control_new(
    struct event_base *, proxy_control_fn *, void *ctx, struct strbuf *reason);
void proxy_control_free(struct proxy_control *); /* NULL is fine */

/* A reload began: whoever has asked so far waits for its outcome, and whoever
 * asks from now on for that of the next one. */
void proxy_control_began(struct proxy_control *);
/* That reload's outcome, to those who wait for it. NULL is fine. */
void proxy_control_answer(struct proxy_control *, struct slice answer);

/* The other side: asks the master with that process id, and waits so long. 0
 * and the answer, or -1 and the reason. */
int proxy_control_ask(pid_t master, const char *question, unsigned wait_s,
    struct strbuf *answer, struct strbuf *reason);

#endif
