/* The DNS tree walk. Names of all walks share one table; a walk itself is
 * made anew from its domain whenever it is looked at. */
#include <stdlib.h>

#include "auth/orgdomain.h"
#include "base/strbuf.h"
#include "base/xalloc.h"

enum name_status { NAME_OPEN, NAME_ASKED, NAME_FAILED, NAME_NONE, NAME_RECORD };

struct name {
	enum name_status status;
	struct dns_question question;
	char *text;
	struct auth_orgdomain_record record;
};

struct auth_orgdomain {
	size_t count;
	struct name names[AUTH_ORGDOMAIN_NAMES_MAX];
};

/* The names of one walk, longest first; views into the domain. */
struct walk {
	size_t count;
	struct slice at[AUTH_ORGDOMAIN_WALK_MAX];
};

static const struct slice prefix = SLICE_INIT("_dmarc.");

struct auth_orgdomain *
auth_orgdomain_new(void)
{
	return xcalloc(1, sizeof(struct auth_orgdomain));
}

void
auth_orgdomain_free(struct auth_orgdomain *org)
{
	if (org == NULL)
		return;
	for (size_t i = 0; i < org->count; i++)
		free(org->names[i].text);
	free(org);
}

/* Without its first label; empty behind the last one. */
static struct slice
parent(struct slice domain)
{
	return slice_after(domain, slice_find(domain, '.') + 1);
}

/* Section 4.10: the domain; then its last seven labels at most, and up. */
static void
make_walk(struct slice domain, struct walk *walk)
{
	size_t labels = 1;

	for (size_t i = 0; i < domain.n; i++)
		labels += domain.p[i] == '.';
	walk->count = 0;
	walk->at[walk->count++] = domain;
	do
		domain = parent(domain);
	/* A name of a hundred labels must not make a hundred questions: anybody
	 * can write one into From. */
	while (labels-- > AUTH_ORGDOMAIN_WALK_MAX);
	for (; domain.n > 0; domain = parent(domain))
		walk->at[walk->count++] = domain;
}

static size_t
find_name(const struct auth_orgdomain *org, struct slice domain)
{
	for (size_t i = 0; i < org->count; i++)
		if (slice_equal_nocase(
			slice_after(
			    slice_str(org->names[i].question.name), prefix.n),
			domain))
			return i;
	return org->count;
}

int
auth_orgdomain_walk(struct auth_orgdomain *org, struct slice domain)
{
	struct walk walk;

	make_walk(domain, &walk);
	for (size_t i = 0; i < walk.count; i++) {
		struct name *name;
		struct strbuf text;
		int status;

		/* Walks share their upper ends: each name is asked for once. */
		if (find_name(org, walk.at[i]) < org->count)
			continue;
		if (org->count == AUTH_ORGDOMAIN_NAMES_MAX)
			return -1;
		/* A name too long for "_dmarc." before it cannot have a
		 * record. */
		name = &org->names[org->count];
		strbuf_init(&text, DNS_NAME_MAX);
		strbuf_add(&text, prefix);
		status = strbuf_add(&text, walk.at[i]);
		if (status == 0)
			status = dns_question_set(
			    &name->question, DNS_TXT, strbuf_slice(&text));
		strbuf_clear(&text);
		if (status == 0)
			org->count++;
	}
	return 0;
}

bool
auth_orgdomain_ask(struct auth_orgdomain *org, struct dns_question *question)
{
	for (size_t i = 0; i < org->count; i++) {
		if (org->names[i].status != NAME_OPEN)
			continue;
		org->names[i].status = NAME_ASKED;
		*question = org->names[i].question;
		return true;
	}
	return false;
}

/* Steps 2 and 6: other records are discarded, and several all of them. */
static void
take_answer(struct name *name, const struct dns_answer *answer)
{
	size_t found = 0;

	name->status = answer->status == DNS_TEMPFAIL ? NAME_FAILED : NAME_NONE;
	if (answer->status != DNS_OK)
		return;
	for (size_t i = 0; i < answer->count; i++) {
		if (!auth_dmarc_record_is(answer->records[i].value))
			continue;
		if (found++ == 0) {
			struct slice text = answer->records[i].value;

			free(name->text);
			name->text = xslicedup(text);
			name->status = NAME_RECORD;
			name->record.text = slice_from(name->text, text.n);
			name->record.name = slice_after(
			    slice_str(name->question.name), prefix.n);
			auth_dmarc_record_parse(
			    name->record.text, &name->record.values);
		} else
			name->status = NAME_NONE;
	}
}

void
auth_orgdomain_answer(struct auth_orgdomain *org,
    const struct dns_question *question, const struct dns_answer *answer)
{
	for (size_t i = 0; i < org->count; i++)
		if (org->names[i].status == NAME_ASKED &&
		    dns_question_equal(&org->names[i].question, question))
			take_answer(&org->names[i], answer);
}

/* What is known of a name. One that is not in the table could not be asked
 * for: it has no record. */
static enum name_status
look_up(const struct auth_orgdomain *org, struct slice domain,
    const struct auth_orgdomain_record **record)
{
	size_t i = find_name(org, domain);

	if (i == org->count)
		return NAME_NONE;
	*record = &org->names[i].record;
	return org->names[i].status;
}

static enum auth_orgdomain_status
unknown(enum name_status status)
{
	return status == NAME_FAILED ? AUTH_ORGDOMAIN_FAILED
				     : AUTH_ORGDOMAIN_WAIT;
}

/* Section 4.10.2. `*at` becomes the index of the organizational domain in
 * the walk, `*suffix` the index of a public suffix, or the walk's count. */
static enum auth_orgdomain_status
choose_orgdomain(const struct auth_orgdomain *org, const struct walk *walk,
    size_t *at, size_t *suffix)
{
	*at = 0;
	*suffix = walk->count;
	for (size_t i = 0; i < walk->count; i++) {
		const struct auth_orgdomain_record *record = NULL;
		enum name_status status = look_up(org, walk->at[i], &record);

		if (status == NAME_NONE)
			continue;
		/* What is not known yet might have been the end of the walk. */
		if (status != NAME_RECORD)
			return unknown(status);
		/* psd=y is a registry's: the organization is one label below
		 * it. At the domain itself it is that domain's own affair. */
		if (record->values.psd == 'y' && i > 0) {
			*at = i - 1;
			*suffix = i;
			break;
		}
		*at = i;
		if (record->values.psd != 'u')
			break;
	}
	return AUTH_ORGDOMAIN_KNOWN;
}

enum auth_orgdomain_status
auth_orgdomain_find(
    const struct auth_orgdomain *org, struct slice domain, struct slice *found)
{
	enum auth_orgdomain_status status;
	struct walk walk;
	size_t at, suffix;

	make_walk(domain, &walk);
	status = choose_orgdomain(org, &walk, &at, &suffix);
	*found = walk.at[at];
	if (suffix >= walk.count)
		return status;
	/* One label below walk.at[suffix]: in a long name the walk's neighbour
	 * may have lost several. */
	*found = walk.at[0];
	while (parent(*found).n > walk.at[suffix].n)
		*found = parent(*found);
	return status;
}

enum auth_orgdomain_status
auth_orgdomain_policy(const struct auth_orgdomain *org, struct slice domain,
    const struct auth_orgdomain_record **record)
{
	enum auth_orgdomain_status status;
	enum name_status own = look_up(org, domain, record);
	struct walk walk;
	size_t at, suffix;

	/* The domain's own record always goes before that of its
	 * organization. */
	if (own == NAME_RECORD)
		return AUTH_ORGDOMAIN_KNOWN;
	*record = NULL;
	if (own != NAME_NONE)
		return unknown(own);
	make_walk(domain, &walk);
	status = choose_orgdomain(org, &walk, &at, &suffix);
	if (status != AUTH_ORGDOMAIN_KNOWN)
		return status;
	if (look_up(org, walk.at[at], record) == NAME_RECORD)
		return status;
	if (suffix == walk.count ||
	    look_up(org, walk.at[suffix], record) != NAME_RECORD)
		*record = NULL;
	return status;
}
