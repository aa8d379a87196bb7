/*
 * Has a message a line that a mail server behind us will break, and a signature
 * that covers it with it? Postfix's smtp(8) does, at smtp_line_length_limit.
 */
#ifndef PROXY_MESSAGE_LONG_LINE_H
#define PROXY_MESSAGE_LONG_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"
#include "proxy/message/journal.h"

struct proxy_long_line {
	size_t most; /* octets of a line without its CRLF; 0: any number */
	size_t line; /* this one's so far */
	bool found;
};

/* The message's next bytes, in any cuts; its lines end with CRLF. */
void proxy_long_line_write(struct proxy_long_line *, struct slice bytes);

/* Notes "risk=line-length" where there was one. */
void proxy_long_line_note(
    const struct proxy_long_line *, struct proxy_journal *);

#endif
