/*
 * One connection of a mail server that asks by milter: its packets to the
 * envelope and to a message, the answers back. It is the mail server's to say
 * what becomes of a message where we are gone (milter_default_action).
 */
#ifndef PROXY_MESSAGE_MILTER_H
#define PROXY_MESSAGE_MILTER_H

#include <event2/util.h>

#include "base/slice.h"
#include "proxy/message/service.h"

/* A mail server holds its connection for as long as its client is there, who
 * may be slow to send a message; so it may be silent for so long, as libmilter
 * has it. Within a packet it may not for longer than a client of SMTP's. */
#define PROXY_MILTER_SILENT_MS (7210 * 1000)

/* Takes the connected socket. `peer` is its address as text ("" of a Unix
 * socket). It frees itself when it has ended, and counts itself among the
 * service's sessions until then. */
void proxy_milter_begin(
    struct proxy_service *, evutil_socket_t, struct slice peer);

/* Every few seconds: tells mail servers that wait for an answer that it goes
 * on, so that their timers begin anew. */
void proxy_milters_tick(struct proxy_service *);

/* From now on every connection ends as soon as no message is on its way over
 * it, where the service is hurried or overdue; else as soon as its mail server's
 * client has gone. Those
 * for which that is so at once. */
void proxy_milters_finish(struct proxy_service *);

/* Ends what is left, without an answer. */
void proxy_milters_cut(struct proxy_service *);

#endif
