/*
 * Where to listen, whom to relay to, whom to take connections from: socket
 * addresses and networks as values, read from text. Numbers only, no names:
 * a daemon that waits for DNS to start is one more thing to break.
 */
#ifndef PROXY_SETTINGS_ADDRESS_H
#define PROXY_SETTINGS_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/slice.h"
#include "base/strbuf.h"

/* A TCP or Unix-domain address. */
struct proxy_endpoint {
	struct sockaddr_storage address;
	socklen_t length; /* 0: not set */
};

/*
 * "127.0.0.1:10027", "[::1]:10027", "localhost:10027" (127.0.0.1),
 * "unix:/path". 0, or -1 and the reason.
 */
int proxy_endpoint_parse(
    struct slice text, struct proxy_endpoint *, struct strbuf *reason);

/* Adds it as it is written above. */
void proxy_endpoint_print(const struct proxy_endpoint *, struct strbuf *out);

/* Would a connection to `b` reach a listener on `a`? The same port, and the
 * same or the wildcard address; the same path. */
bool proxy_endpoint_covers(
    const struct proxy_endpoint *a, const struct proxy_endpoint *b);

/* The path of a Unix-domain address; NULL of any other. */
const char *proxy_endpoint_path(const struct proxy_endpoint *);

/* Bytes of a group's name, with the NUL. */
#define PROXY_GROUP_MAX 64

/* Who may open a Unix-domain socket, which is all that decides who may
 * speak to it. */
struct proxy_rights {
	unsigned mode;		     /* 0: as it is made, 0660 */
	char group[PROXY_GROUP_MAX]; /* empty: who starts us has it */
};

/* "mode=0666" or "group=postfix" into its field. 0, or -1 and the reason;
 * whether there is such a group is not asked. */
int proxy_rights_parse(
    struct slice word, struct proxy_rights *, struct strbuf *reason);

struct proxy_network {
	sa_family_t family; /* AF_INET, AF_INET6 */
	uint8_t address[16];
	uint8_t prefix; /* bits */
};

/* "10.0.0.0/8", "::1"; without a prefix, one host. Bits behind the prefix
 * must be zero. 0, or -1 and the reason. */
int proxy_network_parse(
    struct slice text, struct proxy_network *, struct strbuf *reason);

/* The same the other way: "10.0.0.0/8"; one host without its prefix. */
void proxy_network_print(const struct proxy_network *, struct strbuf *);

struct proxy_networks {
	struct proxy_network *list;
	size_t count;
};

/* Is the host of that address (text, without a port) in one of them? No text
 * that is no address is. */
bool proxy_networks_contain_text(const struct proxy_networks *, struct slice);

/* Does the first lie within the second, or is it the same? */
bool proxy_network_is_within(
    const struct proxy_network *, const struct proxy_network *);

/* Does it lie within one of them? */
bool proxy_networks_cover(
    const struct proxy_networks *, const struct proxy_network *);

/* Is the peer in one of them? An IPv4-mapped IPv6 address counts as IPv4. A
 * Unix-domain peer is in none: who may open the socket decides its mode. */
bool proxy_networks_contain(
    const struct proxy_networks *, const struct sockaddr *);

#endif
