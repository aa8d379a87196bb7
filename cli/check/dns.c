/* Questions and answers of `signpost check`; see dns.h. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "auth/orgdomain.h"
#include "auth/spf.h"
#include "base/clock.h"
#include "base/xalloc.h"
#include "cli/check/dns.h"
#include "cli/kit/resolve.h"

/* Of one domain: SPF's ten terms with ten names each, seldom a tenth of it,
 * for each address; the tree walk. */
enum { QUESTIONS_PER_DOMAIN = 250 };

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
	struct check_spf spf;
	struct auth_orgdomain *org;
	struct dns_question own; /* _dmarc. of it */
	struct check_dmarc_own dmarc;
	char *malformed; /* its text */
};

struct asking {
	const struct check_keys *keys;
	struct key of_key[CHECK_KEYS_MAX];
	struct domain of_domain[CHECK_DOMAINS_MAX];
};

/* A provider's form adds the name of the zone to a name that has it already. The
 * zone may be the domain's own or one above it, but no top-level domain's. */
static void
begin_doubled(struct key *k, const struct check_key *key)
{
	const char *zone = key->domain;
	struct strbuf name;

	strbuf_init(&name, DNS_NAME_MAX);
	while (k->doubled_count < ZONES_MAX && strchr(zone, '.') != NULL) {
		strbuf_reset(&name);
		if (strbuf_addf(&name, "%s.%s", key->name, zone) == 0 &&
		    dns_question_set(&k->doubled[k->doubled_count], DNS_TXT,
			strbuf_slice(&name)) == 0)
			k->zones[k->doubled_count++] = zone;
		zone = strchr(zone, '.') + 1;
	}
	strbuf_clear(&name);
}

static void
begin_key(struct key *k, const char *name)
{
	/* A name that the DNS cannot hold has no record. */
	if (dns_question_set(&k->question, DNS_TXT, slice_str(name)) == 0)
		return;
	k->asked = k->record.answered = true;
	k->record.status = DNS_NXDOMAIN;
}

static struct auth_spf *
new_spf(const char *name, struct slice address)
{
	const struct auth_spf_identity identity = {
	    .address = address,
	    .domain = slice_str(name),
	    .helo = slice_str(name),
	    .now = clock_wall_s(),
	};

	return auth_spf_new(&identity, AUTH_SPF_V1);
}

static void
begin_domain(struct domain *d, const char *name)
{
	struct strbuf own;

	d->spf.v4 = new_spf(name, nobody_v4);
	d->spf.v6 = new_spf(name, nobody_v6);
	d->org = auth_orgdomain_new();
	(void)auth_orgdomain_walk(d->org, slice_str(name));
	strbuf_init(&own, DNS_NAME_MAX);
	if (strbuf_add_str(&own, "_dmarc.") == 0 &&
	    strbuf_add_str(&own, name) == 0)
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
		*spf = new_spf(name, address);
	return *spf != NULL && auth_spf_ask(*spf, question);
}

static bool
ask_spf(const char *name, struct check_spf *spf, struct dns_question *question)
{
	return auth_spf_ask(spf->v4, question) ||
	    auth_spf_ask(spf->v6, question) ||
	    ask_other(name, spf->v4, &spf->other_v4, other_v4, question) ||
	    ask_other(name, spf->v6, &spf->other_v6, other_v6, question);
}

static void
answer_spf(const struct check_spf *spf, const struct dns_question *question,
    const struct dns_answer *answer)
{
	auth_spf_answer(spf->v4, question, answer);
	auth_spf_answer(spf->v6, question, answer);
	if (spf->other_v4 != NULL)
		auth_spf_answer(spf->other_v4, question, answer);
	if (spf->other_v6 != NULL)
		auth_spf_answer(spf->other_v6, question, answer);
}

static bool
on_ask(void *ctx, struct dns_question *question)
{
	struct asking *a = ctx;

	for (size_t i = 0; i < a->keys->count; i++)
		if (!a->of_key[i].asked) {
			a->of_key[i].asked = true;
			*question = a->of_key[i].question;
			return true;
		}
	for (size_t i = 0; i < a->keys->count; i++) {
		struct key *k = &a->of_key[i];

		if (k->doubled_asked == k->doubled_count ||
		    !k->record.answered || k->record.status == DNS_OK ||
		    k->record.status == DNS_TEMPFAIL)
			continue;
		*question = k->doubled[k->doubled_asked++];
		return true;
	}
	for (size_t i = 0; i < a->keys->domain_count; i++)
		if (ask_spf(
			a->keys->domains[i], &a->of_domain[i].spf, question) ||
		    auth_orgdomain_ask(a->of_domain[i].org, question))
			return true;
	return false;
}

static void
take_key_record(struct key *k, const struct dns_answer *answer)
{
	if (k->record.answered)
		return;
	k->record.answered = true;
	k->record.status = answer->status;
	if (answer->status != DNS_OK)
		return;
	k->record.count = answer->count;
	k->first = xslicedup(answer->records[0].value);
	k->record.first = slice_from(k->first, answer->records[0].value.n);
}

static void
take_doubled(struct key *k, const struct dns_question *question,
    const struct dns_answer *answer)
{
	for (unsigned i = 0; i < k->doubled_asked; i++)
		if (answer->status == DNS_OK && k->record.doubled == NULL &&
		    dns_question_equal(&k->doubled[i], question))
			k->record.doubled = k->zones[i];
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
on_answer(void *ctx, const struct dns_question *question,
    const struct dns_answer *answer)
{
	struct asking *a = ctx;

	for (size_t i = 0; i < a->keys->count; i++)
		if (dns_question_equal(&a->of_key[i].question, question))
			take_key_record(&a->of_key[i], answer);
	for (size_t i = 0; i < a->keys->count; i++)
		take_doubled(&a->of_key[i], question, answer);
	for (size_t i = 0; i < a->keys->domain_count; i++) {
		struct domain *d = &a->of_domain[i];

		answer_spf(&d->spf, question, answer);
		auth_orgdomain_answer(d->org, question, answer);
		if (dns_question_equal(&d->own, question))
			take_own(d, answer);
	}
}

static void
tell_answers(const struct asking *a, struct check_report *report)
{
	const struct check_keys *keys = a->keys;

	for (size_t i = 0; i < keys->count; i++)
		check_record_report(
		    &keys->list[i], &a->of_key[i].record, report);
	for (size_t i = 0; i < keys->domain_count; i++)
		check_spf_report(
		    keys->domains[i], &a->of_domain[i].spf, report);
	for (size_t i = 0; i < keys->domain_count; i++)
		check_dmarc_report(keys->domains[i], a->of_domain[i].org,
		    &a->of_domain[i].dmarc, report);
}

static void
free_asking(struct asking *a)
{
	for (size_t i = 0; i < a->keys->count; i++)
		free(a->of_key[i].first);
	for (size_t i = 0; i < a->keys->domain_count; i++) {
		auth_spf_free(a->of_domain[i].spf.v4);
		auth_spf_free(a->of_domain[i].spf.v6);
		auth_spf_free(a->of_domain[i].spf.other_v4);
		auth_spf_free(a->of_domain[i].spf.other_v6);
		auth_orgdomain_free(a->of_domain[i].org);
		free(a->of_domain[i].malformed);
	}
	free(a);
}

void
check_dns(const struct check_keys *keys, struct cli_resolver *resolver,
    struct check_report *report)
{
	static const struct proxy_asking_ops ops = {on_ask, on_answer};
	const struct proxy_asking_limits limits = {
	    (unsigned)((1 + ZONES_MAX) * keys->count +
		keys->domain_count * QUESTIONS_PER_DOMAIN),
	    PROXY_ASKING_DEADLINE_MS, NULL};
	struct asking *a = xcalloc(1, sizeof(*a));

	a->keys = keys;
	for (size_t i = 0; i < keys->count; i++) {
		begin_key(&a->of_key[i], keys->list[i].name);
		begin_doubled(&a->of_key[i], &keys->list[i]);
	}
	for (size_t i = 0; i < keys->domain_count; i++)
		begin_domain(&a->of_domain[i], keys->domains[i]);
	cli_resolve_within(resolver, &limits, &ops, a);
	tell_answers(a, report);
	free_asking(a);
}
