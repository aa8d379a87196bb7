/*
 * The names of the canonicalizations: RFC 6376 section 3.4 and, for
 * DomainKeys, RFC 4870 section 3.4.2 (nofws). Values only.
 */
#ifndef DKIM_CANON_H
#define DKIM_CANON_H

#include "base/slice.h"

enum dkim_canon { DKIM_CANON_SIMPLE, DKIM_CANON_RELAXED, DKIM_CANON_NOFWS };

const char *dkim_canon_name(enum dkim_canon);

/*
 * "HEADER/BODY" or "HEADER" (the body is then simple: RFC 6376 section 3.5)
 * of DKIM, without case. 0, or -1 on anything else, nofws among it.
 */
int dkim_canon_parse_pair(
    struct slice, enum dkim_canon *header, enum dkim_canon *body);

/* "simple" or "nofws" of DomainKeys, without case; 0 or -1. */
int dkim_canon_parse_domainkeys(struct slice, enum dkim_canon *);

#endif
