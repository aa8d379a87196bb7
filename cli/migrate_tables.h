/*
 * What OpenDKIM would sign a sender's mail with, by its tables: the look-ups of
 * opendkim.conf(5), SigningTable and KeyTable, or those of Domain.
 */
#ifndef CLI_MIGRATE_TABLES_H
#define CLI_MIGRATE_TABLES_H

#include "cli/migrate_signing.h"

struct migrate_asker;

/* Tables and pool are borrowed. */
struct migrate_asker *migrate_asker_new(
    const struct migrate_tables *, struct migrate_pool *);
void migrate_asker_free(struct migrate_asker *); /* NULL is fine */

/* The words of the pattern of a refile's entry, each with a NUL behind it;
 * empty where it cannot be taken apart: such an entry matches nobody here. */
struct slice migrate_asker_words(const struct migrate_asker *, size_t entry);

/* Does an entry of the signing table name its key by %? */
bool migrate_asker_is_by_domain(const struct migrate_asker *);

struct migrate_sender {
	struct slice local, domain;
	bool fresh; /* the domain stands for any: macros take its place */
};

enum migrate_answer {
	MIGRATE_ANSWERED, /* signatures, or none */
	MIGRATE_NO_KEY,	  /* the key table has no such key: mail was deferred */
	MIGRATE_CORRUPT,  /* the key table's entry is none */
	MIGRATE_NO_PATH,  /* its path is relative, and to what is unknown */
	MIGRATE_TOO_MANY  /* signatures */
};

/* Adds signatures to the entry; `*at` is the table's entry that is at fault,
 * where one is. */
enum migrate_answer migrate_asker_ask(const struct migrate_asker *,
    const struct migrate_sender *, struct migrate_entry *,
    const struct migrate_set_entry **at);

#endif
