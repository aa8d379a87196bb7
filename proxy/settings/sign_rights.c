/* Signatures by their numbers, and their domains; see sign_rights.h. */
#include <stdlib.h>

#include "base/xalloc.h"
#include "dkim/signing_set.h"
#include "mail/address.h"
#include "proxy/settings/index.h"
#include "proxy/settings/sign_map.h"
#include "proxy/settings/sign_rights.h"

struct proxy_sign_rights {
	const struct proxy_config *config;
	struct proxy_sign_right *list;
	size_t count;
};

/* --- in their order --- */

typedef void each_fn(void *ctx, struct proxy_signature *, struct slice matched,
    enum proxy_sign_place);

static void
walk_list(const struct proxy_signatures *list, struct slice matched,
    enum proxy_sign_place place, each_fn *each, void *ctx)
{
	for (size_t i = 0; i < list->count; i++)
		each(ctx, &list->list[i], matched, place);
}

static void
walk_map(const struct proxy_sign_map *map, enum proxy_sign_place place,
    each_fn *each, void *ctx)
{
	const struct proxy_sign_entry *entry;

	for (size_t i = 0;
	     map != NULL && (entry = proxy_sign_map_at(map, i)) != NULL; i++)
		walk_list(&entry->signatures, entry->key, place, each, ctx);
}

static void
walk(const struct proxy_signing_rules *rules, each_fn *each, void *ctx)
{
	walk_list(&rules->signatures, SLICE(""), PROXY_SIGN_PLACE_SETTINGS,
	    each, ctx);
	walk_map(rules->sender_map, PROXY_SIGN_PLACE_SENDER_MAP, each, ctx);
	walk_map(rules->listid_map, PROXY_SIGN_PLACE_LISTID_MAP, each, ctx);
}

static void
give_number(void *ctx, struct proxy_signature *signature, struct slice matched,
    enum proxy_sign_place place)
{
	unsigned *next = ctx;

	(void)matched;
	(void)place;
	signature->number = (*next)++;
}

void
proxy_sign_rights_number(struct proxy_config *config)
{
	unsigned next = PROXY_SIGN_RIGHT_SEAL + 1;

	walk(&config->signing, give_number, &next);
}

static struct proxy_sign_right *
add(struct proxy_sign_rights *rights)
{
	if ((rights->count & (rights->count - 1)) == 0)
		rights->list = xreallocarray(rights->list,
		    rights->count == 0 ? 1 : rights->count * 2,
		    sizeof(*rights->list));
	return &rights->list[rights->count++];
}

static void
add_signature(void *ctx, struct proxy_signature *signature,
    struct slice matched, enum proxy_sign_place place)
{
	*add(ctx) = (struct proxy_sign_right){
	    /* A kind without a text is signed by its digest. */
	    .use = signature->kind->text == NULL ? PROXY_SIGN_USE_DOMAINKEYS
						 : PROXY_SIGN_USE_DKIM,
	    .key_rule = signature->key_rule,
	    .algorithm = signature->algorithm,
	    .signature = signature,
	    .matched = matched,
	    .place = place,
	};
}

struct proxy_sign_rights *
proxy_sign_rights_new(const struct proxy_config *config)
{
	struct proxy_sign_rights *rights = xcalloc(1, sizeof(*rights));

	rights->config = config;
	*add(rights) = (struct proxy_sign_right){
	    .use = PROXY_SIGN_USE_ARC,
	    .key_rule = config->checking.seal.key_rule,
	    .algorithm = DKIM_RSA_SHA256,
	};
	walk(&config->signing, add_signature, rights);
	return rights;
}

void
proxy_sign_rights_free(struct proxy_sign_rights *rights)
{
	if (rights == NULL)
		return;
	free(rights->list);
	free(rights);
}

const struct proxy_sign_right *
proxy_sign_rights_find(const struct proxy_sign_rights *rights, unsigned number)
{
	if (number >= rights->count ||
	    (number == PROXY_SIGN_RIGHT_SEAL &&
		rights->config->checking.seal.domain == NULL))
		return NULL;
	return &rights->list[number];
}

/* --- domains --- */

static struct slice
without_first_label(struct slice name)
{
	size_t dot = slice_find(name, '.');

	return dot == name.n ? name : slice_after(name, dot + 1);
}

/* What stands fixed at the end of a d= with macros, as in
 * "$sender.mail.example.org": example.org and what is before it, from its
 * first dot on. Empty where the macro is the end. */
static struct slice
fixed_end(struct slice text)
{
	struct slice rest = slice_after(text, slice_find_last(text, '$') + 1);

	return slice_after(rest, slice_find(rest, '.') + 1);
}

/* `domain` lists it; or one above it, where the d= is a macro. */
static bool
is_listed(
    const struct proxy_signing_rules *rules, struct slice domain, bool macro)
{
	if (rules->any_domain)
		return true;
	/* Any sender's mail is signed, and the macro may be of the sender. */
	if (macro && (rules->sign_all || rules->domains.count == 0))
		return true;
	for (; domain.n > 0; domain = without_first_label(domain)) {
		if (proxy_index_find(rules->domain_set, domain) !=
		    PROXY_INDEX_NONE)
			return true;
		if (!macro || slice_find(domain, '.') == domain.n)
			break;
	}
	return false;
}

static bool
sender_key_covers(struct slice key, struct slice domain, bool macro)
{
	struct slice of = mail_address_domain(key);

	if (slice_equal(key, SLICE(".")))
		return macro; /* all senders; no d= of its own */
	if (of.n == 0)
		of = key;
	return macro ? mail_domain_is_within(domain, of)
		     : slice_equal_nocase(domain, of);
}

bool
proxy_sign_right_covers(const struct proxy_sign_rights *rights,
    const struct proxy_sign_right *right, struct slice domain)
{
	const struct proxy_signing_rules *rules = &rights->config->signing;
	struct slice own;
	bool macro;

	if (right->use == PROXY_SIGN_USE_ARC)
		return slice_equal_nocase(
		    domain, slice_str(rights->config->checking.seal.domain));
	own = slice_str(right->signature->domain);
	macro = slice_find(own, '$') < own.n;
	if (own.n > 0 && !macro)
		return slice_equal_nocase(domain, own);
	if (macro && fixed_end(own).n > 0)
		return mail_domain_is_within(domain, fixed_end(own));
	switch (right->place) {
	case PROXY_SIGN_PLACE_SENDER_MAP:
		return sender_key_covers(right->matched, domain, macro);
	case PROXY_SIGN_PLACE_LISTID_MAP:
		/* A list's own name is taken off where its id matched whole.
		 * The sender of what a list sends may be anybody. */
		return macro || slice_equal_nocase(domain, right->matched) ||
		    slice_equal_nocase(
			domain, without_first_label(right->matched));
	default:
		return is_listed(rules, domain, macro);
	}
}
