/*
 * All checks of one message. Each is a machine of its own with the same
 * verbs; here they share one pool of questions, and DMARC is told what SPF
 * and DKIM found. evaluation_results.c makes one list of the findings.
 */
#include <stdlib.h>

#include "auth/evaluation_private.h"
#include "auth/from.h"
#include "base/xalloc.h"
#include "dkim/arc.h"
#include "dkim/domainkeys.h"
#include "mail/address.h"
#include "mail/idn.h"

enum { IDENTITY_MAX = 4096 };

/* The verbs of a part, without its type. */
struct verbs {
	bool (*ask)(void *, struct dns_question *);
	void (*answer)(
	    void *, const struct dns_question *, const struct dns_answer *);
	bool (*done)(const void *);
	void (*free)(void *);
};

#define VERBS(type)                                                     \
	static bool type##_part_ask(void *part, struct dns_question *q) \
	{                                                               \
		return type##_ask(part, q);                             \
	}                                                               \
	static void type##_part_answer(void *part,                      \
	    const struct dns_question *q, const struct dns_answer *a)   \
	{                                                               \
		type##_answer(part, q, a);                              \
	}                                                               \
	static bool type##_part_done(const void *part)                  \
	{                                                               \
		return type##_done(part);                               \
	}                                                               \
	static void type##_part_free(void *part)                        \
	{                                                               \
		type##_free(part);                                      \
	}

#define VERBS_OF(type)                                                 \
	{                                                              \
		type##_part_ask, type##_part_answer, type##_part_done, \
		    type##_part_free                                   \
	}

VERBS(auth_spf)
VERBS(dkim_verifier)
VERBS(dkim_domainkeys)
VERBS(auth_dmarc)
VERBS(dkim_arc)
VERBS(auth_iprev)

static const struct verbs verbs[PARTS] = {
    [PART_SPF] = VERBS_OF(auth_spf),
    [PART_HELO] = VERBS_OF(auth_spf),
    [PART_SENDERID] = VERBS_OF(auth_spf),
    [PART_DKIM] = VERBS_OF(dkim_verifier),
    [PART_DOMAINKEYS] = VERBS_OF(dkim_domainkeys),
    [PART_DMARC] = VERBS_OF(auth_dmarc),
    [PART_ARC] = VERBS_OF(dkim_arc),
    [PART_IPREV] = VERBS_OF(auth_iprev),
};

/* DMARC stands on SPF and DKIM, reported or not, and may bend to ARC. */
static bool
is_needed(const struct auth_evaluation *evaluation, enum auth_method method)
{
	if (auth_evaluation_reports(evaluation, method))
		return true;
	if (!auth_evaluation_reports(evaluation, AUTH_DMARC))
		return false;
	return method == AUTH_SPF || method == AUTH_DKIM ||
	    (method == AUTH_ARC && evaluation->arc_trusted_count > 0);
}

/* check_host() for "local@domain"; an empty local part is postmaster. */
static struct auth_spf *
begin_spf(const struct auth_evaluation *evaluation, struct slice local,
    struct slice domain, enum auth_spf_version version)
{
	struct strbuf folded, sender;
	struct auth_spf_identity identity = {
	    .address = slice_str(evaluation->address),
	    .helo = slice_str(evaluation->helo),
	    .receiver = slice_str(evaluation->receiver),
	    .now = evaluation->now,
	};
	struct auth_spf *spf;

	strbuf_init(&folded, DNS_NAME_MAX);
	strbuf_init(&sender, IDENTITY_MAX);
	/* A-labels, so that what is asked and compared is what the DNS has. */
	if (mail_idn_to_ascii(domain, &folded) != 0)
		identity.domain = domain;
	else
		identity.domain = strbuf_slice(&folded);
	strbuf_add(&sender, local);
	strbuf_add_char(&sender, '@');
	strbuf_add(&sender, identity.domain);
	identity.sender = strbuf_slice(&sender);
	spf = auth_spf_new(&identity, version);
	strbuf_clear(&folded);
	strbuf_clear(&sender);
	return spf;
}

static void
begin_client_checks(struct auth_evaluation *evaluation)
{
	struct slice mail_from = slice_str(evaluation->mail_from);
	struct slice helo = slice_str(evaluation->helo);
	bool wants_helo =
	    helo.n > 0 && (mail_from.n == 0 || evaluation->spf_helo);

	if (auth_evaluation_reports(evaluation, AUTH_IPREV))
		evaluation->parts[PART_IPREV] =
		    auth_iprev_new(slice_str(evaluation->address));
	if (!is_needed(evaluation, AUTH_SPF) || evaluation->address[0] == '\0')
		return;
	if (mail_from.n > 0)
		evaluation->parts[PART_SPF] =
		    begin_spf(evaluation, mail_address_local(mail_from),
			mail_address_domain(mail_from), AUTH_SPF_V1);
	if (wants_helo)
		evaluation->parts[PART_HELO] =
		    begin_spf(evaluation, SLICE(""), helo, AUTH_SPF_V1);
}

struct auth_evaluation *
auth_evaluation_new(const struct auth_rules *rules,
    const struct auth_client *client, int64_t now)
{
	struct auth_evaluation *evaluation = xcalloc(1, sizeof(*evaluation));

	evaluation->checks = rules->checks;
	evaluation->dkim_rules = rules->dkim;
	evaluation->spf_helo = rules->spf_helo;
	evaluation->now = now;
	evaluation->address = xslicedup(client->address);
	evaluation->helo = xslicedup(client->helo);
	evaluation->mail_from = xslicedup(client->mail_from);
	evaluation->receiver = xslicedup(rules->receiver);
	evaluation->arc_trusted_count = rules->arc_trusted_count;
	evaluation->arc_trusted =
	    xcalloc(rules->arc_trusted_count + 1, sizeof(char *));
	for (size_t i = 0; i < rules->arc_trusted_count; i++)
		evaluation->arc_trusted[i] = xslicedup(rules->arc_trusted[i]);
	evaluation->pool = auth_pool_new();
	evaluation->most = rules->questions > 0 ? rules->questions
						: AUTH_EVALUATION_QUESTIONS_MAX;
	evaluation->body = dkim_body_hashes_new();
	begin_client_checks(evaluation);
	return evaluation;
}

void
auth_evaluation_free(struct auth_evaluation *evaluation)
{
	if (evaluation == NULL)
		return;
	for (size_t i = 0; i < PARTS; i++)
		if (evaluation->parts[i] != NULL)
			verbs[i].free(evaluation->parts[i]);
	strbuf_clear(&evaluation->pra.address);
	dkim_body_hashes_free(evaluation->body);
	auth_pool_free(evaluation->pool);
	free(evaluation->address);
	free(evaluation->helo);
	free(evaluation->mail_from);
	free(evaluation->receiver);
	for (size_t i = 0; i < evaluation->arc_trusted_count; i++)
		free(evaluation->arc_trusted[i]);
	free(evaluation->arc_trusted);
	free(evaluation);
}

void
auth_evaluation_header(
    struct auth_evaluation *evaluation, const struct mail_header *header)
{
	struct slice address;

	if (auth_evaluation_reports(evaluation, AUTH_SENDERID) &&
	    evaluation->address[0] != '\0') {
		if (auth_senderid_find(
			header, &evaluation->pra, &evaluation->no_pra) == 0) {
			evaluation->no_pra = MAIL_REASON_NONE;
			address = strbuf_slice(&evaluation->pra.address);
			evaluation->parts[PART_SENDERID] =
			    begin_spf(evaluation, mail_address_local(address),
				mail_address_domain(address), AUTH_SPF_PRA);
		}
	}
	if (is_needed(evaluation, AUTH_DKIM)) {
		struct dkim_rules rules = evaluation->dkim_rules;
		struct slice authors[AUTH_FROM_DOMAINS_MAX];
		struct auth_from from;

		auth_from_init(&from, header);
		for (size_t i = 0; i < from.count; i++)
			authors[i] = slice_str(from.domains[i]);
		rules.authors = authors;
		rules.author_count = from.count;
		evaluation->parts[PART_DKIM] = dkim_verifier_new(
		    &rules, header, evaluation->body, evaluation->now);
		auth_from_clear(&from);
	}
	if (auth_evaluation_reports(evaluation, AUTH_DOMAINKEYS))
		evaluation->parts[PART_DOMAINKEYS] = dkim_domainkeys_new(
		    &evaluation->dkim_rules, header, evaluation->body);
	if (is_needed(evaluation, AUTH_ARC))
		evaluation->parts[PART_ARC] =
		    dkim_arc_new(&evaluation->dkim_rules, header,
			evaluation->body, evaluation->now);
	if (auth_evaluation_reports(evaluation, AUTH_DMARC))
		evaluation->parts[PART_DMARC] = auth_dmarc_new(header);
}

void
auth_evaluation_no_header(struct auth_evaluation *evaluation)
{
	evaluation->no_header = true;
}

static bool
part_done(const struct auth_evaluation *evaluation, enum part part)
{
	return evaluation->parts[part] == NULL ||
	    verbs[part].done(evaluation->parts[part]);
}

/* The one for MAIL FROM, or HELO's that stands in for it. */
static const struct auth_spf *
main_spf(const struct auth_evaluation *evaluation)
{
	return evaluation->parts[PART_SPF] != NULL
	    ? evaluation->parts[PART_SPF]
	    : evaluation->parts[PART_HELO];
}

static void
tell_dkim_verdict(struct auth_evaluation *evaluation, enum mail_verdict verdict)
{
	const struct dkim_verifier *dkim = evaluation->parts[PART_DKIM];

	for (size_t i = 0; i < dkim_verifier_count(dkim); i++) {
		struct dkim_finding finding = dkim_verifier_finding(dkim, i);

		if (finding.verdict == verdict)
			auth_dmarc_identifier(evaluation->parts[PART_DMARC],
			    AUTH_DMARC_DKIM, verdict == MAIL_VERDICT_PASS,
			    finding.domain);
	}
}

/* Tells DMARC what has become known. */
static void
tell_dmarc(struct auth_evaluation *evaluation)
{
	bool spf_done =
	    main_spf(evaluation) == NULL || auth_spf_done(main_spf(evaluation));

	if (evaluation->parts[PART_DMARC] == NULL ||
	    (evaluation->spf_told && evaluation->dkim_told))
		return;
	if (spf_done && !evaluation->spf_told) {
		const struct auth_spf *spf = main_spf(evaluation);
		struct auth_spf_finding finding;

		evaluation->spf_told = true;
		if (spf != NULL) {
			finding = auth_spf_finding(spf);
			if (finding.verdict == MAIL_VERDICT_PASS ||
			    finding.verdict == MAIL_VERDICT_TEMPERROR)
				auth_dmarc_identifier(
				    evaluation->parts[PART_DMARC],
				    AUTH_DMARC_SPF,
				    finding.verdict == MAIL_VERDICT_PASS,
				    finding.domain);
		}
	}
	if (evaluation->ended && part_done(evaluation, PART_DKIM) &&
	    !evaluation->dkim_told) {
		/* What passed goes first: DMARC looks at so many and no
		 * more. */
		evaluation->dkim_told = true;
		if (evaluation->parts[PART_DKIM] != NULL) {
			tell_dkim_verdict(evaluation, MAIL_VERDICT_PASS);
			tell_dkim_verdict(evaluation, MAIL_VERDICT_TEMPERROR);
		}
	}
	if (evaluation->spf_told && evaluation->dkim_told)
		auth_dmarc_end(evaluation->parts[PART_DMARC]);
}

/*
 * Who writes the message can make most parts ask a lot; that must not leave
 * too few questions for what decides about the author's domain. So SPF gets
 * no more than leaves DMARC its last ones; and what does not bear on DMARC
 * waits, past its share, until all before it in this table is done.
 */
static const struct {
	enum part part;
	size_t percent; /* of all questions */
} shares[] = {
    {PART_SENDERID, 60},
    {PART_HELO, 60},
    {PART_IPREV, 50},
    {PART_ARC, 50},
};

/* Percent for SPF: the rest is more than DMARC asks at its end. */
enum { SPF_PERCENT = 85 };

static size_t
share(const struct auth_evaluation *evaluation, size_t percent)
{
	return evaluation->most * percent / 100;
}

/* HELO's is SPF's result where there is no MAIL FROM. */
static bool
is_spf(const struct auth_evaluation *evaluation, enum part part)
{
	return part == PART_SPF ||
	    (part == PART_HELO && evaluation->parts[PART_SPF] == NULL);
}

static bool
may_ask(const struct auth_evaluation *evaluation, enum part part)
{
	size_t count = auth_pool_count(evaluation->pool);
	bool before_done;

	before_done = part_done(evaluation, PART_DMARC) &&
	    part_done(evaluation, PART_DKIM) &&
	    part_done(evaluation, PART_DOMAINKEYS) &&
	    (main_spf(evaluation) == NULL ||
		auth_spf_done(main_spf(evaluation)));
	if (is_spf(evaluation, part))
		return true;
	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		if (shares[i].part == part)
			return before_done ||
			    count < share(evaluation, shares[i].percent);
		before_done =
		    before_done && part_done(evaluation, shares[i].part);
	}
	return true;
}

/* Moves a part's questions into the pool; true where one of them was
 * answered at once, which may have raised others. */
static bool
pump_part(struct auth_evaluation *evaluation, enum part part)
{
	size_t most = is_spf(evaluation, part) ? share(evaluation, SPF_PERCENT)
					       : evaluation->most;
	struct dns_question question;
	bool answered = false;

	if (evaluation->parts[part] == NULL)
		return false;
	while (may_ask(evaluation, part) &&
	    verbs[part].ask(evaluation->parts[part], &question)) {
		const struct dns_answer *answer =
		    auth_pool_ask(evaluation->pool, &question, most);

		if (answer == NULL)
			continue;
		verbs[part].answer(evaluation->parts[part], &question, answer);
		answered = true;
	}
	return answered;
}

static void
pump(struct auth_evaluation *evaluation)
{
	bool moved = true;

	while (moved) {
		moved = false;
		tell_dmarc(evaluation);
		for (enum part part = 0; part < PARTS; part++)
			if (pump_part(evaluation, part))
				moved = true;
	}
}

bool
auth_evaluation_ask(
    struct auth_evaluation *evaluation, struct dns_question *question)
{
	pump(evaluation);
	return auth_pool_next(evaluation->pool, question);
}

void
auth_evaluation_answer(struct auth_evaluation *evaluation,
    const struct dns_question *question, const struct dns_answer *answer)
{
	if (!auth_pool_answer(evaluation->pool, question, answer))
		return;
	for (enum part part = 0; part < PARTS; part++)
		if (evaluation->parts[part] != NULL)
			verbs[part].answer(
			    evaluation->parts[part], question, answer);
	pump(evaluation);
}

void
auth_evaluation_body(struct auth_evaluation *evaluation, struct slice chunk)
{
	dkim_body_hashes_write(evaluation->body, chunk);
}

void
auth_evaluation_end(struct auth_evaluation *evaluation)
{
	dkim_body_hashes_end(evaluation->body);
	if (evaluation->parts[PART_DKIM] != NULL)
		dkim_verifier_end(evaluation->parts[PART_DKIM]);
	if (evaluation->parts[PART_DOMAINKEYS] != NULL)
		dkim_domainkeys_end(evaluation->parts[PART_DOMAINKEYS]);
	if (evaluation->parts[PART_ARC] != NULL)
		dkim_arc_end(evaluation->parts[PART_ARC]);
	evaluation->ended = true;
	pump(evaluation);
}

bool
auth_evaluation_done(const struct auth_evaluation *evaluation)
{
	for (enum part part = 0; part < PARTS; part++)
		if (!part_done(evaluation, part))
			return false;
	return evaluation->ended;
}
