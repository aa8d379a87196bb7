/*
 * Whom each process runs as. Every role has a user of its own, so that none can
 * signal, trace or read another; where the user of a role that was added later
 * is not there, and nobody asked for him, it runs as it did before.
 */
#ifndef PROXY_SETTINGS_USERS_H
#define PROXY_SETTINGS_USERS_H

#include <stdbool.h>

#include "proxy/settings/config.h"

/* Of a front's workers: its own. */

/* Of the signers: `keys_user`; else the user of the workers that sign. */
const char *proxy_signer_user(const struct proxy_config *);
/* Of the recorder: `[results] user`; else the user of the workers that
 * check. */
const char *proxy_recorder_user(const struct proxy_config *);

/* Does it run as another, for its own user is not there? */
bool proxy_signer_user_is_missing(const struct proxy_config *);
bool proxy_recorder_user_is_missing(const struct proxy_config *);

#endif
