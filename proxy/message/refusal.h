/*
 * Whether what the checks found is a reason to refuse a message: the
 * settings `reject`, `on_dns_error` and `dmarc_except` as arithmetic.
 * Trusted clients are not asked about here.
 */
#ifndef PROXY_MESSAGE_REFUSAL_H
#define PROXY_MESSAGE_REFUSAL_H

#include "auth/results.h"
#include "proxy/message/outcome.h"
#include "proxy/settings/config.h"

#define PROXY_REFUSAL_TEXT_MAX 400

struct proxy_refusal {
	enum proxy_verdict verdict; /* PROXY_PASS: it is none */
	enum proxy_cause cause;
	char text[PROXY_REFUSAL_TEXT_MAX + 1];
};

/*
 * The first reason, those that last before those that may pass. The text names
 * the domain, the client (its address; empty: not known), what failed and whose
 * policy it is, and has SPF's exp=: at most 189 octets, printable ASCII
 * whatever they hold.
 * `dmarc_excepted`: the client is one that forwards (dmarc_except), or the
 * message lies in a queue already, so that refusing it would make a bounce.
 */
struct proxy_refusal proxy_refusal_judge(const struct proxy_checking_rules *,
    const struct auth_results *, struct slice client, bool dmarc_excepted);

#endif
