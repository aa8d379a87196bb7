/* Which keys a configuration signs with; see key_places.h. */
#include "cli/key_places.h"
#include "mail/address.h"
#include "proxy/sign_map.h"

struct search {
	struct slice only;
	void (*found)(void *ctx, const struct cli_key_place *);
	void *ctx;
};

/* The signatures of one rule, for the domain that it matched. */
static void
add_signatures(const struct search *s, const struct proxy_signatures *list,
    struct slice matched)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct proxy_signature *one = &list->list[i];
		struct cli_key_place place = {
		    .domain =
			one->domain == NULL ? matched : slice_str(one->domain),
		    .selector = slice_str(one->selector),
		    .rule = one->key_rule,
		    .signature = one,
		};

		if (place.domain.n == 0 ||
		    slice_find(place.domain, '$') < place.domain.n)
			continue;
		if (s->only.n == 0 || slice_equal_nocase(s->only, place.domain))
			s->found(s->ctx, &place);
	}
}

static void
search_domains(const struct search *s, const struct proxy_signing_rules *rules)
{
	for (size_t i = 0; i < rules->domains.count; i++)
		add_signatures(
		    s, &rules->signatures, slice_str(rules->domains.list[i]));
	if (rules->any_domain && s->only.n > 0)
		add_signatures(s, &rules->signatures, s->only);
	if (rules->domains.count == 0 && !rules->any_domain)
		add_signatures(s, &rules->signatures, SLICE(""));
}

static void
search_map(
    const struct search *s, const struct proxy_sign_map *map, bool of_lists)
{
	if (map == NULL)
		return;
	for (size_t i = 0; i < proxy_sign_map_count(map); i++) {
		const struct proxy_sign_entry *entry =
		    proxy_sign_map_at(map, i);
		struct slice domain = mail_address_domain(entry->key);

		if (domain.n == 0)
			domain = entry->key;
		/* A list-id that matched whole signs for its domain. */
		if (of_lists && slice_find(domain, '.') < domain.n)
			domain =
			    slice_after(domain, slice_find(domain, '.') + 1);
		add_signatures(s, &entry->signatures,
		    slice_equal(domain, SLICE(".")) ? SLICE("") : domain);
	}
}

static void
search_seal(const struct search *s, const struct proxy_seal_settings *seal)
{
	const struct cli_key_place place = {
	    .domain = slice_str(seal->domain),
	    .selector = slice_str(seal->selector),
	    .rule = seal->key_rule,
	};

	if (seal->domain != NULL &&
	    (s->only.n == 0 || slice_equal_nocase(s->only, place.domain)))
		s->found(s->ctx, &place);
}

void
cli_key_places(const struct proxy_config *config, struct slice only,
    void (*found)(void *ctx, const struct cli_key_place *), void *ctx)
{
	struct search s = {only, found, ctx};

	search_domains(&s, &config->signing);
	search_map(&s, config->signing.listid_map, true);
	search_map(&s, config->signing.sender_map, false);
	if (config->in.enabled)
		search_seal(&s, &config->checking.seal);
}
