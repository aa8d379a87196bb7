/*
 * OpenDKIM's choice of signatures as entries of our sender map. Its tables are
 * asked for one sender out of each set of senders that our keys can tell apart
 * (one address, the others of a domain, those below it, all others), so
 * whatever its order of look-ups is, each entry says what it would have done.
 * What it tells apart and we cannot is named. Values in, values out.
 */
#ifndef CLI_MIGRATE_SIGNING_H
#define CLI_MIGRATE_SIGNING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"
#include "base/strbuf.h"
#include "cli/migrate_lines.h"
#include "proxy/settings/config.h"

/* One signature. d= and i= may be, or end in, $senderdomain; a path may have
 * $domain in it. */
struct migrate_signature {
	const char *domain, *selector;
	const char *identity; /* NULL: no i= */
	const char *key;      /* the private key's path; or, where `inside`, */
	bool inside;	      /* the key itself stands in the table */
	const char *file;     /* which says so, and where */
	unsigned line;
};

/* An entry of the sender map; no signature is `none`. */
struct migrate_entry {
	const char *key;
	struct migrate_signature list[PROXY_SIGNATURES_MAX];
	size_t count;
};

/* What OpenDKIM decides by. */
struct migrate_tables {
	/* Either both tables, */
	const struct migrate_set *signing, *keys;
	bool multiple;
	/* or all of these, without them. */
	const struct migrate_set *domains;
	bool subdomains;
	const char *selector, *keyfile;
	const struct migrate_setting *keyfile_at;

	const struct migrate_set *exempt; /* NULL: none */
	const char *folder;		  /* of relative paths; NULL: unknown */
};

/* What comes of it; texts are a line each. */
struct migrate_signing {
	struct migrate_pool *pool;
	struct migrate_entry *list; /* the most general first; free() it */
	size_t count;
	struct strbuf *errors;	/* tables that OpenDKIM would not take */
	struct strbuf *todo;	/* what our map cannot say */
	struct strbuf *differs; /* what is otherwise now */
};

void migrate_signing_run(
    struct migrate_signing *, const struct migrate_tables *);

/* "dkim(d=example.org, s=mail, key=/path)": the entry's signatures, with
 * `options` ("c=relaxed/simple") in each; or none. */
void migrate_entry_print(const struct migrate_entry *, const char *options,
    const char *(*key)(void *ctx, const struct migrate_signature *), void *ctx,
    struct strbuf *out);

#endif
