/* DKIMproxy's signatures and maps: what we read otherwise is written anew. */
#include <string.h>

#include "base/escape.h"
#include "cli/migrate_dkimproxy_private.h"
#include "proxy/settings/config.h"
#include "proxy/settings/sign_map.h"

enum { VALUE_MAX = 64 * 1024, REASON_MAX = 1000 };

/* --- signatures --- */

/* The c= that a signature without one has; NULL: ours is the same. */
static const char *
usual_method(struct migrate_dkimproxy *m, bool domainkeys)
{
	const char *own = migrate_dkimproxy_value(
	    m, m->out, domainkeys ? "domainkeys_method" : "dkim_method");
	const char *method =
	    own != NULL ? own : migrate_dkimproxy_value(m, m->out, "method");

	if (method == NULL ||
	    strcmp(method, domainkeys ? "nofws" : "relaxed") == 0)
		return NULL;
	return method;
}

/* Has it that option, by either name? */
static bool
has_option(struct slice one, const char *letter, const char *name)
{
	struct slice rest = slice_after(one, slice_find(one, '(') + 1), item;

	while (rest.n > 0 && slice_cut(&rest, ',', &item)) {
		item = slice_trim(slice_first(item, slice_find(item, '=')));
		if (slice_equal_nocase(item, slice_str(letter)) ||
		    slice_equal_nocase(item, slice_str(name)))
			return true;
	}
	return false;
}

/* "dkim(a=b)" with the c= that DKIMproxy would give it. */
static bool
add_method(struct migrate_dkimproxy *m, struct slice one, struct strbuf *to)
{
	bool domainkeys = slice_starts_nocase(one, SLICE("domainkeys"));
	const char *method = usual_method(m, domainkeys);
	size_t paren = slice_find(one, '(');

	if (method == NULL || has_option(one, "c", "method")) {
		strbuf_add(to, one);
		return false;
	}
	strbuf_add(to, slice_first(one, paren));
	strbuf_addf(to, "(c=%s", method);
	if (paren < one.n)
		strbuf_addf(
		    to, ", %.*s", (int)(one.n - paren - 1), one.p + paren + 1);
	else
		strbuf_add_char(to, ')');
	return true;
}

/* The same for each of a list; true where something was added. */
bool
migrate_dkimproxy_methods(
    struct migrate_dkimproxy *m, struct slice list, struct strbuf *to)
{
	bool added = false;
	size_t from = 0;
	int depth = 0;

	for (size_t i = 0; i <= list.n; i++) {
		char c = i < list.n ? list.p[i] : ',';

		depth += c == '(' ? 1 : c == ')' ? -1 : 0;
		if (c != ',' || (depth > 0 && i < list.n))
			continue;
		if (from > 0)
			strbuf_add_str(to, ", ");
		added |= add_method(
		    m, slice_trim(slice_from(list.p + from, i - from)), to);
		from = i + 1;
	}
	return added;
}

/* Every key that it names, and whether we can read it: 0, or -1 and the
 * reason. */
int
migrate_dkimproxy_collect(struct migrate_dkimproxy *m, struct slice text,
    bool needs_domain, struct migrate_setting *at, struct strbuf *reason)
{
	struct proxy_sign_defaults defaults = {
	    .selector = migrate_dkimproxy_value(m, m->out, "selector"),
	    .keyfile = migrate_dkimproxy_value(m, m->out, "keyfile"),
	    .keys = proxy_key_table_new()};
	const struct proxy_sign_source source = {
	    &defaults, at->file, needs_domain};
	struct proxy_signatures list = {NULL, 0};
	struct proxy_key_rule *rules;
	unsigned notes = 0;
	size_t count;
	int outcome =
	    proxy_signatures_parse(&list, text, &source, &notes, reason);

	rules = proxy_key_table_detach(defaults.keys, &count);
	for (size_t i = 0; i < list.count; i++) {
		const struct proxy_key_rule *rule =
		    &rules[list.list[i].key_rule];
		const char *path =
		    migrate_pool_keep(&m->plan->pool, slice_str(rule->file));
		const char *domain =
		    list.list[i].domain == NULL ? "" : list.list[i].domain;
		struct migrate_key key = {.path = path,
		    .use = path,
		    .domain =
			migrate_pool_keep(&m->plan->pool, slice_str(domain)),
		    .selector = migrate_pool_keep(
			&m->plan->pool, slice_str(list.list[i].selector)),
		    .file = at->file,
		    .line = at->line};

		(void)migrate_keys_add(&m->plan->keys, &key);
	}
	if ((notes & PROXY_SIGN_NOTE_SHA1) && list.count > 0)
		migrate_plan_note(&m->plan->differs, at,
		    "RFC 8301 forbids rsa-sha1 for DKIM; it is rsa-sha256 "
		    "now");
	proxy_signatures_clear(&list);
	proxy_key_rules_free(rules, count);
	return outcome;
}

/* --- maps --- */

/* One line of a map, as DKIMproxy reads it. */
struct map_line {
	struct migrate_setting at; /* file and line, and the key as its name */
	struct slice key, value;
};

/* KEY white space VALUE; comments and empty lines are kept as they are, any
 * other line is none. */
static bool
cut_entry(struct slice line, struct map_line *to)
{
	size_t n = 0;

	while (n < line.n && line.p[n] != ' ' &&
	    (line.p[n] < '\t' || line.p[n] > '\r'))
		n++;
	to->key = slice_first(line, n);
	to->value = slice_trim(slice_after(line, n));
	return n > 0 && n < line.n;
}

/* Did DKIMproxy ever find it? Then NULL, else why not. */
static const char *
why_never(struct slice key, bool list_ids)
{
	struct strbuf reason;
	int can;

	for (size_t i = 0; i < key.n; i++)
		if (ascii_lower(key.p[i]) != key.p[i])
			return "has capital letters, and what it looked for "
			       "had none";
	if (slice_starts_nocase(key, SLICE("*")))
		return "* stood for nothing but itself";
	strbuf_init(&reason, REASON_MAX);
	can = proxy_sign_map_key_check(key, list_ids, &reason);
	strbuf_clear(&reason);
	return can == 0 ? NULL : "no message has such an address";
}

/* Adds the line as it has to be; true where that is not as it was. */
static bool
convert_entry(struct migrate_dkimproxy *m, struct map_line *line, bool list_ids,
    struct strbuf *to)
{
	const char *never = why_never(line->key, list_ids);
	struct strbuf methods, reason;
	bool changed;

	if (never != NULL) {
		migrate_plan_note(&m->plan->differs, &line->at,
		    "DKIMproxy never found this key, for %s; the line is left "
		    "out",
		    never);
		return true;
	}
	strbuf_init(&methods, VALUE_MAX);
	strbuf_init(&reason, REASON_MAX);
	changed = migrate_dkimproxy_methods(m, line->value, &methods);
	if (migrate_dkimproxy_collect(m, strbuf_slice(&methods),
		slice_equal(line->key, SLICE(".")), &line->at, &reason) != 0)
		migrate_plan_note(
		    &m->plan->errors, &line->at, "%s", strbuf_text(&reason));
	strbuf_addf(to, "%.*s\t%s\n", (int)line->key.n, line->key.p,
	    changed && methods.n > 0 ? strbuf_text(&methods) : "");
	if (!changed) {
		strbuf_truncate(to, to->n - 1);
		strbuf_addf(to, "%.*s\n", (int)line->value.n,
		    line->value.p == NULL ? "" : line->value.p);
	}
	strbuf_clear(&methods);
	strbuf_clear(&reason);
	return changed;
}

static bool
convert_line(struct migrate_dkimproxy *m, struct map_line *line,
    struct slice text, bool list_ids, struct strbuf *to)
{
	struct slice bare = slice_trim(text);
	struct strbuf name;
	bool changed;

	if (bare.n == 0 || bare.p[0] == '#' || bare.p[0] == ';') {
		strbuf_add(to, text);
		strbuf_add_char(to, '\n');
		return false;
	}
	strbuf_init(&name, REASON_MAX);
	if (cut_entry(text, line)) {
		escape_text(slice_first(line->key, 200), &name);
		line->at.name = strbuf_text(&name);
		changed = convert_entry(m, line, list_ids, to);
	} else {
		escape_text(slice_first(bare, 200), &name);
		line->at.name = strbuf_text(&name);
		migrate_plan_note(&m->plan->differs, &line->at,
		    "DKIMproxy passed over this line; it is left out");
		changed = true;
	}
	strbuf_clear(&name);
	return changed;
}

void
migrate_dkimproxy_map(struct migrate_dkimproxy *m, const char *name,
    bool list_ids, struct migrate_map *map)
{
	struct migrate_setting *setting =
	    migrate_dkimproxy_find(m, m->out, name);
	const struct migrate_files *files = m->plan->files;
	struct map_line line = {.at = {.line = 0}};
	struct strbuf text, reason;
	struct slice rest, one;

	if (setting == NULL)
		return;
	map->path = setting->value;
	line.at.file = setting->value;
	strbuf_init(&text, PROXY_CONFIG_MAP_MAX);
	strbuf_init(&reason, REASON_MAX);
	if (setting->value[0] != '/')
		migrate_plan_note(&m->plan->errors, setting,
		    "DKIMproxy looked for it where it was started; write the "
		    "whole path");
	else if (files->read(files->ctx, map->path, &text, &reason) != 0)
		migrate_plan_note(&m->plan->errors, setting, "%s: %s",
		    map->path, strbuf_text(&reason));
	rest = strbuf_slice(&text);
	while (rest.n > 0 && slice_cut(&rest, '\n', &one)) {
		line.at.line++;
		map->rewritten |=
		    convert_line(m, &line, one, list_ids, &map->text);
	}
	if (!map->rewritten) {
		strbuf_reset(&map->text);
		strbuf_add(&map->text, strbuf_slice(&text));
	}
	if (!list_ids)
		migrate_plan_note(&m->plan->differs, setting,
		    "an address with a +extension is found as its manual has "
		    "it: without the extension, then by its domain; DKIMproxy "
		    "1.4.1 lost the @ there, and found nothing but a `.'");
	migrate_plan_tell(m->plan, setting, "[out] %s: %s", name,
	    map->rewritten ? "written anew, see below" : "kept as it is");
	strbuf_clear(&text);
	strbuf_clear(&reason);
}
