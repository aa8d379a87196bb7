/*
 * One message that a mail server asks about by milter: rebuilt field by field
 * as it will leave, filtered, and answered with packets. The mail server keeps
 * it; here only its header is kept, and the whole of it in a spool where the
 * filter has asked for that.
 */
#ifndef PROXY_MESSAGE_MILTER_MESSAGE_H
#define PROXY_MESSAGE_MILTER_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "base/trace.h"
#include "milter/negotiate.h"
#include "proxy/message/envelope.h"
#include "proxy/message/service.h"

struct proxy_milter_message;

/* The answer: whole packets, the last one the reply to the message's end. It
 * lives for the call, in which the message may be freed. */
typedef void proxy_milter_answer_fn(void *ctx, struct slice packets);

/* All is borrowed. `begun_ms` is when MAIL came. */
struct proxy_milter_job {
	const struct proxy_service *service;
	const struct proxy_envelope *envelope;
	const struct milter_terms *terms;
	const struct trace *trace;
	int64_t begun_ms;
	proxy_milter_answer_fn *answer;
	void *ctx;
};

struct proxy_milter_message *proxy_milter_message_new(
    const struct proxy_milter_job *);

/* One field as the packet has it; the end of the header; part of the body; all
 * in this order. The header ends by itself where more comes. */
void proxy_milter_message_field(
    struct proxy_milter_message *, struct slice name, struct slice value);
void proxy_milter_message_header_end(struct proxy_milter_message *);
void proxy_milter_message_body(
    struct proxy_milter_message *, struct slice chunk);

/* Behind its header: is the body of any use? */
bool proxy_milter_message_wants_body(const struct proxy_milter_message *);

/* It is complete: the answer is given once, perhaps before this returns. */
void proxy_milter_message_end(struct proxy_milter_message *);

/* It is no more, says the mail server or the end of its connection; `why` is
 * for the journal. Nothing where it was answered. To be freed then. */
void proxy_milter_message_lost(struct proxy_milter_message *, const char *why);

void proxy_milter_message_free(
    struct proxy_milter_message *); /* NULL is fine */

#endif
