/*
 * What a filter did to a message, as a list of fields to put on top and of
 * stretches to leave out; the empty line behind a header that lacks it; and
 * playing the message through all that. The message itself is never
 * rewritten, only spliced.
 */
#ifndef PROXY_MESSAGE_EDIT_H
#define PROXY_MESSAGE_EDIT_H

#include "base/slice.h"
#include "base/strbuf.h"
#include "mail/header.h"
#include "proxy/message/spool.h"

/* Bounds: what may be put on top, in bytes, and stretches left out. */
#define PROXY_EDIT_TOP_MAX   (128 * 1024)
#define PROXY_EDIT_DROPS_MAX MAIL_HEADER_FIELDS_MAX

struct proxy_edit;

struct proxy_edit *proxy_edit_new(void);
void proxy_edit_free(struct proxy_edit *);

/* Puts a whole field (name to CRLF) on top, below those put there before.
 * The bytes are copied. 0, or -1 over the bound. */
int proxy_edit_top(struct proxy_edit *, struct slice field);

/* Leaves out `n` bytes of the spool from `offset` on; in ascending order,
 * not overlapping. 0, or -1 where they are not or over the bound. */
int proxy_edit_drop(struct proxy_edit *, uint64_t offset, uint64_t n);

/* Writes an empty line before the byte of the spool at `offset`, once. It
 * must not lie within a stretch that is left out. */
void proxy_edit_blank(struct proxy_edit *, uint64_t offset);

/* A place in the edited message; borrowed edit and spool must outlive it. */
struct proxy_playback {
	const struct proxy_edit *edit;
	const struct proxy_spool *spool;
	size_t top_done, drops_done, blank_done;
	uint64_t offset;
};

void proxy_playback_init(struct proxy_playback *, const struct proxy_edit *,
    const struct proxy_spool *);

/* The next bytes of the edited message into `to`: how many, 0 at its end,
 * -1 where the spool cannot be read. */
ssize_t proxy_playback_next(struct proxy_playback *, char *to, size_t room);

#endif
