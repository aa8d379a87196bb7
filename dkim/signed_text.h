/*
 * What a signature covers, read by the one who is to sign it: the canonical
 * text of a header's fields, at whose end stands the signature's own field
 * with an empty b= (RFC 6376 section 3.7, RFC 8617 sections 4.1.2 and 4.1.3).
 *
 * Who holds a key is asked to sign by those who read mail, and one of these may
 * have been taken over. So no more is taken here than our own signers make, and
 * nothing that two readers could read in two ways.
 */
#ifndef DKIM_SIGNED_TEXT_H
#define DKIM_SIGNED_TEXT_H

#include "base/slice.h"
#include "dkim/algorithm.h"

enum dkim_text_kind {
	DKIM_TEXT_SIGNATURE,   /* DKIM-Signature */
	DKIM_TEXT_ARC_MESSAGE, /* ARC-Message-Signature */
	DKIM_TEXT_ARC_SEAL     /* ARC-Seal */
};

/* What the last field says; slices of the text. */
struct dkim_signed_text {
	enum dkim_text_kind kind;
	struct slice domain, selector; /* d= and s= */
	enum dkim_algorithm algorithm; /* a=, none of SHA-1 */
};

/* NULL, or what in it two readers could read in two ways, and no message of ours
 * should have signed: a NUL, a bare CR or a bare LF. The reason is a constant. */
const char *dkim_signed_text_odd(struct slice text);

/*
 * NULL, or why this is no such text: it has a NUL, a bare CR or a bare LF; its
 * last field is none of the three, or not in the canonical form that its c=
 * names; a tag stands twice, is none of those that we write, or is missing;
 * b= is not empty, or not the last tag. The reason is a constant.
 */
const char *dkim_signed_text_read(struct slice text, struct dkim_signed_text *);

#endif
