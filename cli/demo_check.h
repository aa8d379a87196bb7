/* Does what came out verify, with records at hand and no DNS. */
#ifndef CLI_DEMO_CHECK_H
#define CLI_DEMO_CHECK_H

#include <stdbool.h>

#include "base/slice.h"
#include "base/strbuf.h"

#define DEMO_SELECTOR "demo"

struct cli_records;

/*
 * Checks DKIM and DomainKeys of a message; questions are answered from the
 * records, any other name does not exist. Adds the Authentication-Results
 * field. True where a DKIM signature with our selector passes.
 */
bool demo_check(
    struct slice message, const struct cli_records *, struct strbuf *field);

#endif
