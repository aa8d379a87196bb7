/* Policy, alignment, verdict (RFC 9989 sections 4.10 and 5.3). Everything
 * is judged anew after each answer, until no question is open. */
#include <stdlib.h>

#include "auth/dmarc.h"
#include "auth/from.h"
#include "base/xalloc.h"
#include "mail/address.h"

enum { REASON_MAX = 600 };

struct identifier {
	enum auth_dmarc_kind kind;
	bool passed;
	char *domain;
};

/* One domain of From. */
struct author {
	const char *domain; /* of struct auth_from */
	bool judged;
	enum mail_verdict verdict;
	const struct auth_orgdomain_record *record;
	bool has_policy;
	enum auth_dmarc_policy policy, disposition;
	bool dkim_aligned, spf_aligned;
	enum mail_reason reason;

	/* Does the domain exist: asked for where np= depends on it. */
	struct dns_question existence;
	bool exists_wanted, exists_asked, exists_answered, exists_failed;
	bool exists;
};

struct auth_dmarc {
	struct auth_orgdomain *org;
	struct auth_from from;
	size_t author_count, identifier_count;
	struct author authors[AUTH_FROM_DOMAINS_MAX];
	struct identifier identifiers[AUTH_DMARC_IDENTIFIERS_MAX];
	bool ended;
	struct strbuf reason;
};

struct auth_dmarc *
auth_dmarc_new(const struct mail_header *header)
{
	struct auth_dmarc *dmarc = xcalloc(1, sizeof(*dmarc));

	dmarc->org = auth_orgdomain_new();
	strbuf_init(&dmarc->reason, REASON_MAX);
	auth_from_init(&dmarc->from, header);
	dmarc->author_count = dmarc->from.count;
	for (size_t i = 0; i < dmarc->author_count; i++) {
		const char *domain = dmarc->from.domains[i];

		dmarc->authors[i] =
		    (struct author){.domain = domain, .exists = true};
		/* The walk begins now: its questions are on their way while the
		 * body still comes. */
		(void)auth_orgdomain_walk(dmarc->org, slice_str(domain));
	}
	return dmarc;
}

void
auth_dmarc_free(struct auth_dmarc *dmarc)
{
	if (dmarc == NULL)
		return;
	for (size_t i = 0; i < dmarc->identifier_count; i++)
		free(dmarc->identifiers[i].domain);
	auth_orgdomain_free(dmarc->org);
	auth_from_clear(&dmarc->from);
	strbuf_clear(&dmarc->reason);
	free(dmarc);
}

enum alignment { ALIGNED, APART, WAITING, UNKNOWN };

static enum alignment
of_status(enum auth_orgdomain_status status)
{
	return status == AUTH_ORGDOMAIN_WAIT ? WAITING : UNKNOWN;
}

static struct slice
last_label(struct slice domain)
{
	return slice_after(domain, slice_find_last(domain, '.') + 1);
}

/*
 * Section 4.10.2, relaxed. An identifier that does not lie at or below the
 * author's organizational domain cannot have the same one, so it is not
 * walked for; nor one under another top label, whatever failed.
 */
static enum alignment
align_relaxed(struct auth_dmarc *dmarc, const struct author *author,
    const struct identifier *identifier)
{
	struct slice ours = slice_str(author->domain), our_org, their_org;
	struct slice theirs = slice_str(identifier->domain);
	enum auth_orgdomain_status status =
	    auth_orgdomain_find(dmarc->org, ours, &our_org);

	/* Before the end of our own walk is looked at: it spares the questions
	 * for strangers, of which a message may bring many. */
	if (slice_find_last(ours, '.') < ours.n &&
	    !slice_equal(last_label(ours), last_label(theirs)))
		return APART;
	if (status != AUTH_ORGDOMAIN_KNOWN)
		return of_status(status);
	if (!mail_domain_is_within(theirs, our_org))
		return APART;
	if (!identifier->passed)
		return ALIGNED; /* for a doubt that is near enough */
	/* The number of walks is bounded, as each may be eight questions
	 * (section 4.10). */
	if (auth_orgdomain_walk(dmarc->org, theirs) != 0)
		return UNKNOWN;
	status = auth_orgdomain_find(dmarc->org, theirs, &their_org);
	if (status != AUTH_ORGDOMAIN_KNOWN)
		return of_status(status);
	return slice_equal(our_org, their_org) ? ALIGNED : APART;
}

/* What all identifiers together come to. */
struct tally {
	bool waiting, unknown, doubt;
};

static struct tally
align_all(struct auth_dmarc *dmarc, struct author *author)
{
	struct tally tally = {.waiting = !dmarc->ended};

	/* Anew each time: what was open before may be known now. */
	author->dkim_aligned = author->spf_aligned = false;
	for (size_t i = 0; i < dmarc->identifier_count; i++) {
		const struct identifier *identifier = &dmarc->identifiers[i];
		enum alignment alignment;
		const struct auth_dmarc_record *values =
		    &author->record->values;
		bool strict = identifier->kind == AUTH_DMARC_DKIM
		    ? values->strict_dkim
		    : values->strict_spf;

		if (strcmp(author->domain, identifier->domain) == 0)
			alignment = ALIGNED;
		else
			alignment = strict
			    ? APART
			    : align_relaxed(dmarc, author, identifier);
		if (alignment == WAITING)
			tally.waiting = true;
		else if (alignment == UNKNOWN)
			tally.unknown = true;
		/* It would align if it passed, and whether it does could not be
		 * found out: then nobody can say that the message has
		 * failed. */
		else if (alignment == ALIGNED && !identifier->passed)
			tally.doubt = true;
		else if (alignment == ALIGNED &&
		    identifier->kind == AUTH_DMARC_DKIM)
			author->dkim_aligned = true;
		else if (alignment == ALIGNED)
			author->spf_aligned = true;
	}
	return tally;
}

static void
settle_author(
    struct author *author, enum mail_verdict verdict, enum mail_reason reason)
{
	author->judged = true;
	author->verdict = verdict;
	author->reason = reason;
}

/* Whether the domain exists, where a policy depends on it. 1 known, 0 to
 * wait for, -1 not to be had. */
static int
know_existence(struct author *author)
{
	const struct auth_dmarc_record *values = &author->record->values;

	if (!values->np.present ||
	    slice_equal(author->record->name, slice_str(author->domain)))
		return 1;
	/* Asked for only where np= is there, which few records have: it is one
	 * more question for each message. */
	if (!author->exists_wanted) {
		author->exists_wanted = true;
		if (dns_question_set(&author->existence, DNS_A,
			slice_str(author->domain)) != 0)
			author->exists_answered = true;
	}
	if (!author->exists_answered)
		return 0;
	return author->exists_failed ? -1 : 1;
}

static void
judge_alignment(struct auth_dmarc *dmarc, struct author *author)
{
	struct tally tally = align_all(dmarc, author);

	/* Wait for all of them, also where one is aligned already: the
	 * report says which ones were. */
	if (tally.waiting)
		return;
	if (author->dkim_aligned || author->spf_aligned)
		settle_author(author, MAIL_VERDICT_PASS, MAIL_REASON_NONE);
	/* An answer that did not come must not cost somebody his mail: it is
	 * put off. */
	else if (tally.unknown)
		settle_author(author, MAIL_VERDICT_TEMPERROR,
		    MAIL_REASON_DMARC_ORGANIZATION_UNKNOWN);
	else if (tally.doubt)
		settle_author(
		    author, MAIL_VERDICT_TEMPERROR, MAIL_REASON_DMARC_IN_DOUBT);
	else
		settle_author(
		    author, MAIL_VERDICT_FAIL, MAIL_REASON_DMARC_UNALIGNED);
	/* Section 4.7, t=: one level below. */
	if (author->verdict != MAIL_VERDICT_FAIL ||
	    author->policy == AUTH_DMARC_NONE)
		author->disposition = AUTH_DMARC_NONE;
	else if (author->record->values.testing)
		author->disposition = author->policy - 1;
	else
		author->disposition = author->policy;
}

/* A domain of From whose record is known. */
static void
judge_record(struct auth_dmarc *dmarc, struct author *author)
{
	int known = know_existence(author);
	bool below =
	    !slice_equal(author->record->name, slice_str(author->domain));

	if (known == 0)
		return;
	if (known < 0) {
		settle_author(author, MAIL_VERDICT_TEMPERROR,
		    MAIL_REASON_DMARC_EXISTENCE_UNKNOWN);
		return;
	}
	author->has_policy = auth_dmarc_record_policy(
	    &author->record->values, below, author->exists, &author->policy);
	/* Without a policy that can be read there is nothing to apply, and the
	 * sender should hear of his mistake. */
	if (author->has_policy)
		judge_alignment(dmarc, author);
	else
		settle_author(author, MAIL_VERDICT_PERMERROR,
		    MAIL_REASON_DMARC_POLICY_BAD);
}

static void make_reason(struct auth_dmarc *);

static void
advance_dmarc(struct auth_dmarc *dmarc)
{
	for (size_t i = 0; i < dmarc->author_count; i++) {
		struct author *author = &dmarc->authors[i];

		if (author->judged)
			continue;
		switch (auth_orgdomain_policy(
		    dmarc->org, slice_str(author->domain), &author->record)) {
		case AUTH_ORGDOMAIN_WAIT:
			break;
		case AUTH_ORGDOMAIN_FAILED:
			settle_author(author, MAIL_VERDICT_TEMPERROR,
			    MAIL_REASON_DMARC_UNREACHABLE);
			break;
		case AUTH_ORGDOMAIN_KNOWN:
			if (author->record == NULL)
				settle_author(author, MAIL_VERDICT_NONE,
				    MAIL_REASON_DMARC_NO_RECORD);
			else
				judge_record(dmarc, author);
			break;
		}
	}
	if (auth_dmarc_done(dmarc))
		make_reason(dmarc);
}

static bool
is_identifier_known(
    const struct auth_dmarc *dmarc, const struct identifier *found)
{
	for (size_t i = 0; i < dmarc->identifier_count; i++) {
		const struct identifier *known = &dmarc->identifiers[i];

		/* A hundred signatures by one domain say no more than one. */
		if (known->kind == found->kind &&
		    known->passed == found->passed &&
		    strcmp(known->domain, found->domain) == 0)
			return true;
	}
	return false;
}

void
auth_dmarc_identifier(struct auth_dmarc *dmarc, enum auth_dmarc_kind kind,
    bool passed, struct slice domain)
{
	struct identifier found = {.kind = kind, .passed = passed};

	if (dmarc->ended)
		return;
	found.domain = auth_from_domain(domain);
	if (found.domain == NULL)
		return;
	/* What is too much is left out, and a domain that hides behind a crowd
	 * of others has not passed. */
	if (dmarc->identifier_count == AUTH_DMARC_IDENTIFIERS_MAX ||
	    is_identifier_known(dmarc, &found)) {
		free(found.domain);
		return;
	}
	dmarc->identifiers[dmarc->identifier_count++] = found;
	advance_dmarc(dmarc);
}

void
auth_dmarc_end(struct auth_dmarc *dmarc)
{
	dmarc->ended = true;
	advance_dmarc(dmarc);
}

bool
auth_dmarc_ask(struct auth_dmarc *dmarc, struct dns_question *question)
{
	if (auth_orgdomain_ask(dmarc->org, question))
		return true;
	for (size_t i = 0; i < dmarc->author_count; i++) {
		struct author *author = &dmarc->authors[i];

		if (!author->exists_wanted || author->exists_answered ||
		    author->exists_asked)
			continue;
		author->exists_asked = true;
		*question = author->existence;
		return true;
	}
	return false;
}

void
auth_dmarc_answer(struct auth_dmarc *dmarc, const struct dns_question *question,
    const struct dns_answer *answer)
{
	auth_orgdomain_answer(dmarc->org, question, answer);
	for (size_t i = 0; i < dmarc->author_count; i++) {
		struct author *author = &dmarc->authors[i];

		if (!author->exists_asked || author->exists_answered ||
		    !dns_question_equal(&author->existence, question))
			continue;
		author->exists_answered = true;
		author->exists_failed = answer->status == DNS_TEMPFAIL;
		/* RFC 9989 appendix A.4: a CNAME to nowhere is there. */
		author->exists =
		    answer->status != DNS_NXDOMAIN || answer->alias;
	}
	advance_dmarc(dmarc);
}

bool
auth_dmarc_done(const struct auth_dmarc *dmarc)
{
	for (size_t i = 0; i < dmarc->author_count; i++)
		if (!dmarc->authors[i].judged)
			return false;
	return dmarc->ended;
}

/* How much a domain's verdict weighs among several. The strictest counts:
 * otherwise a second domain in From, with no policy, would be a way around the
 * first one's. */
static int
weight(const struct author *author)
{
	switch (author->verdict) {
	case MAIL_VERDICT_FAIL:
		return 10 + (int)author->disposition;
	case MAIL_VERDICT_TEMPERROR:
		return 4;
	case MAIL_VERDICT_PERMERROR:
		return 3;
	case MAIL_VERDICT_NONE:
		return 2;
	default:
		return 1;
	}
}

static const struct author *
worst_author(const struct auth_dmarc *dmarc)
{
	const struct author *worst = NULL;

	for (size_t i = 0; i < dmarc->author_count; i++)
		if (worst == NULL || weight(&dmarc->authors[i]) > weight(worst))
			worst = &dmarc->authors[i];
	return worst;
}

/* What is wrong with From; NULL: nothing. */
static const char *
from_fault(const struct auth_dmarc *dmarc)
{
	return dmarc->from.reason == MAIL_REASON_NONE
	    ? NULL
	    : strbuf_text(&dmarc->from.fault);
}

/*
 * Whether that keeps the message from having a verdict. A domain that
 * fails, or may yet, goes before. Of several From fields a signature covers
 * the lowest, while people see the topmost (RFC 6376 section 8.15), so they
 * never pass.
 */
static bool
from_decides(const struct auth_dmarc *dmarc, const struct author *worst)
{
	if (worst == NULL)
		return true;
	return from_fault(dmarc) != NULL &&
	    worst->verdict != MAIL_VERDICT_FAIL &&
	    worst->verdict != MAIL_VERDICT_TEMPERROR;
}

static void
make_reason(struct auth_dmarc *dmarc)
{
	const struct author *worst = worst_author(dmarc);

	strbuf_reset(&dmarc->reason);
	if (from_decides(dmarc, worst)) {
		strbuf_add(&dmarc->reason, strbuf_slice(&dmarc->from.fault));
	} else if (worst->reason != MAIL_REASON_NONE) {
		strbuf_addf(&dmarc->reason, "%s %s",
		    mail_reason_text(worst->reason), worst->domain);
	}
}

struct auth_dmarc_finding
auth_dmarc_finding(const struct auth_dmarc *dmarc)
{
	const struct author *worst = worst_author(dmarc);
	struct auth_dmarc_finding finding = {0};

	if (worst != NULL) {
		finding = (struct auth_dmarc_finding){
		    .verdict = worst->verdict,
		    .domain = slice_str(worst->domain),
		    .code = worst->reason,
		    .dkim_aligned = worst->dkim_aligned,
		    .spf_aligned = worst->spf_aligned,
		};
		if (worst->record != NULL) {
			finding.record = worst->record->text;
			finding.record_name = worst->record->name;
			finding.testing = worst->record->values.testing;
		}
		if (worst->has_policy) {
			finding.policy = auth_dmarc_policy_word(worst->policy);
			finding.disposition =
			    auth_dmarc_policy_word(worst->disposition);
		}
	}
	if (from_decides(dmarc, worst)) {
		finding.verdict = MAIL_VERDICT_PERMERROR;
		finding.code = dmarc->from.reason;
		finding.disposition = NULL;
	}
	finding.from_fault = from_fault(dmarc);
	finding.from_code = dmarc->from.reason;
	/* ARC may override only where one author is meant: with several a
	 * sealer's word could be about another one. */
	finding.sole = dmarc->author_count == 1 && finding.from_fault == NULL;
	finding.reason = strbuf_text(&dmarc->reason);
	return finding;
}
