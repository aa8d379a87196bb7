/*
 * One question to one name server, for what that server itself has: without
 * recursion, over UDP, and where that is cut short, or where only TCP is to be
 * tried, over TCP. For those who compare the servers of a zone; nothing is
 * cached, no CNAME is followed that leads out of the answer.
 */
#ifndef DNS_DIRECT_H
#define DNS_DIRECT_H

#include <stdbool.h>

#include "dns/question.h"
#include "dns/servers.h"

/* For all of it. Over UDP it is asked twice in this time. */
#define DNS_DIRECT_MS 3000

enum dns_direct_kind {
	DNS_DIRECT_ANSWER,  /* it is authoritative; `answer` is set */
	DNS_DIRECT_ALIAS,   /* so, and the name is another's: `target` */
	DNS_DIRECT_NOT_ITS, /* an answer of a server that has not this zone */
	DNS_DIRECT_FAILED,  /* it says that it cannot: REFUSED and its kin */
	DNS_DIRECT_UNREACHABLE /* no answer, or none can be asked: `error` */
};

/* For the length of the call that shows it. */
struct dns_direct_result {
	enum dns_direct_kind kind;
	bool tcp;	    /* how the answer came */
	int error;	    /* ETIMEDOUT, ECONNREFUSED, ENETUNREACH ... */
	const char *target; /* an alias: the name that it leads to */
	/* An answer, an alias: for how many seconds a resolver may keep it; of
	 * a negative answer by RFC 2308 section 5. */
	uint32_t ttl;
	const struct dns_answer *answer;
};

struct dns_direct_order {
	const struct dns_question *question;
	const struct dns_server *server;
	bool tcp;  /* from the first */
	bool link; /* no alias is followed, not even within the answer */
};

struct event_base;

/* Called once, later than dns_direct_new(); then nothing of it is left. */
typedef void dns_direct_fn(void *ctx, const struct dns_direct_result *);

/* Copies what the order names. */
void dns_direct_new(struct event_base *, const struct dns_direct_order *,
    dns_direct_fn *, void *ctx);

#endif
