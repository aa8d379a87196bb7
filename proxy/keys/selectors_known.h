/*
 * Which key of a domain is to sign, by its file `selectors': for rules that are
 * automatic. The master remembers what each file said, so that a file is read
 * once for each change of it, and one with a mistake in it stops no mail: what
 * it said before goes on to count, and who complains is called once for each
 * change. Tools remember nothing: to them a mistake is trouble.
 *
 * The file is opened with the care that a key file is opened with
 * (proxy/keys/key_way.h), and must be of who may have key files; others may
 * read it, and nobody else may write to it.
 */
#ifndef PROXY_KEYS_SELECTORS_KNOWN_H
#define PROXY_KEYS_SELECTORS_KNOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "base/strbuf.h"
#include "proxy/keys/key_files.h"

/* Files that are remembered; of more, the least lately used is forgotten. */
#define PROXY_SELECTORS_KNOWN_MAX 131072

struct proxy_selectors_known;

/* Keys of the files that are remembered, one of each kind that a file has. */
struct proxy_selectors_counts {
	uint64_t published; /* active */
	uint64_t lost;	 /* active, but the record was found gone, or wrong */
	uint64_t staged; /* and none of its kind is active */
};

struct proxy_selectors_known *proxy_selectors_known_new(
    size_t most, void (*complain)(void *ctx, const char *text), void *ctx);
void proxy_selectors_known_free(struct proxy_selectors_known *);
struct proxy_selectors_counts proxy_selectors_known_counts(
    const struct proxy_selectors_known *);

/* A key of a domain, as its file names it. */
struct proxy_selectors_choice {
	char name[PROXY_KEY_SELECTOR_MAX + 1];
	bool staged; /* there is none that is active */
};

/*
 * The one that is to sign by that automatic rule. FOUND, or MISSING and the
 * reason, where there is no file or no key of the kind in it; or TROUBLE and
 * the reason.
 */
enum proxy_key_status proxy_selectors_choose(const struct proxy_key_readers *,
    const struct proxy_key_rule *, struct slice domain,
    struct proxy_selectors_choice *, struct strbuf *reason);

/* Paths by such a rule: of a domain's folder of keys, and of the file that says
 * what they are. 0, or -1 and the reason. */
int proxy_selectors_folder_path(const struct proxy_key_rule *,
    struct slice domain, struct strbuf *path, struct strbuf *reason);
int proxy_selectors_path(const struct proxy_key_rule *, struct slice domain,
    struct strbuf *path, struct strbuf *reason);

#endif
