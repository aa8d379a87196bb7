/*
 * Lists of milters as Postfix's main.cf has them (smtpd_milters,
 * non_smtpd_milters). Text in, views out; nothing in the text is trusted to be
 * well formed.
 */
#ifndef CLI_KIT_MILTERS_H
#define CLI_KIT_MILTERS_H

#include <stdbool.h>

#include "base/slice.h"

/* The next of a list, braces and all. False at the end. */
bool cli_milter_next(struct slice *rest, struct slice *milter);

/* "unix:/path", of itself or of "{ unix:/path, default_action=accept }". */
struct slice cli_milter_address(struct slice milter);

/* What stands between such braces for that name; false where nothing does. */
bool cli_milter_option(
    struct slice milter, const char *name, struct slice *value);

/* Is one of the list at that address, as it is written? */
bool cli_milters_have(struct slice list, struct slice address);

#endif
