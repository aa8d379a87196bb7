/* OpenDKIM's data sets (opendkim(8), DATA SETS); see migrate_lines.h. */
#include <stdlib.h>

#include "base/escape.h"
#include "base/xalloc.h"
#include "cli/migrate_lines.h"
#include "proxy/settings/config.h"

enum { ENTRIES_MAX = 1000 * 1000, SHOWN_MAX = 100, REASON_MAX = 1000 };

void
migrate_set_clear(struct migrate_set *set)
{
	free(set->list);
	*set = (struct migrate_set){.type = set->type, .kind = set->kind};
}

static void
add_set_entry(struct migrate_set *set, const struct migrate_set_entry *entry)
{
	if (set->count == ENTRIES_MAX)
		return;
	if (set->count == set->room) {
		set->room = set->room == 0 ? 32 : 2 * set->room;
		set->list =
		    xreallocarray(set->list, set->room, sizeof(*set->list));
	}
	set->list[set->count++] = *entry;
}

/* What a data set's text is: its type, and the file or the list behind it.
 * "csl:a,b", "refile:/path", "/path", "a, b". */
static enum migrate_set_type
type_of_set(struct slice text, struct slice *rest, struct slice *kind)
{
	size_t colon = slice_find(text, ':'), comma = slice_find(text, ',');

	*rest = text;
	*kind = SLICE("");
	if (colon == text.n || comma < colon) {
		if (slice_ends_nocase(text, SLICE(".db"))) {
			*kind = SLICE("db");
			return MIGRATE_SET_OTHER;
		}
		return text.n > 0 && text.p[0] == '/' ? MIGRATE_SET_FILE
						      : MIGRATE_SET_LIST;
	}
	*kind = slice_first(text, colon);
	*rest = slice_trim(slice_after(text, colon + 1));
	if (slice_equal_nocase(*kind, SLICE("csl")))
		return MIGRATE_SET_LIST;
	if (slice_equal_nocase(*kind, SLICE("file")))
		return MIGRATE_SET_FILE;
	if (slice_equal_nocase(*kind, SLICE("refile")))
		return MIGRATE_SET_REFILE;
	return MIGRATE_SET_OTHER;
}

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* A key, white space, a value. Of a file of patterns a line that begins with
 * white space is none, as OpenDKIM reads it: its key is empty here. */
static void
read_line(struct migrate_set *set, struct migrate_pool *pool,
    struct migrate_set_entry *entry, struct slice line)
{
	size_t n = 0;

	line = slice_first(line, slice_find(line, '#'));
	if (set->type != MIGRATE_SET_REFILE)
		while (line.n > 0 && is_space(line.p[0]))
			line = slice_after(line, 1);
	while (line.n > 0 && is_space(line.p[line.n - 1]))
		line.n--;
	if (line.n == 0)
		return;
	while (n < line.n && !is_space(line.p[n]))
		n++;
	entry->key = migrate_pool_keep(pool, slice_first(line, n));
	while (n < line.n && is_space(line.p[n]))
		n++;
	entry->value = migrate_pool_keep(pool, slice_after(line, n));
	add_set_entry(set, entry);
}

static void
read_set_lines(struct migrate_set *set, struct migrate_pool *pool,
    const char *file, struct slice text)
{
	struct migrate_set_entry entry = {.file = file};
	struct slice line;

	while (text.n > 0 && slice_cut(&text, '\n', &line)) {
		entry.line++;
		/* What C strings end at ends the line for OpenDKIM as well. */
		line = slice_first(line, slice_find(line, '\0'));
		read_line(set, pool, &entry, line);
	}
}

static int
complain(const struct migrate_reading *reading,
    const struct migrate_setting *setting, const char *text,
    struct slice foreign)
{
	strbuf_addf(reading->errors, "%s:%u: %s: %s", setting->file,
	    setting->line, setting->name, text);
	if (foreign.n > 0) {
		strbuf_add_char(reading->errors, ' ');
		escape_text(slice_first(foreign, SHOWN_MAX), reading->errors);
	}
	strbuf_add_char(reading->errors, '\n');
	return -1;
}

static int
read_file(struct migrate_set *set, const struct migrate_setting *setting,
    const char *path, const struct migrate_reading *reading)
{
	const struct migrate_files *files = reading->files;
	struct strbuf text, reason;
	int outcome;

	strbuf_init(&text, PROXY_CONFIG_MAP_MAX);
	strbuf_init(&reason, REASON_MAX);
	outcome = files->read(files->ctx, path, &text, &reason);
	if (outcome != 0) {
		strbuf_add_char(&reason, ':');
		(void)complain(
		    reading, setting, strbuf_text(&reason), slice_str(path));
	} else {
		read_set_lines(set, reading->pool, path, strbuf_slice(&text));
	}
	strbuf_clear(&text);
	strbuf_clear(&reason);
	return outcome;
}

int
migrate_set_read(struct migrate_set *set, const struct migrate_setting *setting,
    const char *folder, const struct migrate_reading *reading)
{
	struct slice rest, kind;

	set->type = type_of_set(slice_str(setting->value), &rest, &kind);
	set->kind = migrate_pool_keep(reading->pool, kind);
	if (set->type == MIGRATE_SET_OTHER)
		return 0;
	if (set->type == MIGRATE_SET_LIST) {
		struct migrate_pool *pool = reading->pool;
		struct slice list = rest;
		struct slice item;

		/* "a, b=c" */
		while (list.n > 0) {
			size_t n = slice_find(list, ',');

			item = slice_trim(slice_first(list, n));
			list = slice_after(list, n + 1);
			n = slice_find(item, '=');
			if (item.n == 0)
				continue;
			add_set_entry(set,
			    &(struct migrate_set_entry){
				.key = migrate_pool_keep(
				    pool, slice_trim(slice_first(item, n))),
				.value = migrate_pool_keep(
				    pool, slice_trim(slice_after(item, n + 1))),
				.file = setting->file,
				.line = setting->line});
		}
		return 0;
	}
	if (rest.n > 0 && rest.p[0] == '/')
		return read_file(set, setting,
		    migrate_pool_keep(reading->pool, rest), reading);
	if (folder == NULL || rest.n == 0)
		return complain(reading, setting,
		    "OpenDKIM looked for it where it was started; write the "
		    "whole path:",
		    rest);
	return read_file(set, setting,
	    migrate_pool_printf(
		reading->pool, "%s/%.*s", folder, (int)rest.n, rest.p),
	    reading);
}
