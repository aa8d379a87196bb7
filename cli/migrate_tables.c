/* OpenDKIM's look-ups; see migrate_tables.h. */
#include <stdlib.h>

#include "base/xalloc.h"
#include "cli/migrate_pattern.h"
#include "cli/migrate_tables.h"
#include "mail/address.h"
#include "proxy/settings/index.h"

enum { KEY_MAX = 1200 };

/* Entries by their keys; of equal ones the first, as OpenDKIM has it. */
struct names {
	struct proxy_index *index;
	size_t *at; /* by number */
};

struct migrate_asker {
	const struct migrate_tables *tables;
	struct migrate_pool *pool;
	struct names signing; /* lower case; of a table that is no refile */
	struct names keys;    /* of the key table, or the domains */
	struct strbuf *words; /* by the entry of a refile */
	bool by_domain;
};

/* One look-up of the signing table that answered. */
struct match {
	const struct migrate_set_entry *at;
	struct slice key, signer;
};

struct matches {
	struct match list[PROXY_SIGNATURES_MAX];
	size_t count;
	bool multiple, more;
};

static void
add_lower(struct strbuf *to, struct slice text)
{
	for (size_t i = 0; i < text.n; i++)
		strbuf_add_char(to, ascii_lower(text.p[i]));
}

static void
names_fill(struct names *names, const struct migrate_set *set, bool lower)
{
	struct strbuf key;

	names->index = proxy_index_new();
	names->at = xcalloc(set->count + 1, sizeof(*names->at));
	strbuf_init(&key, KEY_MAX);
	for (size_t i = 0; i < set->count; i++) {
		struct slice name = slice_str(set->list[i].key);
		size_t count = proxy_index_count(names->index);

		strbuf_reset(&key);
		if (lower)
			add_lower(&key, name);
		else
			strbuf_add(&key, name);
		if (!key.full &&
		    proxy_index_add(names->index, strbuf_slice(&key)) == count)
			names->at[count] = i;
	}
	strbuf_clear(&key);
}

static const struct migrate_set_entry *
names_find(
    const struct names *names, const struct migrate_set *set, struct slice key)
{
	size_t number = proxy_index_find(names->index, key);

	return number == PROXY_INDEX_NONE ? NULL
					  : &set->list[names->at[number]];
}

static void
names_clear(struct names *names)
{
	if (names->index != NULL)
		proxy_index_free(names->index);
	free(names->at);
}

/* --- */

struct migrate_asker *
migrate_asker_new(
    const struct migrate_tables *tables, struct migrate_pool *pool)
{
	struct migrate_asker *asker = xcalloc(1, sizeof(*asker));

	asker->tables = tables;
	asker->pool = pool;
	if (tables->signing == NULL) {
		names_fill(&asker->keys, tables->domains, true);
		return asker;
	}
	names_fill(&asker->keys, tables->keys, false);
	if (tables->signing->type == MIGRATE_SET_REFILE) {
		const struct migrate_set *table = asker->tables->signing;

		asker->words = xcalloc(table->count + 1, sizeof(*asker->words));
		for (size_t i = 0; i < table->count; i++) {
			strbuf_init(&asker->words[i],
			    (size_t)MIGRATE_WORDS_MAX * (MIGRATE_WORD_MAX + 1));
			if (migrate_pattern_words(slice_str(table->list[i].key),
				&asker->words[i]) == 0)
				strbuf_clear(&asker->words[i]);
		}
	} else
		names_fill(&asker->signing, tables->signing, true);
	for (size_t i = 0; i < tables->signing->count; i++)
		asker->by_domain |= tables->signing->list[i].value[0] == '%';
	return asker;
}

void
migrate_asker_free(struct migrate_asker *asker)
{
	if (asker == NULL)
		return;
	for (size_t i = 0;
	     asker->words != NULL && i < asker->tables->signing->count; i++)
		strbuf_clear(&asker->words[i]);
	free(asker->words);
	names_clear(&asker->signing);
	names_clear(&asker->keys);
	free(asker);
}

struct slice
migrate_asker_words(const struct migrate_asker *asker, size_t entry)
{
	return strbuf_slice(&asker->words[entry]);
}

bool
migrate_asker_is_by_domain(const struct migrate_asker *asker)
{
	return asker->by_domain;
}

/* --- the signing table --- */

/* Is that enough? */
static bool
add_match(struct matches *to, const struct migrate_set_entry *at)
{
	struct slice value = slice_str(at->value);
	size_t colon = slice_find(value, ':');

	if (to->count == PROXY_SIGNATURES_MAX)
		to->more = true;
	else
		to->list[to->count++] = (struct match){at,
		    slice_first(value, colon), slice_after(value, colon + 1)};
	return !to->multiple;
}

static void
match_patterns(
    const struct migrate_asker *asker, struct slice address, struct matches *to)
{
	const struct migrate_set *table = asker->tables->signing;

	for (size_t i = 0; i < table->count; i++) {
		struct slice rest = migrate_asker_words(asker, i), word;
		bool matches = false;

		while (!matches && rest.n > 0 && slice_cut(&rest, '\0', &word))
			matches =
			    word.n > 0 && migrate_word_matches(word, address);
		if (matches && add_match(to, &table->list[i]))
			return;
	}
}

static bool
match_key(const struct migrate_asker *asker, struct slice local,
    const char *between, struct slice domain, struct matches *to)
{
	const struct migrate_set_entry *at = NULL;
	struct strbuf key;

	strbuf_init(&key, KEY_MAX);
	add_lower(&key, local);
	strbuf_add_str(&key, between);
	add_lower(&key, domain);
	if (!key.full)
		at = names_find(&asker->signing, asker->tables->signing,
		    strbuf_slice(&key));
	strbuf_clear(&key);
	return at != NULL && add_match(to, at);
}

/* In the order that opendkim.conf(5) gives. */
static void
match_keys(const struct migrate_asker *asker, const struct migrate_sender *of,
    struct matches *to)
{
	struct slice none = SLICE(""), above = of->domain;

	if (match_key(asker, of->local, "@", of->domain, to) ||
	    match_key(asker, none, "", of->domain, to))
		return;
	for (size_t dot; (dot = slice_find(above, '.')) < above.n;) {
		above = slice_after(above, dot);
		if (match_key(asker, of->local, "@", above, to) ||
		    match_key(asker, none, "", above, to))
			return;
		above = slice_after(above, 1);
	}
	if (!match_key(asker, of->local, "@", SLICE("*"), to))
		(void)match_key(asker, none, "", SLICE("*"), to);
}

/* --- the key table --- */

static const struct migrate_set_entry *
find_key(const struct migrate_asker *asker, struct slice name)
{
	const struct migrate_set *table = asker->tables->keys;

	if (table->type != MIGRATE_SET_REFILE)
		return names_find(&asker->keys, table, name);
	for (size_t i = 0; i < table->count; i++)
		if (migrate_word_matches(slice_str(table->list[i].key), name))
			return &table->list[i];
	return NULL;
}

/* With the domain in place of each %, or the macro. */
static const char *
fill_in(const struct migrate_asker *asker, struct slice text,
    const struct migrate_sender *of, const char *macro)
{
	struct strbuf out;
	const char *filled;

	strbuf_init(&out, text.n * 300 + 300);
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] != '%')
			strbuf_add_char(&out, text.p[i]);
		else if (of->fresh)
			strbuf_add_str(&out, macro);
		else
			strbuf_add(&out, of->domain);
	filled = migrate_pool_keep(asker->pool, strbuf_slice(&out));
	strbuf_clear(&out);
	return filled;
}

static const char *
fill_domain(const struct migrate_asker *asker, struct slice text,
    const struct migrate_sender *of)
{
	/* Only where it is all of it. */
	if (!slice_equal(text, SLICE("%")))
		return migrate_pool_keep(asker->pool, text);
	return fill_in(asker, text, of, "$senderdomain");
}

/* The path of the key: of each % the domain that signs. */
static enum migrate_answer
fill_path(const struct migrate_asker *asker, struct slice path,
    const struct migrate_sender *of, struct migrate_signature *to)
{
	struct migrate_sender signs = {of->local, slice_str(to->domain), false};
	const char *folder = asker->tables->folder;

	if (to->domain[0] == '$')
		signs.fresh = true;
	if (path.p[0] == '/') {
		to->key = fill_in(asker, path, &signs, "$domain");
		return MIGRATE_ANSWERED;
	}
	to->inside = path.p[0] != '.';
	if (to->inside) {
		to->key = migrate_pool_keep(asker->pool, path);
		return MIGRATE_ANSWERED;
	}
	if (folder == NULL)
		return MIGRATE_NO_PATH;
	to->key = migrate_pool_printf(
	    asker->pool, "%s/%.*s", folder, (int)path.n, path.p);
	return MIGRATE_ANSWERED;
}

static enum migrate_answer
add_signature(const struct migrate_asker *asker, const struct match *match,
    const struct migrate_sender *of, struct migrate_entry *to,
    const struct migrate_set_entry **fault)
{
	struct migrate_signature made = {.domain = NULL};
	bool by_domain = slice_equal(match->key, SLICE("%"));
	const struct migrate_set_entry *at =
	    find_key(asker, by_domain ? of->domain : match->key);
	struct slice domain, selector, path;
	enum migrate_answer answer;
	struct slice signer;
	const char *identity;

	*fault = match->at;
	if (at == NULL)
		return MIGRATE_NO_KEY;
	*fault = at;
	path = slice_str(at->value);
	if (!slice_cut(&path, ':', &domain) || path.n == 0 ||
	    !slice_cut(&path, ':', &selector) || path.n == 0 || domain.n == 0 ||
	    selector.n == 0)
		return MIGRATE_CORRUPT;
	made.file = at->file;
	made.line = at->line;
	made.domain = fill_domain(asker, domain, of);
	made.selector = migrate_pool_keep(asker->pool, selector);
	answer = fill_path(asker, path, of, &made);
	/* i= is left out where it lies outside of d=. Of macros only a message
	 * knows. */
	signer = match->signer;
	if (signer.n != 0) {
		identity = fill_in(asker, signer, of, "$senderdomain");
		if (strchr(identity, '$') != NULL ||
		    strchr(made.domain, '$') != NULL ||
		    mail_domain_is_within(
			mail_address_domain(slice_str(identity)),
			slice_str(made.domain)))
			made.identity = identity;
	}
	if (answer == MIGRATE_ANSWERED)
		to->list[to->count++] = made;
	return answer;
}

/* --- without tables --- */

static bool
is_domain_listed(const struct migrate_asker *asker, struct slice domain)
{
	return proxy_index_find(asker->keys.index, domain) != PROXY_INDEX_NONE;
}

/* The domain; any, by *; or with SubDomains its nearest parent, which is the
 * signature's i= too. */
static void
ask_domains(const struct migrate_asker *asker, const struct migrate_sender *of,
    struct migrate_entry *to)
{
	const struct migrate_tables *tables = asker->tables;
	struct migrate_signature made = {.selector = tables->selector,
	    .key = tables->keyfile,
	    .file = tables->keyfile_at->file,
	    .line = tables->keyfile_at->line};
	struct slice above = of->domain;

	if (is_domain_listed(asker, of->domain) ||
	    is_domain_listed(asker, SLICE("*"))) {
		made.domain = fill_domain(asker, SLICE("%"), of);
		to->list[to->count++] = made;
		return;
	}
	for (size_t dot;
	     tables->subdomains && (dot = slice_find(above, '.')) < above.n;) {
		above = slice_after(above, dot + 1);
		if (!is_domain_listed(asker, above))
			continue;
		made.domain = migrate_pool_keep(asker->pool, above);
		made.identity =
		    migrate_pool_printf(asker->pool, "@%s", made.domain);
		to->list[to->count++] = made;
		return;
	}
}

enum migrate_answer
migrate_asker_ask(const struct migrate_asker *asker,
    const struct migrate_sender *of, struct migrate_entry *to,
    const struct migrate_set_entry **at)
{
	struct matches found = {.multiple = asker->tables->multiple};
	enum migrate_answer answer = MIGRATE_ANSWERED;
	struct strbuf address;
	struct slice domain;
	const struct migrate_set *set;

	*at = NULL;
	domain = of->domain;
	set = asker->tables->exempt;
	for (size_t i = 0; set != NULL && i < set->count; i++)
		if (slice_equal_nocase(slice_str(set->list[i].key), domain))
			return MIGRATE_ANSWERED;
	if (asker->tables->signing == NULL) {
		ask_domains(asker, of, to);
		return MIGRATE_ANSWERED;
	}
	if (asker->words != NULL) {
		strbuf_init(&address, KEY_MAX);
		strbuf_add(&address, of->local);
		strbuf_add_char(&address, '@');
		strbuf_add(&address, of->domain);
		match_patterns(asker, strbuf_slice(&address), &found);
		strbuf_clear(&address);
	} else {
		match_keys(asker, of, &found);
	}
	if (found.more) {
		*at = found.list[0].at;
		return MIGRATE_TOO_MANY;
	}
	for (size_t i = 0; i < found.count && answer == MIGRATE_ANSWERED; i++)
		answer = add_signature(asker, &found.list[i], of, to, at);
	return answer;
}
