/* SPF and Sender-ID of one domain: which addresses the record lacks, the new
 * one, and whether receivers could heed it. */
#include <stdlib.h>
#include <string.h>

#include "auth/spf_record.h"
#include "base/escape.h"
#include "base/xalloc.h"
#include "cli/kit/checking.h"
#include "cli/publish/publish_private.h"

/* No host has them (RFC 1112 section 4; RFC 9637): they go through all of a
 * record. */
static const struct slice nobody_v4 = SLICE_INIT("240.0.0.1");
static const struct slice nobody_v6 = SLICE_INIT("3fff::1");

/* RFC 7208 section 3.4: an answer should fit into 512 octets. */
enum {
	TERMS_MAX = 4096,
	REASON_MAX = 2048,
	RECORD_LONG = 450,
	SHOWN_MAX = 1200
};

void
publish_spf_init(
    struct publish_spf *s, enum auth_spf_version version, const char *what)
{
	s->version = version;
	s->what = what;
	strbuf_init(&s->record, CLI_SPF_PLAN_MAX);
	strbuf_init(&s->reason, REASON_MAX);
}

void
publish_spf_clear(struct publish_spf *s)
{
	for (size_t i = 0; i < s->count; i++)
		free(s->texts[i]);
	for (size_t i = 0; i < CLI_LEAVING_MAX; i++)
		auth_spf_free(s->covers[i]);
	auth_spf_free(s->trial_v4);
	auth_spf_free(s->trial_v6);
	strbuf_clear(&s->record);
	strbuf_clear(&s->reason);
}

void
publish_spf_take(struct publish_spf *s, const struct dns_answer *answer)
{
	if (s->known || answer->status == DNS_TEMPFAIL)
		return;
	s->known = true;
	for (size_t i = 0; answer->status == DNS_OK && i < answer->count; i++) {
		struct slice text = answer->records[i].value;
		bool its = s->version == AUTH_SPF_V1
		    ? auth_spf_record_is_v1(text)
		    : auth_spf_record_is_v2(text, SLICE("pra"));

		if (!its || s->count == CLI_SPF_PLAN_RECORDS_MAX)
			continue;
		s->texts[s->count] = xslicedup(text);
		s->existing[s->count] = slice_from(s->texts[s->count], text.n);
		s->count++;
	}
}

/* --- asking --- */

/* Sender-ID goes by v=spf1 where it has no record of its own (RFC 4406 section
 * 4.4): it gets one only where it has one, or where it alone is asked for. */
static bool
is_spf_wanted(const struct cli_publish *p, const struct publish_spf *s)
{
	return s->version == AUTH_SPF_V1 || s->count > 0 ||
	    (p->wishes->what == CLI_PUBLISH_SENDERID &&
		p->wishes->terms != NULL);
}

/* The term for an address, or for the host that it is one of. */
static void
add_term(const struct cli_publish *p, const struct cli_leaving_address *address,
    struct strbuf *terms)
{
	const struct cli_leaving_relay *relay =
	    address->relay < 0 ? NULL : &p->leaving->relays[address->relay];

	if (terms->n > 0)
		strbuf_add_char(terms, ' ');
	if (relay != NULL && relay->host != NULL)
		strbuf_addf(
		    terms, "%s:%s", relay->mx ? "mx" : "a", relay->host);
	else
		strbuf_addf(terms, "ip%c:%s",
		    strchr(address->text, ':') == NULL ? '4' : '6',
		    address->text);
}

/* What the record lacks. False where that cannot be said now. */
static bool
find_missing(const struct cli_publish *p, const struct publish_spf *s,
    struct strbuf *terms)
{
	if (p->wishes->terms != NULL)
		return true;
	for (size_t i = 0; i < p->leaving->count; i++) {
		const struct cli_leaving_address *address =
		    &p->leaving->list[i];
		enum mail_verdict verdict = MAIL_VERDICT_NONE;

		if (address->hidden)
			continue;
		if (s->covers[i] != NULL)
			verdict = auth_spf_finding(s->covers[i]).verdict;
		if (verdict == MAIL_VERDICT_TEMPERROR)
			return false;
		if (verdict != MAIL_VERDICT_PASS)
			add_term(p, address, terms);
	}
	return true;
}

static void
plan_spf(const struct cli_publish *p, struct publish_spf *s)
{
	struct cli_spf_plan plan = {
	    .version = s->version == AUTH_SPF_V1 ? "v=spf1" : "spf2.0/pra",
	    .existing = s->existing,
	    .existing_count = s->count,
	    .told = slice_str(p->wishes->terms),
	};
	struct strbuf terms;

	s->planned = true;
	if (slice_starts_nocase(plan.told, SLICE("v=spf1 ")))
		plan.told = slice_after(plan.told, 7);
	strbuf_init(&terms, TERMS_MAX);
	if (find_missing(p, s, &terms)) {
		plan.missing = strbuf_slice(&terms);
		s->refused =
		    cli_spf_plan_make(&plan, &s->record, &s->reason) != 0;
	}
	strbuf_clear(&terms);
	if (s->refused || s->record.n == 0)
		return;
	s->trial_v4 = cli_spf_new(p->domain, nobody_v4, s->version);
	s->trial_v6 = cli_spf_new(p->domain, nobody_v6, s->version);
}

/* To the trial the record stands there already. */
static bool
ask_trial(const struct cli_publish *p, const struct publish_spf *s,
    struct auth_spf *trial, struct dns_question *question)
{
	struct dns_record record = {.value = strbuf_slice(&s->record)};
	struct dns_answer answer = {
	    .status = DNS_OK, .count = 1, .records = &record};

	while (trial != NULL && auth_spf_ask(trial, question)) {
		if (!dns_question_equal(question, &p->text))
			return true;
		auth_spf_answer(trial, question, &answer);
	}
	return false;
}

bool
publish_spf_ask(
    struct cli_publish *p, struct publish_spf *s, struct dns_question *question)
{
	bool covers, done = true;

	if (!s->known || !is_spf_wanted(p, s))
		return false;
	covers = !s->begun && p->wishes->terms == NULL && s->count == 1;
	s->begun = true;
	for (size_t i = 0; covers && i < p->leaving->count; i++)
		if (!p->leaving->list[i].hidden)
			s->covers[i] = cli_spf_new(p->domain,
			    slice_str(p->leaving->list[i].text), s->version);
	for (size_t i = 0; i < p->leaving->count; i++)
		if (s->covers[i] != NULL) {
			if (auth_spf_ask(s->covers[i], question))
				return true;
			done = done && auth_spf_done(s->covers[i]);
		}
	if (!s->planned && done)
		plan_spf(p, s);
	return ask_trial(p, s, s->trial_v4, question) ||
	    ask_trial(p, s, s->trial_v6, question);
}

void
publish_spf_answer(struct publish_spf *s, const struct dns_question *question,
    const struct dns_answer *answer)
{
	for (size_t i = 0; i < CLI_LEAVING_MAX; i++)
		if (s->covers[i] != NULL)
			auth_spf_answer(s->covers[i], question, answer);
	if (s->trial_v4 != NULL)
		auth_spf_answer(s->trial_v4, question, answer);
	if (s->trial_v6 != NULL)
		auth_spf_answer(s->trial_v6, question, answer);
}

/* --- telling --- */

static const char *
advice_for(enum mail_reason code)
{
	switch (code) {
	case MAIL_REASON_SPF_LOOKUPS:
		return "; receivers look up ten times at most: name hosts by "
		       "ip4: and ip6:, which cost nothing";
	case MAIL_REASON_SPF_VOIDS:
		return "; receivers let two names come to nothing at most: "
		       "take those out that have no address";
	default:
		return "; mend that first";
	}
}

/* Would a receiver heed the new record? */
static bool
passes_trial(struct cli_publish *p, const struct publish_spf *s)
{
	const struct auth_spf *const trials[] = {s->trial_v4, s->trial_v6};
	struct strbuf shown;
	bool heeded = true;

	strbuf_init(&shown, SHOWN_MAX);
	for (size_t i = 0; heeded && i < 2; i++) {
		struct auth_spf_finding finding = auth_spf_finding(trials[i]);

		heeded = finding.verdict != MAIL_VERDICT_PERMERROR;
		if (heeded)
			continue;
		escape_text(
		    slice_first(slice_str(finding.reason), 200), &shown);
		publish_complain(p, CLI_PUBLISH_PERSON, s->what,
		    "receivers would heed none of %s (%s)%s",
		    strbuf_text(&s->record), strbuf_text(&shown),
		    advice_for(finding.code));
	}
	strbuf_clear(&shown);
	return heeded;
}

/* The first address by which mail leaves that the world sees, or does not see;
 * NULL: there is none. */
static const char *
first_address(const struct cli_leaving *leaving, bool hidden)
{
	for (size_t i = 0; i < leaving->count; i++)
		if (leaving->list[i].hidden == hidden)
			return leaving->list[i].text;
	return NULL;
}

static void
add_spf_record(
    struct cli_publish *p, const struct publish_spf *s, struct cli_records *to)
{
	struct cli_record *record = cli_records_append(
	    to, slice_str(p->domain), strbuf_slice(&s->record));
	const char *hidden = first_address(p->leaving, true);
	const char *relay = NULL;

	record->what = s->what;
	if (s->count == 1 &&
	    cli_spf_plan_same(strbuf_slice(&s->record), s->existing[0]))
		cli_record_keep(record, s->existing[0]);
	else
		for (size_t i = 0; i < s->count; i++)
			cli_record_replace(record, s->existing[i]);
	for (size_t i = 0; i < p->leaving->relay_count && relay == NULL; i++)
		relay = p->leaving->relays[i].host;
	if (p->wishes->terms == NULL && relay != NULL)
		cli_record_note(record,
		    "mail leaves by way of %s: where its owner names an "
		    "include: for SPF, take that (--spf include:...)",
		    relay);
	if (p->wishes->terms == NULL && hidden != NULL)
		cli_record_note(record,
		    "%s is private: if mail leaves by it, the world sees "
		    "another address, which has to be told (--spf "
		    "ip4:ADDRESS)",
		    hidden);
	if (s->record.n > RECORD_LONG)
		cli_record_note(record,
		    "it has %zu octets, over the 450 that go everywhere "
		    "(RFC 7208 section 3.4)",
		    s->record.n);
}

void
publish_spf_finish(
    struct cli_publish *p, struct publish_spf *s, struct cli_records *to)
{
	bool unsure = !s->planned || (s->record.n == 0 && !s->refused);

	if (s->known && !is_spf_wanted(p, s)) {
		if (p->wishes->what == CLI_PUBLISH_SENDERID)
			publish_complain(p, 0, s->what,
			    "v=spf1 holds for Sender-ID, too: no record of its "
			    "own is needed");
		return;
	}
	if (!s->known || unsure ||
	    (p->leaving->silent && p->wishes->terms == NULL))
		publish_complain_silent(p, s->what);
	else if (s->refused)
		publish_complain(p, CLI_PUBLISH_PERSON, s->what, "%s",
		    strbuf_text(&s->reason));
	else if (p->wishes->terms == NULL && s->count == 0 &&
	    first_address(p->leaving, false) == NULL) {
		/* There is nothing to say who may send. */
		const char *hidden = first_address(p->leaving, true);

		publish_complain(p, CLI_PUBLISH_PERSON, s->what,
		    "by which address mail leaves is not known here%s%s%s; say "
		    "it: signpost dns%s -d %s --spf ip4:ADDRESS",
		    hidden == NULL ? "" : " (", hidden == NULL ? "" : hidden,
		    hidden == NULL ? ""
				   : " is private, the world sees another)",
		    p->wishes->config, p->domain);
	} else if (s->version == AUTH_SPF_PRA && s->count == 0 &&
	    (s->record.n == 0 ||
		(p->spf.count == 1 &&
		    cli_spf_plan_same(
			strbuf_slice(&s->record), p->spf.existing[0]))))
		/* Sender-ID's own record would say what v=spf1 says. */
		publish_complain(p, 0, s->what,
		    "v=spf1 says the same, and holds for Sender-ID, too: no "
		    "record of its own is needed");
	else if (passes_trial(p, s))
		add_spf_record(p, s, to);
}
