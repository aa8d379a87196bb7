/*
 * The smallest steps of RFC 5322 section 3.2 grammar, with its obsolete
 * forms and RFC 6532's UTF-8. Each looks at the front of `*in` and takes
 * what it names off it; where that is not there it returns false or -1 and
 * leaves `*in` as it was. Nothing is allocated; results are views.
 */
#ifndef MAIL_TOKEN_H
#define MAIL_TOKEN_H

#include "base/slice.h"
#include "base/strbuf.h"

/* RFC 5322 atext: a byte of an atom; any byte over 0x7f counts as one. */
bool mail_token_is_atext(char);

/* RFC 2045 section 5.1: a byte of a MIME token. */
bool mail_token_is_mime(char);

/* Folding white space: SP, HTAB, and CRLF before one of them. True where
 * there was any. */
bool mail_token_fws(struct slice *in);

/* White space and comments, perhaps none; they nest as deep as they like. 0;
 * -1 on a comment that does not end. */
int mail_token_cfws(struct slice *in);

/* That very character. */
bool mail_token_char(struct slice *in, char);

/* One comment; `inside` (may be NULL) is what is between its parentheses. */
int mail_token_comment(struct slice *in, struct slice *inside);

/* 1*atext, and 1*atext *("." 1*atext); no white space around. */
int mail_token_atom(struct slice *in, struct slice *atom);
int mail_token_dot_atom(struct slice *in, struct slice *atom);

/* 1*(MIME token characters), as RFC 8601's values are. */
int mail_token_mime(struct slice *in, struct slice *token);

/* A quoted string; `raw` has its quotation marks. -1 also where it does not
 * end. */
int mail_token_quoted(struct slice *in, struct slice *raw);

/* "[...]" with its brackets, no white space around. */
int mail_token_domain_literal(struct slice *in, struct slice *raw);

/* Adds the content of a quoted string's `raw`: no quotation marks, pairs
 * resolved, line ends of folding taken out. 0, or -1 where out is full. */
int mail_token_unquote(struct slice raw, struct strbuf *out);

/* Adds a quoted string of these bytes; CR, LF and NUL are left out. */
int mail_token_quote(struct slice content, struct strbuf *out);

#endif
