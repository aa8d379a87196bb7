/*
 * Which field each name of h= stands for: the lowest of that name that was
 * not taken yet (RFC 6376 section 5.4.2).
 */
#ifndef DKIM_FIELD_PICK_H
#define DKIM_FIELD_PICK_H

#include <stdbool.h>

#include "base/sink.h"
#include "dkim/canon.h"

struct mail_field;
struct mail_header;

/*
 * Writes the canonical fields that `names` (colons and white space between)
 * picks, in that order; a name without a field left is nothing. `itself` (may
 * be NULL) is not written: a signature does not sign its own field so. The
 * cost does not grow with how often a name comes.
 */
void dkim_field_pick_write(const struct mail_header *, struct slice names,
    const struct mail_field *itself, enum dkim_canon, struct sink *out);

/* Sets picked[index] of each field that the names pick; `picked` has room for
 * all fields of the header. */
void dkim_field_pick_mark(
    const struct mail_header *, struct slice names, bool *picked);

#endif
