/*
 * The results database as a tool needs it. What the recorder wrote may be
 * what somebody wrote who has taken it over: a tool that root runs becomes
 * the recorder's user before it opens anything.
 */
#ifndef CLI_KIT_DATABASE_H
#define CLI_KIT_DATABASE_H

#include <stdbool.h>

#include "proxy/settings/config.h"
#include "record/store.h"

/* Gives up root's rights for those of the recorder's user, for good; who is
 * not root stays who he is. CLI_OK; or how to end, with a message on
 * stderr. */
int cli_database_descend(const struct proxy_config *);

/* The database, which is set; to write too where `writes`. NULL, with a
 * message on stderr. */
struct record_store *cli_database_open(
    const struct proxy_config *, bool writes);

/* Tells on stderr that a question to it had no answer. `less` ends what is said
 * where it took too long, `why` what is said otherwise; each may be "". */
void cli_database_complain(const struct proxy_config *,
    const struct record_store *, const char *less, const char *why);

#endif
