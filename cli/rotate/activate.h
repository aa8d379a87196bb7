/*
 * From one key to another: the file is changed, the daemon has to name the key
 * with which it signs from then on, and what it signs has to verify by DNS;
 * else the old file is put back. Many domains at a time, for the daemon takes
 * up to a minute.
 */
#ifndef CLI_ROTATE_ACTIVATE_H
#define CLI_ROTATE_ACTIVATE_H

#include "cli/rotate/run.h"

/*
 * The keys for which `ready' has true become active, where they are still in
 * the state in which they were collected, staged or retired; it is reported
 * what became of each. Nothing is changed where the daemon cannot be asked.
 */
void rotate_switch_ready(
    struct rotate_run *, const struct rotate_items *, const bool *ready);

/*
 * What a look showed of a staged key: its row is brought up to date. True where
 * it is ready; else it is reported what is waited for.
 */
bool rotate_staged_take(struct rotate_run *, const struct rotate_item *,
    const struct rotate_shown *);

#endif
