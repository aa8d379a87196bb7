/* Names that are nearly a domain's; see key_spelling.h. */
#include <dirent.h>
#include <stdlib.h>

#include "base/escape.h"
#include "base/xalloc.h"
#include "mail/idn.h"
#include "proxy/keys/key_spelling.h"
#include "proxy/keys/key_tree.h"

/* Names of a directory that are looked at. */
enum { NAMES_MAX = 20000 };

/* Is that name the domain's, but not as it is looked for? */
static bool
is_other_spelling(const struct proxy_key_tree_place *place, struct slice name,
    struct slice domain)
{
	struct strbuf ascii;
	bool is;

	name = proxy_key_tree_domain(place, name);
	if (name.n == 0 || slice_equal(name, domain))
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
	struct proxy_key_tree_place place;
	const struct dirent *entry;
	char *path;
	DIR *directory;

	if (!proxy_key_tree_place(rule->file, &place))
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
