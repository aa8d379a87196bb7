/*
 * One question to the servers, over UDP and, where the answer is cut short,
 * TCP. Each try has a socket, a port and an id of its own, connected, so
 * that the system sees to the source; what is no answer to our question is
 * counted and ignored. Silent servers are not waited for in turn: tries
 * overlap, each server having been asked twice well before the deadline.
 */
#ifndef DNS_EXCHANGE_H
#define DNS_EXCHANGE_H

#include <stdint.h>

#include "dns/packet.h"

/* Sockets that one exchange has open; the oldest gives way until each server
 * has been asked twice. */
#define DNS_TRIES_OPEN_MAX 3
/* Packets on one socket that answer something else; then it is closed. */
#define DNS_WRONG_MAX 50

struct event_base;
struct dns_counts;
struct dns_exchange;
struct dns_servers;

/*
 * The outcome, once, later than dns_exchange_new(): DNS_PACKET_ANSWER or
 * _CNAME with `answer` (of which the reply is yours), or DNS_PACKET_FAILED.
 * The AD bit in it is believed already. Free the exchange then or later.
 */
typedef void dns_exchange_fn(
    void *ctx, enum dns_packet_kind, const struct dns_packet_answer *answer);

/* Lasts `timeout_ms` at the most; `cnames` as in struct dns_packet_query.
 * The servers and counts must outlive it. */
struct dns_exchange_order {
	const struct dns_question *question;
	unsigned cnames, timeout_ms;
	struct dns_servers *servers;
	struct dns_counts *counts;
};

struct dns_exchange *dns_exchange_new(struct event_base *,
    const struct dns_exchange_order *, dns_exchange_fn *, void *ctx);

/* Ends it where it has not ended. NULL is fine. */
void dns_exchange_free(struct dns_exchange *);

#endif
