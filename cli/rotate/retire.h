/* Keys that sign no more: those whose record is to go, and what was seen of
 * it. */
#ifndef CLI_ROTATE_RETIRE_H
#define CLI_ROTATE_RETIRE_H

#include "cli/rotate/run.h"

/* Adds the retired keys of an open folder whose record is needed no more by
 * what the daemon says; it is reported up to when the others stay. Nothing is
 * due where the daemon cannot be asked. */
void rotate_retired_collect(struct rotate_work *, struct rotate_items *);

/* What a look showed of one: its key goes where the record has. */
void rotate_retired_take(struct rotate_run *, const struct rotate_item *,
    const struct rotate_shown *);

#endif
