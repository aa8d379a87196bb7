/*
 * One client's connection: joins an smtp_server to a next hop, command by
 * command, and begins a transaction at DATA.
 */
#ifndef PROXY_MESSAGE_SESSION_H
#define PROXY_MESSAGE_SESSION_H

#include <stdint.h>

#include <event2/util.h>

#include "base/slice.h"
#include "proxy/message/service.h"

/* Takes the connected socket. `peer` is its address as text ("" of a Unix
 * socket); with `proxy_header` the PROXY protocol's header comes first, and
 * says better. The session frees itself when it has ended, and counts itself
 * in the service's list until then. */
void proxy_session_begin(struct proxy_service *, evutil_socket_t,
    struct slice peer, bool proxy_header);

/* Every few seconds: keeps relays awake while bodies arrive. */
void proxy_sessions_tick(struct proxy_service *);

/* How long a session must have said nothing before it makes room, ms. */
#define PROXY_SESSION_IDLE_MS 3000

/*
 * Makes room where there is none: a client that sends a message too slowly
 * (smtp_server_is_slow()) gets 421, or where there is none the one that has
 * been silent for longest between messages. False where none has been for
 * PROXY_SESSION_IDLE_MS. It ends a little later. `wanted`: somebody waits for
 * the room; else no message is given up for it.
 */
bool proxy_sessions_shed(struct proxy_service *, bool wanted);

/* From now on every session ends as soon as it is between messages, with
 * 421; those that are there at once. */
void proxy_sessions_finish(struct proxy_service *);

/* Ends what is left, without an answer; messages in flight are aborted. */
void proxy_sessions_cut(struct proxy_service *);

#endif
