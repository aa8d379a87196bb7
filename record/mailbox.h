/*
 * A mailbox of an envelope (RFC 5321 section 4.1.2, RFC 6531): told apart
 * from others however it is spelt, and written for a command.
 */
#ifndef RECORD_MAILBOX_H
#define RECORD_MAILBOX_H

#include <stdbool.h>

#include "base/slice.h"
#include "base/strbuf.h"

/* Octets of a local part and of a whole mailbox, RFC 5321 section 4.5.3.1;
 * what is longer is no mailbox here. */
enum { RECORD_MAILBOX_LOCAL_MAX = 64, RECORD_MAILBOX_MAX = 320 };

/*
 * Adds the mailbox as all its spellings have it in common: no quoting, no
 * +extension, lower case, the domain in A-labels. 0, or -1 with nothing added
 * where it is no mailbox with a domain.
 */
int record_mailbox_fold(struct slice mailbox, struct strbuf *out);

/* Are those the same? False where either is no mailbox. */
bool record_mailbox_is_same(struct slice, struct slice);

/*
 * Adds the mailbox as it stands in RCPT TO: the local part as it came, the
 * domain in A-labels. 0, or -1 with nothing added where it could not stand
 * there.
 */
int record_mailbox_path(struct slice mailbox, struct strbuf *out);

#endif
