/*
 * What a signer and the master say to each other about keys: one
 * datagram a question, one an answer, over a SOCK_SEQPACKET pair. Both ends
 * are the same program on the same machine, so they are structs; but the
 * master believes nothing it reads.
 */
#ifndef PROXY_KEYS_KEY_WIRE_H
#define PROXY_KEYS_KEY_WIRE_H

#include <stdint.h>
#include <sys/uio.h>

#include "base/slice.h"
#include "proxy/keys/key_files.h"

struct proxy_key_request {
	uint32_t id; /* the signer's, comes back in the reply */
	uint32_t rule;
	uint32_t has_stamp; /* 1: it has the file with this stamp */
	uint32_t domain_n;
	struct proxy_key_stamp stamp;
	char domain[256];
};

enum proxy_key_reply_status {
	PROXY_KEY_REPLY_FOUND, /* and a descriptor */
	PROXY_KEY_REPLY_MISSING,
	PROXY_KEY_REPLY_TROUBLE,
	PROXY_KEY_REPLY_UNCHANGED, /* file and domain are what the stamp says */
	PROXY_KEY_REPLY_UNPUBLISHED,
	PROXY_KEY_REPLIES
};

struct proxy_key_reply {
	uint32_t id;
	uint32_t status;
	uint32_t selector_n; /* FOUND, UNCHANGED: more than 0 */
	uint32_t reason_n;
	struct proxy_key_stamp stamp;
	char selector[PROXY_KEY_SELECTOR_MAX];
	char reason[PROXY_KEY_REASON_MAX];
};

/* Its domain is safe for a path then. 0, or -1 where it is no request. */
int proxy_key_request_parse(struct slice datagram, struct proxy_key_request *);
int proxy_key_reply_parse(struct slice datagram, struct proxy_key_reply *);

/*
 * The master's side: answers one request that waits on the socket. A LIAR
 * sent what is no request, or a descriptor with it, as no signer does that is
 * still ours.
 */
enum proxy_key_served {
	PROXY_KEY_SERVED,
	PROXY_KEY_SERVED_NONE, /* none waits */
	PROXY_KEY_SERVED_GONE, /* nobody is there any more */
	PROXY_KEY_SERVED_LIAR
};

enum proxy_key_served proxy_key_server_answer(
    int socket, const struct proxy_config *, const struct proxy_key_readers *);

/*
 * One datagram with a descriptor (PROXY_KEY_NO_FD: none) each way. Receiving
 * gives its length, 0 at the end, -1 and errno; `*fd` is the caller's, or
 * PROXY_KEY_NO_FD, or PROXY_KEY_FALSE_FD where more came than one, or other
 * than a descriptor, or one for which this process had no room: then none is
 * left open.
 */
#define PROXY_KEY_NO_FD	   (-1)
#define PROXY_KEY_FALSE_FD (-2)
int proxy_key_send(int socket, struct slice datagram, int fd);
int proxy_key_send_parts(int socket, struct iovec *parts, size_t count, int fd);
long proxy_key_receive(int socket, char *to, size_t room, int *fd);

#endif
