/*
 * Lines of signpost.conf(5); see settings_edit.h. The file is somebody's, with
 * his comments and his order. What is not to change stays to the octet, and
 * what is added says where it came from.
 */
#include <string.h>

#include "cli/settings_edit.h"

/* A stretch of whole lines, as offsets. */
struct lines {
	size_t from, to;
	bool found;
};

/* Where things stand in the text. */
struct places {
	struct lines section;	    /* its line */
	struct lines shown_section; /* "#[name]" */
	struct lines first;	    /* that sets it, with what goes on */
	struct lines last;
	struct lines shown; /* "#name = ..." */
	struct slice value; /* of the first */
};

/* "[name]" -> name. */
static bool
is_section(struct slice line, struct slice *name)
{
	size_t end = slice_find(line, ']');

	if (line.n == 0 || line.p[0] != '[' || end == line.n)
		return false;
	*name = slice_trim(slice_from(line.p + 1, end - 1));
	return true;
}

/* White space and ; begin a comment. */
static struct slice
without_comment(struct slice value)
{
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] == ';' &&
		    (i == 0 || value.p[i - 1] == ' ' || value.p[i - 1] == '\t'))
			return slice_trim(slice_first(value, i));
	return slice_trim(value);
}

static bool
sets(struct slice line, struct slice name, struct slice *value)
{
	size_t at = slice_find(line, '=');

	if (at == line.n ||
	    !slice_equal(slice_trim(slice_first(line, at)), name))
		return false;
	*value = without_comment(slice_after(line, at + 1));
	return true;
}

static bool
goes_on(struct slice line)
{
	return line.n > 0 && (line.p[0] == ' ' || line.p[0] == '\t') &&
	    slice_trim(line).n > 0;
}

static void
note_once(struct lines *lines, size_t from, size_t to)
{
	if (!lines->found)
		*lines = (struct lines){from, to, true};
}

/* An indented line behind one that sets it is part of that. */
static void
stretch(struct lines *lines, size_t from, size_t to)
{
	if (lines->found && lines->to == from)
		lines->to = to;
}

static void
look(struct places *p, struct slice text, struct slice section,
    struct slice name)
{
	struct slice rest = text, line, word;
	/* Lines that count, and lines behind a # that show what could. */
	bool within = false, showing = false;

	*p = (struct places){0};
	while (rest.n > 0) {
		size_t from = (size_t)(rest.p - text.p), to;
		bool hidden;

		(void)slice_cut(&rest, '\n', &line);
		to = rest.p == NULL ? text.n : (size_t)(rest.p - text.p);
		hidden = line.n > 0 && line.p[0] == '#';
		if (hidden)
			line = slice_after(line, 1);
		if (is_section(line, &word)) {
			showing = slice_equal(word, section);
			within = hidden ? within : showing;
			if (showing)
				note_once(
				    hidden ? &p->shown_section : &p->section,
				    from, to);
		} else if (hidden) {
			if (showing && within && sets(line, name, &word))
				note_once(&p->shown, from, to);
		} else if (within && goes_on(line)) {
			stretch(&p->first, from, to);
			stretch(&p->last, from, to);
		} else if (within && sets(line, name, &word)) {
			if (!p->first.found)
				p->value = word;
			note_once(&p->first, from, to);
			p->last = (struct lines){from, to, true};
		}
	}
}

bool
cli_settings_get(struct slice text, struct slice section, struct slice name,
    struct slice *value)
{
	struct places p;

	look(&p, text, section, name);
	*value = p.value;
	return p.first.found;
}

/* Puts "name = value" in place of the bytes from `from` to `to`. */
static int
put_setting(struct strbuf *text, size_t from, size_t to, struct slice name,
    struct slice value)
{
	struct strbuf made;
	int outcome;

	strbuf_init(&made, text->cap);
	strbuf_add(&made, slice_first(strbuf_slice(text), from));
	if (from > 0 && text->p[from - 1] != '\n')
		strbuf_add_char(&made, '\n');
	strbuf_add(&made, name);
	strbuf_add_str(&made, " = ");
	strbuf_add(&made, value);
	strbuf_add_char(&made, '\n');
	outcome = strbuf_add(&made, slice_after(strbuf_slice(text), to));
	if (outcome == 0) {
		strbuf_reset(text);
		outcome = strbuf_add(text, strbuf_slice(&made));
	}
	strbuf_clear(&made);
	return outcome;
}

/* Its line; where it is shown behind a #, there. */
static int
begin_section(struct strbuf *text, struct slice section, struct lines shown)
{
	char *at = text->p + shown.from;

	if (shown.found) {
		memmove(at, at + 1, text->n - shown.from - 1);
		strbuf_truncate(text, text->n - 1);
		return 0;
	}
	if (text->n > 0 && text->p[text->n - 1] != '\n')
		strbuf_add_char(text, '\n');
	return strbuf_addf(text, "%s[%.*s]\n", text->n > 0 ? "\n" : "",
	    (int)section.n, section.p);
}

static int
set(struct strbuf *text, struct slice section, struct slice name,
    struct slice value, bool one_more)
{
	struct places p;

	look(&p, strbuf_slice(text), section, name);
	if (!p.section.found) {
		if (begin_section(text, section, p.shown_section) != 0)
			return -1;
		look(&p, strbuf_slice(text), section, name);
	}
	if (p.first.found && one_more)
		return put_setting(text, p.last.to, p.last.to, name, value);
	if (p.first.found)
		return put_setting(text, p.first.from, p.first.to, name, value);
	if (p.shown.found)
		return put_setting(text, p.shown.from, p.shown.to, name, value);
	return put_setting(text, p.section.to, p.section.to, name, value);
}

int
cli_settings_set(struct strbuf *text, struct slice section, struct slice name,
    struct slice value)
{
	return set(text, section, name, value, false);
}

int
cli_settings_add(struct strbuf *text, struct slice section, struct slice name,
    struct slice value)
{
	return set(text, section, name, value, true);
}

/* --- an item of a list --- */

/* Text in the making, without the items that are dropped. */
struct dropping {
	struct strbuf made;
	struct slice name;
	bool (*is)(void *ctx, struct slice item);
	void *ctx;
	int dropped;
	bool headless; /* the line with the name has no item left, and went */
};

/* A line of the list, whole where nothing of it goes. `head`: it is the one
 * with the name; else it goes on, and may have to become that. */
static void
drop_of_line(struct dropping *d, struct slice line, bool head)
{
	struct slice text = line.n > 0 && line.p[line.n - 1] == '\n'
	    ? slice_first(line, line.n - 1)
	    : line;
	struct slice list =
	    head ? slice_after(text, slice_find(text, '=') + 1) : text;
	struct slice content = without_comment(list);
	struct slice comment = content.n == 0
	    ? slice_trim(list)
	    : slice_trim(
		  slice_after(list, (size_t)(content.p + content.n - list.p)));
	int before = d->dropped;
	struct strbuf kept;
	size_t count;
	struct slice all, item;
	size_t number;

	strbuf_init(&kept, d->made.cap);
	/* "a, b" of a line: what is left of it. The number of items there. */
	all = content;
	number = 0;
	while (all.n > 0 && slice_cut(&all, ',', &item)) {
		item = slice_trim(item);
		if (item.n == 0)
			continue;
		if (d->is(d->ctx, item)) {
			d->dropped++;
			continue;
		}
		strbuf_add_str(&kept, number++ > 0 ? ", " : "");
		strbuf_add(&kept, item);
	}
	count = number;
	if (d->dropped == before && (head || !d->headless)) {
		strbuf_add(&d->made, line);
		d->headless = head ? false : d->headless;
	} else if (count > 0) {
		if (head || d->headless) {
			strbuf_add(&d->made, d->name);
			strbuf_add_str(&d->made, " = ");
		} else {
			strbuf_add_char(&d->made, '\t');
		}
		strbuf_add(&d->made, strbuf_slice(&kept));
		if (comment.n > 0)
			strbuf_add_char(&d->made, ' ');
		strbuf_add(&d->made, comment);
		strbuf_add_char(&d->made, '\n');
		d->headless = false;
	} else if (head) {
		d->headless = true;
	}
	strbuf_clear(&kept);
}

int
cli_settings_drop(struct strbuf *text, struct slice section, struct slice name,
    bool (*is)(void *ctx, struct slice item), void *ctx)
{
	struct dropping d = {.name = name, .is = is, .ctx = ctx};
	struct slice rest = strbuf_slice(text), line, word;
	bool within = false, setting = false;

	strbuf_init(&d.made, text->cap);
	while (rest.n > 0) {
		const char *from = rest.p;

		(void)slice_cut(&rest, '\n', &line);
		line.n += line.p + line.n < text->p + text->n;
		line.p = from;
		word = slice_trim(line);
		if (is_section(word, &word)) {
			within = slice_equal(word, section);
			setting = false;
			strbuf_add(&d.made, line);
		} else if (within && sets(line, name, &word)) {
			setting = true;
			drop_of_line(&d, line, true);
		} else if (setting && goes_on(line)) {
			drop_of_line(&d, line, false);
		} else {
			setting = setting && slice_trim(line).n > 0 &&
			    line.p[0] == '#';
			strbuf_add(&d.made, line);
		}
	}
	if (d.made.full) {
		d.dropped = -1;
	} else {
		strbuf_reset(text);
		strbuf_add(text, strbuf_slice(&d.made));
	}
	strbuf_clear(&d.made);
	return d.dropped;
}
