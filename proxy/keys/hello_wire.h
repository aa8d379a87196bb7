/*
 * What the master hands a process while that runs: a descriptor and what it is
 * of, a datagram each, over a SOCK_SEQPACKET pair that it has with it. Nothing
 * goes the other way.
 */
#ifndef PROXY_KEYS_HELLO_WIRE_H
#define PROXY_KEYS_HELLO_WIRE_H

#include <stdint.h>

enum proxy_hello_kind {
	/* A socket between a worker and a signer, and the number of the
	 * worker's front (proxy/keys/sign_wire.h). */
	PROXY_HELLO_SIGNING,
	/* A page of figures, to read, and its slot (proxy/figures/shared.h). */
	PROXY_HELLO_PAGE,
	/* Where a worker's records come from, for the recorder, and the number
	 * of its front. */
	PROXY_HELLO_RECORDS,
	PROXY_HELLO_KINDS
};

struct proxy_hello {
	uint32_t kind, number;
};

enum proxy_hello_got {
	PROXY_HELLO_GOT,  /* and its descriptor, the caller's */
	PROXY_HELLO_NONE, /* none waits; or one that is not taken */
	PROXY_HELLO_GONE  /* nobody is there any more */
};

/* Never waits. 0, or -1 and errno; the descriptor stays the caller's. */
int proxy_hello_send(int wire, const struct proxy_hello *, int fd);
enum proxy_hello_got proxy_hello_receive(
    int wire, struct proxy_hello *, int *fd);

#endif
