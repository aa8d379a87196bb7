/*
 * A stage that settles how a message opens, as Postfix's smtpd does, so that
 * whoever reads it later sees the header that we saw:
 *
 *	a first line "From " of a mailbox file, with any number of ">" before
 *	it, becomes a field: "X-Mailbox-Line: From joe Mon Jan  1"; so do the
 *	next ones like it, MAIL_OPENING_LINES_MAX at most
 *
 *	a first line behind those that begins with white space continues no
 *	field: an empty line is put before it, which ends the header
 *
 * Only CRLF ends a line (mail/newline.h comes before). All else goes through
 * unchanged; what is written does not depend on how the input is cut.
 */
#ifndef MAIL_OPENING_H
#define MAIL_OPENING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/sink.h"

#define MAIL_OPENING_LINES_MAX 10
/* Octets that are added at most. */
#define MAIL_OPENING_ADDED_MAX (MAIL_OPENING_LINES_MAX * 16 + 2)

enum mail_opening_state {
	MAIL_OPENING_AT_LINE, /* what the line is, is not known yet */
	MAIL_OPENING_IN_LINE, /* of a mailbox file */
	MAIL_OPENING_OVER
};

/* Plain value, nothing to free. */
struct mail_opening {
	struct sink *out;
	enum mail_opening_state state;
	size_t angles, matched; /* held back: so many ">", so much of "From " */
	size_t lines;
	bool after_cr;
};

void mail_opening_init(struct mail_opening *, struct sink *out);
void mail_opening_write(struct mail_opening *, struct slice chunk);
/* Writes what is held back, the beginning of a line of ">" and "From ". */
void mail_opening_end(struct mail_opening *);

#endif
