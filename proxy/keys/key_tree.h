/*
 * Which domains have keys, by the names that a template's directory holds: for
 * `domain = *', where no setting names them. Tools read it; the daemon never
 * does.
 */
#ifndef PROXY_KEYS_KEY_TREE_H
#define PROXY_KEYS_KEY_TREE_H

#include "base/strbuf.h"
#include "proxy/settings/config.h"

/* A template in its parts: the directory, and what stands around $domain in a
 * name there. Views of the template. */
struct proxy_key_tree_place {
	struct slice directory, before, behind;
};

/* False where $domain is not in it, or more than that would have to be filled
 * in. */
bool proxy_key_tree_place(const char *template, struct proxy_key_tree_place *);

/* The domain that is in a name of that directory; empty where there is none. A
 * view of the name. */
struct slice proxy_key_tree_domain(
    const struct proxy_key_tree_place *, struct slice name);

/*
 * Adds the domains of which the rule has a file, in alphabetical order; a name
 * that no domain has in A-labels and lower case is passed over. 0, or -1 and
 * the reason where the directory cannot be read. The strings are the caller's,
 * and so is what they are in.
 */
int proxy_key_tree_read(const struct proxy_key_rule *, struct proxy_strings *,
    struct strbuf *reason);

/* Is there a file of the rule for that domain? It may be no good. */
bool proxy_key_tree_has(const struct proxy_key_rule *, struct slice domain);

#endif
