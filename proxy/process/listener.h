/*
 * Listening sockets, TCP and Unix-domain, and taking connections from them.
 */
#ifndef PROXY_PROCESS_LISTENER_H
#define PROXY_PROCESS_LISTENER_H

#include "base/strbuf.h"
#include "proxy/settings/address.h"

/* Connections that wait in the kernel. */
#define PROXY_LISTENER_BACKLOG 1024

/* The mode of a Unix-domain socket whose settings say nothing of it. */
#define PROXY_LISTENER_MODE 0660

/*
 * A bound, listening, non-blocking, close-on-exec socket. A Unix-domain
 * socket that nobody listens on any more is replaced; the rights are a new
 * one's. The descriptor, or -1 and the reason.
 */
int proxy_listener_open(const struct proxy_endpoint *,
    const struct proxy_rights *, struct strbuf *reason);

/* Gives a Unix-domain socket that is there other rights: 0, or -1 and the
 * reason. An address of another kind has none to give. */
int proxy_listener_admit(const struct proxy_endpoint *,
    const struct proxy_rights *, struct strbuf *reason);

enum proxy_accept {
	PROXY_ACCEPT_TAKEN,    /* *fd is the connection */
	PROXY_ACCEPT_NONE,     /* none there (any more) */
	PROXY_ACCEPT_EXHAUSTED /* no descriptors or memory: rest a while */
};

/* One connection: non-blocking, close-on-exec, without Nagle's delay. */
enum proxy_accept proxy_listener_accept(
    int listener, int *fd, struct sockaddr_storage *peer);

/* Adds the peer's address without its port ("192.0.2.1", "::1"); nothing
 * for a Unix-domain peer. IPv4-mapped addresses are printed as IPv4. */
void proxy_peer_print(const struct sockaddr_storage *, struct strbuf *out);

#endif
