/* OpenDKIM's tables into a sender map; see migrate_signing.h. */
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/xalloc.h"
#include "cli/migrate_tables.h"
#include "proxy/settings/index.h"
#include "proxy/settings/sign_map.h"

enum { KEY_MAX = 600, SHOWN_MAX = 200, TEXT_MAX = 64 * 1024 };

/* Stands for a name that no table has. */
#define FRESH "\1"

struct working {
	struct migrate_signing *to;
	const struct migrate_tables *tables;
	struct migrate_asker *asker;
	struct proxy_index *keys; /* of our map */
	struct strbuf *texts;	  /* by key: its signatures, to be compared */
	bool *emitted;		  /* by key */
	size_t room;		  /* of to->list */
	bool told_extension, told_deferred;
};

static void
note(struct strbuf *to, const struct migrate_set_entry *at, const char *text)
{
	strbuf_addf(to, "%s:%u: ", at->file, at->line);
	escape_text(slice_first(slice_str(at->key), SHOWN_MAX), to);
	strbuf_addf(to, ": %s\n", text);
}

/* --- which keys the tables can tell apart --- */

static bool
has_star(struct slice text)
{
	return slice_find(text, '*') < text.n;
}

/* Our map's key: false where no sender has such an address. */
static bool
make_map_key(const char *before, struct slice name, struct strbuf *key)
{
	struct strbuf reason;
	bool can;

	strbuf_add_str(key, before);
	for (size_t i = 0; i < name.n; i++)
		strbuf_add_char(key, ascii_lower(name.p[i]));
	strbuf_init(&reason, KEY_MAX);
	can = !key->full &&
	    proxy_sign_map_key_check(strbuf_slice(key), false, &reason) == 0;
	strbuf_clear(&reason);
	return can;
}

/* A key that our map takes, or it is said why not. */
static void
add_map_key(struct working *w, const struct migrate_set_entry *at,
    const char *before, struct slice name)
{
	struct strbuf key;

	strbuf_init(&key, KEY_MAX);
	if (make_map_key(before, name, &key))
		(void)proxy_index_add(w->keys, strbuf_slice(&key));
	else
		note(w->to->todo, at,
		    "is no address or domain as a From field has it, so our "
		    "map has no key for it; it is left out");
	strbuf_clear(&key);
}

/* Our key of a domain stands for its own addresses too: both are asked for. */
static void
add_below(
    struct working *w, const struct migrate_set_entry *at, struct slice domain)
{
	add_map_key(w, at, "", domain);
	add_map_key(w, at, "*@", domain);
}

static void
add_any(struct working *w)
{
	(void)proxy_index_add(w->keys, SLICE("."));
}

static void
cannot(struct working *w, const struct migrate_set_entry *at)
{
	note(w->to->todo, at,
	    "our map has no patterns within a local part or a domain: write a "
	    "line for each address that is meant; until then such mail is "
	    "signed as that of others of its domain");
}

static void
add_pattern_word(
    struct working *w, const struct migrate_set_entry *at, struct slice word)
{
	if (slice_equal(word, SLICE("*")) || slice_equal(word, SLICE("*@*")))
		add_any(w);
	else if (has_star(word)) {
		/* One word with a * in it. */
		size_t sign = slice_find_last(word, '@');
		struct slice domain = word, rest; /* "*.example.org" */

		if (sign < word.n)
			domain = sign == 1 && word.p[0] == '*'
			    ? slice_after(word, 2)
			    : SLICE("");
		rest = domain;
		if (domain.n > 0 && domain.p[0] == '*')
			rest = slice_after(domain, 1);
		if (rest.n == 0 || has_star(rest)) {
			cannot(w, at);
		} else if (rest.n == domain.n) {
			add_map_key(w, at, "*@", domain);
		} else if (rest.p[0] == '.') {
			add_below(w, at, slice_after(rest, 1));
		} else {
			add_below(w, at, rest);
			note(w->to->differs, at,
			    "matched every domain that ends so, with or "
			    "without a dot "
			    "before it; now it is the domain and what is below "
			    "it");
		}
	} else if (slice_find(word, '@') < word.n)
		add_map_key(w, at, "", word);
	else
		note(w->to->differs, at,
		    "has neither @ nor *, so it never matched a sender; it is "
		    "left out");
}

static void
add_pattern(struct working *w, size_t number)
{
	const struct migrate_set_entry *at = &w->tables->signing->list[number];
	struct slice rest = migrate_asker_words(w->asker, number), word;

	if (at->key[0] == '\0')
		note(w->to->differs, at,
		    "the line begins with white space, so OpenDKIM passed over "
		    "it; it is left out");
	else if (rest.n == 0)
		note(w->to->todo, at,
		    "is an expression that our map has no keys for: write a "
		    "line for each address or domain that is meant; until then "
		    "it signs nobody's mail");
	while (rest.n > 0 && slice_cut(&rest, '\0', &word))
		if (word.n > 0)
			add_pattern_word(w, at, word);
}

/* Where a key is named by %, a name of the key table may be a domain. */
static void
add_key_names(struct working *w)
{
	const struct migrate_set *table = w->tables->keys;
	struct strbuf key;

	strbuf_init(&key, KEY_MAX);
	for (size_t i = 0; i < table->count; i++) {
		struct slice name = slice_str(table->list[i].key);

		strbuf_reset(&key);
		if (slice_find(name, '@') == name.n && !has_star(name) &&
		    make_map_key("*@", name, &key))
			(void)proxy_index_add(w->keys, strbuf_slice(&key));
	}
	strbuf_clear(&key);
}

static void
add_domains(struct working *w, const struct migrate_set *set, bool below)
{
	for (size_t i = 0; set != NULL && i < set->count; i++) {
		struct slice name = slice_str(set->list[i].key);

		if (slice_equal(name, SLICE("*")))
			add_any(w);
		else if (below)
			add_below(w, &set->list[i], name);
		else
			add_map_key(w, &set->list[i], "*@", name);
	}
}

/* --- one sender for each key --- */

static bool
is_address(struct slice key)
{
	return slice_find(key, '@') < key.n &&
	    !slice_starts_nocase(key, SLICE("*@"));
}

static struct migrate_sender
sender_of(struct working *w, struct slice key)
{
	struct migrate_sender sender = {SLICE(FRESH), key, false};
	size_t sign = slice_find_last(key, '@');

	if (slice_equal(key, SLICE("."))) {
		sender.domain = SLICE(FRESH);
		sender.fresh = true;
	} else if (sign == key.n) {
		sender.domain = slice_str(migrate_pool_printf(
		    w->to->pool, FRESH ".%.*s", (int)key.n, key.p));
		sender.fresh = true;
	} else {
		sender.domain = slice_after(key, sign + 1);
		if (is_address(key))
			sender.local = slice_first(key, sign);
	}
	return sender;
}

/* --- which of them have to be said --- */

/* The most general is the lowest. */
static size_t
rank_of(struct slice key)
{
	size_t labels = 1;

	if (slice_equal(key, SLICE(".")))
		return 0;
	if (slice_find(key, '@') == key.n) {
		for (size_t i = 0; i < key.n; i++)
			labels += key.p[i] == '.';
		return labels;
	}
	return is_address(key) ? 2 * KEY_MAX : KEY_MAX;
}

/* What our map finds where the key is not in it, as text; PROXY_INDEX_NONE is
 * nothing. */
static size_t
emitted(const struct working *w, struct slice key)
{
	size_t number = proxy_index_find(w->keys, key);

	return number != PROXY_INDEX_NONE && w->emitted[number]
	    ? number
	    : PROXY_INDEX_NONE;
}

static size_t
find_above(const struct working *w, struct slice key)
{
	size_t sign = slice_find_last(key, '@'), found = PROXY_INDEX_NONE;
	struct slice domain = key;
	struct strbuf all;

	if (sign < key.n) {
		domain = slice_after(key, sign + 1);
		strbuf_init(&all, KEY_MAX);
		strbuf_add_str(&all, "*@");
		strbuf_add(&all, domain);
		if (is_address(key))
			found = emitted(w, strbuf_slice(&all));
		strbuf_clear(&all);
		if (found == PROXY_INDEX_NONE)
			found = emitted(w, domain);
	}
	while (found == PROXY_INDEX_NONE && domain.n > 0) {
		domain = slice_after(domain, slice_find(domain, '.') + 1);
		if (domain.n > 0)
			found = emitted(w, domain);
	}
	return found != PROXY_INDEX_NONE ? found : emitted(w, SLICE("."));
}

static void
settle_key(struct working *w, size_t number)
{
	struct slice key = proxy_index_key(w->keys, number);
	struct migrate_sender sender = sender_of(w, key);
	const struct migrate_set_entry *at;
	struct migrate_entry entry = {.count = 0};
	enum migrate_answer answer =
	    migrate_asker_ask(w->asker, &sender, &entry, &at);
	struct strbuf *text = &w->texts[number];
	size_t above = find_above(w, key);
	struct slice otherwise = SLICE("");
	size_t plus;
	struct migrate_signing *to;

	if (answer != MIGRATE_ANSWERED) {
		if (answer == MIGRATE_CORRUPT)
			note(w->to->errors, at,
			    "is no DOMAIN:SELECTOR:KEY; OpenDKIM deferred mail "
			    "by it");
		else if (answer == MIGRATE_NO_PATH)
			note(w->to->errors, at,
			    "OpenDKIM looked for this key where it was "
			    "started; write "
			    "the whole path");
		else if (answer == MIGRATE_TOO_MANY)
			note(w->to->errors, at,
			    "a message would have more than 8 signatures");
		else if (answer == MIGRATE_NO_KEY && at->value[0] != '%')
			note(w->to->errors, at, "the KeyTable has no such key");
		else if (answer == MIGRATE_NO_KEY && sender.fresh &&
		    !w->told_deferred) {
			note(w->to->differs, at,
			    "where the KeyTable has no key of the sender's "
			    "domain, "
			    "OpenDKIM deferred the message; now it goes out "
			    "unsigned");
			w->told_deferred = true;
		}
		entry.count = 0;
	}
	strbuf_init(text, TEXT_MAX);
	/* As text that is equal where OpenDKIM would sign alike. */
	for (size_t i = 0; i < entry.count; i++) {
		const struct migrate_signature *s = &entry.list[i];

		strbuf_addf(text, "%s %s %s %s\n", s->domain, s->selector,
		    s->identity == NULL ? "" : s->identity, s->key);
	}
	if (above != PROXY_INDEX_NONE)
		otherwise = strbuf_slice(&w->texts[above]);
	if (slice_equal(strbuf_slice(text), otherwise))
		return;
	/* A message from an address with an extension finds the address
	 * without it. */
	plus = slice_find(key, '+');
	if (is_address(key) && plus >= key.n && !w->told_extension) {
		w->told_extension = true;
		strbuf_add_str(w->to->differs, "SigningTable: mail of ");
		escape_text(
		    slice_first(key, slice_find(key, '@')), w->to->differs);
		strbuf_add_str(w->to->differs,
		    "+EXTENSION, and so of other addresses in it, is signed as "
		    "that of "
		    "the address; OpenDKIM looked for it as it stands\n");
	}
	to = w->to;
	if (to->count == w->room) {
		w->room = w->room == 0 ? 16 : 2 * w->room;
		to->list = xreallocarray(to->list, w->room, sizeof(*to->list));
	}
	to->list[to->count] = entry;
	to->list[to->count++].key =
	    migrate_pool_keep(to->pool, proxy_index_key(w->keys, number));
	w->emitted[number] = true;
}

struct ranked {
	size_t rank, number;
};

static int
compare(const void *a, const void *b)
{
	const struct ranked *left = a, *right = b;

	if (left->rank != right->rank)
		return left->rank < right->rank ? -1 : 1;
	return left->number < right->number ? -1 : left->number > right->number;
}

void
migrate_signing_run(
    struct migrate_signing *to, const struct migrate_tables *tables)
{
	struct working w = {.to = to, .tables = tables};
	const struct migrate_set *table;
	size_t count;
	struct ranked *order;

	w.asker = migrate_asker_new(tables, to->pool);
	w.keys = proxy_index_new();
	table = w.tables->signing;
	for (size_t i = 0; table != NULL && i < table->count; i++)
		if (table->type == MIGRATE_SET_REFILE)
			add_pattern(&w, i);
		else {
			/* A key of a table that is no refile. */
			const struct migrate_set_entry *at = &table->list[i];
			struct slice key = slice_str(at->key);
			size_t sign = slice_find_last(key, '@');
			struct slice domain = slice_after(key, sign + 1);

			if (slice_equal(key, SLICE("*")))
				add_any(&w);
			else if (sign == key.n && key.n > 0 && key.p[0] == '.')
				add_below(&w, at, slice_after(key, 1));
			else if (has_star(key) ||
			    (domain.n > 0 && domain.p[0] == '.'))
				cannot(&w, at);
			else
				add_map_key(
				    &w, at, sign == key.n ? "*@" : "", key);
		}
	if (table != NULL && migrate_asker_is_by_domain(w.asker))
		add_key_names(&w);
	add_domains(&w, w.tables->domains, w.tables->subdomains);
	add_domains(&w, w.tables->exempt, false);
	count = proxy_index_count(w.keys);
	order = xcalloc(count + 1, sizeof(*order));
	w.texts = xcalloc(count + 1, sizeof(*w.texts));
	w.emitted = xcalloc(count + 1, sizeof(*w.emitted));
	for (size_t i = 0; i < count; i++)
		order[i] =
		    (struct ranked){rank_of(proxy_index_key(w.keys, i)), i};
	qsort(order, count, sizeof(*order), compare);
	for (size_t i = 0; i < count; i++)
		settle_key(&w, order[i].number);
	for (size_t i = 0; i < count; i++)
		strbuf_clear(&w.texts[i]);
	free(order);
	free(w.texts);
	free(w.emitted);
	proxy_index_free(w.keys);
	migrate_asker_free(w.asker);
}

void
migrate_entry_print(const struct migrate_entry *entry, const char *options,
    const char *(*key)(void *ctx, const struct migrate_signature *), void *ctx,
    struct strbuf *out)
{
	if (entry->count == 0)
		strbuf_add_str(out, "none");
	for (size_t i = 0; i < entry->count; i++) {
		const struct migrate_signature *s = &entry->list[i];

		strbuf_addf(out, "%sdkim(d=%s, s=%s", i == 0 ? "" : ", ",
		    s->domain, s->selector);
		if (s->identity != NULL)
			strbuf_addf(out, ", i=%s", s->identity);
		strbuf_addf(out, ", key=%s%s%s)", key(ctx, s),
		    options[0] == '\0' ? "" : ", ", options);
	}
}
