/*
 * Many subjects of DNS questions, some at a time: a hundred thousand domains
 * cost the memory of fifty. A subject is any thing with the two verbs of
 * proxy/message/asking.h.
 *
 *	flow = cli_flow_new(resolver, &ops, ctx);
 *	for each: cli_flow_add(flow, subject);	may finish others meanwhile
 *	cli_flow_end(flow);
 *
 * Where no name server has answered anything for CLI_FLOW_PATIENCE_MS, those
 * that are left are not asked: all their questions are answered DNS_TEMPFAIL.
 */
#ifndef CLI_KIT_FLOW_H
#define CLI_KIT_FLOW_H

#include "cli/kit/resolve.h"

/* Subjects that are asked about at once. */
enum { CLI_FLOW_WIDTH = 50, CLI_FLOW_PATIENCE_MS = 15000 };

struct cli_flow_ops {
	struct proxy_asking_ops asking;
	/* Nothing of it is open any more; called in the order of adding. The
	 * subject may be freed in it. */
	void (*done)(void *ctx, void *subject);
	unsigned questions; /* of one subject, at most */
};

struct cli_flow;

struct cli_flow *cli_flow_new(
    struct cli_resolver *, const struct cli_flow_ops *, void *ctx);

/* Each of its questions has the resolver's timeout, all of them together 20 s
 * (PROXY_ASKING_DEADLINE_MS). */
void cli_flow_add(struct cli_flow *, void *subject);

/* Waits for those that are open; the flow is gone then. */
void cli_flow_end(struct cli_flow *);

#endif
