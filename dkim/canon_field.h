/*
 * Canonical form of one header field: RFC 6376 sections 3.4.1 (simple) and
 * 3.4.2 (relaxed), RFC 4870 section 3.4.2.2 (nofws).
 */
#ifndef DKIM_CANON_FIELD_H
#define DKIM_CANON_FIELD_H

#include "base/sink.h"
#include "dkim/canon.h"

/*
 * Writes the canonical field. `raw` is the name to the last CRLF, folding
 * kept; a missing last CRLF is added. dkim_canon_field_open() leaves the
 * last CRLF out, as a signature's own field is hashed (section 3.7).
 */
void dkim_canon_field(enum dkim_canon, struct slice raw, struct sink *out);
void dkim_canon_field_open(enum dkim_canon, struct slice raw, struct sink *out);

/* The same without `gap`, a part of `raw`: the value of b=. */
void dkim_canon_field_without(
    enum dkim_canon, struct slice raw, struct slice gap, struct sink *out);

#endif
