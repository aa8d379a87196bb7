/* One line from a client (RFC 5321 section 4.1). Pure; needs no connection. */
#ifndef SMTP_COMMAND_H
#define SMTP_COMMAND_H

#include <stdbool.h>

#include "base/slice.h"
#include "smtp/parse.h"

/* The longest command line, its CRLF included (RFC 5321 section 4.5.3.1.4
 * asks for 512 and what extensions add). */
enum { SMTP_COMMAND_MAX = 4096 };

enum smtp_verb {
	SMTP_EHLO,
	SMTP_HELO,
	SMTP_MAIL,
	SMTP_RCPT,
	SMTP_DATA,
	SMTP_RSET,
	SMTP_NOOP,
	SMTP_QUIT,
	SMTP_XFORWARD,
	SMTP_VRFY,
	SMTP_BDAT,
	SMTP_OTHER,
	SMTP_VERBS
};

/* Views into the input. The line is without its CRLF and without white space
 * before it, which Postfix and others take too; the argument is what follows
 * the verb, without white space around it. */
struct smtp_command {
	enum smtp_verb verb;
	struct slice line, argument;
};

/* What was wrong with a line. */
enum smtp_command_fault {
	SMTP_COMMAND_LONG,  /* over SMTP_COMMAND_MAX */
	SMTP_COMMAND_BYTES, /* a bare CR, a bare LF or a NUL in it */
};

/*
 * Takes one line off `in`, which begins where a line begins. Only CRLF ends
 * one (DESIGN, promise 3).
 * MORE: there is no CRLF yet; `*used` is 0, come back with more bytes.
 * DONE: `*command` is set; `*used` counts the CRLF.
 * BAD: `*fault` is set and `*command` must not be looked at. For _BYTES the
 * line is complete and `*used` counts its CRLF. For _LONG `*used` bytes are to
 * be dropped, and what follows up to and with a CRLF is still the same line:
 * see smtp_command_skip().
 */
enum smtp_parse smtp_command_parse(struct slice in, size_t *used,
    struct smtp_command *command, enum smtp_command_fault *fault);

/*
 * Drops the rest of an over-long line. `*cr` is whether the last byte
 * dropped was a CR; smtp_command_skip_begin() of the bytes that _LONG used
 * gives its first value. DONE: the CRLF was found.
 */
bool smtp_command_skip_begin(struct slice used);
enum smtp_parse smtp_command_skip(struct slice in, size_t *used, bool *cr);

/* "MAIL" and its kin; static. "command" for SMTP_OTHER. */
const char *smtp_verb_name(enum smtp_verb);

/* True of those, in any case, and of the verbs that are SMTP's though we do
 * not offer them: HELP, STARTTLS, AUTH and their kin. */
bool smtp_verb_is_known(struct slice word);

/* The verb that a line begins with, for a trace: one of all those, static;
 * "unknown" for any other word, which may be part of a message. */
const char *smtp_line_verb(struct slice line);

#endif
