/* Names that are nearly a domain's; see key_spelling.h. */
#include <dirent.h>
#include <stdlib.h>

#include "base/escape.h"
#include "base/xalloc.h"
#include "mail/idn.h"
#include "proxy/keys/key_spelling.h"

/* Names of a directory that are looked at. */
enum { NAMES_MAX = 20000 };

/* A template: the directory, and what stands around $domain in a name there. */
struct place {
	struct slice directory, before, behind;
};

/* False where more than $domain would have to be filled in. */
static bool
find_place(const char *template, struct place *place)
{
	static const struct slice macro = SLICE_INIT("$domain");
	struct slice text = slice_str(template), name;
	size_t at = slice_search(text, macro), slash;

	if (at == text.n)
		return false;
	slash = slice_find_last(slice_first(text, at), '/');
	if (slash >= at)
		return false;
	place->directory = slice_first(text, slash);
	name = slice_after(text, slash + 1);
	name = slice_first(name, slice_find(name, '/'));
	at = slice_search(name, macro);
	place->before = slice_first(name, at);
	place->behind = slice_after(name, at + macro.n);
	return slice_find(place->directory, '$') == place->directory.n &&
	    slice_find(place->before, '$') == place->before.n &&
	    slice_find(place->behind, '$') == place->behind.n;
}

/* Is that name the domain's, but not as it is looked for? */
static bool
is_other_spelling(
    const struct place *place, struct slice name, struct slice domain)
{
	size_t around = place->before.n + place->behind.n;
	struct strbuf ascii;
	bool is;

	if (name.n <= around ||
	    !slice_equal(slice_first(name, place->before.n), place->before) ||
	    !slice_equal(
		slice_after(name, name.n - place->behind.n), place->behind))
		return false;
	name = slice_from(name.p + place->before.n, name.n - around);
	if (slice_equal(name, domain))
		return false;
	strbuf_init(&ascii, MAIL_IDN_NAME_MAX);
	is = mail_idn_to_ascii(name, &ascii) == 0 &&
	    slice_equal_nocase(strbuf_slice(&ascii), domain);
	strbuf_clear(&ascii);
	return is;
}

void
proxy_key_spelling_note(const struct proxy_key_rule *rule, struct slice domain,
    struct strbuf *reason)
{
	struct place place;
	const struct dirent *entry;
	char *path;
	DIR *directory;

	if (!find_place(rule->file, &place))
		return;
	path = xslicedup(place.directory);
	directory = opendir(path[0] == '\0' ? "/" : path);
	for (size_t i = 0; directory != NULL && i < NAMES_MAX; i++) {
		entry = readdir(directory);
		if (entry == NULL)
			break;
		if (!is_other_spelling(
			&place, slice_str(entry->d_name), domain))
			continue;
		strbuf_addf(reason, "; %s/", path);
		escape_text(slice_str(entry->d_name), reason);
		strbuf_add_str(reason,
		    " is there, but $domain is in lower case and in A-labels: "
		    "rename it");
		break;
	}
	if (directory != NULL)
		(void)closedir(directory);
	free(path);
}
