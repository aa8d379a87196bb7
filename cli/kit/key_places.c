/* Which keys a configuration signs with; see key_places.h. */
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "cli/kit/cli.h"
#include "cli/kit/key_places.h"
#include "cli/kit/live.h"
#include "cli/kit/live_keys.h"
#include "mail/address.h"
#include "proxy/keys/key_files.h"
#include "proxy/keys/key_tree.h"
#include "proxy/keys/selectors_folder.h"
#include "proxy/keys/selectors_known.h"
#include "proxy/settings/index.h"
#include "proxy/settings/sign_map.h"

struct search {
	const struct proxy_config *config;
	struct slice only;
	void (*found)(void *ctx, const struct cli_key_place *);
	void *ctx;
	/* Not NULL: of these rules, keys alone that are there. */
	const struct proxy_signing_rules *existing;
	struct cli_live_keys *live; /* NULL: the daemon is not asked */
};

/* --- what a file of selectors names --- */

/* The file of the place's domain, or of a parent of it where the rule looks
 * there. NULL: there is none that can be read. */
static struct proxy_selectors *
read_selectors(
    const struct proxy_key_rule *rule, struct slice domain, size_t *from)
{
	struct proxy_selectors_folder folder;
	struct proxy_selectors *s = NULL;
	struct strbuf path, reason;
	bool absent = true;

	strbuf_init(&path, PROXY_KEY_PATH_MAX);
	strbuf_init(&reason, PROXY_KEY_REASON_MAX);
	for (*from = 0; absent && *from < domain.n;) {
		struct slice of = slice_after(domain, *from);

		strbuf_reset(&path);
		if (proxy_selectors_folder_path(rule, of, &path, &reason) != 0)
			break;
		if (proxy_selectors_folder_look(
			&folder, strbuf_text(&path), &absent, &reason) == 0) {
			s = proxy_selectors_read(&folder, &absent, &reason);
			proxy_selectors_folder_close(&folder);
		}
		if (!absent || !rule->parents)
			break;
		*from += slice_find(of, '.') + 1;
	}
	strbuf_clear(&reason);
	strbuf_clear(&path);
	return s;
}

/* The key that the daemon signs with there; NULL: the file has it so, too, or
 * nobody was asked. */
static const struct cli_live_key *
find_behind(const struct search *s, const struct cli_key_place *place)
{
	const struct proxy_key_rule *rule =
	    &s->config->signing.keys[place->rule];
	struct cli_live_wish wish = {
	    .rule = rule,
	    .author = place->author.n > 0 ? place->author : place->domain,
	    .domain = slice_after(place->domain, place->from),
	};
	struct proxy_selectors_choice choice = {.staged = false};
	const struct cli_live_key *live;
	struct proxy_key_readers readers;
	struct strbuf ignored;

	if (s->live == NULL || place->signature == NULL)
		return NULL;
	strbuf_init(&ignored, PROXY_KEY_REASON_MAX);
	proxy_key_readers_init(&readers, s->config);
	if (proxy_selectors_choose(&readers, rule, wish.domain, &choice,
		&ignored) == PROXY_KEY_FOUND)
		wish.named = slice_str(choice.name);
	strbuf_clear(&ignored);
	live = cli_live_keys_find(s->live, &wish);
	return live == NULL ||
		slice_equal_nocase(slice_str(live->selector), wish.named)
	    ? NULL
	    : live;
}

/* Each row of the file that is of the rule's kind. How many. */
static size_t
tell_rows(const struct search *s, struct cli_key_place *listed,
    const struct proxy_selectors *selectors, const struct cli_live_key *behind)
{
	const struct proxy_key_rule *rule =
	    &s->config->signing.keys[listed->rule];
	const struct proxy_selector *key = NULL;
	size_t told = 0;

	while (selectors != NULL &&
	    (key = proxy_selectors_next(selectors, key)) != NULL) {
		if ((rule->algorithm != DKIM_ALGORITHM_UNKNOWN &&
			dkim_algorithm_key_type(rule->algorithm) !=
			    key->type) ||
		    (behind != NULL &&
			slice_equal_nocase(
			    slice_str(behind->selector), slice_str(key->name))))
			continue;
		listed->selector = slice_str(key->name);
		listed->state = key->state;
		listed->since = key->moments[PROXY_SELECTOR_SINCE];
		s->found(s->ctx, listed);
		told++;
	}
	return told;
}

static void
tell_place(const struct search *s, const struct cli_key_place *place)
{
	const struct proxy_key_rule *rule =
	    &s->config->signing.keys[place->rule];
	const struct cli_live_key *behind = NULL;
	struct cli_key_place listed = *place;
	struct proxy_selectors *selectors = NULL;
	struct strbuf file, ignored;

	strbuf_init(&file, PROXY_KEY_PATH_MAX);
	strbuf_init(&ignored, PROXY_KEY_REASON_MAX);
	if (rule->automatic && proxy_key_domain_is_safe(place->domain)) {
		selectors = read_selectors(rule, place->domain, &listed.from);
		/* None was found, of a parent neither. */
		if (listed.from >= place->domain.n)
			listed.from = 0;
		behind = find_behind(s, &listed);
	}
	listed.listed = true;
	if (tell_rows(s, &listed, selectors, behind) == 0 &&
	    (behind == NULL || selectors == NULL))
		s->found(s->ctx, place);
	if (behind != NULL) {
		(void)proxy_selectors_path(rule,
		    slice_after(place->domain, listed.from), &file, &ignored);
		listed.behind = strbuf_text(&file);
		listed.selector = slice_str(behind->selector);
		listed.state = PROXY_SELECTOR_ACTIVE;
		listed.since = 0;
		s->found(s->ctx, &listed);
	}
	strbuf_clear(&ignored);
	strbuf_clear(&file);
	proxy_selectors_free(selectors);
}

struct dkim_key *
cli_key_place_load(const struct proxy_config *config,
    const struct proxy_key_readers *readers, const struct cli_key_place *place,
    struct proxy_key_found *found, struct strbuf *reason)
{
	struct dkim_key *key;
	char *selector;

	if (!place->listed)
		return proxy_key_file_load_by(
		    config, readers, place->rule, place->domain, found, reason);
	selector = xslicedup(place->selector);
	key = proxy_key_file_load_named(&config->signing.keys[place->rule],
	    readers, slice_after(place->domain, place->from), selector, reason);
	*found = (struct proxy_key_found){
	    .status = key == NULL ? PROXY_KEY_TROUBLE : PROXY_KEY_FOUND,
	    .domain_from = place->from};
	memcpy(found->selector, selector,
	    slice_first(place->selector, PROXY_KEY_SELECTOR_MAX).n);
	free(selector);
	return key;
}

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
		tell_place(s, &place);
	}
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

static void
search_all(const struct search *all)
{
	struct search s = *all;
	const struct proxy_config *config = s.config;
	struct slice only = s.only;
	bool free;
	size_t number;
	struct slice listed_name;
	bool none;
	const struct proxy_sign_map *map;

	bool mapped = only.n > 0 && config->signing.sender_map != NULL &&
	    proxy_sign_map_find(config->signing.sender_map, only) != NULL;

	free = only.n > 0 && !mapped;
	/* The one of `domain =` that a domain's mail is signed by. */
	number = proxy_index_find_nearest(config->signing.domain_set, s.only);
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
			tell_place(&s, &place);
	}
}

void
cli_key_places(const struct proxy_config *config, struct slice only,
    void (*found)(void *ctx, const struct cli_key_place *), void *ctx)
{
	const struct search s = {
	    .config = config, .only = only, .found = found, .ctx = ctx};

	search_all(&s);
}

void
cli_key_places_live(const struct proxy_config *config, struct slice only,
    void (*found)(void *ctx, const struct cli_key_place *), void *ctx)
{
	struct cli_live_keys *live = cli_live_keys_new(config);
	const struct search s = {.config = config,
	    .only = only,
	    .found = found,
	    .ctx = ctx,
	    .live = live};

	search_all(&s);
	cli_live_keys_free(live);
}
