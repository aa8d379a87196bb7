/*
 * The end of a message, by whatever front it came: counted, written into the
 * journal, sent to the recorder.
 */
#ifndef PROXY_MESSAGE_ENDING_H
#define PROXY_MESSAGE_ENDING_H

#include <stdint.h>

#include "proxy/message/envelope.h"
#include "proxy/message/journal.h"
#include "proxy/message/service.h"

/* The record has its size, its relay and its status by now, one of the words
 * "sent", "rejected", "deferred", "aborted" and "maybe-delivered"; `ms` is how
 * long the message was here. */
void proxy_ending_tell(const struct proxy_service *,
    const struct proxy_envelope *, struct proxy_journal *, int64_t ms);

#endif
