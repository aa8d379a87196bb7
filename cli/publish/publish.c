/* One domain's records; see publish.h. */
#include <stdarg.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/xalloc.h"
#include "cli/kit/cli.h"
#include "cli/publish/publish_private.h"
#include "dkim/key.h"
#include "dkim/record.h"

enum { COMPLAINT_MAX = 8192 };

/* A record at a name that is ours alone. */
struct publish_key {
	struct dns_question question;
	bool asked;
};

void
publish_complain(struct cli_publish *p, unsigned fault, const char *what,
    const char *fmt, ...)
{
	struct strbuf text;
	va_list args;

	strbuf_init(&text, COMPLAINT_MAX);
	va_start(args, fmt);
	strbuf_addv(&text, fmt, args);
	va_end(args);
	cli_error("dns: %s %s: %s", what, p->domain, strbuf_text(&text));
	strbuf_clear(&text);
	p->faults |= fault;
}

void
publish_complain_silent(struct cli_publish *p, const char *what)
{
	publish_complain(p, CLI_PUBLISH_SILENT, what,
	    "no answer from %s, so what stands there is not known: left out",
	    p->wishes->servers);
}

struct cli_publish *
cli_publish_new(const struct cli_publish_wishes *wishes,
    const struct cli_leaving *leaving, struct slice domain)
{
	struct cli_publish *p = xcalloc(1, sizeof(*p));

	p->wishes = wishes;
	p->what = wishes->what;
	p->leaving = leaving;
	p->domain = xslicedup(domain);
	cli_zone_init(&p->zone, domain);
	(void)dns_question_set(&p->text, DNS_TXT, domain);
	publish_spf_init(&p->spf, AUTH_SPF_V1, "spf");
	publish_spf_init(&p->senderid, AUTH_SPF_PRA, "senderid");
	publish_dmarc_init(p);
	return p;
}

void
cli_publish_free(struct cli_publish *p)
{
	if (p == NULL)
		return;
	publish_spf_clear(&p->spf);
	publish_spf_clear(&p->senderid);
	publish_dmarc_clear(&p->dmarc);
	cli_records_clear(&p->keys);
	free(p->key_questions);
	free(p->domain);
	free(p);
}

void
cli_publish_limit(struct cli_publish *p, unsigned what)
{
	p->what &= what;
}

/* --- keys --- */

/* The record added last gets a question. */
static void
add_key_question(struct cli_publish *p)
{
	struct publish_key *last;
	struct cli_record *record = &p->keys.list[p->keys.count - 1];

	p->key_questions = xreallocarray(
	    p->key_questions, p->keys.count, sizeof(*p->key_questions));
	last = &p->key_questions[p->keys.count - 1];
	*last = (struct publish_key){0};
	last->asked = dns_question_set(&last->question, DNS_TXT,
			  slice_str(record->name)) != 0;
	/* The name is the key's: whatever stands there gives way. */
	record->what = "dkim";
	record->replaces_all = true;
}

int
cli_publish_add_key(struct cli_publish *p, struct slice domain,
    struct slice selector, const struct dkim_key *key, enum cli_key_for what,
    struct strbuf *reason)
{
	size_t before = p->keys.count;

	if (cli_records_add_key(
		&p->keys, domain, selector, key, what, reason) != 0)
		return -1;
	if (p->keys.count > before)
		add_key_question(p);
	return 0;
}

void
cli_publish_add_domainkeys(struct cli_publish *p)
{
	struct strbuf name;
	size_t before = p->keys.count;

	if (p->domainkeys)
		return;
	p->domainkeys = true;
	strbuf_init(&name, DNS_NAME_MAX);
	if (strbuf_addf(&name, "_domainkey.%s", p->domain) == 0)
		(void)cli_records_append(
		    &p->keys, strbuf_slice(&name), SLICE("o=~"));
	strbuf_clear(&name);
	if (p->keys.count == before)
		return;
	add_key_question(p);
	p->keys.list[before].what = "domainkeys";
}

/* The octets of p=; false where the text is no key record. */
static bool
read_published_key(struct slice text, struct strbuf *octets)
{
	struct dkim_record record;
	enum mail_reason ignored;

	return dkim_record_parse(text, &record, &ignored) == 0 &&
	    base64_decode(record.key, octets) >= 0;
}

/* Is what is published the same key, whatever else it says? A policy of
 * DomainKeys is the domain's own affair. */
static bool
serves_as_well(const struct cli_record *record, struct slice text)
{
	struct strbuf ours, theirs;
	bool same;

	if (slice_equal(slice_str(record->what), SLICE("domainkeys")))
		return slice_search(text, SLICE("o=")) < text.n;
	strbuf_init(&ours, DKIM_KEY_PUBLIC_MAX);
	strbuf_init(&theirs, DKIM_KEY_PUBLIC_MAX);
	same = read_published_key(slice_str(record->value), &ours) &&
	    read_published_key(text, &theirs) &&
	    slice_equal(strbuf_slice(&ours), strbuf_slice(&theirs));
	strbuf_clear(&ours);
	strbuf_clear(&theirs);
	return same;
}

static void
take_published(struct cli_record *record, const struct dns_answer *answer)
{
	record->elsewhere = answer->alias;
	if (answer->status == DNS_TEMPFAIL)
		return;
	record->replaces_all = false;
	if (answer->status == DNS_OK && answer->count == 1 &&
	    serves_as_well(record, answer->records[0].value)) {
		cli_record_keep(record, answer->records[0].value);
		return;
	}
	if (record->elsewhere)
		cli_record_note(record,
		    "this name is an alias (CNAME): it belongs where that "
		    "leads");
	for (size_t i = 0; answer->status == DNS_OK && i < answer->count; i++)
		cli_record_replace(record, answer->records[i].value);
}

/* --- asking --- */

static bool
wants(const struct cli_publish *p, unsigned what)
{
	return (p->what & what) != 0;
}

bool
cli_publish_ask(void *publish, struct dns_question *question)
{
	struct cli_publish *p = publish;

	if (!p->wishes->ask)
		return false;
	if (cli_zone_ask(&p->zone, question))
		return true;
	for (size_t i = 0; i < p->keys.count; i++)
		if (!p->key_questions[i].asked) {
			p->key_questions[i].asked = true;
			*question = p->key_questions[i].question;
			return true;
		}
	if (!p->text_asked &&
	    wants(p, CLI_PUBLISH_SPF | CLI_PUBLISH_SENDERID)) {
		p->text_asked = true;
		*question = p->text;
		return true;
	}
	return (wants(p, CLI_PUBLISH_SPF) &&
		   publish_spf_ask(p, &p->spf, question)) ||
	    (wants(p, CLI_PUBLISH_SENDERID) &&
		publish_spf_ask(p, &p->senderid, question)) ||
	    (wants(p, CLI_PUBLISH_DMARC) && publish_dmarc_ask(p, question));
}

void
cli_publish_answer(void *publish, const struct dns_question *question,
    const struct dns_answer *answer)
{
	struct cli_publish *p = publish;

	cli_zone_answer(&p->zone, question, answer);
	for (size_t i = 0; i < p->keys.count; i++)
		if (dns_question_equal(&p->key_questions[i].question, question))
			take_published(&p->keys.list[i], answer);
	if (p->text_asked && dns_question_equal(&p->text, question)) {
		publish_spf_take(&p->spf, answer);
		publish_spf_take(&p->senderid, answer);
	}
	publish_spf_answer(&p->spf, question, answer);
	publish_spf_answer(&p->senderid, question, answer);
	publish_dmarc_answer(p, question, answer);
}

/* --- the end --- */

unsigned
cli_publish_finish(struct cli_publish *p, struct cli_records *to)
{
	size_t before = to->count;

	for (size_t i = 0; i < p->keys.count; i++)
		cli_records_take(to, &p->keys.list[i]);
	p->keys.count = 0;
	if (wants(p, CLI_PUBLISH_SPF))
		publish_spf_finish(p, &p->spf, to);
	if (wants(p, CLI_PUBLISH_SENDERID))
		publish_spf_finish(p, &p->senderid, to);
	if (wants(p, CLI_PUBLISH_DMARC))
		publish_dmarc_finish(p, to);
	for (size_t i = before; i < to->count; i++) {
		/* Which zone a record is in: the domain's, where it is below
		 * that. */
		struct cli_record *record = &to->list[i];
		const char *zone = cli_zone_name(&p->zone);
		struct slice name = slice_str(record->name);
		size_t n = slice_str(zone).n;

		if (n != 0 && record->zone == NULL && !record->elsewhere) {
			if (slice_equal(name, slice_str(zone)) ||
			    (name.n > n &&
				slice_ends_nocase(name, slice_str(zone)) &&
				name.p[name.n - n - 1] == '.'))
				record->zone = xstrdup(zone);
		}
	}
	return p->faults;
}
