/* Maps from an address or list-id to signatures, in memory. */
#include <stdlib.h>

#include "base/escape.h"
#include "base/xalloc.h"
#include "dkim/field_list.h"
#include "mail/idn.h"
#include "proxy/settings/index.h"
#include "proxy/settings/sign_map.h"

#define REASON_MAX 512
#define WHERE_MAX  4096
/* Bytes of a key: an address (RFC 5321 section 4.5.3.1.3) and some. */
#define KEY_MAX 512

struct proxy_sign_map {
	struct proxy_index *keys;
	struct proxy_sign_entry *entries; /* by the key's number */
	size_t room;
};

/* One reading of one map. */
struct reading {
	struct proxy_sign_map *map;
	const char *name;
	unsigned line;
	const struct proxy_sign_defaults *defaults;
	struct proxy_report *report;
	unsigned notes; /* reported already */
};

/* Lower case; the domain in A-labels, where it is a domain. */
static void
normalize_key(struct slice key, struct strbuf *out)
{
	size_t i, at = slice_find_last(key, '@');
	struct slice domain = at < key.n ? slice_after(key, at + 1) : key;

	for (i = 0; i < key.n - domain.n; i++)
		strbuf_add_char(out, ascii_lower(key.p[i]));
	if (mail_idn_to_ascii(domain, out) == 0)
		return;
	for (i = 0; i < domain.n; i++)
		strbuf_add_char(out, ascii_lower(domain.p[i]));
}

static struct proxy_sign_entry *
add_entry(struct reading *r, struct slice key)
{
	struct proxy_sign_map *map = r->map;
	size_t count = proxy_index_count(map->keys);
	size_t number = proxy_index_add(map->keys, key);

	if (number < count) {
		strbuf_addf(&r->report->warnings,
		    "%s:%u: this key stands above already; the last one "
		    "counts\n",
		    r->name, r->line);
		proxy_signatures_clear(&map->entries[number].signatures);
		return &map->entries[number];
	}
	if (number == map->room) {
		map->room = map->room == 0 ? 64 : map->room * 2;
		map->entries = xreallocarray(
		    map->entries, map->room, sizeof(*map->entries));
	}
	map->entries[number] = (struct proxy_sign_entry){
	    .key = proxy_index_key(map->keys, number)};
	return &map->entries[number];
}

static void
warn(struct reading *r, const char *text)
{
	strbuf_addf(
	    &r->report->warnings, "%s:%u: %s\n", r->name, r->line, text);
}

/* `none` says so; nothing at all does too, as DKIMproxy has it, where white
 * space that nobody sees stands behind the key. */
static bool
is_none(struct reading *r, struct slice value)
{
	if (value.n == 0)
		warn(r,
		    "nothing stands behind this key, so mail is not signed: "
		    "write `none' there");
	return value.n == 0 || slice_equal_nocase(value, SLICE("none"));
}

static void
read_entry(struct reading *r, struct slice key, struct slice value)
{
	struct proxy_sign_entry *entry = add_entry(r, key);
	struct proxy_sign_source source = {r->defaults, NULL, false};
	struct strbuf reason, where;
	unsigned notes = 0;
	unsigned fresh;

	strbuf_init(&reason, REASON_MAX);
	strbuf_init(&where, WHERE_MAX);
	strbuf_addf(&where, "%s:%u", r->name, r->line);
	source.where = strbuf_text(&where);
	/* The catch-all names no domain of its own. */
	source.needs_domain = slice_equal(key, SLICE("."));
	if (!is_none(r, value) &&
	    proxy_signatures_parse(
		&entry->signatures, value, &source, &notes, &reason) != 0)
		strbuf_addf(&r->report->errors, "%s: %s\n", source.where,
		    strbuf_text(&reason));
	fresh = notes & ~r->notes;
	r->notes |= notes;
	if (fresh & PROXY_SIGN_NOTE_SHA1)
		warn(r,
		    "rsa-sha1 is forbidden for DKIM (RFC 8301); "
		    "rsa-sha256 is used instead, here and below");
	if (fresh & PROXY_SIGN_NOTE_NOWSP)
		warn(r,
		    "nowsp never became part of DKIM; relaxed/relaxed is "
		    "used instead, here and below");
	strbuf_clear(&reason);
	strbuf_clear(&where);
}

/* Reports a key that no sender has; false. */
static bool
can_match(struct reading *r, struct slice key)
{
	struct strbuf reason;
	bool can;

	strbuf_init(&reason, REASON_MAX);
	can =
	    proxy_sign_map_key_check(key, r->defaults->list_ids, &reason) == 0;
	if (!can) {
		strbuf_addf(
		    &r->report->errors, "%s:%u: the key \"", r->name, r->line);
		escape_text(slice_first(key, 200), &r->report->errors);
		strbuf_addf(&r->report->errors, "\" can never match: %s\n",
		    strbuf_text(&reason));
	}
	strbuf_clear(&reason);
	return can;
}

/* As DKIMproxy reads it: what is not KEY WHITE-SPACE VALUE is passed over,
 * which we say. */
static void
read_map_line(struct reading *r, struct slice line)
{
	struct slice text = slice_trim(line);
	struct strbuf key;
	size_t n = 0;

	if (text.n == 0 || text.p[0] == '#' || text.p[0] == ';')
		return;
	if (ascii_is_blank(line.p[0])) {
		warn(r, "a line that begins with white space is no entry");
		return;
	}
	while (n < line.n && !ascii_is_blank(line.p[n]))
		n++;
	if (n == line.n) {
		warn(r,
		    "a key with nothing behind it is no entry: write "
		    "signatures there, or `none'");
		return;
	}
	strbuf_init(&key, KEY_MAX);
	normalize_key(slice_first(line, n), &key);
	if (key.full || slice_find(line, '\0') != line.n)
		strbuf_addf(&r->report->errors,
		    "%s:%u: the key is no address or domain\n", r->name,
		    r->line);
	else if (can_match(r, slice_first(line, n)))
		read_entry(
		    r, strbuf_slice(&key), slice_trim(slice_after(line, n)));
	strbuf_clear(&key);
}

struct proxy_sign_map *
proxy_sign_map_parse(const char *name, struct slice text,
    const struct proxy_sign_defaults *defaults, struct proxy_report *report)
{
	struct proxy_sign_map *map = xcalloc(1, sizeof(*map));
	struct reading r = {map, name, 0, defaults, report, 0};
	struct slice line, rest = text;

	map->keys = proxy_index_new();
	while (rest.n > 0 && slice_cut(&rest, '\n', &line)) {
		r.line++;
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		read_map_line(&r, line);
	}
	return map;
}

void
proxy_sign_map_free(struct proxy_sign_map *map)
{
	size_t i;

	if (map == NULL)
		return;
	for (i = 0; i < proxy_index_count(map->keys); i++)
		proxy_signatures_clear(&map->entries[i].signatures);
	free(map->entries);
	proxy_index_free(map->keys);
	free(map);
}

size_t
proxy_sign_map_count(const struct proxy_sign_map *map)
{
	return proxy_index_count(map->keys);
}

const struct proxy_sign_entry *
proxy_sign_map_at(const struct proxy_sign_map *map, size_t index)
{
	return index < proxy_sign_map_count(map) ? &map->entries[index] : NULL;
}

static const struct proxy_sign_entry *
find_sender(const struct proxy_sign_map *map, struct slice key)
{
	size_t number = proxy_index_find(map->keys, key);

	return number == PROXY_INDEX_NONE ? NULL : &map->entries[number];
}

/* local+extension@domain as local@domain. */
static const struct proxy_sign_entry *
find_without_extension(
    const struct proxy_sign_map *map, struct slice address, size_t at)
{
	const struct proxy_sign_entry *entry = NULL;
	size_t plus = slice_find(slice_first(address, at), '+');
	struct strbuf key;

	if (plus >= at)
		return NULL;
	strbuf_init(&key, KEY_MAX);
	strbuf_add(&key, slice_first(address, plus));
	strbuf_add(&key, slice_after(address, at));
	if (!key.full)
		entry = find_sender(map, strbuf_slice(&key));
	strbuf_clear(&key);
	return entry;
}

/* `*@` and the domain: its own addresses, and not those of what is below. */
static const struct proxy_sign_entry *
find_exact(const struct proxy_sign_map *map, struct slice domain)
{
	const struct proxy_sign_entry *entry = NULL;
	struct strbuf key;

	strbuf_init(&key, KEY_MAX);
	strbuf_add_str(&key, "*@");
	if (strbuf_add(&key, domain) == 0)
		entry = find_sender(map, strbuf_slice(&key));
	strbuf_clear(&key);
	return entry;
}

const struct proxy_sign_entry *
proxy_sign_map_find(const struct proxy_sign_map *map, struct slice address)
{
	const struct proxy_sign_entry *entry = find_sender(map, address);
	size_t at = slice_find_last(address, '@');
	struct slice domain = address;

	if (entry == NULL && at < address.n) {
		entry = find_without_extension(map, address, at);
		domain = slice_after(address, at + 1);
	}
	if (entry == NULL)
		entry = find_exact(map, domain);
	if (entry == NULL)
		entry = find_sender(map, domain);
	while (entry == NULL && slice_find(domain, '.') < domain.n) {
		domain = slice_after(domain, slice_find(domain, '.') + 1);
		entry = domain.n == 0 ? NULL : find_sender(map, domain);
	}
	return entry != NULL ? entry : find_sender(map, SLICE("."));
}
