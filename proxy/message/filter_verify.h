/*
 * The filter that verifies: all checks of the settings, their questions
 * under way while the body still comes, one Authentication-Results field on
 * top, those that claim to be ours left out, refusal where the settings ask
 * for it.
 */
#ifndef PROXY_MESSAGE_FILTER_VERIFY_H
#define PROXY_MESSAGE_FILTER_VERIFY_H

#include "auth/results.h"
#include "base/log.h"
#include "proxy/message/filter.h"
#include "proxy/message/sealing.h"
#include "proxy/settings/config.h"

struct dns_resolver;
struct event_base;
struct proxy_counters;

/* What its filters share; borrowed but for the lists: the `env` of begin. */
struct proxy_verify_env {
	const struct proxy_config *config;
	struct event_base *base;
	struct dns_resolver *resolver;
	const struct proxy_sealing *sealing; /* NULL: nothing is sealed */
	struct log *log;
	struct proxy_counters *counters; /* NULL: none */
	/* Told of each message that was checked, before its outcome, and
	 * whether it will be refused; the results live for the call. May be
	 * NULL. */
	void (*checked)(void *ctx, const struct proxy_filter_job *,
	    const struct auth_results *, enum proxy_verdict);
	void *ctx;

	struct slice *ids, *arc_trusted; /* views into the config */
};

/* Fills in the lists; the other members are the caller's. */
void proxy_verify_env_init(struct proxy_verify_env *);
void proxy_verify_env_clear(struct proxy_verify_env *);

/* How an auth_evaluation asks, for whoever drives one
 * (proxy/message/asking.h). */
extern const struct proxy_asking_ops proxy_asking_evaluation;

extern const struct proxy_filter_ops proxy_filter_verify;

#endif
