/*
 * Reasons to refuse; see refusal.h. A signature that is only being tested
 * (t=y) is none, for better or worse (RFC 6376 section 3.6.1); one whose
 * key could not be had is no failure, but a reason to come back.
 */
#include <stdio.h>

#include "proxy/refusal.h"

static const struct proxy_refusal accepted = {0, ""};

/* What the signatures of a message come to. */
struct signatures {
	bool any, passed, unknown;
};

/* DomainKeys has a result without a selector for mail without signature. */
static bool
is_signature(const struct auth_result *result)
{
	return result->verdict != MAIL_VERDICT_NONE &&
	    (result->method == AUTH_DKIM ||
		(result->method == AUTH_DOMAINKEYS && result->selector.n > 0));
}

static struct signatures
look_at_signatures(const struct auth_results *results)
{
	struct signatures found = {false, false, false};

	for (size_t i = 0; i < results->count; i++) {
		const struct auth_result *result = &results->list[i];

		if (!is_signature(result))
			continue;
		found.passed |= result->verdict == MAIL_VERDICT_PASS;
		if (result->testing)
			continue;
		found.any = true;
		found.unknown |= result->verdict == MAIL_VERDICT_TEMPERROR;
	}
	return found;
}

static enum mail_verdict
verdict_of(const struct auth_results *results, enum auth_method method)
{
	const struct auth_result *result = auth_results_find(results, method);

	return result == NULL ? MAIL_VERDICT_NONE : result->verdict;
}

static bool
asks_to_reject(const struct auth_result *dmarc)
{
	return dmarc->verdict == MAIL_VERDICT_FAIL &&
	    dmarc->disposition != NULL &&
	    strcmp(dmarc->disposition, "reject") == 0;
}

/* A From that we cannot read to its end, or that is there twice, shows an
 * author whom DMARC was not asked about: whoever wants to evade a policy
 * would write one. */
static struct proxy_refusal
judge_dmarc(const struct auth_results *results)
{
	const struct auth_result *dmarc =
	    auth_results_find(results, AUTH_DMARC);
	struct proxy_refusal refusal = {.code = 550};

	if (dmarc != NULL && dmarc->from_fault != NULL) {
		(void)snprintf(refusal.text, sizeof(refusal.text), "5.6.0 %s",
		    dmarc->from_fault);
		return refusal;
	}
	if (dmarc != NULL && asks_to_reject(dmarc))
		return (struct proxy_refusal){550,
		    "5.7.26 refused as the DMARC policy of the author's "
		    "domain asks"};
	return accepted;
}

static struct proxy_refusal
judge_for_good(const struct proxy_checking_rules *rules,
    const struct auth_results *results, bool dmarc_excepted)
{
	const unsigned any_dkim =
	    PROXY_REJECT_DKIM | PROXY_REJECT_DKIM_REQUIRED;
	struct signatures signatures = look_at_signatures(results);
	bool failed = !signatures.passed && !signatures.unknown;

	if ((rules->reject & any_dkim) && signatures.any && failed)
		return (struct proxy_refusal){
		    550, "5.7.20 no passing DKIM signature found"};
	if ((rules->reject & PROXY_REJECT_DKIM_REQUIRED) && failed)
		return (struct proxy_refusal){550,
		    "5.7.20 no passing DKIM signature found: unsigned mail "
		    "is not taken here"};
	if ((rules->reject & PROXY_REJECT_SPF) &&
	    verdict_of(results, AUTH_SPF) == MAIL_VERDICT_FAIL)
		return (struct proxy_refusal){
		    550, "5.7.23 SPF validation failed"};
	if ((rules->reject & PROXY_REJECT_DMARC) && !dmarc_excepted)
		return judge_dmarc(results);
	return accepted;
}

/* RFC 6376 section 6.1.2, RFC 7208 section 8.6. */
static struct proxy_refusal
judge_for_now(const struct proxy_checking_rules *rules,
    const struct auth_results *results)
{
	struct signatures signatures = look_at_signatures(results);

	if (rules->on_dns_error == PROXY_ON_ERROR_PASS)
		return accepted;
	if (signatures.unknown && !signatures.passed)
		return (struct proxy_refusal){
		    451, "4.7.5 the signer's key cannot be had now"};
	if (verdict_of(results, AUTH_DMARC) == MAIL_VERDICT_PASS)
		return accepted;
	if (verdict_of(results, AUTH_SPF) == MAIL_VERDICT_TEMPERROR)
		return (struct proxy_refusal){
		    451, "4.4.3 SPF cannot be checked now"};
	if (verdict_of(results, AUTH_DMARC) == MAIL_VERDICT_TEMPERROR)
		return (struct proxy_refusal){
		    451, "4.4.3 DMARC cannot be checked now"};
	return accepted;
}

struct proxy_refusal
proxy_refusal_judge(const struct proxy_checking_rules *rules,
    const struct auth_results *results, bool dmarc_excepted)
{
	struct proxy_refusal refusal =
	    judge_for_good(rules, results, dmarc_excepted);

	return refusal.code != 0 ? refusal : judge_for_now(rules, results);
}
