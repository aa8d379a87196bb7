/* What the two ways of `signpost sign` share. */
#ifndef CLI_SIGN_H
#define CLI_SIGN_H

#include <stdbool.h>

#include "base/slice.h"

struct cli_message;

/* Prints the fields (with CRLF) and, unless they alone are wanted, the
 * message under them. How to end. */
int cli_sign_print(struct cli_message *, struct slice fields, bool header_only);

#endif
