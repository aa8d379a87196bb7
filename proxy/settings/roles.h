/*
 * Which processes a configuration wants besides its workers: master, keys and
 * the checks of the machine all ask, each for its own reason.
 */
#ifndef PROXY_SETTINGS_ROLES_H
#define PROXY_SETTINGS_ROLES_H

#include <stdbool.h>

#include "proxy/settings/config.h"

/* One that keeps records, answers for the reflector or serves [metrics]. */
bool proxy_recorder_is_wanted(const struct proxy_config *);

/* How many hold keys; 0 where nothing is signed or sealed. */
size_t proxy_signer_count(const struct proxy_config *);
/* Do a front's workers ask them? */
bool proxy_front_asks_signers(
    const struct proxy_config *, const struct proxy_front *);

/* Workers of each front. */
size_t proxy_worker_count(const struct proxy_config *);

/* Does anything run as the front's user: its workers, or, though it is not
 * there, the recorder or the signers? */
bool proxy_front_user_is_wanted(
    const struct proxy_config *, const struct proxy_front *);

#endif
