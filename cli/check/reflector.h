/*
 * What keeps the reflector from being of use, for `serve -t` and `check`: its
 * answers are not signed, spamd is not there, nobody takes its mail. That
 * [results] database is missing is a mistake in the configuration, told of
 * where that is read.
 */
#ifndef CLI_CHECK_REFLECTOR_H
#define CLI_CHECK_REFLECTOR_H

#include <stdbool.h>

#include "cli/check/report.h"
#include "proxy/settings/config.h"

/* Each peer that is asked, from connecting to its answer. */
enum { CHECK_REFLECTOR_MS = 3000 };

/* Something that is wrong, and what to do about it. */
typedef void check_reflector_fn(void *ctx, const char *what, const char *todo);

/*
 * Calls the function for all of that, where there is a reflector. Whether a
 * mailbox takes its mail is asked of the next hop of [in] and, with `door`, of
 * whoever is at that address: the smtpd that looks recipients up. No mail is
 * sent.
 */
void check_reflector_look(const struct proxy_config *,
    const struct proxy_endpoint *door, check_reflector_fn *, void *ctx);

/* As findings; with the door of this machine's Postfix, port 25. */
void check_reflector(const struct proxy_config *, struct check_report *);

#endif
