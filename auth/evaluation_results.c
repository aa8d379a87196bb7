/* The findings of all checks as one list: SPF first, as people read it. */
#include "auth/evaluation_private.h"
#include "dkim/domainkeys.h"

static struct auth_result *
add_result(struct auth_results *results, enum auth_method method)
{
	struct auth_result *result;

	if (results->count == AUTH_RESULTS_MAX)
		return NULL;
	result = &results->list[results->count++];
	*result = (struct auth_result){.method = method};
	return result;
}

static struct auth_result *
add_spf(struct auth_results *results, enum auth_method method,
    const struct auth_spf *spf)
{
	struct auth_spf_finding finding = auth_spf_finding(spf);
	struct auth_result *result = add_result(results, method);

	if (result == NULL)
		return NULL;
	result->verdict = finding.verdict;
	result->domain = finding.domain;
	result->record = finding.record;
	result->record_name = finding.record_name;
	result->mechanism = finding.mechanism;
	result->explanation = finding.explanation;
	result->reason = finding.reason;
	return result;
}

static void
report_spf(
    const struct auth_evaluation *evaluation, struct auth_results *results)
{
	static const struct {
		enum part part;
		const char *property, *scope;
	} kinds[] = {
	    {PART_SPF, "mailfrom", "mfrom"},
	    {PART_HELO, "helo", "helo"},
	};

	for (size_t i = 0; i < 2; i++) {
		const struct auth_spf *spf = evaluation->parts[kinds[i].part];
		struct auth_result *result =
		    spf == NULL ? NULL : add_spf(results, AUTH_SPF, spf);

		if (result == NULL)
			continue;
		result->property = kinds[i].property;
		result->scope = kinds[i].scope;
		result->identity =
		    slice_str(kinds[i].part == PART_SPF ? evaluation->mail_from
							: evaluation->helo);
	}
}

static void
report_senderid(
    const struct auth_evaluation *evaluation, struct auth_results *results)
{
	const struct auth_spf *spf = evaluation->parts[PART_SENDERID];
	struct auth_result *result;

	if (spf != NULL) {
		result = add_spf(results, AUTH_SENDERID, spf);
		if (result == NULL)
			return;
		result->property = evaluation->pra.field;
		result->identity = strbuf_slice(&evaluation->pra.address);
		result->scope = "pra";
	} else if (evaluation->no_pra != NULL) {
		result = add_result(results, AUTH_SENDERID);
		if (result == NULL)
			return;
		result->verdict = MAIL_VERDICT_PERMERROR;
		result->reason = evaluation->no_pra;
	}
}

static void
add_signature(struct auth_results *results, enum auth_method method,
    struct dkim_finding finding)
{
	struct auth_result *result = add_result(results, method);

	if (result == NULL)
		return;
	result->verdict = finding.verdict;
	result->domain = finding.domain;
	result->selector = finding.selector;
	result->identity = finding.identity;
	result->algorithm = finding.algorithm_text;
	result->signature = finding.signature;
	result->bits = finding.bits;
	result->authentic = finding.authenticated;
	result->testing = finding.testing;
	result->reason = finding.reason;
}

static void
report_domainkeys(
    const struct auth_evaluation *evaluation, struct auth_results *results)
{
	const struct dkim_domainkeys *dk = evaluation->parts[PART_DOMAINKEYS];

	if (dk == NULL)
		return;
	for (size_t i = 0; i < dkim_domainkeys_count(dk); i++)
		add_signature(
		    results, AUTH_DOMAINKEYS, dkim_domainkeys_finding(dk, i));
	if (dkim_domainkeys_count(dk) == 0)
		add_signature(
		    results, AUTH_DOMAINKEYS, dkim_domainkeys_overall(dk));
}

static void
report_dkim(
    const struct auth_evaluation *evaluation, struct auth_results *results)
{
	const struct dkim_verifier *dkim = evaluation->parts[PART_DKIM];

	if (dkim == NULL || !auth_evaluation_reports(evaluation, AUTH_DKIM))
		return;
	for (size_t i = 0; i < dkim_verifier_count(dkim); i++)
		add_signature(
		    results, AUTH_DKIM, dkim_verifier_finding(dkim, i));
	if (dkim_verifier_count(dkim) == 0)
		(void)add_result(results, AUTH_DKIM);
}

static void
report_dmarc(
    const struct auth_evaluation *evaluation, struct auth_results *results)
{
	struct auth_dmarc_finding finding;
	struct auth_result *result;

	if (evaluation->parts[PART_DMARC] == NULL)
		return;
	finding = auth_dmarc_finding(evaluation->parts[PART_DMARC]);
	result = add_result(results, AUTH_DMARC);
	if (result == NULL)
		return;
	result->verdict = finding.verdict;
	result->property = "from";
	result->domain = finding.domain;
	result->record = finding.record;
	result->record_name = finding.record_name;
	result->policy = finding.policy;
	result->disposition = finding.disposition;
	result->dkim_aligned = finding.dkim_aligned;
	result->spf_aligned = finding.spf_aligned;
	result->reason = finding.reason;
}

static void
report_iprev(
    const struct auth_evaluation *evaluation, struct auth_results *results)
{
	const struct auth_iprev *iprev = evaluation->parts[PART_IPREV];
	struct auth_result *result;

	if (iprev == NULL)
		return;
	result = add_result(results, AUTH_IPREV);
	if (result == NULL)
		return;
	result->verdict = auth_iprev_verdict(iprev);
	result->domain = auth_iprev_name(iprev);
	result->identity = slice_str(evaluation->address);
	result->reason = auth_iprev_reason(iprev);
}

void
auth_evaluation_results(
    const struct auth_evaluation *evaluation, struct auth_results *results)
{
	results->count = 0;
	if (auth_evaluation_reports(evaluation, AUTH_SPF))
		report_spf(evaluation, results);
	report_senderid(evaluation, results);
	report_domainkeys(evaluation, results);
	report_dkim(evaluation, results);
	report_dmarc(evaluation, results);
	report_iprev(evaluation, results);
}
