/*
 * Reasons to refuse; see refusal.h. A signature that is only being tested
 * (t=y) is none, for better or worse (RFC 6376 section 3.6.1); one whose
 * key could not be had is no failure, but a reason to come back.
 */
#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"
#include "proxy/message/refusal.h"

/* Octets of a text, which with the codes before it makes a line of 200; and
 * shown of a name, a mechanism and a fault: no text comes to more. */
enum { TEXT_MAX = 189, NAME_MAX = 40, MECHANISM_MAX = 20, FAULT_MAX = 80 };

static const struct proxy_refusal accepted = {.verdict = PROXY_PASS};

/* Printable ASCII on one line; what is cut says so. */
static void
add_shown(struct strbuf *text, struct slice value, size_t most)
{
	bool cut = value.n > most;

	value = slice_first(value, cut && most > 3 ? most - 3 : most);
	for (size_t i = 0; i < value.n; i++)
		strbuf_add_char(text,
		    value.p[i] >= ' ' && value.p[i] <= '~' ? value.p[i] : '?');
	if (cut && most > 3)
		strbuf_add_str(text, "...");
}

/* The end of a long one, which says whose it is. */
static void
add_refusal_name(struct strbuf *text, struct slice name)
{
	if (name.n == 0) {
		strbuf_add_str(text, "an unknown host");
		return;
	}
	if (name.n > NAME_MAX) {
		strbuf_add_str(text, "...");
		name = slice_after(name, name.n - (NAME_MAX - 3));
	}
	add_shown(text, name, NAME_MAX);
}

static struct proxy_refusal
make_refusal(
    enum proxy_verdict verdict, enum proxy_cause cause, struct strbuf *text)
{
	struct proxy_refusal refusal = {.verdict = verdict, .cause = cause};

	(void)snprintf(
	    refusal.text, sizeof(refusal.text), "%s", strbuf_text(text));
	strbuf_clear(text);
	return refusal;
}

static void
begin_refusal(struct strbuf *text, const char *what)
{
	strbuf_init(text, TEXT_MAX);
	strbuf_add_str(text, what);
}

/* What the signatures of a message come to. */
struct signatures {
	bool any, passed, unknown;
};

/* DomainKeys has a result without a selector for mail without signature. */
static bool
is_signature_there(const struct auth_result *result)
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

		if (!is_signature_there(result))
			continue;
		found.passed |= result->verdict == MAIL_VERDICT_PASS;
		if (result->testing)
			continue;
		found.any = true;
		found.unknown |= result->verdict == MAIL_VERDICT_TEMPERROR;
	}
	return found;
}

static struct proxy_refusal
refuse_dmarc(const struct auth_result *dmarc, struct slice client)
{
	struct strbuf text;

	begin_refusal(&text, "DMARC fail: mail of ");
	add_refusal_name(&text, dmarc->domain);
	strbuf_add_str(&text, " from ");
	add_refusal_name(&text, client);
	strbuf_add_str(&text, " has no SPF or DKIM; policy of ");
	add_refusal_name(&text,
	    dmarc->record_name.n > 0 ? dmarc->record_name : dmarc->domain);
	strbuf_addf(&text, ": %s", dmarc->disposition);
	return make_refusal(PROXY_REFUSE, PROXY_CAUSE_DMARC, &text);
}

/* The first that counts; of those in doubt, where they are wanted. */
static const struct auth_result *
first_signature(const struct auth_results *results, bool in_doubt)
{
	for (size_t i = 0; i < results->count; i++)
		if (is_signature_there(&results->list[i]) &&
		    !results->list[i].testing &&
		    (!in_doubt ||
			results->list[i].verdict == MAIL_VERDICT_TEMPERROR))
			return &results->list[i];
	return NULL;
}

static struct proxy_refusal
judge_dmarc(const struct auth_results *results, struct slice client)
{
	const struct auth_result *dmarc =
	    auth_results_find(results, AUTH_DMARC);

	if (dmarc != NULL && dmarc->from_fault != NULL) {
		/* A From that we cannot read to its end, or that is there
		 * twice, shows an author whom DMARC was not asked about:
		 * whoever wants to evade a policy would write one. */
		struct strbuf text;

		begin_refusal(&text, "");
		add_shown(&text, slice_str(dmarc->from_fault), FAULT_MAX);
		strbuf_add_str(&text, " (DMARC), from ");
		add_refusal_name(&text, client);
		strbuf_add_str(&text, "; policy of this host");
		return make_refusal(PROXY_REFUSE, PROXY_CAUSE_FORM, &text);
	}
	if (dmarc != NULL && dmarc->verdict == MAIL_VERDICT_FAIL &&
	    dmarc->disposition != NULL &&
	    strcmp(dmarc->disposition, "reject") == 0)
		return refuse_dmarc(dmarc, client);
	return accepted;
}

static struct proxy_refusal
judge_for_good(const struct proxy_checking_rules *rules,
    const struct auth_results *results, struct slice client,
    bool dmarc_excepted)
{
	const unsigned any_dkim =
	    PROXY_REJECT_DKIM | PROXY_REJECT_DKIM_REQUIRED;
	const struct auth_result *spf = auth_results_find(results, AUTH_SPF);
	struct signatures signatures = look_at_signatures(results);
	bool failed = !signatures.passed && !signatures.unknown;

	if (failed &&
	    (((rules->reject & any_dkim) && signatures.any) ||
		(rules->reject & PROXY_REJECT_DKIM_REQUIRED))) {
		const struct auth_result *signature =
		    first_signature(results, false);
		struct strbuf words;

		begin_refusal(&words, "no passing DKIM signature found: ");
		if (signature == NULL) {
			strbuf_add_str(&words, "unsigned mail");
		} else {
			strbuf_addf(&words, "%s of ",
			    mail_verdict_word(signature->verdict));
			add_refusal_name(&words, signature->domain);
			if (signature->code != MAIL_REASON_NONE)
				strbuf_addf(&words, " (%s)",
				    mail_reason_code(signature->code));
		}
		strbuf_add_str(&words, " from ");
		add_refusal_name(&words, client);
		strbuf_add_str(&words, "; policy of this host");
		return make_refusal(PROXY_REFUSE, PROXY_CAUSE_DKIM, &words);
	}
	if ((rules->reject & PROXY_REJECT_SPF) && spf != NULL &&
	    spf->verdict == MAIL_VERDICT_FAIL) {
		/* RFC 7208 section 6.2: what the domain says of it comes
		 * from outside. */
		struct strbuf text;

		begin_refusal(&text, "SPF fail: ");
		add_refusal_name(&text, client);
		strbuf_add_str(&text, " may not send mail of ");
		add_refusal_name(&text, spf->domain);
		strbuf_add_str(&text, "; policy of ");
		add_refusal_name(&text,
		    spf->record_name.n > 0 ? spf->record_name : spf->domain);
		if (spf->mechanism != NULL && spf->mechanism[0] != '\0') {
			strbuf_add_str(&text, ": ");
			add_shown(
			    &text, slice_str(spf->mechanism), MECHANISM_MAX);
		}
		if (spf->explanation.n > 0 && text.n + 10 < TEXT_MAX) {
			strbuf_add_str(&text, "; ");
			add_shown(&text, spf->explanation, TEXT_MAX - text.n);
		}
		return make_refusal(PROXY_REFUSE, PROXY_CAUSE_SPF, &text);
	}
	if ((rules->reject & PROXY_REJECT_DMARC) && !dmarc_excepted)
		return judge_dmarc(results, client);
	return accepted;
}

static struct proxy_refusal
refuse_till_later(enum proxy_cause cause, const char *what, struct slice domain,
    struct slice client)
{
	struct strbuf text;

	begin_refusal(&text, what);
	add_refusal_name(&text, domain);
	strbuf_add_str(&text, " cannot be looked up now, for mail from ");
	add_refusal_name(&text, client);
	return make_refusal(PROXY_REFUSE_FOR_NOW, cause, &text);
}

static const struct auth_result *
in_doubt(const struct auth_results *results, enum auth_method method)
{
	const struct auth_result *result = auth_results_find(results, method);

	return result != NULL && result->verdict == MAIL_VERDICT_TEMPERROR
	    ? result
	    : NULL;
}

/* RFC 6376 section 6.1.2, RFC 7208 section 8.6. */
static struct proxy_refusal
judge_for_now(const struct proxy_checking_rules *rules,
    const struct auth_results *results, struct slice client)
{
	const struct auth_result *signature = first_signature(results, true);
	const struct auth_result *spf = in_doubt(results, AUTH_SPF);
	const struct auth_result *dmarc = in_doubt(results, AUTH_DMARC);

	if (rules->on_dns_error == PROXY_ON_ERROR_PASS)
		return accepted;
	if (signature != NULL && !look_at_signatures(results).passed)
		return refuse_till_later(PROXY_CAUSE_KEY_UNKNOWN,
		    "the DKIM key of ", signature->domain, client);
	if (auth_results_has(results, AUTH_DMARC, MAIL_VERDICT_PASS))
		return accepted;
	if (spf != NULL)
		return refuse_till_later(PROXY_CAUSE_POLICY_UNKNOWN,
		    "the SPF policy of ", spf->domain, client);
	if (dmarc != NULL)
		return refuse_till_later(PROXY_CAUSE_POLICY_UNKNOWN,
		    "the DMARC policy of ", dmarc->domain, client);
	return accepted;
}

struct proxy_refusal
proxy_refusal_judge(const struct proxy_checking_rules *rules,
    const struct auth_results *results, struct slice client,
    bool dmarc_excepted)
{
	struct proxy_refusal refusal =
	    judge_for_good(rules, results, client, dmarc_excepted);

	return refusal.verdict != PROXY_PASS
	    ? refusal
	    : judge_for_now(rules, results, client);
}
