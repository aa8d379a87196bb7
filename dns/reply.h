/*
 * An answer that owns its bytes, in one block, shared by counting: the
 * cache keeps it while callers still look at it.
 */
#ifndef DNS_REPLY_H
#define DNS_REPLY_H

#include <stdint.h>

#include "dns/question.h"

struct dns_reply {
	struct dns_answer answer;
	uint32_t ttl; /* seconds it may be kept, 0 for not at all */
	size_t bytes; /* what keeping it costs */
	unsigned holders;
};

/*
 * A reply of DNS_OK with copies of the records, held once. Their values'
 * lengths are the records', their bytes follow each other in `values`.
 */
struct dns_reply *dns_reply_new(
    const struct dns_record *, size_t count, struct slice values, uint32_t ttl);

/* One of another status, without records. */
struct dns_reply *dns_reply_new_status(enum dns_status, uint32_t ttl);

struct dns_reply *dns_reply_hold(struct dns_reply *);

/* Freed when the last holder drops it. NULL is fine. */
void dns_reply_drop(struct dns_reply *);

#endif
