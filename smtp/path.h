/*
 * The arguments of MAIL and RCPT (RFC 5321 section 4.1.2, RFC 6531): a path
 * in angle brackets and parameters (RFC 5321 section 4.1.1.11).
 */
#ifndef SMTP_PATH_H
#define SMTP_PATH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "base/strbuf.h"
#include "smtp/command.h"

/* Views into the argument. */
struct smtp_path {
	struct slice path;    /* as it came, with its angle brackets if any */
	struct slice mailbox; /* without brackets and source route; empty: <> */
	struct slice local;   /* as it came, with its quotation marks */
	struct slice domain;  /* after the @; a [literal] with its brackets;
				 empty for <> and <postmaster> */
	struct slice parameters; /* trimmed; see smtp_parameter_next() */
};

/*
 * Reads the argument of MAIL (FROM:) or RCPT (TO:), as `verb` says. Blanks
 * around the path and within its brackets are tolerated, and so is a mailbox
 * with a domain and without any brackets; one bracket alone is not. The bytes
 * over 0x7f of RFC 6531 must be UTF-8. <> is only a reverse path; a local part
 * without domain is taken (the relay judges). 0; or -1 and the reason (NULL is
 * fine), fit for a 501 reply.
 */
int smtp_path_parse(struct slice argument, enum smtp_verb verb,
    struct smtp_path *, struct strbuf *reason);

/* One ESMTP parameter: KEYWORD or KEYWORD=VALUE. Views. */
struct smtp_parameter {
	struct slice whole, keyword, value;
};

/* Takes the next one off `*rest`; false where none is left. */
bool smtp_parameter_next(struct slice *rest, struct smtp_parameter *);

/* The first parameter of that name, case ignored; false: there is none. */
bool smtp_parameter_find(
    struct slice parameters, struct slice keyword, struct smtp_parameter *);

/*
 * SIZE= of RFC 1870: 0 and `*size`; 0 and *size 0 where there is none; -1
 * where its value is no number of at most 20 digits that fits, or where it
 * stands twice.
 */
int smtp_path_size(const struct smtp_path *, uint64_t *size);

/*
 * Adds the command line of a MAIL without its SIZE= or with another value,
 * all else verbatim. `path` must have been parsed from `mail->argument`. A
 * line without SIZE= is added as it is. 0, or -1 where `out` is full.
 */
int smtp_path_print_unsized(const struct smtp_command *mail,
    const struct smtp_path *, struct strbuf *out);
int smtp_path_print_sized(const struct smtp_command *mail,
    const struct smtp_path *, uint64_t size, struct strbuf *out);

#endif
