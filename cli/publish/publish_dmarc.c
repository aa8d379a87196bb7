/* DMARC of one domain: its own record, or that of the domain above it. */
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "cli/publish/dmarc_plan.h"
#include "cli/publish/publish_private.h"

void
publish_dmarc_init(struct cli_publish *p)
{
	struct publish_dmarc *d = &p->dmarc;
	struct strbuf name;

	strbuf_init(&d->record, CLI_DMARC_PLAN_MAX);
	strbuf_init(&name, DNS_NAME_MAX);
	d->asked = strbuf_addf(&name, "_dmarc.%s", p->domain) != 0 ||
	    dns_question_set(&d->own, DNS_TXT, strbuf_slice(&name)) != 0;
	strbuf_clear(&name);
	d->org = auth_orgdomain_new();
	(void)auth_orgdomain_walk(d->org, slice_str(p->domain));
}

void
publish_dmarc_clear(struct publish_dmarc *d)
{
	auth_orgdomain_free(d->org);
	record_rua_free(d->rua);
	strbuf_clear(&d->record);
	free(d->existing);
}

/* --- asking --- */

static void
plan_dmarc(struct cli_publish *p)
{
	struct publish_dmarc *d = &p->dmarc;
	struct auth_dmarc_record values;
	struct cli_dmarc_plan plan = {
	    .existing = slice_str(d->existing),
	    .policy = p->wishes->policy,
	    .rua = p->wishes->rua,
	};
	const struct auth_orgdomain_record *record = NULL;
	struct strbuf postmaster;

	d->planned = true;
	/* The record of a domain above holds where this one has none, and none
	 * is asked for. */
	d->held = d->records == 0 && plan.policy == NULL && plan.rua == NULL &&
	    auth_orgdomain_policy(d->org, slice_str(p->domain), &record) ==
		AUTH_ORGDOMAIN_KNOWN &&
	    record != NULL;
	if (d->held || d->records > 1)
		return;
	strbuf_init(&postmaster, DNS_NAME_MAX + sizeof("postmaster@"));
	strbuf_addf(&postmaster, "postmaster@%s", p->domain);
	plan.fallback = strbuf_text(&postmaster);
	d->refused = cli_dmarc_plan_make(&plan, &d->record) != 0;
	strbuf_clear(&postmaster);
	if (d->refused)
		return;
	auth_dmarc_record_parse(strbuf_slice(&d->record), &values);
	if (values.rua.n > 0)
		d->rua = record_rua_new(slice_str(p->domain), values.rua);
}

bool
publish_dmarc_ask(struct cli_publish *p, struct dns_question *question)
{
	struct publish_dmarc *d = &p->dmarc;
	const struct auth_orgdomain_record *ignored;

	if (!d->asked) {
		d->asked = true;
		*question = d->own;
		return true;
	}
	if (auth_orgdomain_ask(d->org, question))
		return true;
	if (!d->planned && d->answered && !d->silent &&
	    auth_orgdomain_policy(d->org, slice_str(p->domain), &ignored) !=
		AUTH_ORGDOMAIN_WAIT)
		plan_dmarc(p);
	return d->rua != NULL && record_rua_ask(d->rua, question);
}

static void
take_own_dmarc(struct publish_dmarc *d, const struct dns_answer *answer)
{
	if (d->answered)
		return;
	d->answered = true;
	d->silent = answer->status == DNS_TEMPFAIL;
	for (size_t i = 0; answer->status == DNS_OK && i < answer->count; i++) {
		struct slice text = answer->records[i].value;

		if (!auth_dmarc_record_is(text))
			continue;
		if (d->records++ == 0)
			d->existing = xslicedup(text);
	}
}

void
publish_dmarc_answer(struct cli_publish *p, const struct dns_question *question,
    const struct dns_answer *answer)
{
	struct publish_dmarc *d = &p->dmarc;

	if (dns_question_equal(&d->own, question))
		take_own_dmarc(d, answer);
	auth_orgdomain_answer(d->org, question, answer);
	if (d->rua != NULL)
		record_rua_answer(d->rua, question, answer);
}

/* --- telling --- */

/* Another domain gets no reports of this one before it says that it wants them
 * (RFC 9990 section 4). */
static void
add_consents(struct cli_publish *p, struct cli_records *to)
{
	struct publish_dmarc *d = &p->dmarc;
	struct slice address, host;
	struct cli_record *record;
	struct strbuf name;

	for (size_t i = 0; d->rua != NULL && i < record_rua_count(d->rua);
	     i++) {
		if (record_rua_at(d->rua, i, &address) != RECORD_RUA_UNWANTED)
			continue;
		host = slice_after(address, slice_find_last(address, '@') + 1);
		strbuf_init(&name, 2 * (size_t)DNS_NAME_MAX + 32);
		strbuf_addf(&name, "%s._report._dmarc.%.*s", p->domain,
		    (int)host.n, host.p);
		record = cli_records_append(
		    to, strbuf_slice(&name), SLICE("v=DMARC1;"));
		record->what = "dmarc";
		record->elsewhere = true;
		record->zone = xslicedup(host);
		cli_record_note(record,
		    "to be published by the owner of %s, who wants reports "
		    "about %s by it",
		    record->zone, p->domain);
		strbuf_clear(&name);
	}
}

static void
add_dmarc_record(struct cli_publish *p, struct cli_records *to)
{
	struct publish_dmarc *d = &p->dmarc;
	struct cli_record *record = cli_records_append(
	    to, slice_str(d->own.name), strbuf_slice(&d->record));
	struct auth_dmarc_record values;
	bool none;

	record->what = "dmarc";
	if (d->existing != NULL &&
	    slice_equal(slice_str(d->existing), strbuf_slice(&d->record)))
		cli_record_keep(record, slice_str(d->existing));
	else if (d->existing != NULL)
		cli_record_replace(record, slice_str(d->existing));
	/* What to raise it to, and when. */
	auth_dmarc_record_parse(slice_str(record->value), &values);
	if (values.p.valid && values.p.policy != AUTH_DMARC_REJECT) {
		none = values.p.policy == AUTH_DMARC_NONE;
		cli_record_note(record,
		    "%s: signpost dns%s -d %s --for dmarc --dmarc p=%s",
		    none ? "once the reports of two weeks show that all your "
			   "own mail passes, raise it"
			 : "once two more weeks have brought no mail of your "
			   "own into quarantine, raise it",
		    p->wishes->config, p->domain,
		    none ? "quarantine" : "reject");
	}
	add_consents(p, to);
}

void
publish_dmarc_finish(struct cli_publish *p, struct cli_records *to)
{
	struct publish_dmarc *d = &p->dmarc;

	if (!d->planned)
		publish_complain_silent(p, "dmarc");
	else if (d->records > 1)
		publish_complain(p, CLI_PUBLISH_PERSON, "dmarc",
		    "%zu records at %s, which receivers take for none: leave "
		    "one",
		    d->records, d->own.name);
	else if (d->refused)
		publish_complain(p, CLI_PUBLISH_PERSON, "dmarc",
		    "the record would be too long");
	else if (!d->held)
		add_dmarc_record(p, to);
}
