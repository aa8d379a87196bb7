/* What the checks of a message found, as JSON (signpost-verify(1)). */
#ifndef CLI_VERIFY_JSON_H
#define CLI_VERIFY_JSON_H

#include "auth/results.h"

struct mail_header;

/*
 * One object and a line end, to stdout. `dkim` and `domainkeys` have an
 * entry a signature, in the order of the message; checks that were not made
 * are left out, and so is `from` where the message has no one author domain.
 */
void cli_verify_print_json(
    const struct auth_results *, const struct mail_header *);

/* The same object for SPF alone, as `signpost spf` prints it. */
void cli_spf_print_json(const struct auth_result *);

#endif
