/*
 * What a name that is no setting was perhaps meant to be: one of another
 * section, one that is nearly spelt so, or one of DKIMproxy's.
 */
#include <string.h>

#include "base/escape.h"
#include "proxy/settings/config_private.h"
#include "proxy/settings/dkimproxy.h"

/* Letters of a name that is compared; letters that may be wrong. */
enum { NAME_MOST = 40, WRONG_MOST = 2 };

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Letters to insert, leave out, change, or swap with the next one, to make
 * one name of the other (optimal string alignment). */
static size_t
distance(const char *a, const char *b)
{
	size_t rows[3][NAME_MOST + 1], an = strlen(a), bn = strlen(b);
	size_t *row = rows[0], *above = rows[1], *higher = rows[2], *spare;

	if (an > NAME_MOST || bn > NAME_MOST)
		return NAME_MOST;
	for (size_t k = 0; k <= bn; k++)
		row[k] = above[k] = k;
	for (size_t i = 1; i <= an; i++) {
		spare = higher;
		higher = above;
		above = row;
		row = spare;
		row[0] = i;
		for (size_t k = 1; k <= bn; k++) {
			row[k] = above[k - 1] + (a[i - 1] != b[k - 1]);
			row[k] = least(row[k], least(above[k], row[k - 1]) + 1);
			if (i > 1 && k > 1 && a[i - 1] == b[k - 2] &&
			    a[i - 2] == b[k - 1])
				row[k] = least(row[k], higher[k - 2] + 1);
		}
	}
	return row[bn];
}

/* A third of the letters may be wrong, and never more than two. */
static bool
is_near(const char *name, const char *other, size_t *best)
{
	size_t wrong = distance(name, other);

	if (wrong > WRONG_MOST || 3 * wrong > strlen(other) || wrong >= *best)
		return false;
	*best = wrong;
	return true;
}

static void
add_section(const struct proxy_setting *s, struct strbuf *to)
{
	if (s->section != NULL)
		strbuf_addf(to, "[%s]", s->section);
	for (size_t i = 0; s->section == NULL && i < PROXY_FRONTS; i++)
		strbuf_addf(to, "%s[%s]", i == 0 ? "" : " and ",
		    proxy_front_rows[i].name);
}

/* The very name, elsewhere. */
static bool
find_elsewhere(const char *name, struct strbuf *to)
{
	const struct proxy_setting *s;
	bool found = false;

	for (size_t i = 0; (s = proxy_config_setting_at(i)) != NULL; i++) {
		if (strcmp(s->name, name) != 0)
			continue;
		strbuf_add_str(to, found ? " and " : ": it belongs to ");
		add_section(s, to);
		found = true;
	}
	return found;
}

/* The nearest one, of this section rather than of another. */
static bool
find_near(const char *section, const char *name, struct strbuf *to)
{
	const struct proxy_setting *s, *nearest = NULL;
	size_t best = WRONG_MOST + 1;

	for (size_t i = 0; (s = proxy_config_setting_at(i)) != NULL; i++)
		if (proxy_config_setting_is_of(s, section) &&
		    is_near(name, s->name, &best))
			nearest = s;
	for (size_t i = 0; (s = proxy_config_setting_at(i)) != NULL; i++)
		if (!proxy_config_setting_is_of(s, section) &&
		    is_near(name, s->name, &best))
			nearest = s;
	if (nearest == NULL)
		return false;
	strbuf_addf(to, ": did you mean %s", nearest->name);
	if (!proxy_config_setting_is_of(nearest, section)) {
		strbuf_add_str(to, ", of ");
		add_section(nearest, to);
	}
	strbuf_add_char(to, '?');
	return true;
}

void
proxy_config_guess_setting(
    const char *section, const char *name, struct strbuf *to)
{
	const struct proxy_dkimproxy_option *theirs;
	struct strbuf plain;

	/* As ours are written: lower case, underscores. */
	strbuf_init(&plain, NAME_MOST + 1);
	for (const char *c = name; *c != '\0' && !plain.full; c++)
		strbuf_add_char(&plain, *c == '-' ? '_' : ascii_lower(*c));
	theirs = proxy_dkimproxy_option_find(slice_str(name));
	if (!plain.full && find_elsewhere(strbuf_text(&plain), to)) {
		if (theirs != NULL && strcmp(section, "in") == 0 &&
		    theirs->in != NULL)
			strbuf_addf(
			    to, "; for DKIMproxy's write %s", theirs->advice);
	} else if (theirs != NULL) {
		strbuf_addf(
		    to, ": it is DKIMproxy's; here write %s", theirs->advice);
	} else if (!plain.full) {
		(void)find_near(section, strbuf_text(&plain), to);
	}
	strbuf_clear(&plain);
}

void
proxy_config_guess_section(const char *name, struct strbuf *to)
{
	const char *section, *nearest = NULL;
	size_t best = WRONG_MOST + 1;

	for (size_t i = 0; (section = proxy_config_section_at(i)) != NULL; i++)
		if (is_near(name, section, &best))
			nearest = section;
	if (nearest != NULL)
		strbuf_addf(to, ": did you mean [%s]?", nearest);
}
