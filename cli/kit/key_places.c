/* Which keys a configuration signs with; see key_places.h. */
#include <stdlib.h>
#include <string.h>

#include "cli/kit/cli.h"
#include "cli/kit/key_places.h"
#include "mail/address.h"
#include "proxy/keys/key_files.h"
#include "proxy/keys/key_tree.h"
#include "proxy/settings/index.h"
#include "proxy/settings/sign_map.h"

struct search {
	struct slice only;
	void (*found)(void *ctx, const struct cli_key_place *);
	void *ctx;
	/* Not NULL: of these rules, keys alone that are there. */
	const struct proxy_signing_rules *existing;
};

/* A rule: the domain that it matches, and whether mail of `only` is what it
 * signs. */
struct rule {
	struct slice matched, author;
	bool wanted;
};

static void
add_signatures(const struct search *s, const struct proxy_signatures *list,
    const struct rule *rule)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct proxy_signature *one = &list->list[i];
		struct cli_key_place place = {
		    .domain = one->domain == NULL ? rule->matched
						  : slice_str(one->domain),
		    .author = rule->author,
		    .selector = slice_str(one->selector),
		    .rule = one->key_rule,
		    .signature = one,
		};

		if (place.domain.n == 0 ||
		    (s->only.n > 0 && !rule->wanted &&
			!slice_equal_nocase(s->only, place.domain)))
			continue;
		if (s->existing != NULL && one->domain == NULL &&
		    !proxy_key_tree_has(
			&s->existing->keys[one->key_rule], place.domain))
			continue;
		if (slice_find(place.domain, '$') < place.domain.n)
			place.domain = SLICE("");
		s->found(s->ctx, &place);
	}
}

/* The one of `domain =` that a domain's mail is signed by: itself, or its
 * nearest parent; the number, or PROXY_INDEX_NONE. */
static size_t
listed(const struct proxy_signing_rules *rules, struct slice domain)
{
	size_t number = PROXY_INDEX_NONE;

	while (domain.n > 0 && number == PROXY_INDEX_NONE) {
		number = proxy_index_find(rules->domain_set, domain);
		domain = slice_after(domain, slice_find(domain, '.') + 1);
	}
	return number;
}

static int
compare_domains(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* `domain = *': those that have keys. */
static void
search_tree(const struct search *s, const struct proxy_signing_rules *rules)
{
	struct proxy_strings found = {0};
	struct search existing = *s;
	struct strbuf reason;
	size_t kept;

	existing.existing = rules;
	/* The domains that have a key of one of the signatures, in order,
	 * each once. */
	kept = 0;
	strbuf_init(&reason, PROXY_KEY_REASON_MAX);
	for (size_t i = 0; i < rules->signatures.count; i++)
		if (rules->signatures.list[i].domain == NULL &&
		    proxy_key_tree_read(
			&rules->keys[rules->signatures.list[i].key_rule],
			&found, &reason) != 0)
			cli_warn("%s", strbuf_text(&reason));
	strbuf_clear(&reason);
	if (found.count > 0)
		qsort(found.list, found.count, sizeof(*found.list),
		    compare_domains);
	for (size_t i = 0; i < found.count; i++)
		if (kept > 0 &&
		    strcmp(found.list[kept - 1], found.list[i]) == 0)
			free(found.list[i]);
		else
			found.list[kept++] = found.list[i];
	found.count = kept;
	for (size_t i = 0; i < found.count; i++) {
		struct slice name = slice_str(found.list[i]);

		if (proxy_index_find(rules->domain_set, name) ==
		    PROXY_INDEX_NONE)
			add_signatures(&existing, &rules->signatures,
			    &(struct rule){name, name, true});
		free(found.list[i]);
	}
	free(found.list);
}

static void
search_sender_map(const struct search *s, const struct proxy_sign_map *map)
{
	const struct proxy_sign_entry *all = NULL;

	if (map != NULL && s->only.n > 0)
		all = proxy_sign_map_find(map, s->only);
	for (size_t i = 0; map != NULL && i < proxy_sign_map_count(map); i++) {
		const struct proxy_sign_entry *entry =
		    proxy_sign_map_at(map, i);
		struct slice domain = mail_address_domain(entry->key);
		struct rule rule;

		if (domain.n == 0)
			domain = entry->key;
		if (slice_equal(domain, SLICE(".")))
			domain = SLICE("");
		rule = (struct rule){domain, domain,
		    s->only.n > 0 &&
			(entry == all || slice_equal_nocase(domain, s->only))};
		add_signatures(s, &entry->signatures, &rule);
	}
}

void
cli_key_places(const struct proxy_config *config, struct slice only,
    void (*found)(void *ctx, const struct cli_key_place *), void *ctx)
{
	struct search s = {.only = only, .found = found, .ctx = ctx};
	bool free;
	size_t number;
	struct slice listed_name;
	bool none;
	const struct proxy_sign_map *map;

	bool mapped = only.n > 0 && config->signing.sender_map != NULL &&
	    proxy_sign_map_find(config->signing.sender_map, only) != NULL;

	free = only.n > 0 && !mapped;
	number = listed(&config->signing, s.only);
	listed_name = number == PROXY_INDEX_NONE
	    ? SLICE("")
	    : proxy_index_key(config->signing.domain_set, number);
	none = free && number == PROXY_INDEX_NONE;
	for (size_t i = 0; i < config->signing.domains.count; i++) {
		struct slice name = slice_str(config->signing.domains.list[i]);
		bool first = none && !config->signing.any_domain &&
		    config->signing.sign_all;
		struct rule rule = {name, name,
		    (free && slice_equal_nocase(name, listed_name)) ||
			(first && i == 0)};

		add_signatures(&s, &config->signing.signatures, &rule);
	}
	if (config->signing.any_domain && s.only.n > 0 && none)
		add_signatures(&s, &config->signing.signatures,
		    &(struct rule){s.only, s.only, true});
	if (config->signing.any_domain && s.only.n == 0)
		search_tree(&s, &config->signing);
	if (config->signing.domains.count == 0 && !config->signing.any_domain)
		add_signatures(&s, &config->signing.signatures,
		    &(struct rule){SLICE(""), SLICE(""), free});
	map = config->signing.listid_map;
	for (size_t i = 0; map != NULL && i < proxy_sign_map_count(map); i++) {
		const struct proxy_sign_entry *entry =
		    proxy_sign_map_at(map, i);
		struct slice domain = entry->key;

		/* A list-id that matched whole signs for its domain. */
		if (slice_find(domain, '.') < domain.n)
			domain =
			    slice_after(domain, slice_find(domain, '.') + 1);
		add_signatures(&s, &entry->signatures,
		    &(struct rule){slice_equal(entry->key, SLICE("."))
			    ? SLICE("")
			    : domain,
			SLICE(""), false});
	}
	search_sender_map(&s, config->signing.sender_map);
	if (proxy_fronts_have(config, PROXY_FILTER_VERIFY)) {
		const struct cli_key_place place = {
		    .domain = slice_str(config->checking.seal.domain),
		    .selector = slice_str(config->checking.seal.selector),
		    .rule = config->checking.seal.key_rule,
		};

		if (config->checking.seal.domain != NULL &&
		    (s.only.n == 0 || slice_equal_nocase(s.only, place.domain)))
			s.found(s.ctx, &place);
	}
}
