/*
 * The master's side of keys: a rule's number and a domain to an open,
 * checked file. It is the one thing of the master's that a taken-over
 * signer can reach, so it takes only names of letters, digits and
 * hyphens between single dots, and never a path.
 *
 * Who may have access to the file is proxy/keys/key_access.h's affair, whose
 * the directories are proxy/keys/key_way.h's. Symbolic links are followed: what
 * counts is the file that was opened.
 */
#ifndef PROXY_KEYS_KEY_FILES_H
#define PROXY_KEYS_KEY_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "base/strbuf.h"
#include "proxy/keys/key_access.h"
#include "proxy/keys/keys.h"
#include "proxy/settings/config.h"

struct dkim_key;

/* Bytes of a path made from a template, of a reason. */
#define PROXY_KEY_PATH_MAX     1024
#define PROXY_KEY_REASON_MAX   1536
#define PROXY_KEY_SELECTOR_MAX 253

/* A domain as it may stand in a path: labels of 1 to 63 letters, digits and
 * hyphens, single dots, 253 bytes at most. */
bool proxy_key_domain_is_safe(struct slice domain);

/* The rule's path for a domain: 0, or -1 and the reason. Where the rule is
 * automatic, that of a key that the file beside it names. */
int proxy_key_path(const struct proxy_key_rule *, struct slice domain,
    struct strbuf *path, struct strbuf *reason);
int proxy_key_path_by(const struct proxy_key_rule *, struct slice domain,
    const char *selector, struct strbuf *path, struct strbuf *reason);

/* Parents of a domain that are tried, at most. */
#define PROXY_KEY_PARENTS_MAX 16

/* Which file it was, and whose: to see that either is another now. (By a link
 * a domain's own file may be its parent's.) */
struct proxy_key_stamp {
	uint64_t device, inode, size;
	int64_t mtime_s, mtime_ns, ctime_s, ctime_ns;
	uint64_t domain_from; /* where in the domain asked for the one whose
			       * file it is begins: 0, or a parent */
	uint64_t named;	      /* a hash of its selector */
};

struct stat;

/* But for the two last. */
void proxy_key_stamp_file(const struct stat *, struct proxy_key_stamp *);

bool proxy_key_stamp_equal(
    const struct proxy_key_stamp *, const struct proxy_key_stamp *);

/* What became of opening one. */
struct proxy_key_file {
	enum proxy_key_status status;
	int fd; /* FOUND: open for reading, close-on-exec; the caller's */
	char selector[PROXY_KEY_SELECTOR_MAX + 1]; /* FOUND, UNPUBLISHED */
	struct proxy_key_stamp stamp;
};

/*
 * Opens a key's file, or that of the key which is to sign where the rule is
 * automatic; where the rule says so, its parents' where there is
 * none. A reason goes with MISSING and TROUBLE: path, mode and the command
 * that mends it. A file that is not there is MISSING for rules that try
 * parents (`domain = *`), trouble for any other. UNPUBLISHED is of automatic
 * rules alone.
 */
void proxy_key_file_open(const struct proxy_config *,
    const struct proxy_key_readers *, unsigned rule, struct slice domain,
    struct proxy_key_file *, struct strbuf *reason);

/* Reads and parses what was opened; closes the descriptor. NULL and the
 * reason where it is no key. */
struct dkim_key *proxy_key_file_read(int fd, struct strbuf *reason);

/* What was found: the status tells a missing file from trouble. */
struct proxy_key_found {
	enum proxy_key_status status;
	size_t domain_from;			   /* as in the stamp */
	char selector[PROXY_KEY_SELECTOR_MAX + 1]; /* "": not known */
};

/* Both at once, for tools: the key, or NULL and the reason. */
struct dkim_key *proxy_key_file_load(const struct proxy_config *, unsigned rule,
    struct slice domain, struct proxy_key_found *, struct strbuf *reason);

/* The same for whoever looks at many, and knows who may read them. */
struct dkim_key *proxy_key_file_load_by(const struct proxy_config *,
    const struct proxy_key_readers *, unsigned rule, struct slice domain,
    struct proxy_key_found *, struct strbuf *reason);

/* The same of that selector, be it the one that signs or not, and of that
 * domain alone. */
struct dkim_key *proxy_key_file_load_named(const struct proxy_key_rule *,
    const struct proxy_key_readers *, struct slice domain, const char *selector,
    struct strbuf *reason);

#endif
