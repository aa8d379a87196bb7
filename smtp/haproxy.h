/*
 * The PROXY protocol, versions 1 and 2 (haproxy.org/download/2.9/doc/
 * proxy-protocol.txt): who connected to the balancer in front of us.
 */
#ifndef SMTP_HAPROXY_H
#define SMTP_HAPROXY_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "base/strbuf.h"
#include "smtp/parse.h"

enum {
	SMTP_HAPROXY_V1_MAX = 107, /* with its CRLF; the text's own figure */
	SMTP_HAPROXY_V2_MAX = 16 + 1024, /* addresses and what we skip */
	SMTP_HAPROXY_MAX = SMTP_HAPROXY_V2_MAX,
};

/* The client as the balancer saw it. Not `known` for LOCAL (the balancer's
 * own health check), UNKNOWN and Unix sockets: the peer is then itself. */
struct smtp_haproxy {
	bool known;
	bool local; /* version 2's LOCAL: a health check */
	char address[INET6_ADDRSTRLEN];
	uint16_t port;
};

/*
 * `in` holds all bytes from the connection's first on. MORE: nothing is
 * used, come back with more (never past SMTP_HAPROXY_MAX). DONE: `*used`
 * bytes were the header. BAD: no header, or a wrong one; the reason says why
 * (NULL is fine).
 */
enum smtp_parse smtp_haproxy_parse(struct slice in, size_t *used,
    struct smtp_haproxy *, struct strbuf *reason);

#endif
