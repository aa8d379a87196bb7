/* Shared by the files that read DKIMproxy's settings. */
#ifndef CLI_MIGRATE_DKIMPROXY_PRIVATE_H
#define CLI_MIGRATE_DKIMPROXY_PRIVATE_H

#include "cli/migrate_plan.h"

/* While the plan is made. */
struct migrate_dkimproxy {
	struct migrate_plan *plan;
	const char *out, *in; /* the files; NULL: there is none */
};

/* The last of that name in that file; NULL where there is none. */
struct migrate_setting *migrate_dkimproxy_find(
    struct migrate_dkimproxy *, const char *file, const char *name);

/* Its value; NULL where it has none. */
const char *migrate_dkimproxy_value(
    struct migrate_dkimproxy *, const char *file, const char *name);

/* --- migrate_dkimproxy_maps.c --- */

/* Adds the signatures of a list, each with the c= that DKIMproxy would give it
 * where we would give it another; true where there is such a one. */
bool migrate_dkimproxy_methods(
    struct migrate_dkimproxy *, struct slice list, struct strbuf *to);

/* Puts every key that the signatures name into the plan: 0, or -1 and the
 * reason where we cannot read them. */
int migrate_dkimproxy_collect(struct migrate_dkimproxy *, struct slice list,
    bool needs_domain, struct migrate_setting *at, struct strbuf *reason);

/* A map that a setting names. */
void migrate_dkimproxy_map(struct migrate_dkimproxy *, const char *name,
    bool list_ids, struct migrate_map *);

#endif
