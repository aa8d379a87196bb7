/*
 * The move as a script for sh: what has to be done, in order, each step with
 * its reason. Values in, text out.
 */
#ifndef CLI_MIGRATE_STEPS_H
#define CLI_MIGRATE_STEPS_H

#include "cli/migrate_plan.h"
#include "cli/migrate_postfix.h"

/* Which of our files there are beside the script. */
struct migrate_texts {
	bool sender_map, listid_map;
};

void migrate_steps_print(const struct migrate_plan *,
    const struct migrate_edits *, const struct migrate_texts *,
    struct strbuf *out);

#endif
