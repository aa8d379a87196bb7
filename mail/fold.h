/*
 * Folds a field that we make at 78 columns (RFC 5322 section 2.1.1), only
 * where its grammar allows. Nothing is scanned: whoever makes the field says
 * of each piece what may stand before it. A piece wider than a line stands
 * on a line of its own.
 */
#ifndef MAIL_FOLD_H
#define MAIL_FOLD_H

#include "base/slice.h"
#include "base/strbuf.h"

enum { MAIL_FOLD_COLUMNS = 78 };

struct mail_fold {
	struct strbuf *out;
	size_t column; /* a continuation's HTAB counts as eight */
};

/* Begins with "NAME:" at column 0. Check out->full once, at the end. */
void mail_fold_begin(struct mail_fold *, struct strbuf *out, struct slice name);

/* White space and the piece: one space, or a fold where it does not fit.
 * Tags of a tag list (";" being the end of the one before), results. */
void mail_fold_word(struct mail_fold *, struct slice piece);

/* The white space alone, before a word of `n` bytes; they follow in pieces. */
void mail_fold_space(struct mail_fold *, size_t n);
void mail_fold_add(struct mail_fold *, struct slice piece);

/* The piece; a fold before it only where it does not fit. For places where
 * white space may stand but need not: names in h= (each with the colon that
 * follows it). */
void mail_fold_glue(struct mail_fold *, struct slice piece);

/* The piece, folded within wherever a line is full: base64. */
void mail_fold_anywhere(struct mail_fold *, struct slice piece);

/* The final CRLF. */
void mail_fold_end(struct mail_fold *);

#endif
