/* Shared by the files that read OpenDKIM's settings. */
#ifndef CLI_MIGRATE_OPENDKIM_PRIVATE_H
#define CLI_MIGRATE_OPENDKIM_PRIVATE_H

#include "cli/migrate_plan.h"

/* While the plan is made. */
struct migrate_opendkim {
	struct migrate_plan *plan;
	struct migrate_reading reading;
	const char *folder; /* of relative paths; NULL: unknown */
	struct migrate_set signing, keys, domains, exempt;
	bool signs, verifies;
};

/* The setting that counts; NULL where it is not set. */
struct migrate_setting *migrate_opendkim_find(
    struct migrate_opendkim *, const char *name);

/* Is it set, and yes? */
bool migrate_opendkim_is(struct migrate_opendkim *, const char *name);

/* 0 where it is set and was read; else what is wrong, if anything, is told. */
int migrate_opendkim_read(
    struct migrate_opendkim *, const char *name, struct migrate_set *);

/* A line of a section. */
void migrate_opendkim_put(struct strbuf *, const char *name, const char *value);

/* --- migrate_opendkim_signs.c --- */

/* The sender map's entries, by the tables or by Domain. */
void migrate_opendkim_by_tables(struct migrate_opendkim *);
void migrate_opendkim_by_domain(struct migrate_opendkim *);

/* c= and a= of each signature; which fields are signed; whose mail it is. */
void migrate_opendkim_options(struct migrate_opendkim *);
void migrate_opendkim_headers(struct migrate_opendkim *);
void migrate_opendkim_sender(struct migrate_opendkim *);

#endif
