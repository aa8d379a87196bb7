/*
 * The only file that knows inih. inih is given lines by a reader of our
 * own, for the library as built cuts them at 200 bytes and stops counting
 * mistakes at the first: the reader checks the form of each line and holds
 * the value back, inih makes sections and names of the rest. It calls the
 * handler before it asks for the next line, so the value held is the one.
 *
 * A value ends at white space followed by `;` (a comment).
 */
#include <stdio.h>
#include <string.h>

#include <ini.h>

#include "proxy/settings/config_private.h"

/* Bytes of `name =` or `[section]`; well within inih's 200. */
#define NAME_MAX_BYTES 100

struct reader {
	struct slice rest;
	unsigned line;
	struct slice value; /* of the line that inih has now */
	bool continued;
	bool open; /* an indented line has a setting to go on with */
	const struct proxy_ini_ops *ops;
	void *ctx;
};

static struct slice
without_comment(struct slice value)
{
	size_t i;

	for (i = 0; i < value.n; i++)
		if (value.p[i] == ';' &&
		    (i == 0 || ascii_is_blank(value.p[i - 1])))
			return slice_first(value, i);
	return value;
}

static struct slice
classify(struct reader *r, struct slice line)
{
	struct slice text = slice_trim(line);
	size_t at;
	struct slice name;
	size_t equals, colon;

	if (slice_find(line, '\0') != line.n) {
		r->ops->error(r->ctx, r->line, "a NUL byte");
		return SLICE("");
	}
	if (text.n == 0 || text.p[0] == ';' || text.p[0] == '#')
		return SLICE("");
	if (ascii_is_blank(line.p[0])) {
		if (!r->open) {
			r->ops->error(r->ctx, r->line,
			    "an indented line goes on with a setting; here is "
			    "none");
			return SLICE("");
		}
		r->continued = true;
		r->value = slice_trim(without_comment(line));
		return SLICE("\t.");
	}
	if (line.p[0] == '[') {
		/* What inih is given for the line: "" where it is to see
		 * nothing. */
		size_t end = slice_find(line, ']');

		r->open = false;
		if (end == line.n || end > NAME_MAX_BYTES) {
			r->ops->error(r->ctx, r->line, "a section is `[name]`");
			return SLICE("");
		}
		if (slice_trim(without_comment(slice_after(line, end + 1))).n >
		    0)
			r->ops->error(
			    r->ctx, r->line, "text behind a section's name");
		r->ops->section(
		    r->ctx, slice_from(line.p + 1, end - 1), r->line);
		return slice_first(line, end + 1);
	}
	equals = slice_find(line, '=');
	colon = slice_find(line, ':');
	at = equals < colon ? equals : colon;
	name = slice_trim(slice_first(line, at));
	r->open = false;
	if (at == line.n) {
		r->ops->error(
		    r->ctx, r->line, "no `=` in this line: write NAME = VALUE");
		return SLICE("");
	}
	if (name.n == 0 || name.n > NAME_MAX_BYTES) {
		r->ops->error(r->ctx, r->line, "no name before the `=`");
		return SLICE("");
	}
	r->open = true;
	r->continued = false;
	r->value = slice_trim(without_comment(slice_after(line, at + 1)));
	return name;
}

/* fgets() to inih: one line of ours for one of the file's. */
static char *
next_line(char *to, int room, void *stream)
{
	struct reader *r = stream;
	struct slice line, shown;
	const char *tail;

	if (r->rest.n == 0)
		return NULL;
	(void)slice_cut(&r->rest, '\n', &line);
	r->line++;
	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	shown = classify(r, line);
	tail = shown.n == 0 || shown.p[0] == '[' || shown.p[0] == '\t' ? "\n"
								       : "=.\n";
	(void)snprintf(to, (size_t)room, "%.*s%s", (int)shown.n,
	    shown.n == 0 ? "" : shown.p, tail);
	return to;
}

static int
take_setting(
    void *user, const char *section, const char *name, const char *value)
{
	struct reader *r = user;

	(void)value;
	r->ops->setting(r->ctx, section, name, r->value, r->line, r->continued);
	return 1;
}

void
proxy_ini_read(struct slice text, const struct proxy_ini_ops *ops, void *ctx)
{
	struct reader r = {.rest = text, .ops = ops, .ctx = ctx};
	int bad;

	if (slice_starts_nocase(text, SLICE("\xef\xbb\xbf")))
		r.rest = slice_after(text, 3);
	bad = ini_parse_stream(next_line, &r, take_setting, &r);
	if (bad != 0)
		ops->error(ctx, bad > 0 ? (unsigned)bad : 1,
		    "not a line that inih can read");
}
