/* What the two ways of `signpost sign` share. */
#ifndef CLI_SIGN_H
#define CLI_SIGN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct cli_message;

/* Prints the fields (with CRLF) and, unless they alone are wanted, the
 * message under them. How to end. */
int cli_sign_print(struct cli_message *, struct slice fields, bool header_only);

/* Signs standard input by the rules of the configuration at `path` (NULL:
 * the usual one). How to end. */
int cli_sign_by_config(const char *path, int64_t time, bool header_only);

#endif
