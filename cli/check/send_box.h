/*
 * Where a message comes out: mailboxes of this host, as Postfix's local(8) and
 * virtual(8) have them: mbox files and Maildir folders.
 */
#ifndef CLI_CHECK_SEND_BOX_H
#define CLI_CHECK_SEND_BOX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "base/strbuf.h"

struct check_box {
	struct strbuf
	    path;	/* of a Maildir with a slash at its end; empty: none */
	int64_t before; /* an mbox: its length before; Maildir: the time */
};

void check_box_init(struct check_box *);
void check_box_clear(struct check_box *);

/* By what postconf says: the mailbox of that address; the path stays empty
 * where it is none of this host's, or is no file. */
void check_box_find(struct check_box *, struct slice address);

/* Before a message is sent: what is there is old. */
void check_box_mark(struct check_box *);

/* Is a message there that has these words at its beginning and at its end? Then
 * it is put into `message` whole, from its header on. */
bool check_box_look(const struct check_box *, struct slice begin,
    struct slice end, struct strbuf *message);

#endif
