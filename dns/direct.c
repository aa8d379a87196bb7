/* One server, asked for what it has itself; see direct.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "base/xalloc.h"
#include "dns/attempt.h"
#include "dns/direct.h"
#include "dns/resolver.h"

/* UDP loses packets, so a server that kept silent once is asked again. No third
 * time: a person waits, and there are many servers. */
enum { TRIES = 2 };

struct dns_direct {
	struct event_base *base;
	struct event *timer;
	struct dns_server server;
	struct dns_packet_query query;
	struct dns_counts counts; /* nobody's */
	struct dns_attempt *tries[TRIES], *stream;
	unsigned begun; /* of the tries */
	int error;
	dns_direct_fn *fn;
	void *ctx;
};

static void
close_tries(struct dns_direct *direct)
{
	for (unsigned i = 0; i < TRIES; i++) {
		dns_attempt_free(direct->tries[i]);
		direct->tries[i] = NULL;
	}
	dns_attempt_free(direct->stream);
	direct->stream = NULL;
}

/* The last thing done in a callback. */
static void
finish(struct dns_direct *direct, const struct dns_direct_result *result)
{
	direct->fn(direct->ctx, result);
	close_tries(direct);
	event_free(direct->timer);
	free(direct);
}

static void
wait_for(struct dns_direct *direct, unsigned ms)
{
	struct timeval wait = {ms / 1000, (suseconds_t)(ms % 1000) * 1000};

	(void)evtimer_add(direct->timer, &wait);
}

static dns_attempt_fn on_direct_attempt;

/* NULL where nothing can be sent; then the timer tells of it. */
static struct dns_attempt *
open_attempt(struct dns_direct *direct, bool tcp)
{
	struct dns_attempt_order order = {.server = &direct->server,
	    .query = &direct->query,
	    .tcp = tcp,
	    .counts = &direct->counts};
	struct dns_attempt *attempt =
	    dns_attempt_new(direct->base, &order, on_direct_attempt, direct);

	if (attempt == NULL) {
		direct->error = errno;
		direct->begun = TRIES;
		wait_for(direct, 0);
	}
	return attempt;
}

/* TCP is not tried twice: the system repeats what was lost there. */
static void
open_stream(struct dns_direct *direct)
{
	direct->begun = TRIES;
	wait_for(direct, DNS_DIRECT_MS);
	direct->stream = open_attempt(direct, true);
}

static void
open_datagram(struct dns_direct *direct)
{
	unsigned number = direct->begun++;

	wait_for(direct, DNS_DIRECT_MS / TRIES);
	direct->tries[number] = open_attempt(direct, false);
}

/* An answer counts where the server says that it is its own; that of a name
 * which leads elsewhere is the server's own up to there. Without the AA bit the
 * server tells what somebody else told it (RFC 1035 section 4.1.1), and the
 * question was what it has itself. */
static void
take(struct dns_direct *direct, bool tcp, enum dns_packet_kind kind,
    struct dns_packet_answer *answer)
{
	struct dns_direct_result result = {
	    .kind = DNS_DIRECT_ANSWER, .tcp = tcp};
	struct dns_reply *reply = answer->reply;

	if (kind == DNS_PACKET_FAILED) {
		result.kind = DNS_DIRECT_FAILED;
	} else if (!answer->authoritative) {
		result.kind = DNS_DIRECT_NOT_ITS;
	} else if (kind == DNS_PACKET_CNAME) {
		result.kind = DNS_DIRECT_ALIAS;
		result.target = answer->next.name;
		result.ttl = answer->ttl;
	} else {
		reply->answer.alias = answer->cnames > 0;
		result.ttl = reply->ttl;
		result.answer = &reply->answer;
	}
	finish(direct, &result);
	dns_reply_drop(reply);
}

static void
ask_otherwise(struct dns_direct *direct, bool tcp)
{
	close_tries(direct);
	if (tcp) {
		open_stream(direct);
		return;
	}
	direct->begun = 0;
	open_datagram(direct);
}

static void
on_direct_attempt(void *ctx, struct dns_attempt *attempt,
    enum dns_packet_kind kind, struct dns_packet_answer *answer)
{
	struct dns_direct *direct = ctx;
	bool tcp = attempt == direct->stream;

	switch (kind) {
	case DNS_PACKET_WRONG:
		/* No answer will come this way. By way of the timer, which is
		 * the one place that ends without an answer. */
		direct->error = dns_attempt_error(attempt);
		direct->begun = TRIES;
		close_tries(direct);
		wait_for(direct, 0);
		break;
	/* RFC 2181 section 9: what did not fit is asked for again by TCP, and
	 * nothing that came of it is used. */
	case DNS_PACKET_TRUNCATED:
		ask_otherwise(direct, true);
		break;
	/* RFC 6891 section 7: a server that does not know the option answers
	 * FORMERR, and is asked again without it. */
	case DNS_PACKET_NO_EDNS:
		direct->query.edns = false;
		ask_otherwise(direct, tcp);
		break;
	case DNS_PACKET_FAILED:
	case DNS_PACKET_CNAME:
	case DNS_PACKET_ANSWER:
		take(direct, tcp, kind, answer);
		break;
	}
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct dns_direct *direct = arg;

	(void)fd;
	(void)what;
	if (direct->begun < TRIES)
		open_datagram(direct);
	else
		finish(direct,
		    &(struct dns_direct_result){.kind = DNS_DIRECT_UNREACHABLE,
			.error = direct->error});
}

void
dns_direct_new(struct event_base *base, const struct dns_direct_order *order,
    dns_direct_fn *fn, void *ctx)
{
	struct dns_direct *direct = xcalloc(1, sizeof(*direct));

	direct->base = base;
	direct->timer = evtimer_new(base, on_timer, direct);
	if (direct->timer == NULL)
		abort();
	direct->server = *order->server;
	direct->query = (struct dns_packet_query){.question = *order->question,
	    .edns = true,
	    .direct = true,
	    .link = order->link,
	    .cnames = DNS_CNAMES_MAX};
	direct->error = ETIMEDOUT;
	direct->fn = fn;
	direct->ctx = ctx;
	if (order->tcp)
		open_stream(direct);
	else
		open_datagram(direct);
}
