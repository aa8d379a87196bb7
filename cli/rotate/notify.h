/* Mail to the address of [rotate] notify: what a person must do. */
#ifndef CLI_ROTATE_NOTIFY_H
#define CLI_ROTATE_NOTIFY_H

#include "base/slice.h"
#include "proxy/settings/config.h"

/* By the next hop of our own mail (reflector relay). 0; or -1 with a message on
 * stderr. */
int rotate_notify(const struct proxy_config *, struct slice text);

#endif
