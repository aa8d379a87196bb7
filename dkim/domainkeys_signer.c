/* Making a DomainKey-Signature: RFC 4870 section 3.4. */
#include <stdlib.h>

#include "base/xalloc.h"
#include "dkim/body_hashes.h"
#include "dkim/domainkeys.h"
#include "dkim/domainkeys_private.h"
#include "dkim/field_list.h"
#include "dkim/print_private.h"
#include "dkim/signature.h"
#include "dkim/signer.h"
#include "dkim/signing_set.h"
#include "mail/address.h"
#include "mail/fold.h"
#include "mail/header.h"
#include "mail/idn.h"

struct dkim_domainkeys_signer {
	struct dkim_body_hashes *body;
	int number;
	enum dkim_canon canon;
	struct strbuf domain, selector;
	size_t from;	     /* where in the domain that of d= begins */
	struct strbuf names; /* for h=, a colon between */
};

/* The fields that are signed, in the order of the message. */
struct chosen {
	const struct mail_field **fields;
	size_t count;
};

/* Whoever sent it must be covered, whatever the list says. A name covers all
 * fields of it that stand below the signature, those too that we cannot see. */
static bool
is_covered(const struct dkim_domainkeys_signing *signing,
    const struct dkim_field_list *list, struct slice name)
{
	if (signing->received_hidden &&
	    slice_equal_nocase(name, SLICE("Received")))
		return false;
	return dkim_field_list_has(list, name) ||
	    slice_equal_nocase(name, SLICE("Sender"));
}

/* Are these all that the header has of that name? Costs the same for many
 * as for few. */
static bool
is_all_of_it(const struct chosen *chosen, const struct mail_header *header,
    size_t i, size_t run)
{
	const struct mail_field *first = chosen->fields[i];
	size_t at = (size_t)(first - mail_header_at(header, 0));

	return mail_header_last(header, first->name) ==
	    chosen->fields[i + run - 1] &&
	    mail_header_find_up(header, first->name, &at) == NULL;
}

/* d= and s=, checked and in A-labels. */
struct names {
	struct strbuf domain, selector, local, sender;
};

static int
read_signing_names(const struct dkim_domainkeys_signing *signing,
    const struct mail_header *header, struct names *names,
    struct strbuf *reason)
{
	struct slice field;
	enum mail_reason why;

	if (mail_idn_to_ascii(signing->domain, &names->domain) < 0)
		return strbuf_fail(reason, "no domain name to sign for");
	if (mail_idn_to_ascii(signing->selector, &names->selector) < 0)
		return strbuf_fail(reason, "no selector");
	if (mail_header_count_of(header, SLICE("From")) == 0)
		return strbuf_fail(
		    reason, "%s", mail_reason_text(MAIL_REASON_NO_FROM));
	why = dkim_domainkeys_sender(
	    header, &field, &names->local, &names->sender);
	if (why != MAIL_REASON_NONE)
		return strbuf_fail(reason, "%s", mail_reason_text(why));
	if (!mail_domain_is_within(
		strbuf_slice(&names->sender), strbuf_slice(&names->domain)))
		return strbuf_fail(reason,
		    "the domain of Sender or From is not in the signing "
		    "domain");
	return 0;
}

static int
begin_signing(struct dkim_domainkeys_signer *s,
    const struct dkim_domainkeys_signing *signing,
    const struct mail_header *header, const struct names *names,
    struct strbuf *reason)
{
	struct dkim_field_list *built_in =
	    signing->fields == NULL ? dkim_field_list_new() : NULL;
	struct chosen chosen;
	struct strbuf text;
	const struct dkim_field_list *list =
	    built_in != NULL ? built_in : signing->fields;
	const struct mail_field *field;
	size_t run, times;

	chosen.count = 0;
	chosen.fields =
	    xcalloc(mail_header_count(header) + 1, sizeof(chosen.fields[0]));
	for (size_t i = 0; (field = mail_header_at(header, i)) != NULL; i++)
		if (is_covered(signing, list, field->name))
			chosen.fields[chosen.count++] = field;
	/* The names for h=, a colon between: each once, which stands for all
	 * its fields. Where those are scattered among others, readers differ
	 * on what comes first (as the message has it, or all of one name
	 * together); then each field is named, and all agree. */
	for (size_t i = 0; i < chosen.count && !s->names.full; i += run) {
		/* How many fields of one name stand together here. */
		run = 1;
		while (i + run < chosen.count &&
		    slice_equal_nocase(
			chosen.fields[i + run]->name, chosen.fields[i]->name))
			run++;
		times = is_all_of_it(&chosen, header, i, run) ? 1 : run;
		for (; times > 0 && !s->names.full; times--) {
			if (s->names.n > 0)
				strbuf_add_char(&s->names, ':');
			strbuf_add(&s->names, chosen.fields[i]->name);
		}
	}
	strbuf_add(&s->domain, strbuf_slice(&names->domain));
	strbuf_add(&s->selector, strbuf_slice(&names->selector));
	strbuf_init(&text, mail_header_size(header) + 2);
	dkim_domainkeys_canon(
	    signing->canon, chosen.fields, chosen.count, &text);
	s->number = dkim_body_hashes_want_message(
	    s->body, signing->canon, DKIM_SHA1, strbuf_slice(&text));
	strbuf_clear(&text);
	free(chosen.fields);
	dkim_field_list_free(built_in);
	if (s->names.full)
		return strbuf_fail(reason, "too many fields to sign");
	return s->number < 0
	    ? strbuf_fail(reason, "too many different body hashes")
	    : 0;
}

struct dkim_domainkeys_signer *
dkim_domainkeys_signer_new(const struct dkim_domainkeys_signing *signing,
    const struct mail_header *header, struct dkim_body_hashes *body,
    struct strbuf *reason)
{
	struct dkim_domainkeys_signer *s = xcalloc(1, sizeof(*s));
	struct names names;
	int outcome;

	s->body = body;
	s->canon = signing->canon;
	strbuf_init(&s->domain, DKIM_SIGNATURE_DOMAIN_MAX);
	strbuf_init(&s->selector, DKIM_SIGNATURE_DOMAIN_MAX);
	strbuf_init(&s->names, DKIM_SIGNER_FIELD_MAX / 2);
	strbuf_init(&names.domain, DKIM_SIGNATURE_DOMAIN_MAX);
	strbuf_init(&names.selector, DKIM_SIGNATURE_DOMAIN_MAX);
	strbuf_init(&names.sender, DKIM_SIGNATURE_DOMAIN_MAX);
	strbuf_init(&names.local, DKIM_SIGNATURE_IDENTITY_MAX);
	outcome = signing->canon == DKIM_CANON_RELAXED
	    ? strbuf_fail(reason, "relaxed is DKIM's alone")
	    : read_signing_names(signing, header, &names, reason);
	if (outcome == 0)
		outcome = begin_signing(s, signing, header, &names, reason);
	strbuf_clear(&names.domain);
	strbuf_clear(&names.selector);
	strbuf_clear(&names.sender);
	strbuf_clear(&names.local);
	if (outcome == 0)
		return s;
	dkim_domainkeys_signer_free(s);
	return NULL;
}

struct slice
dkim_domainkeys_signer_digest(struct dkim_domainkeys_signer *s)
{
	return dkim_body_hashes_digest(s->body, s->number);
}

/* Neither is among what is hashed. */
int
dkim_domainkeys_signer_set_names(struct dkim_domainkeys_signer *s,
    struct slice domain, struct slice selector)
{
	struct slice asked = strbuf_slice(&s->domain);

	if (!mail_domain_is_within(asked, domain))
		return -1;
	s->from = asked.n - domain.n;
	strbuf_reset(&s->selector);
	return strbuf_add(&s->selector, selector);
}

int
dkim_domainkeys_signer_seal(struct dkim_domainkeys_signer *s,
    struct slice signature, struct strbuf *field)
{
	struct mail_fold fold;
	struct strbuf text;
	int result;

	strbuf_init(&text, DKIM_SIGNER_FIELD_MAX);
	mail_fold_begin(&fold, &text, SLICE("DomainKey-Signature"));
	mail_fold_word(&fold, SLICE("a=rsa-sha1; q=dns;"));
	dkim_print_tag(&fold, "c", slice_str(dkim_canon_name(s->canon)));
	dkim_print_tag(
	    &fold, "d", slice_after(strbuf_slice(&s->domain), s->from));
	dkim_print_tag(&fold, "s", strbuf_slice(&s->selector));
	dkim_print_names(&fold, strbuf_slice(&s->names));
	dkim_print_fresh_line(&fold);
	mail_fold_word(&fold, SLICE("b="));
	dkim_print_signature(&fold, signature);
	result = text.full ? -1 : strbuf_add(field, strbuf_slice(&text));
	strbuf_clear(&text);
	return result;
}

void
dkim_domainkeys_signer_free(struct dkim_domainkeys_signer *s)
{
	if (s == NULL)
		return;
	strbuf_clear(&s->domain);
	strbuf_clear(&s->selector);
	strbuf_clear(&s->names);
	free(s);
}

/* --- as a kind: see signing_set.h --- */

static int
kind_canon(struct slice word, enum dkim_canon *header, enum dkim_canon *body)
{
	if (dkim_canon_parse_domainkeys(word, header) != 0)
		return -1;
	*body = *header;
	return 0;
}

/* One hash covers header and body, so it cannot wait for the key. */
static void *
kind_new(const struct dkim_signing *signing, const struct mail_header *header,
    struct dkim_body_hashes *body, struct strbuf *reason)
{
	struct dkim_domainkeys_signing what = {
	    .domain = signing->domain,
	    .selector = signing->selector,
	    .canon = signing->header_canon,
	    .fields = signing->fields,
	    .received_hidden = signing->received_hidden,
	};

	return dkim_domainkeys_signer_new(&what, header, body, reason);
}

static int
kind_key(
    void *signer, const struct dkim_signing *signing, struct strbuf *reason)
{
	struct dkim_domainkeys_signer *s = signer;
	struct strbuf domain, selector;
	int result = 0;

	strbuf_init(&domain, DKIM_SIGNATURE_DOMAIN_MAX);
	strbuf_init(&selector, DKIM_SIGNATURE_DOMAIN_MAX);
	if (mail_idn_to_ascii(signing->domain, &domain) < 0 ||
	    mail_idn_to_ascii(signing->selector, &selector) < 0 ||
	    dkim_domainkeys_signer_set_names(
		s, strbuf_slice(&domain), strbuf_slice(&selector)) != 0) {
		strbuf_add_str(reason, "its key is of another domain");
		result = -1;
	}
	strbuf_clear(&selector);
	strbuf_clear(&domain);
	return result;
}

static struct slice
kind_digest(void *signer)
{
	return dkim_domainkeys_signer_digest(signer);
}

static int
kind_seal(void *signer, struct slice signature, struct strbuf *field)
{
	return dkim_domainkeys_signer_seal(signer, signature, field);
}

static void
kind_free(void *signer)
{
	dkim_domainkeys_signer_free(signer);
}

const struct dkim_kind dkim_kind_domainkeys = {
    .name = "domainkeys",
    .usual_canon = "nofws",
    .algorithm = DKIM_RSA_SHA1,
    .canon = kind_canon,
    .new = kind_new,
    .key = kind_key,
    .digest = kind_digest,
    .seal = kind_seal,
    .free = kind_free,
};
