/* What each of a domain's keys is; see selectors.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/escape.h"
#include "base/number.h"
#include "base/xalloc.h"
#include "proxy/keys/key_files.h"
#include "proxy/keys/selectors.h"

/* Octets of a time as it is written; the last second of the year 9999. */
#define TIME_LENGTH 20
#define TIME_MAX    253402300799

static const char *const states[PROXY_SELECTOR_STATES] = {
    [PROXY_SELECTOR_STAGED] = "staged",
    [PROXY_SELECTOR_ACTIVE] = "active",
    [PROXY_SELECTOR_RETIRED] = "retired",
};

static const char *const moments[PROXY_SELECTOR_MOMENTS] = {
    [PROXY_SELECTOR_MADE] = "made",
    [PROXY_SELECTOR_SEEN] = "seen",
    [PROXY_SELECTOR_UNTIL] = "until",
    [PROXY_SELECTOR_SINCE] = "since",
    [PROXY_SELECTOR_USED] = "used",
    [PROXY_SELECTOR_LOST] = "lost",
    [PROXY_SELECTOR_MET] = "met",
    [PROXY_SELECTOR_LAME] = "lame",
    [PROXY_SELECTOR_TOLD] = "told",
};

/* A line, which is a key's, or a comment's, or empty. */
struct row {
	struct proxy_selector key; /* first: a key is its row */
	char *name;		   /* NULL: no key's */
	char *comment;		   /* behind a key's; NULL: none */
	char *text;		   /* as it was read; NULL: changed since */
};

struct proxy_selectors {
	struct row *rows;
	size_t count, room;
};

/* A line while it is read. */
struct line {
	const char *file;
	unsigned number;
	struct slice rest;
	struct strbuf *reason;
};

const char *
proxy_selector_state_name(enum proxy_selector_state state)
{
	return states[state];
}

/* --- times --- */

void
proxy_selector_time_print(int64_t when, struct strbuf *to)
{
	time_t t = (time_t)when;
	struct tm utc;

	if (gmtime_r(&t, &utc) != NULL)
		strbuf_addf(to, "%04d-%02d-%02dT%02d:%02d:%02dZ",
		    utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
		    utc.tm_hour, utc.tm_min, utc.tm_sec);
}

/* What is no day of a month comes out of it as another text than went in. */
int
proxy_selector_time_parse(struct slice text, int64_t *when)
{
	static const struct {
		size_t at, n;
	} fields[] = {{0, 4}, {5, 2}, {8, 2}, {11, 2}, {14, 2}, {17, 2}};
	uint64_t n[6];
	struct strbuf again;
	struct tm tm = {0};
	int result = -1;

	if (text.n != TIME_LENGTH)
		return -1;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (number_parse(slice_from(text.p + fields[i].at, fields[i].n),
			9999, &n[i]) != 0)
			return -1;
	tm.tm_year = (int)n[0] - 1900;
	tm.tm_mon = (int)n[1] - 1;
	tm.tm_mday = (int)n[2];
	tm.tm_hour = (int)n[3];
	tm.tm_min = (int)n[4];
	tm.tm_sec = (int)n[5];
	*when = timegm(&tm);
	strbuf_init(&again, TIME_LENGTH + 1);
	/* 0 is how "none" is kept. */
	if (*when > 0 && *when <= TIME_MAX) {
		proxy_selector_time_print(*when, &again);
		result = slice_equal(strbuf_slice(&again), text) ? 0 : -1;
	}
	strbuf_clear(&again);
	return result;
}

/* --- rows --- */

static struct row *
add_row(struct proxy_selectors *s)
{
	if (s->count == s->room) {
		s->room = s->room == 0 ? 8 : 2 * s->room;
		s->rows = xreallocarray(s->rows, s->room, sizeof(*s->rows));
		/* The names lie where they did; the views of them are in the
		 * rows. */
	}
	s->rows[s->count] = (struct row){0};
	return &s->rows[s->count++];
}

static void
clear_row(struct row *row)
{
	free(row->name);
	free(row->comment);
	free(row->text);
}

static struct row *
find_row(const struct proxy_selectors *s, struct slice name)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->rows[i].name != NULL &&
		    slice_equal_nocase(slice_str(s->rows[i].name), name))
			return &s->rows[i];
	return NULL;
}

/* As it is printed from now on. */
static void
mark_changed(struct row *row)
{
	free(row->text);
	row->text = NULL;
}

const struct proxy_selector *
proxy_selectors_next(
    const struct proxy_selectors *s, const struct proxy_selector *after)
{
	size_t i = 0;

	if (after != NULL)
		i = (size_t)((const struct row *)(const void *)after -
			s->rows) +
		    1;
	for (; i < s->count; i++)
		if (s->rows[i].name != NULL)
			return &s->rows[i].key;
	return NULL;
}

const struct proxy_selector *
proxy_selectors_first(const struct proxy_selectors *s, enum dkim_key_type type,
    enum proxy_selector_state state)
{
	const struct proxy_selector *key = NULL;

	while ((key = proxy_selectors_next(s, key)) != NULL)
		if (key->type == type && key->state == state)
			break;
	return key;
}

const struct proxy_selector *
proxy_selectors_find(const struct proxy_selectors *s, struct slice name)
{
	const struct row *row = find_row(s, name);

	return row == NULL ? NULL : &row->key;
}

/* --- reading --- */

/* "FILE:LINE: ", the text, and the word at fault in quotation marks. */
static int
complain_of_line(const struct line *line, const char *text, struct slice word)
{
	strbuf_addf(line->reason, "%s:%u: %s", line->file, line->number, text);
	if (word.n > 0) {
		strbuf_add_str(line->reason, " \"");
		escape_text(slice_first(word, 80), line->reason);
		strbuf_add_char(line->reason, '"');
	}
	return -1;
}

static struct slice
cut_selector_word(struct line *line)
{
	struct slice word = slice_trim(line->rest);
	size_t n = 0;

	while (n < word.n && !ascii_is_blank(word.p[n]))
		n++;
	line->rest = slice_trim(slice_after(word, n));
	return slice_first(word, n);
}

/* A word's number among the names; `count` where it is none of them. */
static size_t
find_word(struct slice word, const char *const *names, size_t count)
{
	size_t i = 0;

	while (i < count && !slice_equal_nocase(word, slice_str(names[i])))
		i++;
	return i;
}

static int
read_type(struct line *line, struct proxy_selector *key)
{
	static const enum dkim_key_type types[] = {
	    DKIM_KEY_RSA, DKIM_KEY_ED25519};
	struct slice word = cut_selector_word(line);

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (slice_equal_nocase(
			word, slice_str(dkim_key_type_name(types[i])))) {
			key->type = types[i];
			return 0;
		}
	return complain_of_line(
	    line, "a line begins with rsa or ed25519, not with", word);
}

static int
read_state(struct line *line, struct proxy_selector *key)
{
	struct slice word = cut_selector_word(line);
	size_t state = find_word(word, states, PROXY_SELECTOR_STATES);

	key->state = (enum proxy_selector_state)state;
	if (state < PROXY_SELECTOR_STATES)
		return 0;
	return complain_of_line(
	    line, "a key is staged, active or retired, not", word);
}

static int
read_moment(struct line *line, struct slice word, struct proxy_selector *key)
{
	size_t equals = slice_find(word, '=');
	size_t moment = find_word(
	    slice_first(word, equals), moments, PROXY_SELECTOR_MOMENTS);

	if (equals == word.n || moment == PROXY_SELECTOR_MOMENTS)
		return complain_of_line(line,
		    "behind a selector stand made=, seen=, until=, since=, "
		    "used=, lost=, lame= and told=, not",
		    word);
	if (key->moments[moment] != 0)
		return complain_of_line(line, "it is there twice:", word);
	if (proxy_selector_time_parse(
		slice_after(word, equals + 1), &key->moments[moment]) != 0)
		return complain_of_line(line,
		    "it is no time, as in since=2026-11-29T10:00:00Z:", word);
	return 0;
}

/* May a key of that name, kind and state be added? 0, or -1. */
static int
check_against_others(const struct proxy_selectors *s, struct line *line,
    const struct proxy_selector *key, struct slice name)
{
	const struct row *same = find_row(s, name);

	if (same != NULL)
		return complain_of_line(
		    line, "a line above has this selector:", name);
	if (key->state == PROXY_SELECTOR_ACTIVE &&
	    proxy_selectors_first(s, key->type, key->state) != NULL)
		return complain_of_line(line,
		    "of each kind one key alone is active, and a line above "
		    "has it:",
		    name);
	return 0;
}

static int
read_key(struct proxy_selectors *s, struct line *line)
{
	struct slice text = line->rest, name, word;
	struct proxy_selector key = {0};
	struct row *row;

	if (read_type(line, &key) != 0 || read_state(line, &key) != 0)
		return -1;
	name = cut_selector_word(line);
	/* It becomes part of a path. */
	if (!proxy_key_domain_is_safe(name))
		return complain_of_line(line, "no selector:", name);
	if (check_against_others(s, line, &key, name) != 0)
		return -1;
	while (line->rest.n > 0 && line->rest.p[0] != '#') {
		word = cut_selector_word(line);
		if (read_moment(line, word, &key) != 0)
			return -1;
	}
	row = add_row(s);
	row->key = key;
	row->name = xslicedup(name);
	row->key.name = row->name;
	row->text = xslicedup(text);
	if (line->rest.n > 0)
		row->comment = xslicedup(line->rest);
	return 0;
}

static int
read_line(struct proxy_selectors *s, struct line *line)
{
	struct slice text = line->rest;
	struct row *row;

	/* CR may end a line, as some editors have it. */
	if (text.n > 0 && text.p[text.n - 1] == '\r')
		text.n--;
	for (size_t i = 0; i < text.n; i++)
		if (((unsigned char)text.p[i] < ' ' && text.p[i] != '\t') ||
		    text.p[i] == 0x7f)
			return complain_of_line(
			    line, "a control character:", text);
	line->rest = text;
	text = slice_trim(text);
	if (text.n > 0 && text.p[0] != '#')
		return read_key(s, line);
	row = add_row(s);
	row->text = xslicedup(line->rest);
	return 0;
}

static int
read_lines(struct proxy_selectors *s, struct line *line, struct slice text)
{
	while (text.n > 0) {
		line->number++;
		if (line->number > PROXY_SELECTORS_LINES_MAX)
			return complain_of_line(
			    line, "there are too many lines", SLICE(""));
		/* What was cut short may name another key than it was to. */
		if (slice_find(text, '\n') == text.n)
			return complain_of_line(line,
			    "the last line has no end: is the file all there?",
			    SLICE(""));
		(void)slice_cut(&text, '\n', &line->rest);
		if (read_line(s, line) != 0)
			return -1;
	}
	if (proxy_selectors_next(s, NULL) == NULL)
		return complain_of_line(line, "no key is named", SLICE(""));
	return 0;
}

struct proxy_selectors *
proxy_selectors_parse(
    const char *name, struct slice text, struct strbuf *reason)
{
	struct proxy_selectors *s = xcalloc(1, sizeof(*s));
	struct line line = {.file = name, .reason = reason};

	if (text.n <= PROXY_SELECTORS_BYTES_MAX) {
		if (read_lines(s, &line, text) == 0)
			return s;
	} else {
		(void)strbuf_fail(reason, "%s: over %d bytes", name,
		    PROXY_SELECTORS_BYTES_MAX);
	}
	proxy_selectors_free(s);
	return NULL;
}

struct proxy_selectors *
proxy_selectors_new(void)
{
	struct proxy_selectors *s = xcalloc(1, sizeof(*s));
	struct row *row = add_row(s);

	row->text = xstrdup("# kept by signpost rotate; may be edited");
	return s;
}

void
proxy_selectors_free(struct proxy_selectors *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->count; i++)
		clear_row(&s->rows[i]);
	free(s->rows);
	free(s);
}

/* --- printing --- */

static void
print_row(const struct row *row, struct strbuf *to)
{
	const struct proxy_selector *key = &row->key;

	strbuf_addf(to, "%-7s  %-7s  %s", dkim_key_type_name(key->type),
	    states[key->state], key->name);
	for (size_t i = 0; i < PROXY_SELECTOR_MOMENTS; i++)
		if (key->moments[i] != 0) {
			strbuf_addf(to, "  %s=", moments[i]);
			proxy_selector_time_print(key->moments[i], to);
		}
	if (row->comment != NULL)
		strbuf_addf(to, "  %s", row->comment);
}

void
proxy_selectors_print(const struct proxy_selectors *s, struct strbuf *to)
{
	for (size_t i = 0; i < s->count; i++) {
		if (s->rows[i].text != NULL)
			strbuf_add_str(to, s->rows[i].text);
		else
			print_row(&s->rows[i], to);
		strbuf_add_char(to, '\n');
	}
}

/* --- changing --- */

int
proxy_selectors_add(struct proxy_selectors *s, enum dkim_key_type type,
    struct slice name, struct strbuf *reason)
{
	struct row *row;

	if (!proxy_key_domain_is_safe(name))
		return strbuf_fail(
		    reason, "%.*s: no selector", (int)name.n, name.p);
	if (find_row(s, name) != NULL)
		return strbuf_fail(
		    reason, "selector %.*s is taken", (int)name.n, name.p);
	if (s->count == PROXY_SELECTORS_LINES_MAX)
		return strbuf_fail(
		    reason, "over %d lines", PROXY_SELECTORS_LINES_MAX);
	row = add_row(s);
	row->name = xslicedup(name);
	row->key = (struct proxy_selector){
	    .type = type, .state = PROXY_SELECTOR_STAGED, .name = row->name};
	return 0;
}

int
proxy_selectors_set_state(struct proxy_selectors *s, struct slice name,
    enum proxy_selector_state state, struct strbuf *reason)
{
	struct row *row = find_row(s, name);
	const struct proxy_selector *active;

	if (row == NULL)
		return strbuf_fail(
		    reason, "there is no selector %.*s", (int)name.n, name.p);
	active = proxy_selectors_first(s, row->key.type, PROXY_SELECTOR_ACTIVE);
	if (state == PROXY_SELECTOR_ACTIVE && active != NULL &&
	    active != &row->key)
		return strbuf_fail(
		    reason, "selector %s is active", active->name);
	row->key.state = state;
	mark_changed(row);
	return 0;
}

int
proxy_selectors_set_moment(struct proxy_selectors *s, struct slice name,
    enum proxy_selector_moment moment, int64_t when)
{
	struct row *row = find_row(s, name);

	if (row == NULL)
		return -1;
	row->key.moments[moment] = when > 0 && when <= TIME_MAX ? when : 0;
	mark_changed(row);
	return 0;
}

int
proxy_selectors_remove(struct proxy_selectors *s, struct slice name)
{
	struct row *row = find_row(s, name);
	size_t at;

	if (row == NULL)
		return -1;
	at = (size_t)(row - s->rows);
	clear_row(row);
	s->count--;
	memmove(row, row + 1, (s->count - at) * sizeof(*row));
	return 0;
}
