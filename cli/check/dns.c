/* Questions and answers of `signpost check`; see dns.h. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "auth/orgdomain.h"
#include "auth/spf.h"
#include "base/xalloc.h"
#include "cli/check/dns.h"
#include "cli/check/servers.h"
#include "cli/kit/checking.h"
#include "cli/kit/flow.h"
#include "cli/kit/leaving.h"
#include "record/rua.h"

/* SPF's ten terms with ten names each, seldom a tenth of it, for each address;
 * the tree walk. */
enum { QUESTIONS_PER_SUBJECT = 2000 };

/* Zones whose name a form may have added: the domain and what is above it. */
enum { ZONES_MAX = 3 };

/* No host has them (RFC 1112 section 4; RFC 5737, 3849 and 9637), so a record
 * that lets both of a kind pass lets everyone pass. */
static const struct slice nobody_v4 = SLICE_INIT("240.0.0.1");
static const struct slice other_v4 = SLICE_INIT("192.0.2.1");
static const struct slice nobody_v6 = SLICE_INIT("3fff::1");
static const struct slice other_v6 = SLICE_INIT("2001:db8::1");

struct key {
	struct dns_question question;
	/* The name with that of a zone behind it, which it has already. */
	struct dns_question doubled[ZONES_MAX];
	const char *zones[ZONES_MAX];
	unsigned doubled_count, doubled_asked;
	bool asked;
	struct check_record record;
	char *first;
};

struct domain {
	const char *name;
	struct dns_question text; /* where SPF stands */
	struct check_spf spf;
	/* The same, of the addresses by which mail leaves. */
	struct auth_spf *covers[CLI_LEAVING_MAX];
	struct auth_orgdomain *org;
	struct dns_question own; /* _dmarc. of it */
	struct check_dmarc_own dmarc;
	struct record_rua *rua;
	char *malformed; /* its text */
	bool text_known, own_known;
};

struct asking {
	const struct check_keys *keys;
	const struct cli_leaving *leaving;
	struct check_names *names;
	struct check_report *report;
};

/* What is asked about at a time: one key, or one domain. */
struct subject {
	struct asking *asking;
	const struct check_key *of_key; /* NULL: a domain */
	struct key key;
	struct domain domain;
};

static void
begin_domain(
    struct domain *d, const char *name, const struct cli_leaving *leaving)
{
	struct strbuf own;

	d->name = name;
	(void)dns_question_set(&d->text, DNS_TXT, slice_str(name));
	d->spf.v4 = cli_spf_new(name, nobody_v4, AUTH_SPF_V1);
	d->spf.v6 = cli_spf_new(name, nobody_v6, AUTH_SPF_V1);
	for (size_t i = 0; i < leaving->count; i++)
		if (!leaving->list[i].hidden)
			d->covers[i] = cli_spf_new(name,
			    slice_str(leaving->list[i].text), AUTH_SPF_V1);
	d->org = auth_orgdomain_new();
	(void)auth_orgdomain_walk(d->org, slice_str(name));
	strbuf_init(&own, DNS_NAME_MAX);
	if (strbuf_addf(&own, "_dmarc.%s", name) == 0)
		(void)dns_question_set(&d->own, DNS_TXT, strbuf_slice(&own));
	strbuf_clear(&own);
}

/* The other address, once the first has passed. */
static bool
ask_other(const char *name, const struct auth_spf *first, struct auth_spf **spf,
    struct slice address, struct dns_question *question)
{
	if (*spf == NULL && auth_spf_done(first) &&
	    auth_spf_finding(first).verdict == MAIL_VERDICT_PASS)
		*spf = cli_spf_new(name, address, AUTH_SPF_V1);
	return *spf != NULL && auth_spf_ask(*spf, question);
}

static bool
ask_key(struct key *k, struct dns_question *question)
{
	if (!k->asked) {
		k->asked = true;
		*question = k->question;
		return true;
	}
	if (k->doubled_asked == k->doubled_count || !k->record.answered ||
	    k->record.status == DNS_OK || k->record.status == DNS_TEMPFAIL)
		return false;
	*question = k->doubled[k->doubled_asked++];
	return true;
}

/* Once it is known to whom reports are to go. */
static bool
ask_rua(struct domain *d, struct dns_question *question)
{
	const struct auth_orgdomain_record *record = NULL;

	if (d->rua == NULL &&
	    auth_orgdomain_policy(d->org, slice_str(d->name), &record) ==
		AUTH_ORGDOMAIN_KNOWN &&
	    record != NULL && record->values.rua.n > 0)
		d->rua = record_rua_new(record->name, record->values.rua);
	return d->rua != NULL && record_rua_ask(d->rua, question);
}

static bool
ask_subject(void *ctx, struct dns_question *question)
{
	struct subject *s = ctx;
	struct domain *d = &s->domain;
	struct check_spf *spf = &d->spf;

	if (s->of_key != NULL)
		return ask_key(&s->key, question);
	for (size_t i = 0; i < CLI_LEAVING_MAX; i++)
		if (d->covers[i] != NULL &&
		    auth_spf_ask(d->covers[i], question))
			return true;
	return auth_spf_ask(spf->v4, question) ||
	    auth_spf_ask(spf->v6, question) ||
	    ask_other(d->name, spf->v4, &spf->other_v4, other_v4, question) ||
	    ask_other(d->name, spf->v6, &spf->other_v6, other_v6, question) ||
	    auth_orgdomain_ask(d->org, question) || ask_rua(d, question);
}

/* "v = dmarc1" and the like, and what lacks the semicolon. */
static bool
is_meant_as_dmarc(struct slice text)
{
	text = slice_trim(text);
	if (text.n == 0 || ascii_lower(text.p[0]) != 'v')
		return false;
	text = slice_trim(slice_after(text, 1));
	if (text.n == 0 || text.p[0] != '=')
		return false;
	return slice_starts_nocase(
	    slice_trim(slice_after(text, 1)), SLICE("dmarc"));
}

static void
take_own(struct domain *d, const struct dns_answer *answer)
{
	struct slice text;

	d->dmarc = (struct check_dmarc_own){0};
	if (answer->status != DNS_OK)
		return;
	for (size_t i = 0; i < answer->count; i++) {
		text = answer->records[i].value;
		if (auth_dmarc_record_is(text)) {
			d->dmarc.records++;
		} else if (is_meant_as_dmarc(text)) {
			free(d->malformed);
			d->malformed = xslicedup(text);
			d->dmarc.malformed = slice_from(d->malformed, text.n);
		}
	}
}

static void
answer_key(struct subject *s, const struct dns_question *question,
    const struct dns_answer *answer)
{
	if (dns_question_equal(&s->key.question, question)) {
		if (!s->key.record.answered) {
			s->key.record.answered = true;
			s->key.record.status = answer->status;
			if (answer->status == DNS_OK) {
				s->key.record.count = answer->count;
				s->key.first =
				    xslicedup(answer->records[0].value);
				s->key.record.first = slice_from(
				    s->key.first, answer->records[0].value.n);
			}
		}
		check_names_add(s->asking->names,
		    &(struct check_name_about){
			s->of_key->dkim ? "dkim" : "domainkeys",
			s->of_key->name, CHECK_NAME_KEY},
		    question, answer);
	}
	for (unsigned i = 0; i < s->key.doubled_asked; i++)
		if (answer->status == DNS_OK && s->key.record.doubled == NULL &&
		    dns_question_equal(&s->key.doubled[i], question))
			s->key.record.doubled = s->key.zones[i];
}

static void
answer_subject(void *ctx, const struct dns_question *question,
    const struct dns_answer *answer)
{
	struct subject *s = ctx;

	if (s->of_key != NULL)
		answer_key(s, question, answer);
	else {
		struct domain *d = &s->domain;

		auth_spf_answer(d->spf.v4, question, answer);
		auth_spf_answer(d->spf.v6, question, answer);
		if (d->spf.other_v4 != NULL)
			auth_spf_answer(d->spf.other_v4, question, answer);
		if (d->spf.other_v6 != NULL)
			auth_spf_answer(d->spf.other_v6, question, answer);
		for (size_t i = 0; i < CLI_LEAVING_MAX; i++)
			if (d->covers[i] != NULL)
				auth_spf_answer(d->covers[i], question, answer);
		auth_orgdomain_answer(d->org, question, answer);
		if (d->rua != NULL)
			record_rua_answer(d->rua, question, answer);
		if (!d->text_known && dns_question_equal(&d->text, question)) {
			d->text_known = true;
			check_names_add(s->asking->names,
			    &(struct check_name_about){
				"spf", d->name, CHECK_NAME_SPF},
			    question, answer);
		}
		if (!d->own_known && dns_question_equal(&d->own, question)) {
			d->own_known = true;
			take_own(d, answer);
			check_names_add(s->asking->names,
			    &(struct check_name_about){
				"dmarc", d->name, CHECK_NAME_DMARC},
			    question, answer);
		}
	}
}

/* It is told of in the order in which it was asked about. */
static void
finish_subject(void *ctx, void *subject)
{
	struct asking *a = ctx;
	struct subject *s = subject;
	struct domain *d = &s->domain;

	if (s->of_key != NULL) {
		check_record_report(s->of_key, &s->key.record, a->report);
	} else {
		check_spf_report(d->name, &d->spf, a->report);
		check_covers_report(
		    d->name, d->spf.v4, a->leaving, d->covers, a->report);
		check_dmarc_report(d->name, d->org, &d->dmarc, a->report);
		check_rua_report(d->name, d->rua, a->report);
		auth_spf_free(d->spf.v4);
		auth_spf_free(d->spf.v6);
		auth_spf_free(d->spf.other_v4);
		auth_spf_free(d->spf.other_v6);
		for (size_t i = 0; i < CLI_LEAVING_MAX; i++)
			auth_spf_free(d->covers[i]);
		auth_orgdomain_free(d->org);
		record_rua_free(d->rua);
		free(d->malformed);
	}
	free(s->key.first);
	free(s);
}

void
check_dns(const struct check_dns *what, struct cli_resolver *resolver,
    struct check_report *report)
{
	static const struct cli_flow_ops ops = {{ask_subject, answer_subject},
	    finish_subject, QUESTIONS_PER_SUBJECT};
	const struct check_keys *keys = what->keys;
	struct asking a = {keys, what->leaving, what->names, report};
	struct cli_flow *flow = cli_flow_new(resolver, &ops, &a);
	struct subject *s;

	for (size_t i = 0; i < keys->count; i++) {
		const struct check_key *key;
		const char *zone;
		struct strbuf name;

		if (keys->list[i].unnamed)
			continue;
		s = xcalloc(1, sizeof(*s));
		s->asking = &a;
		s->of_key = &keys->list[i];
		key = s->of_key;
		/* A name that the DNS cannot hold has no record. */
		if (dns_question_set(
			&s->key.question, DNS_TXT, slice_str(key->name)) != 0) {
			s->key.asked = s->key.record.answered = true;
			s->key.record.status = DNS_NXDOMAIN;
		}
		/* A provider's form adds the name of the zone to a name that
		 * has it already. The zone may be the domain's own or one
		 * above it, but no top-level domain's. */
		zone = key->domain;
		strbuf_init(&name, DNS_NAME_MAX);
		while (s->key.doubled_count < ZONES_MAX &&
		    strchr(zone, '.') != NULL) {
			strbuf_reset(&name);
			if (strbuf_addf(&name, "%s.%s", key->name, zone) == 0 &&
			    dns_question_set(
				&s->key.doubled[s->key.doubled_count], DNS_TXT,
				strbuf_slice(&name)) == 0)
				s->key.zones[s->key.doubled_count++] = zone;
			zone = strchr(zone, '.') + 1;
		}
		strbuf_clear(&name);
		cli_flow_add(flow, s);
	}
	for (size_t i = 0; i < keys->domain_count; i++) {
		s = xcalloc(1, sizeof(*s));
		s->asking = &a;
		begin_domain(&s->domain, keys->domains[i], what->leaving);
		cli_flow_add(flow, s);
	}
	cli_flow_end(flow);
}
