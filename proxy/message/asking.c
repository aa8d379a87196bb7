/*
 * Questions of one message to the resolver and back; see asking.h. The answers
 * come in any order, and one may lead to new questions at once, so the check
 * is asked again after each. Nothing is called back before the call that began
 * it has returned.
 */
#include <stdlib.h>
#include <sys/queue.h>

#include <event2/event.h>

#include "base/xalloc.h"
#include "dns/resolver.h"
#include "proxy/message/asking.h"

struct open {
	struct proxy_asking *asking;
	struct dns_question question;
	struct dns_query *query;
	LIST_ENTRY(open) entry;
};

LIST_HEAD(opens, open);

struct proxy_asking {
	struct dns_resolver *resolver;
	struct proxy_asking_limits limits;
	const struct proxy_asking_ops *ops;
	void *subject;
	struct opens opens;
	unsigned asked;
	bool over; /* the deadline has passed */
	struct event *deadline;
	void (*settled)(void *ctx);
	void *ctx;
};

static const struct dns_answer tempfail = {.status = DNS_TEMPFAIL};

static void on_deadline(evutil_socket_t, short, void *);

struct proxy_asking *
proxy_asking_new(struct event_base *base, struct dns_resolver *resolver,
    const struct proxy_asking_limits *limits,
    const struct proxy_asking_ops *ops, void *subject)
{
	struct proxy_asking *asking = xcalloc(1, sizeof(*asking));

	asking->resolver = resolver;
	asking->limits = *limits;
	asking->ops = ops;
	asking->subject = subject;
	asking->deadline = evtimer_new(base, on_deadline, asking);
	if (asking->deadline == NULL)
		abort();
	LIST_INIT(&asking->opens);
	return asking;
}

static void
close_open(struct open *open)
{
	LIST_REMOVE(open, entry);
	free(open);
}

static void
trace_question(const struct proxy_asking *asking,
    const struct dns_question *question, const char *what)
{
	if (trace_wants(asking->limits.trace))
		trace_line(asking->limits.trace, "DNS %s %s: %s",
		    dns_type_name(question->type),
		    trace_name(slice_str(question->name)).text, what);
}

static void
on_answer(void *ctx, const struct dns_question *question,
    const struct dns_answer *answer)
{
	struct open *open = ctx;
	struct proxy_asking *asking = open->asking;

	close_open(open);
	trace_question(asking, question, dns_status_name(answer->status));
	asking->ops->answer(asking->subject, question, answer);
	proxy_asking_go(asking);
}

void
proxy_asking_go(struct proxy_asking *asking)
{
	struct dns_question question;

	while (asking->ops->ask(asking->subject, &question)) {
		struct open *open;

		/* Bounded for a message as a whole, whatever its checks are
		 * bounded by: a message is cheap to send and its questions go
		 * to others. What is not asked is answered as if the DNS had
		 * failed. */
		if (asking->over || asking->asked >= asking->limits.questions) {
			trace_question(
			    asking, &question, "not asked: too many");
			asking->ops->answer(
			    asking->subject, &question, &tempfail);
		} else {
			asking->asked++;
			trace_question(asking, &question, "asked");
			open = xcalloc(1, sizeof(*open));
			open->asking = asking;
			open->question = question;
			LIST_INSERT_HEAD(&asking->opens, open, entry);
			open->query = dns_resolver_ask(
			    asking->resolver, &question, on_answer, open);
		}
	}
	/* The last thing done: the asking may be gone after it. */
	void (*settled)(void *) = asking->settled;

	if (settled == NULL || !LIST_EMPTY(&asking->opens))
		return;
	asking->settled = NULL;
	(void)evtimer_del(asking->deadline);
	settled(asking->ctx);
}

static void
on_deadline(evutil_socket_t fd, short what, void *ctx)
{
	struct proxy_asking *asking = ctx;
	struct open *open;

	(void)fd;
	(void)what;
	/* Before the answers below, which may lead to new questions. */
	asking->over = true;
	while ((open = LIST_FIRST(&asking->opens)) != NULL) {
		/* A copy, as it is freed before it is used. */
		struct dns_question question = open->question;

		dns_query_cancel(open->query);
		close_open(open);
		asking->ops->answer(asking->subject, &question, &tempfail);
	}
	proxy_asking_go(asking);
}

void
proxy_asking_wait(
    struct proxy_asking *asking, void (*settled)(void *ctx), void *ctx)
{
	unsigned ms = asking->limits.deadline_ms;
	struct timeval wait = {ms / 1000, (suseconds_t)(ms % 1000) * 1000};

	asking->settled = settled;
	asking->ctx = ctx;
	(void)evtimer_add(asking->deadline, &wait);
	proxy_asking_go(asking);
}

void
proxy_asking_free(struct proxy_asking *asking)
{
	struct open *open;

	if (asking == NULL)
		return;
	while ((open = LIST_FIRST(&asking->opens)) != NULL) {
		dns_query_cancel(open->query);
		close_open(open);
	}
	event_free(asking->deadline);
	free(asking);
}
