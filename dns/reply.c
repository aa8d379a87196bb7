/*
 * Answers that own their bytes; see reply.h. A reply is shared by the cache
 * and by all that asked for it at once, so it is counted, and nobody changes
 * one that he did not make.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/xalloc.h"
#include "dns/reply.h"

struct dns_reply *
dns_reply_new(const struct dns_record *records, size_t count,
    struct slice values, uint32_t ttl)
{
	size_t records_n = count * sizeof(*records),
	       bytes = sizeof(struct dns_reply) + records_n + values.n;
	struct dns_reply *reply = xmalloc(bytes);
	struct dns_record *own = (struct dns_record *)(reply + 1);
	char *at = (char *)(own + count);
	size_t used = 0;

	if (values.n > 0)
		memcpy(at, values.p, values.n);
	for (size_t i = 0; i < count; i++) {
		own[i] = records[i];
		own[i].value.p = at + used;
		used += own[i].value.n;
	}
	assert(used == values.n && count > 0);
	*reply = (struct dns_reply){
	    .answer = {.status = DNS_OK, .count = count, .records = own},
	    .ttl = ttl,
	    .bytes = bytes,
	    .holders = 1};
	return reply;
}

struct dns_reply *
dns_reply_new_status(enum dns_status status, uint32_t ttl)
{
	struct dns_reply *reply = xmalloc(sizeof(*reply));

	assert(status != DNS_OK);
	*reply = (struct dns_reply){.answer = {.status = status},
	    .ttl = ttl,
	    .bytes = sizeof(*reply),
	    .holders = 1};
	return reply;
}

struct dns_reply *
dns_reply_hold(struct dns_reply *reply)
{
	reply->holders++;
	return reply;
}

void
dns_reply_drop(struct dns_reply *reply)
{
	if (reply == NULL)
		return;
	assert(reply->holders > 0);
	if (--reply->holders == 0)
		free(reply);
}
