/*
 * `signpost forget`: a domain in the texts of the settings. What stands in a
 * list or begins a line of a map is taken out; where a person wrote it in
 * another way he is shown the line, and nothing is written.
 */
#include <string.h>

#include "base/escape.h"
#include "cli/forget_private.h"
#include "cli/kit/cli.h"
#include "cli/kit/files.h"
#include "cli/kit/key_places.h"
#include "cli/kit/settings.h"
#include "cli/settings_edit.h"
#include "mail/idn.h"
#include "proxy/settings/config.h"

enum { SHOWN_OCTETS = 200, SHOWN_MAX = 1000, TOLD_MAX = 4096 };

enum { CONFIG, SENDER_MAP, LISTID_MAP };

/* --- is it that domain? --- */

static bool
is_domain(const struct forget *f, struct slice name)
{
	struct strbuf ascii;
	bool is;

	strbuf_init(&ascii, MAIL_IDN_NAME_MAX);
	is = mail_idn_to_ascii(name, &ascii) == 0 &&
	    slice_equal(strbuf_slice(&ascii), strbuf_slice(&f->domain));
	strbuf_clear(&ascii);
	return is;
}

static bool
is_item(void *ctx, struct slice item)
{
	return is_domain(ctx, item);
}

static bool
is_of_name(char c)
{
	return ascii_is_alnum(c) || c == '-' || c == '_';
}

/* Does the text say it, as a name of its own: neither as the end of a longer
 * one nor as its beginning? */
static bool
mentions(const struct forget *f, struct slice text)
{
	struct slice domain = strbuf_slice(&f->domain);

	for (size_t at = 0; at + domain.n <= text.n; at++) {
		struct slice rest = slice_after(text, at + domain.n);

		if (slice_equal_nocase(
			slice_from(text.p + at, domain.n), domain) &&
		    (at == 0 ||
			(!is_of_name(text.p[at - 1]) &&
			    text.p[at - 1] != '.')) &&
		    (rest.n == 0 ||
			(!is_of_name(rest.p[0]) &&
			    (rest.p[0] != '.' || rest.n == 1 ||
				!is_of_name(rest.p[1])))))
			return true;
	}
	return false;
}

static void
tell_line(struct forget *f, const char *path, size_t number, struct slice line,
    bool stops)
{
	struct strbuf shown;

	strbuf_init(&shown, SHOWN_MAX);
	escape_text(slice_first(slice_trim(line), SHOWN_OCTETS), &shown);
	if (stops) {
		cli_steps_tell(&f->steps, "configuration", CLI_STEP_STOP,
		    "%s:%zu: %s", path, number, strbuf_text(&shown));
		cli_steps_todo("that names the domain in a way that only you "
			       "can take out: do so, and run this again");
	} else {
		cli_steps_tell(&f->steps, "configuration", CLI_STEP_OK,
		    "%s:%zu stays: %s", path, number, strbuf_text(&shown));
	}
	strbuf_clear(&shown);
}

/* --- maps --- */

/* A map's key is an address, a domain, or a list's id, which is of the domain
 * behind its first label. */
static bool
is_key_of(const struct forget *f, struct slice key, bool list_ids)
{
	size_t at = slice_find_last(key, '@');

	if (at < key.n)
		return is_domain(f, slice_after(key, at + 1));
	return is_domain(f, key) ||
	    (list_ids &&
		is_domain(f, slice_after(key, slice_find(key, '.') + 1)));
}

static bool
is_comment(struct slice line)
{
	line = slice_trim(line);
	return line.n == 0 || line.p[0] == '#' || line.p[0] == ';';
}

/* 0, or -1 where a line that is not the domain's own signs with it. */
static int
edit_map(struct forget *f, struct forget_text *map, bool list_ids)
{
	struct slice rest = strbuf_slice(&map->text), line;
	struct strbuf kept;
	size_t lines = 0, left = 0;
	int outcome = 0;

	strbuf_init(&kept, map->text.cap);
	for (size_t number = 1; rest.n > 0; number++) {
		size_t n = 0;

		(void)slice_cut(&rest, '\n', &line);
		while (n < line.n && line.p[n] != ' ' && line.p[n] != '\t')
			n++;
		if (!is_comment(line) &&
		    is_key_of(f, slice_first(line, n), list_ids)) {
			lines++;
			continue;
		}
		left += !is_comment(line);
		if (!is_comment(line) && mentions(f, line)) {
			tell_line(f, map->path, number, line, true);
			outcome = -1;
		}
		strbuf_add(&kept, line);
		strbuf_add_char(&kept, '\n');
	}
	map->changed = lines > 0;
	f->known |= map->changed;
	strbuf_addf(&map->told, "%zu lines taken out, %zu stay", lines, left);
	if (map->changed) {
		strbuf_reset(&map->text);
		strbuf_add(&map->text, strbuf_slice(&kept));
	}
	strbuf_clear(&kept);
	return outcome;
}

/* --- signpost.conf --- */

/* What signs or seals with it stops; addresses and names of hosts may be there
 * for their own sake. */
static bool
signs(struct slice section, struct slice line)
{
	return slice_equal(section, SLICE("out")) ||
	    slice_starts_nocase(slice_trim(line), SLICE("seal_"));
}

static int
look_at_lines(struct forget *f, const struct forget_text *config)
{
	struct slice rest = strbuf_slice(&config->text), line;
	struct slice section = SLICE("");
	int outcome = 0;

	for (size_t number = 1; rest.n > 0; number++) {
		size_t end;

		(void)slice_cut(&rest, '\n', &line);
		end = slice_search(line, SLICE(" ;"));
		line = slice_first(line, end);
		if (is_comment(line))
			continue;
		if (line.p[0] == '[')
			section = slice_first(
			    slice_after(line, 1), slice_find(line, ']') - 1);
		if (!mentions(f, line))
			continue;
		tell_line(f, config->path, number, line, signs(section, line));
		if (signs(section, line))
			outcome = -1;
	}
	return outcome;
}

static void
on_place_left(void *ctx, const struct cli_key_place *place)
{
	struct forget *f = ctx;

	if (!slice_equal(place->domain, strbuf_slice(&f->domain)) &&
	    !slice_equal(place->author, strbuf_slice(&f->domain)))
		return;
	cli_steps_tell(&f->steps, "configuration", CLI_STEP_STOP,
	    "it would be signed for still, by %s",
	    place->signature == NULL ? "seal_domain" : "`signature ='");
	cli_steps_todo(
	    "take that out of %s, and run this again", f->config_path);
}

static int
edit_config(struct forget *f, struct forget_text *config)
{
	int dropped = cli_settings_drop(
	    &config->text, SLICE("out"), SLICE("domain"), is_item, f);

	if (dropped < 0) {
		cli_error("%s: too long", config->path);
		f->steps.failed = true;
		return -1;
	}
	config->changed = dropped > 0;
	f->known |= config->changed;
	strbuf_addf(&config->told, "[out] domain: %s taken out",
	    strbuf_text(&f->domain));
	return 0;
}

int
forget_settings_plan(struct forget *f)
{
	const struct proxy_signing_rules *rules = &f->config->signing;
	int outcome = 0;
	const struct forget_text *config;
	struct proxy_report report;
	struct proxy_config *after;
	int result;

	f->texts[CONFIG].path = f->config_path;
	f->texts[SENDER_MAP].path = rules->sender_map_path;
	f->texts[LISTID_MAP].path = rules->listid_map_path;
	for (size_t i = 0; i < FORGET_TEXTS; i++)
		if (f->texts[i].path != NULL &&
		    cli_file_read(f->texts[i].path, &f->texts[i].text) != 0) {
			f->steps.failed = true;
			return -1;
		}
	if (edit_config(f, &f->texts[CONFIG]) != 0)
		return -1;
	for (size_t i = SENDER_MAP; i < FORGET_TEXTS; i++)
		if (f->texts[i].path != NULL &&
		    edit_map(f, &f->texts[i], i == LISTID_MAP) != 0)
			outcome = -1;
	if (look_at_lines(f, &f->texts[CONFIG]) != 0 || outcome != 0)
		return -1;
	/* Would the daemon take what is left, and leave the domain alone?
	 * Maps are looked at by their lines: the files are the old ones
	 * still. */
	config = &f->texts[CONFIG];
	result = -1;
	proxy_report_init(&report);
	after = proxy_config_parse(
	    f->config_path, strbuf_slice(&config->text), &report);
	if (after == NULL) {
		cli_config_tell(&report.errors, cli_error);
		cli_steps_tell(&f->steps, "configuration", CLI_STEP_STOP,
		    "%s: without %s it is none, see above; nothing was written",
		    f->config_path, strbuf_text(&f->domain));
		cli_steps_todo("name the domain that is signed instead first "
			       "(signpost setup -d OTHER); or take signpost "
			       "out of Postfix (signpost setup --undo), take "
			       "[out] out, and run this again");
	} else {
		if (f->texts[SENDER_MAP].path == NULL &&
		    f->texts[LISTID_MAP].path == NULL &&
		    !after->signing.any_domain)
			cli_key_places(
			    after, strbuf_slice(&f->domain), on_place_left, f);
		result = f->steps.stopped ? -1 : 0;
	}
	proxy_config_free(after);
	proxy_report_clear(&report);
	return result;
}

int
forget_settings_write(struct forget *f)
{
	for (size_t i = 0; i < FORGET_TEXTS; i++) {
		struct forget_text *t = &f->texts[i];
		int outcome = 0;

		if (t->path == NULL)
			continue;
		if (!t->changed) {
			cli_steps_tell(&f->steps,
			    i == CONFIG ? "configuration" : "map", CLI_STEP_OK,
			    "%s", t->path);
			continue;
		}
		if (!f->steps.dry)
			outcome =
			    cli_file_replace(t->path, strbuf_slice(&t->text));
		cli_steps_took(&f->steps, i == CONFIG ? "configuration" : "map",
		    outcome, "%s", t->path);
		if (outcome != 0)
			return -1;
		cli_steps_todo("%s", strbuf_text(&t->told));
	}
	return 0;
}
