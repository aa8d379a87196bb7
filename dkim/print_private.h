/* Printing the tags of signature fields that we make. Private to the room. */
#ifndef DKIM_PRINT_PRIVATE_H
#define DKIM_PRINT_PRIVATE_H

#include <stdint.h>

#include "base/slice.h"
#include "mail/fold.h"

/* What comes next begins a line. */
void dkim_print_fresh_line(struct mail_fold *);
/* "TAG=VALUE;", with white space or a fold before it. */
void dkim_print_tag(struct mail_fold *, const char *tag, struct slice value);
/* The same with a number; nothing where that is not over 0. */
void dkim_print_time(struct mail_fold *, const char *tag, int64_t seconds);
/* "h=NAME:NAME;" on a line of its own, folded between names. */
void dkim_print_names(struct mail_fold *, struct slice names);
/* "TAG=VALUE;" in base64, which has no place to fold. */
void dkim_print_hash(struct mail_fold *, const char *tag, struct slice octets);
/* The base64 of a signature behind its "b=", and the final CRLF. */
void dkim_print_signature(struct mail_fold *, struct slice signature);

#endif
