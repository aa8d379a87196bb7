/* Base64 (RFC 4648 section 4), as DKIM tags and AUTH-like fields use it. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/slice.h"
#include "base/strbuf.h"

/* Adds the encoding, with padding and without line breaks; 0, or -1 where
 * the strbuf is full. */
int base64_encode(struct slice, struct strbuf *out);

/*
 * Adds the decoded bytes. Folding white space (SP, HTAB, CR, LF) is skipped
 * wherever it stands, as RFC 6376 section 3.5 asks for b= and bh=. Padding
 * may be left out, but bits that no byte holds must be zero. 0; or -1 with
 * nothing added on another character, misplaced padding or a full strbuf.
 */
int base64_decode(struct slice, struct strbuf *out);

#endif
