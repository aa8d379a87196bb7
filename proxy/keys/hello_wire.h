/*
 * How workers and signers come to know each other: for each two of them the
 * master makes a socket pair, and sends each its end over a SOCK_SEQPACKET pair
 * that it has with them. Nothing goes the other way.
 */
#ifndef PROXY_KEYS_HELLO_WIRE_H
#define PROXY_KEYS_HELLO_WIRE_H

#include <stdint.h>

/* What the other one is. */
struct proxy_hello {
	uint32_t front; /* number of the front that the asker is of */
};

enum proxy_hello_got {
	PROXY_HELLO_GOT,  /* and its socket, the caller's */
	PROXY_HELLO_NONE, /* none waits; or one that is not taken */
	PROXY_HELLO_GONE  /* nobody is there any more */
};

/* Never waits. 0, or -1 and errno; the socket stays the caller's. */
int proxy_hello_send(int wire, const struct proxy_hello *, int socket);
enum proxy_hello_got proxy_hello_receive(
    int wire, struct proxy_hello *, int *socket);

#endif
