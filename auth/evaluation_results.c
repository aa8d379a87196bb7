/* The findings of all checks as one list: SPF first, as people read it. */
#include "auth/evaluation_private.h"
#include "auth/sealed.h"
#include "dkim/arc.h"
#include "dkim/domainkeys.h"

/* NULL when the list is full: what does not fit is left out, for a message with
 * hundreds of signatures must not make a header field without end. */
static struct auth_result *
new_result(struct auth_results *results, enum auth_method method)
{
	struct auth_result *result;

	if (results->count == AUTH_RESULTS_MAX)
		return NULL;
	result = &results->list[results->count++];
	*result = (struct auth_result){.method = method};
	return result;
}

/* A reason that has nothing to say but its own text. */
static void
set_reason(struct auth_result *result, enum mail_reason reason)
{
	result->code = reason;
	result->reason = mail_reason_text(reason);
}

static struct auth_result *
add_spf(struct auth_results *results, enum auth_method method,
    const struct auth_spf *spf)
{
	struct auth_spf_finding finding = auth_spf_finding(spf);
	struct auth_result *result = new_result(results, method);

	if (result == NULL)
		return NULL;
	result->verdict = finding.verdict;
	result->domain = finding.domain;
	result->record = finding.record;
	result->record_name = finding.record_name;
	result->mechanism = finding.mechanism;
	result->explanation = finding.explanation;
	result->code = finding.code;
	result->reason = finding.reason;
	return result;
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
	} else if (evaluation->no_pra != MAIL_REASON_NONE) {
		/* A header without a purported responsible address is malformed
		 * (RFC 4407 section 2). */
		result = new_result(results, AUTH_SENDERID);
		if (result == NULL)
			return;
		result->verdict = MAIL_VERDICT_PERMERROR;
		set_reason(result, evaluation->no_pra);
	}
}

static void
add_signature_result(struct auth_results *results, enum auth_method method,
    struct dkim_finding finding)
{
	struct auth_result *result;

	/* Places are kept for the other methods: many signatures must not crowd
	 * DMARC out. */
	if (results->count >= AUTH_RESULTS_MAX - AUTH_RESULTS_OTHERS)
		return;
	result = new_result(results, method);
	result->verdict = finding.verdict;
	result->domain = finding.domain;
	result->selector = finding.selector;
	result->identity = finding.identity;
	result->algorithm = finding.algorithm_text;
	result->signature = finding.signature;
	result->fields = finding.fields;
	result->bits = finding.bits;
	result->authentic = finding.authenticated;
	result->testing = finding.testing;
	set_reason(result, finding.reason);
}

/* By name and whole: whoever trusts example.org does not trust all below it. */
static bool
is_sealer_trusted(const struct auth_evaluation *evaluation, struct slice sealer)
{
	for (size_t i = 0; i < evaluation->arc_trusted_count; i++)
		if (slice_equal_nocase(
			sealer, slice_str(evaluation->arc_trusted[i])))
			return true;
	return false;
}

/*
 * Did DMARC pass for that domain where the message was before? Only from the
 * newest set down to the first whose sealer is a stranger: whoever is not
 * trusted may have changed the message and sealed it anew.
 */
static bool
arc_says_pass(const struct auth_evaluation *evaluation, struct slice domain)
{
	const struct dkim_arc *arc = evaluation->parts[PART_ARC];
	struct dkim_arc_finding finding;

	if (arc == NULL)
		return false;
	finding = dkim_arc_finding(arc);
	/* What a broken chain says was perhaps written by whoever broke it. */
	if (finding.verdict != MAIL_VERDICT_PASS)
		return false;
	for (unsigned i = finding.instance; i > 0; i--) {
		if (!is_sealer_trusted(
			evaluation, dkim_arc_sealer_domain(arc, i)))
			return false;
		if (auth_sealed_dmarc_passed(dkim_arc_results(arc, i), domain))
			return true;
	}
	return false;
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
	result = new_result(results, AUTH_DMARC);
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
	result->testing = finding.testing;
	result->from_fault = finding.from_fault;
	result->from_code = finding.from_code;
	result->code = finding.code;
	result->reason = finding.reason;
	/* RFC 8617 section 7.2.1 lets ARC override a failure locally. The
	 * result stays "fail", with what was done about it beside. */
	if (finding.verdict == MAIL_VERDICT_FAIL && finding.sole &&
	    arc_says_pass(evaluation, finding.domain)) {
		result->arc_overrides = true;
		result->disposition = "none";
		set_reason(result, MAIL_REASON_DMARC_ARC);
	}
}

static void
report_iprev(
    const struct auth_evaluation *evaluation, struct auth_results *results)
{
	const struct auth_iprev *iprev = evaluation->parts[PART_IPREV];
	struct auth_result *result;

	if (iprev == NULL)
		return;
	result = new_result(results, AUTH_IPREV);
	if (result == NULL)
		return;
	result->verdict = auth_iprev_verdict(iprev);
	result->domain = auth_iprev_name(iprev);
	result->identity = slice_str(evaluation->address);
	set_reason(result, auth_iprev_reason(iprev));
}

/* A header that is too long is not parsed by anybody. It must not look like one
 * in which nothing was found. */
static void
report_unchecked(
    const struct auth_evaluation *evaluation, struct auth_results *results)
{
	static const enum auth_method methods[] = {
	    AUTH_SENDERID, AUTH_DOMAINKEYS, AUTH_DKIM, AUTH_DMARC, AUTH_ARC};

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		struct auth_result *result;

		if (!auth_evaluation_reports(evaluation, methods[i]))
			continue;
		result = new_result(results, methods[i]);
		if (result == NULL)
			return;
		result->verdict = MAIL_VERDICT_PERMERROR;
		set_reason(result, MAIL_REASON_HEADER_LONG);
	}
}

void
auth_evaluation_results(
    const struct auth_evaluation *evaluation, struct auth_results *results)
{
	const struct dkim_domainkeys *dk;
	const struct dkim_verifier *dkim;
	const struct dkim_arc *arc;
	struct dkim_arc_finding finding;
	struct auth_result *outcome;

	results->count = 0;
	if (auth_evaluation_reports(evaluation, AUTH_SPF)) {
		static const struct {
			enum part part;
			const char *property, *scope;
		} kinds[] = {
		    {PART_SPF, "mailfrom", "mfrom"},
		    {PART_HELO, "helo", "helo"},
		};

		for (size_t i = 0; i < 2; i++) {
			const struct auth_spf *spf =
			    evaluation->parts[kinds[i].part];
			struct auth_result *result = spf == NULL
			    ? NULL
			    : add_spf(results, AUTH_SPF, spf);

			if (result == NULL)
				continue;
			result->property = kinds[i].property;
			result->scope = kinds[i].scope;
			result->identity = slice_str(kinds[i].part == PART_SPF
				? evaluation->mail_from
				: evaluation->helo);
		}
	}
	if (evaluation->no_header)
		report_unchecked(evaluation, results);
	report_senderid(evaluation, results);
	dk = evaluation->parts[PART_DOMAINKEYS];
	if (dk != NULL) {
		for (size_t i = 0; i < dkim_domainkeys_count(dk); i++)
			add_signature_result(results, AUTH_DOMAINKEYS,
			    dkim_domainkeys_finding(dk, i));
		if (dkim_domainkeys_count(dk) == 0)
			add_signature_result(results, AUTH_DOMAINKEYS,
			    dkim_domainkeys_overall(dk));
	}
	dkim = evaluation->parts[PART_DKIM];
	if (dkim != NULL && auth_evaluation_reports(evaluation, AUTH_DKIM)) {
		for (size_t i = 0; i < dkim_verifier_count(dkim); i++)
			add_signature_result(
			    results, AUTH_DKIM, dkim_verifier_finding(dkim, i));
		/* "none" is a result too (RFC 8601 section 2.7.1): it says that
		 * somebody looked. */
		if (dkim_verifier_count(dkim) == 0)
			(void)new_result(results, AUTH_DKIM);
	}
	report_dmarc(evaluation, results);
	arc = evaluation->parts[PART_ARC];
	if (arc != NULL && auth_evaluation_reports(evaluation, AUTH_ARC)) {
		finding = dkim_arc_finding(arc);
		outcome = new_result(results, AUTH_ARC);
		if (outcome != NULL) {
			outcome->verdict = finding.verdict;
			outcome->instance = finding.instance;
			outcome->domain =
			    dkim_arc_sealer_domain(arc, finding.instance);
			outcome->code = finding.reason;
			outcome->reason = finding.text;
		}
	}
	report_iprev(evaluation, results);
}
