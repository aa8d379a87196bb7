/* The end of a message; see ending.h. */
#include "proxy/message/ending.h"
#include "proxy/message/recording.h"

static enum proxy_counter
counter_of(const char *status)
{
	switch (status[0]) {
	case 's':
		return PROXY_COUNT_SENT;
	case 'r':
		return PROXY_COUNT_REJECTED;
	case 'd':
		return PROXY_COUNT_DEFERRED;
	case 'm':
		return PROXY_COUNT_MAYBE_DELIVERED;
	default:
		return PROXY_COUNT_ABORTED;
	}
}

void
proxy_ending_tell(const struct proxy_service *service,
    const struct proxy_envelope *envelope, struct proxy_journal *r, int64_t ms)
{
	r->queue_id = strbuf_slice(&envelope->queue_id);
	r->sender = strbuf_slice(&envelope->sender);
	/* Who came by a Unix-domain socket has no address, and one of whom
	 * XFORWARD says [UNAVAILABLE] has none that is known. */
	if (envelope->client_address.n > 0)
		r->client = strbuf_slice(&envelope->client_address);
	else
		r->client =
		    envelope->client_told ? SLICE("unknown") : SLICE("local");
	r->recipients = envelope->recipient_count;
	r->delay = (double)ms / 1000;
	proxy_count(service->counters, counter_of(r->status));
	if (r->status[0] == 's')
		proxy_count_add(service->counters, PROXY_COUNT_BYTES, r->size);
	proxy_count_delay(service->counters, (uint64_t)ms);
	proxy_journal_write(service->log, r);
	if (service->recording != NULL)
		proxy_recording_send(service->recording, envelope, r);
}
