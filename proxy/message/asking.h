/*
 * Joins a check that asks questions to the resolver: ask, resolve, answer,
 * until nothing is open or the time is over. The check is any thing with
 * the two verbs (auth/evaluation.h, dkim/verifier.h).
 *
 * Questions go out as soon as proxy_asking_go() is told that there may be
 * some; each has the resolver's timeout. The deadline of them all begins
 * with proxy_asking_wait(): a slow body costs no one an answer. What is
 * open then, or is asked beyond the bound, is answered DNS_TEMPFAIL.
 */
#ifndef PROXY_MESSAGE_ASKING_H
#define PROXY_MESSAGE_ASKING_H

#include <stdbool.h>

#include "base/trace.h"
#include "dns/question.h"
#include "proxy/settings/config.h"

/* Where the settings do not say; the count is AUTH_EVALUATION_QUESTIONS_MAX. */

struct dns_resolver;
struct event_base;
struct proxy_asking;

struct proxy_asking_ops {
	/* The next question; false when there is none for now. */
	bool (*ask)(void *subject, struct dns_question *);
	void (*answer)(void *subject, const struct dns_question *,
	    const struct dns_answer *);
};

struct proxy_asking_limits {
	unsigned questions;	   /* of one message */
	unsigned deadline_ms;	   /* from proxy_asking_wait() on */
	const struct trace *trace; /* of each question; NULL: nobody looks */
};

/* The subject, the resolver and the base must outlive it. Asks nothing
 * yet. */
struct proxy_asking *proxy_asking_new(struct event_base *,
    struct dns_resolver *, const struct proxy_asking_limits *,
    const struct proxy_asking_ops *, void *subject);

/* Takes the questions that the subject has now. After each answer they are
 * taken without being told. */
void proxy_asking_go(struct proxy_asking *);

/*
 * The subject knows all it will be told besides answers. The function is
 * called once, when nothing is open; perhaps before this returns. It may
 * free the asking.
 */
void proxy_asking_wait(
    struct proxy_asking *, void (*settled)(void *ctx), void *ctx);

/* Cancels what is open; NULL is fine. */
void proxy_asking_free(struct proxy_asking *);

#endif
