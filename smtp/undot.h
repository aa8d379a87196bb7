/*
 * The bytes after 354 (RFC 5321 section 4.5.2), to CRLF dot CRLF; one dot is
 * taken off each line that begins with one. Strict: only CRLF ends a line,
 * and LF.LF, LF.CRLF, CRLF.LF, CRLF.CR and CR.CR end nothing. All other bytes
 * pass as they are.
 */
#ifndef SMTP_UNDOT_H
#define SMTP_UNDOT_H

#include "base/sink.h"
#include "base/slice.h"
#include "smtp/parse.h"

struct smtp_undot {
	unsigned char state;
	struct sink *out; /* not owned */
};

void smtp_undot_init(struct smtp_undot *, struct sink *out);

/*
 * Any cuts. The message's last CRLF goes out, the dot and what ends it does
 * not. DONE: `*used` counts the end; what is behind it are commands. Never
 * BAD. After DONE it must be initialized again.
 */
enum smtp_parse smtp_undot_write(
    struct smtp_undot *, struct slice in, size_t *used);

#endif
