/*
 * One question to one server on one socket of its own, connected, with an
 * id of its own; by UDP or by TCP. The room's own: see dns/exchange.h.
 */
#ifndef DNS_ATTEMPT_H
#define DNS_ATTEMPT_H

#include "dns/packet.h"
#include "dns/servers.h"

struct event_base;
struct dns_attempt;
struct dns_counts;

/*
 * What came, once: any kind of dns/packet.h. DNS_PACKET_WRONG says that no
 * answer will come here: refused, closed, garbage over TCP, or more than
 * DNS_WRONG_MAX strange packets; strange packets over UDP are otherwise
 * counted and ignored. The attempt may be freed in the call.
 */
typedef void dns_attempt_fn(void *ctx, struct dns_attempt *,
    enum dns_packet_kind, struct dns_packet_answer *);

struct dns_attempt_order {
	const struct dns_server *server;
	const struct dns_packet_query *query; /* its id is not looked at */
	bool tcp;
	struct dns_counts *counts;
};

/* NULL and errno where no packet could be sent: no route, no descriptor. The
 * callback does not run before this returns. */
struct dns_attempt *dns_attempt_new(struct event_base *,
    const struct dns_attempt_order *, dns_attempt_fn *, void *ctx);

/* Why no answer will come, where the system said so; ETIMEDOUT elsewhere. */
int dns_attempt_error(const struct dns_attempt *);

/* Closes the socket. NULL is fine. */
void dns_attempt_free(struct dns_attempt *);

#endif
