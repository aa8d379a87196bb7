/*
 * Theirs as settings and entries; see migrate_lines.h. Read as their program
 * reads it, with its odd cases: a line that we understand better than it does
 * would be signed otherwise than it was.
 */
#include <stdarg.h>
#include <stdlib.h>

#include "base/escape.h"
#include "base/number.h"
#include "base/xalloc.h"
#include "cli/migrate_lines.h"
#include "cli/migrate_options.h"
#include "proxy/settings/config.h"
#include "proxy/settings/dkimproxy.h"

enum {
	INCLUDE_MAX = 5,	   /* levels, as OpenDKIM has it */
	SETTINGS_MAX = 100 * 1000, /* of all files together */
	SHOWN_MAX = 100,
	TEXT_MAX = 64 * 1024
};

/* --- copies --- */

static const char *
take(struct migrate_pool *pool, char *text)
{
	if (pool->count == pool->room) {
		pool->room = pool->room == 0 ? 64 : 2 * pool->room;
		pool->list =
		    xreallocarray(pool->list, pool->room, sizeof(*pool->list));
	}
	pool->list[pool->count++] = text;
	return text;
}

const char *
migrate_pool_keep(struct migrate_pool *pool, struct slice text)
{
	return take(pool, xslicedup(text));
}

const char *
migrate_pool_printf(struct migrate_pool *pool, const char *fmt, ...)
{
	struct strbuf text;
	va_list args;

	strbuf_init(&text, TEXT_MAX);
	va_start(args, fmt);
	strbuf_addv(&text, fmt, args);
	va_end(args);
	return take(pool, strbuf_detach(&text));
}

void
migrate_pool_clear(struct migrate_pool *pool)
{
	for (size_t i = 0; i < pool->count; i++)
		free(pool->list[i]);
	free(pool->list);
	*pool = (struct migrate_pool){NULL, 0, 0};
}

/* --- settings --- */

void
migrate_settings_clear(struct migrate_settings *settings)
{
	free(settings->list);
	*settings = (struct migrate_settings){NULL, 0, 0};
}

struct migrate_setting *
migrate_settings_find(struct migrate_settings *settings, const char *name)
{
	for (size_t i = settings->count; i > 0; i--)
		if (slice_equal_nocase(
			slice_str(settings->list[i - 1].name), slice_str(name)))
			return &settings->list[i - 1];
	return NULL;
}

bool
migrate_is_yes(const char *value)
{
	return value[0] == 't' || value[0] == 'T' || value[0] == 'y' ||
	    value[0] == 'Y' || value[0] == '1';
}

/* A line of a file. */
struct place {
	const struct migrate_reading *reading;
	const char *file;
	unsigned line;
};

static void
begin_complaint(const struct place *at, const char *what, struct slice foreign)
{
	struct strbuf *errors = at->reading->errors;

	strbuf_addf(errors, "%s:%u: %s", at->file, at->line, what);
	if (foreign.n > 0) {
		strbuf_add_str(errors, " \"");
		escape_text(slice_first(foreign, SHOWN_MAX), errors);
		strbuf_add_char(errors, '"');
	}
}

static void
complain(const struct place *at, const char *what, struct slice foreign)
{
	begin_complaint(at, what, foreign);
	strbuf_add_char(at->reading->errors, '\n');
}

/* An option of the other program says that its file was named for this
 * one's. */
static void
complain_of_name(const struct place *at, const char *what, struct slice name,
    const char *other)
{
	begin_complaint(at, what, name);
	if (other != NULL)
		strbuf_addf(at->reading->errors,
		    "; it is one of %s's: signpost migrate %s", other,
		    other[0] == 'O' ? "opendkim" : "dkimproxy");
	strbuf_add_char(at->reading->errors, '\n');
}

static void
take_setting(const struct place *at, struct slice name, struct slice value)
{
	struct migrate_settings *to = at->reading->settings;

	if (to->count == SETTINGS_MAX) {
		complain(at, "too many settings", SLICE(""));
		return;
	}
	if (to->count == to->room) {
		to->room = to->room == 0 ? 32 : 2 * to->room;
		to->list = xreallocarray(to->list, to->room, sizeof(*to->list));
	}
	to->list[to->count++] = (struct migrate_setting){.file = at->file,
	    .line = at->line,
	    .name = migrate_pool_keep(at->reading->pool, name),
	    .value = migrate_pool_keep(at->reading->pool, value)};
}

/* Up to the first blank, or one of `more`. */
static struct slice
cut_word(struct slice *rest, const char *more)
{
	struct slice word = *rest;
	size_t n = 0;

	while (n < rest->n && !ascii_is_blank(rest->p[n]) &&
	    slice_find(slice_str(more), rest->p[n]) == strlen(more))
		n++;
	*rest = slice_trim(slice_after(*rest, n));
	return slice_first(word, n);
}

/* A NUL would hide what stands behind it. */
static bool
has_nul(const struct place *at, struct slice line)
{
	if (slice_find(line, '\0') == line.n)
		return false;
	complain(at, "a NUL in this line", SLICE(""));
	return true;
}

/* --- DKIMproxy --- */

/* Up to a # that has no backslash before it; with one it is just a #. */
static void
drop_comment(struct slice line, struct strbuf *to)
{
	for (size_t i = 0; i < line.n; i++) {
		if (line.p[i] == '#')
			return;
		if (line.p[i] == '\\' && i + 1 < line.n && line.p[i + 1] == '#')
			i++;
		strbuf_add_char(to, line.p[i]);
	}
}

static void
read_dkimproxy_line(const struct place *at, struct slice line)
{
	struct slice name, rest = slice_trim(line);

	if (rest.n == 0 || has_nul(at, line))
		return;
	name = cut_word(&rest, "=:");
	if (rest.n > 0 && (rest.p[0] == '=' || rest.p[0] == ':'))
		rest = slice_trim(slice_after(rest, 1));
	if (slice_starts_nocase(name, SLICE("--")))
		name = slice_after(name, 2);
	if (name.n == 0)
		complain(at, "no option in this line", line);
	else if (proxy_dkimproxy_option_find(name) == NULL)
		complain_of_name(at, "DKIMproxy has no option", name,
		    migrate_option_find(name) != NULL ? "OpenDKIM" : NULL);
	else
		take_setting(at, name, rest);
}

void
migrate_lines_dkimproxy(
    const struct migrate_reading *reading, const char *file, struct slice text)
{
	struct place at = {reading, file, 0};
	struct slice line;
	struct strbuf bare;

	strbuf_init(&bare, text.n + 1);
	while (text.n > 0 && slice_cut(&text, '\n', &line)) {
		at.line++;
		strbuf_reset(&bare);
		drop_comment(line, &bare);
		read_dkimproxy_line(&at, strbuf_slice(&bare));
	}
	strbuf_clear(&bare);
}

/* --- OpenDKIM --- */

static void read_opendkim(const struct migrate_reading *, const char *file,
    struct slice text, unsigned level);

static void
include(const struct place *at, struct slice path, unsigned level)
{
	const struct migrate_files *files = at->reading->files;
	const char *name = migrate_pool_keep(at->reading->pool, path);
	struct strbuf text, reason;

	if (level == INCLUDE_MAX) {
		complain(at, "files include each other too deep:", path);
		return;
	}
	strbuf_init(&text, PROXY_CONFIG_FILE_MAX);
	strbuf_init(&reason, TEXT_MAX);
	if (files->read(files->ctx, name, &text, &reason) != 0)
		complain(at, strbuf_text(&reason), path);
	else
		read_opendkim(
		    at->reading, name, strbuf_slice(&text), level + 1);
	strbuf_clear(&text);
	strbuf_clear(&reason);
}

static bool
is_number(struct slice value)
{
	uint64_t number;

	if (value.n > 0 && (value.p[0] == '-' || value.p[0] == '+'))
		value = slice_after(value, 1);
	if (slice_starts_nocase(value, SLICE("0x")))
		return value.n > 2;
	return number_parse(value, UINT32_MAX, &number) == 0;
}

static void
read_option(const struct place *at, struct slice name, struct slice value,
    unsigned level)
{
	const struct migrate_option *option = migrate_option_find(name);
	const char *text;

	if (option == NULL) {
		complain_of_name(at, "OpenDKIM has no option", name,
		    proxy_dkimproxy_option_find(name) != NULL ? "DKIMproxy"
							      : NULL);
		return;
	}
	if (value.n == 0) {
		complain(at, "no value behind", name);
		return;
	}
	text = migrate_pool_keep(at->reading->pool, value);
	if (option->type == MIGRATE_BOOL && !migrate_is_yes(text) &&
	    slice_find(SLICE("fFnN0"), text[0]) == 5)
		complain(at, "neither yes nor no:", value);
	else if (option->type == MIGRATE_INT && !is_number(value))
		complain(at, "no number:", value);
	else
		take_setting(at, name, value);
	if (slice_equal_nocase(name, SLICE("Include")))
		include(at, value, level);
}

static void
read_opendkim(const struct migrate_reading *reading, const char *file,
    struct slice text, unsigned level)
{
	struct place at = {reading, file, 0};
	struct slice line, name, rest;

	while (text.n > 0 && slice_cut(&text, '\n', &line)) {
		at.line++;
		line = slice_first(line, slice_find(line, '#'));
		line = slice_first(line, slice_find(line, '\r'));
		rest = slice_trim(line);
		if (rest.n == 0 || has_nul(&at, line))
			continue;
		name = cut_word(&rest, "");
		read_option(&at, name, rest, level);
	}
}

void
migrate_lines_opendkim(
    const struct migrate_reading *reading, const char *file, struct slice text)
{
	read_opendkim(reading, file, text, 0);
}
