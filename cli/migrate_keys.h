/*
 * The keys of a plan, looked at where they are, as the master will: a key stays
 * where it is taken there, perhaps with another owner or mode, and is copied
 * where it is not.
 */
#ifndef CLI_MIGRATE_KEYS_H
#define CLI_MIGRATE_KEYS_H

#include "cli/migrate_plan.h"

struct proxy_config;

/* What was found of a file; who has the old program run. */
struct migrate_key_found {
	bool missing;
	bool way_refused;   /* a directory on the way is */
	bool hidden;	    /* the service does not see that directory */
	bool is_mapped;	    /* its path cannot stand in a map */
	bool owner_refused; /* it is not root's */
	bool mode_refused;  /* others, or a worker's group, are let in */
	bool has_acl;
};

/* What is to become of it. `choosy`: the old program refuses keys that are not
 * its own. */
enum migrate_key_fate migrate_key_decide(
    const struct migrate_key_found *, bool choosy);

/* Does the service not see it (ProtectHome, PrivateTmp), or can its name not
 * stand in a map? */
bool migrate_key_is_hidden(const char *path);
bool migrate_key_is_awkward(const char *path);

/* Sets fate, reason and `use` of each; what a person has to do goes to the
 * plan's `todo`. */
void migrate_keys_look(struct migrate_plan *, const struct proxy_config *);

#endif
