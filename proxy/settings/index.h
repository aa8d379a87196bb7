/*
 * Byte strings numbered 0, 1, 2 ... as they come, to be found again at
 * once: a table (base/table.h) that only grows. For what a postmaster wrote,
 * which has no bound, not for what strangers send.
 */
#ifndef PROXY_SETTINGS_INDEX_H
#define PROXY_SETTINGS_INDEX_H

#include <stddef.h>

#include "base/slice.h"

#define PROXY_INDEX_NONE ((size_t)-1)

struct proxy_index;

struct proxy_index *proxy_index_new(void);
void proxy_index_free(struct proxy_index *); /* NULL is fine */

/* The number of the key, which is copied where it is new: that is so where
 * the number is what proxy_index_count() said before. */
size_t proxy_index_add(struct proxy_index *, struct slice key);

/* PROXY_INDEX_NONE where it is not there. */
size_t proxy_index_find(const struct proxy_index *, struct slice key);

/* The domain's, or that of its nearest parent which is there. */
size_t proxy_index_find_nearest(
    const struct proxy_index *, struct slice domain);

struct slice proxy_index_key(const struct proxy_index *, size_t number);
size_t proxy_index_count(const struct proxy_index *);

#endif
