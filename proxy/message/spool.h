/*
 * One message at rest: in memory to a mark, then a file without a name. A
 * crash leaves nothing behind, so nothing is synced: until the relay's 250
 * the message is upstream's.
 */
#ifndef PROXY_MESSAGE_SPOOL_H
#define PROXY_MESSAGE_SPOOL_H

#include <sys/types.h>

#include "base/slice.h"
#include "base/strbuf.h"
#include "proxy/message/quota.h"
#include "proxy/message/spool_files.h"
#include "proxy/settings/config.h"

enum proxy_spool_status {
	PROXY_SPOOL_OK,
	PROXY_SPOOL_OVER,  /* all messages together hold too much */
	PROXY_SPOOL_BROKEN /* the file could not be made or written */
};

struct proxy_spool;

/* The default of `memory_mark`, in bytes. */

/*
 * Empty; allocates little. The file, should one be needed, comes from
 * `files`, which stays the caller's, as does the quota.
 */
struct proxy_spool *proxy_spool_new(
    size_t memory_mark, struct proxy_spool_files *, struct proxy_quota *);

/*
 * Adds bytes at the end. Anything but OK stays: the spool takes no more
 * and proxy_spool_reason() says why. What it held is given back to the
 * quota only by proxy_spool_reset() and proxy_spool_free().
 */
enum proxy_spool_status proxy_spool_append(struct proxy_spool *, struct slice);

/* No more comes: what of a large message is in memory joins the rest in its
 * file, for it may wait. As append. */
enum proxy_spool_status proxy_spool_end(struct proxy_spool *);

/* Why the last append failed, for the log; "" where none did. */
const char *proxy_spool_reason(const struct proxy_spool *);

/* Bytes from `offset` on into `to`: how many, 0 at the end, -1 where the
 * file cannot be read (errno says why). */
ssize_t proxy_spool_read(
    const struct proxy_spool *, uint64_t offset, char *to, size_t room);

/* Bytes appended so far. */
uint64_t proxy_spool_size(const struct proxy_spool *);

/* Takes all behind the first `size` bytes back. */
void proxy_spool_cut(struct proxy_spool *, uint64_t size);

/* Empty again, for the next message; keeps its first buffer. */
void proxy_spool_reset(struct proxy_spool *);
void proxy_spool_free(struct proxy_spool *);

#endif
