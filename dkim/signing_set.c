/*
 * Signatures of all kinds, by their verbs; see signing_set.h. Nothing here
 * knows DKIM from DomainKeys: another kind is a row. A member that cannot be
 * made leaves the others alone, since a message with one signature is better
 * than one with none.
 */
#include "dkim/signing_set.h"

#include <assert.h>
#include <stdlib.h>

#include "base/xalloc.h"
#include "dkim/body_hashes.h"
#include "dkim/key.h"
#include "dkim/signed_text.h"

static const struct dkim_kind *const kinds[] = {
    &dkim_kind_dkim,
    &dkim_kind_domainkeys,
};

struct member {
	const struct dkim_kind *kind;
	void *signer;		    /* NULL: there is no such signature */
	const struct dkim_key *key; /* NULL: not there yet */
	enum dkim_algorithm algorithm;
};

struct dkim_signing_set {
	struct dkim_body_hashes *body;
	struct member list[DKIM_SIGNING_SET_MAX];
	size_t count;
};

const struct dkim_kind *
dkim_kind_find(struct slice name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (slice_equal_nocase(name, slice_str(kinds[i]->name)))
			return kinds[i];
	return NULL;
}

enum dkim_algorithm
dkim_kind_algorithm(const struct dkim_kind *kind, enum dkim_algorithm wished,
    const struct dkim_key *key)
{
	if (kind->algorithm != DKIM_ALGORITHM_UNKNOWN)
		return kind->algorithm;
	if (wished != DKIM_ALGORITHM_UNKNOWN || key == NULL)
		return wished;
	return dkim_key_algorithm(key);
}

struct dkim_signing_set *
dkim_signing_set_new(void)
{
	struct dkim_signing_set *set = xcalloc(1, sizeof(*set));

	set->body = dkim_body_hashes_new();
	return set;
}

/* What is not going to be made needs no memory. */
static void
drop(struct member *member)
{
	if (member->signer != NULL)
		member->kind->free(member->signer);
	member->signer = NULL;
}

void
dkim_signing_set_free(struct dkim_signing_set *set)
{
	if (set == NULL)
		return;
	for (size_t i = 0; i < set->count; i++)
		drop(&set->list[i]);
	dkim_body_hashes_free(set->body);
	free(set);
}

static struct member *
at(struct dkim_signing_set *set, int number)
{
	assert(number >= 0 && (size_t)number < set->count);
	return &set->list[number];
}

int
dkim_signing_set_add(struct dkim_signing_set *set, const struct dkim_kind *kind,
    const struct dkim_signing *signing, const struct mail_header *header,
    struct strbuf *reason)
{
	void *signer;

	if (set->count == DKIM_SIGNING_SET_MAX)
		return strbuf_fail(reason, "too many signatures");
	signer = kind->new (signing, header, set->body, reason);
	if (signer == NULL)
		return -1;
	set->list[set->count] = (struct member){.kind = kind, .signer = signer};
	return (int)set->count++;
}

int
dkim_signing_set_key(struct dkim_signing_set *set, int number,
    const struct dkim_signing *signing, const struct dkim_key *key,
    struct strbuf *reason)
{
	struct member *member = at(set, number);
	struct dkim_signing last = *signing;

	assert(member->signer != NULL && member->key == NULL);
	last.algorithm =
	    dkim_kind_algorithm(member->kind, signing->algorithm, key);
	if (!dkim_key_fits(key, last.algorithm))
		strbuf_add_str(
		    reason, "the key is of another type than the algorithm");
	else if (member->kind->key(member->signer, &last, reason) == 0)
		member->key = key;
	member->algorithm = last.algorithm;
	if (member->key != NULL)
		return 0;
	drop(member);
	return -1;
}

int
dkim_signing_set_name(struct dkim_signing_set *set, int number,
    const struct dkim_signing *signing, struct strbuf *reason)
{
	struct member *member = at(set, number);

	assert(member->signer != NULL && member->key == NULL);
	member->algorithm = signing->algorithm;
	if (member->kind->key(member->signer, signing, reason) == 0)
		return 0;
	drop(member);
	return -1;
}

bool
dkim_signing_set_has_text(const struct dkim_signing_set *set, int number)
{
	assert(number >= 0 && (size_t)number < set->count);
	return set->list[number].kind->text != NULL;
}

struct slice
dkim_signing_set_text(struct dkim_signing_set *set, int number)
{
	const struct member *member = at(set, number);

	return member->kind->text != NULL
	    ? member->kind->text(member->signer)
	    : member->kind->digest(member->signer);
}

static int
put(const struct member *member, struct slice signature, struct strbuf *field,
    struct strbuf *reason)
{
	if (member->kind->seal(member->signer, signature, field) == 0)
		return 0;
	return strbuf_fail(reason, "the signature is too long");
}

int
dkim_signing_set_put(struct dkim_signing_set *set, int number,
    struct slice signature, struct strbuf *field, struct strbuf *reason)
{
	return put(at(set, number), signature, field, reason);
}

void
dkim_signing_set_body(struct dkim_signing_set *set, struct slice chunk)
{
	if (set->count > 0)
		dkim_body_hashes_write(set->body, chunk);
}

void
dkim_signing_set_end(struct dkim_signing_set *set)
{
	dkim_body_hashes_end(set->body);
}

int
dkim_signing_set_seal(struct dkim_signing_set *set, int number,
    struct strbuf *field, struct strbuf *reason)
{
	const struct member *member = at(set, number);
	struct strbuf signature;
	const char *why = NULL;
	int result;

	if (member->key == NULL)
		return strbuf_fail(reason, "there is no key");
	if (member->kind->text != NULL)
		why = dkim_signed_text_odd(member->kind->text(member->signer));
	if (why != NULL)
		return strbuf_fail(reason, "%s", why);
	strbuf_init(&signature, DKIM_KEY_SIGNATURE_MAX);
	if (dkim_key_sign(member->key, member->algorithm,
		member->kind->digest(member->signer), &signature) != 0)
		result = strbuf_fail(reason, "the key does not sign");
	else
		result = put(member, strbuf_slice(&signature), field, reason);
	strbuf_clear(&signature);
	return result;
}

int
dkim_signing_set_seal_all(
    struct dkim_signing_set *set, struct strbuf *fields, struct strbuf *reason)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->list[i].key != NULL &&
		    dkim_signing_set_seal(set, (int)i, fields, reason) != 0)
			return -1;
	return 0;
}
