/* DKIM-Quoted-Printable, RFC 6376 section 2.11: i= of a signature. Private
 * to the room. */
#ifndef DKIM_QUOTED_H
#define DKIM_QUOTED_H

#include "base/slice.h"
#include "base/strbuf.h"

/* 0; or -1 where the strbuf is full. */
int dkim_quoted_encode(struct slice, struct strbuf *out);

/* White space is dropped. 0; or -1 on a = without two upper-case
 * hexadecimal digits, or where the strbuf is full. Bytes over 0x7e are let
 * through (RFC 8616 section 5). */
int dkim_quoted_decode(struct slice, struct strbuf *out);

#endif
