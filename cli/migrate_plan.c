/*
 * A move, in values; see migrate_plan.h. Nothing is touched before all of it
 * is known: who moves wants to read what would become of his mail, and a plan
 * that fails half way is worse than none.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/xalloc.h"
#include "cli/migrate_options.h"
#include "cli/migrate_plan.h"
#include "proxy/settings/config.h"
#include "proxy/settings/dkimproxy.h"
#include "proxy/settings/index.h"

enum { LINES_MAX = 16 * 1024 * 1024, SHOWN_MAX = 200 };

void
migrate_plan_init(struct migrate_plan *plan, enum migrate_program program,
    const struct migrate_files *files)
{
	struct strbuf *const texts[] = {&plan->out_text, &plan->in_text,
	    &plan->dns_text, &plan->errors, &plan->todo, &plan->differs};

	*plan = (struct migrate_plan){
	    .program = program, .files = files, .signature_options = ""};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		strbuf_init(texts[i], LINES_MAX);
	strbuf_init(&plan->sender_map.text, PROXY_CONFIG_MAP_MAX);
	strbuf_init(&plan->listid_map.text, PROXY_CONFIG_MAP_MAX);
}

void
migrate_plan_clear(struct migrate_plan *plan)
{
	struct strbuf *const texts[] = {&plan->out_text, &plan->in_text,
	    &plan->dns_text, &plan->errors, &plan->todo, &plan->differs,
	    &plan->sender_map.text, &plan->listid_map.text};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		strbuf_clear(texts[i]);
	migrate_settings_clear(&plan->settings);
	free(plan->keys.list);
	free(plan->entries);
	free(plan->internal.list);
	free(plan->peers.list);
	migrate_pool_clear(&plan->pool);
}

void
migrate_plan_read(
    struct migrate_plan *plan, const char *name, struct slice text)
{
	const struct migrate_reading reading = {
	    &plan->pool, &plan->settings, plan->files, &plan->errors};
	const char *file = migrate_pool_keep(&plan->pool, slice_str(name));

	if (plan->program == MIGRATE_DKIMPROXY)
		migrate_lines_dkimproxy(&reading, file, text);
	else
		migrate_lines_opendkim(&reading, file, text);
}

void
migrate_plan_make(struct migrate_plan *plan)
{
	if (plan->errors.n > 0)
		return;
	if (plan->program == MIGRATE_DKIMPROXY)
		migrate_plan_dkimproxy(plan);
	else
		migrate_plan_opendkim(plan);
}

void
migrate_plan_tell(struct migrate_plan *plan, struct migrate_setting *setting,
    const char *fmt, ...)
{
	struct strbuf text;
	va_list args;

	strbuf_init(&text, LINES_MAX);
	if (setting->told != NULL)
		strbuf_addf(&text, "%s; ", setting->told);
	va_start(args, fmt);
	strbuf_addv(&text, fmt, args);
	va_end(args);
	setting->told = migrate_pool_keep(&plan->pool, strbuf_slice(&text));
	strbuf_clear(&text);
}

void
migrate_plan_note(struct strbuf *to, const struct migrate_setting *setting,
    const char *fmt, ...)
{
	struct strbuf text;
	va_list args;

	strbuf_init(&text, LINES_MAX);
	strbuf_addf(
	    &text, "%s:%u: %s: ", setting->file, setting->line, setting->name);
	va_start(args, fmt);
	strbuf_addv(&text, fmt, args);
	va_end(args);
	/* Theirs is in it. */
	escape_text(strbuf_slice(&text), to);
	strbuf_add_char(to, '\n');
	strbuf_clear(&text);
}

void
migrate_plan_refuse_auto(
    struct migrate_plan *plan, const struct migrate_setting *selector)
{
	if (selector != NULL &&
	    slice_equal_nocase(
		slice_str(selector->value), SLICE(PROXY_SELECTOR_AUTO)))
		migrate_plan_note(&plan->errors, selector,
		    "here this word says that a file names the selector; sign "
		    "with a key of another name first, and publish that");
}

size_t
migrate_keys_add(struct migrate_keys *keys, const struct migrate_key *key)
{
	for (size_t i = 0; i < keys->count; i++)
		if (strcmp(keys->list[i].path, key->path) == 0)
			return i;
	if (keys->count == keys->room) {
		keys->room = keys->room == 0 ? 16 : 2 * keys->room;
		keys->list =
		    xreallocarray(keys->list, keys->room, sizeof(*keys->list));
	}
	keys->list[keys->count] = *key;
	return keys->count++;
}

const char *
migrate_plan_value(
    struct migrate_plan *plan, const char *name, const char *otherwise)
{
	const struct migrate_setting *setting =
	    migrate_settings_find(&plan->settings, name);

	return setting == NULL ? otherwise : setting->value;
}

/* --- our texts --- */

/* The text with each key's path as it is now. */
static void
add_used(const struct migrate_plan *plan, struct slice text, struct strbuf *out)
{
	static const char *const names[] = {"keyfile = ", "keyfile=", "key="};
	struct slice path;

	while (text.n > 0) {
		size_t at = text.n, name = 0;

		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			size_t its = slice_search(text, slice_str(names[i]));

			if (its < at) {
				at = its;
				name = i;
			}
		}
		if (at == text.n) {
			strbuf_add(out, text);
			return;
		}
		at += strlen(names[name]);
		strbuf_add(out, slice_first(text, at));
		text = slice_after(text, at);
		path = slice_first(text, slice_find(text, ','));
		path = slice_first(path, slice_find(path, ')'));
		path = slice_first(path, slice_find(path, '\n'));
		text = slice_after(text, path.n);
		path = slice_trim(path);
		for (size_t i = 0; i < plan->keys.count; i++)
			if (slice_equal(
				path, slice_str(plan->keys.list[i].path)))
				path = slice_str(plan->keys.list[i].use);
		strbuf_add(out, path);
	}
}

void
migrate_plan_print_conf(const struct migrate_plan *plan, const char *sender_map,
    const char *listid_map, struct strbuf *out)
{
	strbuf_addf(out,
	    "# Made by `signpost migrate %s'. signpost.conf(5) has all "
	    "settings.\n",
	    plan->program == MIGRATE_DKIMPROXY ? "dkimproxy" : "opendkim");
	if (plan->out) {
		strbuf_add_str(out, "\n[out]\n");
		add_used(plan, strbuf_slice(&plan->out_text), out);
		if (sender_map != NULL)
			strbuf_addf(out, "sender_map = %s\n", sender_map);
		if (listid_map != NULL)
			strbuf_addf(out, "listid_map = %s\n", listid_map);
	}
	if (plan->in) {
		strbuf_add_str(out, "\n[in]\n");
		strbuf_add(out, strbuf_slice(&plan->in_text));
	}
	if (plan->dns_text.n > 0) {
		strbuf_add_str(out, "\n[dns]\n");
		strbuf_add(out, strbuf_slice(&plan->dns_text));
	}
}

static const char *
use_of(void *ctx, const struct migrate_signature *signature)
{
	const struct migrate_plan *plan = ctx;

	for (size_t i = 0; i < plan->keys.count; i++)
		if (strcmp(plan->keys.list[i].path, signature->key) == 0)
			return plan->keys.list[i].use;
	return signature->key;
}

static bool
has_moved(const struct migrate_plan *plan)
{
	for (size_t i = 0; i < plan->keys.count; i++)
		if (strcmp(plan->keys.list[i].path, plan->keys.list[i].use) !=
		    0)
			return true;
	return false;
}

/* One of DKIMproxy's maps: as it is, but for what we could not take. */
static bool
print_map(const struct migrate_plan *plan, const struct migrate_map *map,
    struct strbuf *out)
{
	struct strbuf moved;
	bool same;

	if (map->path == NULL)
		return false;
	if (!map->rewritten && !has_moved(plan))
		return false;
	strbuf_init(&moved, PROXY_CONFIG_MAP_MAX);
	add_used(plan, strbuf_slice(&map->text), &moved);
	same = !map->rewritten &&
	    slice_equal(strbuf_slice(&moved), strbuf_slice(&map->text));
	if (!same)
		strbuf_add(out, strbuf_slice(&moved));
	strbuf_clear(&moved);
	return !same;
}

bool
migrate_plan_print_sender_map(
    const struct migrate_plan *plan, struct strbuf *out)
{
	struct migrate_plan *ctx = (struct migrate_plan *)(uintptr_t)plan;

	if (plan->entry_count == 0)
		return print_map(plan, &plan->sender_map, out);
	strbuf_add_str(out,
	    "# Made by `signpost migrate opendkim'. signpost.conf(5), MAPS: "
	    "*@DOMAIN is\n# exactly that domain, DOMAIN what is below it "
	    "too.\n");
	for (size_t i = 0; i < plan->entry_count; i++) {
		strbuf_addf(out, "%s\t", plan->entries[i].key);
		migrate_entry_print(&plan->entries[i], plan->signature_options,
		    use_of, ctx, out);
		strbuf_add_char(out, '\n');
	}
	return true;
}

bool
migrate_plan_print_listid_map(
    const struct migrate_plan *plan, struct strbuf *out)
{
	return print_map(plan, &plan->listid_map, out);
}

/* --- the report --- */

/* What the tables say of a setting. */
static void
add_table(const struct migrate_plan *plan,
    const struct migrate_setting *setting, struct strbuf *out)
{
	const struct migrate_option *option;
	const struct proxy_dkimproxy_option *other;

	if (plan->program == MIGRATE_DKIMPROXY) {
		other = proxy_dkimproxy_option_find(slice_str(setting->name));
		strbuf_add_str(out, other->advice);
		return;
	}
	option = migrate_option_find(slice_str(setting->name));
	if (option->ours != NULL)
		strbuf_addf(out, "%s%s", option->ours,
		    option->advice[0] == '\0' ? "" : ": ");
	else if (option->fate != MIGRATE_DONE)
		strbuf_add_str(out, "nothing: ");
	strbuf_add_str(out, option->advice);
}

static void
add_report_setting(const struct migrate_plan *plan,
    const struct migrate_setting *setting, struct strbuf *out)
{
	strbuf_addf(out, "%s:%u: ", setting->file, setting->line);
	escape_text(slice_first(slice_str(setting->name), SHOWN_MAX), out);
	strbuf_add_char(out, ' ');
	/* A password is nobody's business. */
	if (slice_equal_nocase(
		slice_str(setting->name), SLICE("LDAPBindPassword")))
		strbuf_add_str(out, "...");
	else
		escape_text(
		    slice_first(slice_str(setting->value), SHOWN_MAX), out);
	strbuf_add_str(out, "\n\t");
	if (setting->told != NULL)
		escape_text(slice_str(setting->told), out);
	else
		add_table(plan, setting, out);
	strbuf_add_char(out, '\n');
}

/* Each line once, below a head; nothing where there is none. */
static void
add_report_lines(struct slice lines, const char *head, struct strbuf *out)
{
	struct proxy_index *seen = proxy_index_new();
	struct slice line;

	if (lines.n > 0)
		strbuf_addf(out, "\n%s\n\n", head);
	while (lines.n > 0 && slice_cut(&lines, '\n', &line)) {
		size_t count = proxy_index_count(seen);

		if (line.n == 0 || proxy_index_add(seen, line) < count)
			continue;
		strbuf_add(out, line);
		strbuf_add_char(out, '\n');
	}
	proxy_index_free(seen);
}

void
migrate_plan_print_report(const struct migrate_plan *plan, struct strbuf *out)
{
	strbuf_add_str(
	    out, "Each of their options, and what became of it:\n\n");
	for (size_t i = 0; i < plan->settings.count; i++)
		add_report_setting(plan, &plan->settings.list[i], out);
	add_report_lines(strbuf_slice(&plan->todo),
	    "What a person has to do, for it could not be carried over:", out);
	add_report_lines(strbuf_slice(&plan->differs),
	    "What is otherwise from now on:", out);
}
