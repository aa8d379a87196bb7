/* Which domains have keys; see key_tree.h. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "proxy/keys/key_files.h"
#include "proxy/keys/key_tree.h"
#include "proxy/keys/selectors_known.h"

static const struct slice macro = SLICE_INIT("$domain");

bool
proxy_key_tree_place(const char *template, struct proxy_key_tree_place *place)
{
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

struct slice
proxy_key_tree_domain(
    const struct proxy_key_tree_place *place, struct slice name)
{
	size_t around = place->before.n + place->behind.n;

	if (name.n <= around ||
	    !slice_equal(slice_first(name, place->before.n), place->before) ||
	    !slice_equal(
		slice_after(name, name.n - place->behind.n), place->behind))
		return SLICE("");
	return slice_from(name.p + place->before.n, name.n - around);
}

static bool
is_lower(struct slice name)
{
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] >= 'A' && name.p[i] <= 'Z')
			return false;
	return true;
}

bool
proxy_key_tree_has(const struct proxy_key_rule *rule, struct slice domain)
{
	struct strbuf path, ignored;
	bool has;

	strbuf_init(&path, PROXY_KEY_PATH_MAX);
	strbuf_init(&ignored, PROXY_KEY_REASON_MAX);
	/* Who has a file of selectors has a key. */
	has = (rule->automatic
		      ? proxy_selectors_path(rule, domain, &path, &ignored)
		      : proxy_key_path(rule, domain, &path, &ignored)) == 0 &&
	    (access(strbuf_text(&path), F_OK) == 0 ||
		(errno != ENOENT && errno != ENOTDIR));
	strbuf_clear(&path);
	strbuf_clear(&ignored);
	return has;
}

static int
compare_tree_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int
read_directory(const struct proxy_key_rule *rule,
    const struct proxy_key_tree_place *place, struct proxy_strings *to)
{
	char *path = xslicedup(place->directory);
	DIR *directory = opendir(path[0] == '\0' ? "/" : path);
	const struct dirent *entry;
	size_t room = to->count;

	free(path);
	if (directory == NULL)
		return -1;
	while ((entry = readdir(directory)) != NULL) {
		struct slice domain =
		    proxy_key_tree_domain(place, slice_str(entry->d_name));

		if (!proxy_key_domain_is_safe(domain) || !is_lower(domain) ||
		    !proxy_key_tree_has(rule, domain))
			continue;
		if (to->count == room) {
			room = room < 8 ? 16 : 2 * room;
			to->list =
			    xreallocarray(to->list, room, sizeof(*to->list));
		}
		to->list[to->count++] = xslicedup(domain);
	}
	(void)closedir(directory);
	return 0;
}

int
proxy_key_tree_read(const struct proxy_key_rule *rule, struct proxy_strings *to,
    struct strbuf *reason)
{
	struct strbuf template, ignored;
	struct proxy_key_tree_place place;
	size_t before = to->count;
	int outcome = 0;

	strbuf_init(&template, PROXY_KEY_PATH_MAX);
	strbuf_init(&ignored, PROXY_KEY_REASON_MAX);
	/* $selector is known, and $domain stands for itself. */
	if (proxy_key_path(rule, macro, &template, &ignored) == 0 &&
	    proxy_key_tree_place(strbuf_text(&template), &place))
		outcome = read_directory(rule, &place, to);
	if (outcome != 0)
		strbuf_addf(reason, "%s: key file %s: %s", rule->where,
		    rule->file, strerror(errno));
	if (to->count > before)
		qsort(to->list + before, to->count - before, sizeof(*to->list),
		    compare_tree_names);
	strbuf_clear(&template);
	strbuf_clear(&ignored);
	return outcome;
}
