/*
 * Results that somebody else sealed (ARC-Authentication-Results, RFC 8617
 * section 4.1.1), as far as we want to know them.
 */
#ifndef AUTH_SEALED_H
#define AUTH_SEALED_H

#include <stdbool.h>

#include "base/slice.h"

/*
 * True where the results ("authserv-id; method=result ...; ...") hold a
 * dmarc=pass with header.from= that domain. Only the usual way to write it
 * counts: no white space or comment around the equals signs.
 */
bool auth_sealed_dmarc_passed(struct slice results, struct slice domain);

#endif
