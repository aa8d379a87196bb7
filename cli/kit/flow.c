/*
 * Many subjects, some at a time; see flow.h. All at once would be a flood for
 * the name server and for our memory, one after the other would take as long
 * as all its waits together.
 */
#include <stdlib.h>
#include <sys/queue.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "cli/kit/flow.h"

struct running {
	struct cli_flow *flow;
	void *subject;
	struct proxy_asking *asking;
	bool settled;
	TAILQ_ENTRY(running) entry;
};

TAILQ_HEAD(running_queue, running);

struct cli_flow {
	struct cli_resolver *resolver;
	const struct cli_flow_ops *ops;
	void *ctx;
	struct running_queue queue; /* in the order of adding */
	size_t count;
	int64_t begun;
	bool heard; /* somebody has answered */
};

static const struct dns_answer no_answer = {.status = DNS_TEMPFAIL};

struct cli_flow *
cli_flow_new(
    struct cli_resolver *resolver, const struct cli_flow_ops *ops, void *ctx)
{
	struct cli_flow *flow = xcalloc(1, sizeof(*flow));

	flow->resolver = resolver;
	flow->ops = ops;
	flow->ctx = ctx;
	flow->begun = clock_ms();
	TAILQ_INIT(&flow->queue);
	return flow;
}

static bool
ask_running(void *ctx, struct dns_question *question)
{
	struct running *running = ctx;
	const struct cli_flow *flow = running->flow;
	const struct proxy_asking_ops *ops = &flow->ops->asking;

	while (ops->ask(running->subject, question)) {
		if (flow->heard ||
		    clock_ms() - flow->begun < CLI_FLOW_PATIENCE_MS)
			return true;
		ops->answer(running->subject, question, &no_answer);
	}
	return false;
}

static void
answer_running(void *ctx, const struct dns_question *question,
    const struct dns_answer *answer)
{
	struct running *running = ctx;

	running->flow->heard |= answer->status != DNS_TEMPFAIL;
	running->flow->ops->asking.answer(running->subject, question, answer);
}

static void
settle_running(void *ctx)
{
	((struct running *)ctx)->settled = true;
}

/* The first of the queue, where it has settled. */
static bool
finish_first(struct cli_flow *flow)
{
	struct running *first = TAILQ_FIRST(&flow->queue);

	if (first == NULL || !first->settled)
		return false;
	TAILQ_REMOVE(&flow->queue, first, entry);
	flow->count--;
	proxy_asking_free(first->asking);
	flow->ops->done(flow->ctx, first->subject);
	free(first);
	return true;
}

static void
run_down_to(struct cli_flow *flow, size_t count)
{
	while (finish_first(flow))
		continue;
	while (flow->count > count &&
	    event_base_loop(cli_resolver_base(flow->resolver), EVLOOP_ONCE) ==
		0)
		while (finish_first(flow))
			continue;
}

void
cli_flow_add(struct cli_flow *flow, void *subject)
{
	static const struct proxy_asking_ops ops = {
	    ask_running, answer_running};
	const struct proxy_asking_limits limits = {
	    flow->ops->questions, PROXY_ASKING_DEADLINE_MS, NULL};
	struct running *running = xcalloc(1, sizeof(*running));

	running->flow = flow;
	running->subject = subject;
	TAILQ_INSERT_TAIL(&flow->queue, running, entry);
	flow->count++;
	running->asking = proxy_asking_new(cli_resolver_base(flow->resolver),
	    cli_resolver_dns(flow->resolver), &limits, &ops, running);
	proxy_asking_go(running->asking);
	proxy_asking_wait(running->asking, settle_running, running);
	run_down_to(flow, CLI_FLOW_WIDTH - 1);
}

void
cli_flow_end(struct cli_flow *flow)
{
	run_down_to(flow, 0);
	free(flow);
}
