/*
 * An edited message, played from its spool: the fields on top, what lay in the
 * spool without the fields that are left out, and the empty line behind a
 * header that lacks it. The spool itself is never rewritten.
 */
#ifndef PROXY_MESSAGE_SPLICE_H
#define PROXY_MESSAGE_SPLICE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "mail/header.h"
#include "proxy/message/edit.h"
#include "proxy/message/spool.h"

/* A place in the edited message; all that is borrowed must outlive it. */
struct proxy_splice {
	const struct proxy_edit *edit;
	const struct mail_header *header;
	const struct proxy_spool *spool;
	size_t top_done, removed_done, blank_done;
	bool blank; /* an empty line before the spool's byte at `blank_at` */
	uint64_t blank_at;
	uint64_t offset; /* in the spool */
};

/* From the beginning. The header is that of the spooled message, as far as it
 * was read. A NULL edit changes nothing. */
void proxy_splice_begin(struct proxy_splice *, const struct proxy_spool *,
    const struct mail_header *, const struct proxy_edit *);

/* The next bytes of the edited message into `to`: how many, 0 at its end,
 * -1 where the spool cannot be read. */
ssize_t proxy_splice_next(struct proxy_splice *, char *to, size_t room);

#endif
