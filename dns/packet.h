/*
 * Questions to packets, packets to replies (RFC 1035, 2308, 6891). The one
 * door to ldns. No socket: what is checked here is what a packet can show,
 * its id, its question and its form; the source address is the socket's
 * affair (dns/exchange.h).
 */
#ifndef DNS_PACKET_H
#define DNS_PACKET_H

#include "base/strbuf.h"
#include "dns/question.h"
#include "dns/reply.h"

/* Longest UDP answer asked for by EDNS0: never fragmented. */
#define DNS_UDP_SIZE 1232
/* Longest answer over TCP (RFC 1035 section 4.2.2). */
#define DNS_TCP_SIZE 65535
/* Records of one answer that are looked at; the rest is left out. */
#define DNS_RECORDS_MAX 1000

/* One question as it is on the wire. */
struct dns_packet_query {
	struct dns_question question;
	uint16_t id;
	bool edns;    /* with an OPT record */
	bool want_ad; /* ask whether the answer is validated */
	bool direct;  /* what the server itself has: no recursion */
	bool link;    /* the first CNAME is the answer, whatever is behind it */
	unsigned cnames; /* how many may be followed in the answer */
};

enum dns_packet_kind {
	DNS_PACKET_WRONG,     /* answers something else, or is garbage */
	DNS_PACKET_TRUNCATED, /* to be asked again over TCP */
	DNS_PACKET_NO_EDNS,   /* to be asked again without EDNS */
	DNS_PACKET_FAILED,    /* this server cannot tell */
	DNS_PACKET_CNAME,     /* the answer is that of another name */
	DNS_PACKET_ANSWER
};

struct dns_packet_answer {
	struct dns_reply *reply;  /* ANSWER: held once, for you to drop */
	struct dns_question next; /* CNAME: whose answer it is */
	uint32_t ttl;		  /* CNAME: seconds the way there holds */
	unsigned cnames;	  /* followed, for ANSWER and CNAME */
	bool authentic;		  /* AD, as the packet has it */
	bool authoritative;	  /* AA likewise */
};

/* Adds the packet. 0, or -1 where the strbuf is full. */
int dns_packet_write(const struct dns_packet_query *, struct strbuf *wire);

/* What the packet is to that query; `*answer` is set throughout. */
enum dns_packet_kind dns_packet_read(struct slice wire,
    const struct dns_packet_query *, struct dns_packet_answer *);

#endif
