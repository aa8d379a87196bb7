/*
 * A stage that settles line ends before anything is hashed (RFC 5321
 * section 2.3.8: CR and LF appear only together). However the input is cut,
 * the output and the counts are the same.
 *
 *	NORMALIZE  any run of CRs before an LF, and a bare LF, becomes one
 *	           CRLF; every other CR becomes one space. That is where
 *	           Postfix ends a line as well, so no line begins, no field
 *	           and no end of header appears, that it would not see.
 *	REJECT     bytes go through unchanged; the caller asks
 *	           mail_newline_is_bare() at the end and refuses the message.
 *	PASS       bytes go through unchanged and are only counted.
 *	TEXT       for files: a bare LF becomes CRLF, CRs stay.
 */
#ifndef MAIL_NEWLINE_H
#define MAIL_NEWLINE_H

#include <stdint.h>

#include "base/sink.h"

enum mail_newline_mode {
	MAIL_NEWLINE_NORMALIZE,
	MAIL_NEWLINE_REJECT,
	MAIL_NEWLINE_PASS,
	MAIL_NEWLINE_TEXT
};

/* Plain value, nothing to free. Read the counts after mail_newline_end(). */
struct mail_newline {
	enum mail_newline_mode mode;
	struct sink *out;
	uint64_t bare_lf; /* LFs without a CR before them */
	uint64_t bare_cr; /* CRs that are not the one before an LF */
	uint64_t pending; /* CRs seen last, what follows not known yet */
};

void mail_newline_init(
    struct mail_newline *, enum mail_newline_mode, struct sink *out);

/* Writes at once what is settled; at most a run of CRs is held back. */
void mail_newline_write(struct mail_newline *, struct slice chunk);
void mail_newline_end(struct mail_newline *);

/* Was there any bare CR or LF so far? */
bool mail_newline_is_bare(const struct mail_newline *);

#endif
