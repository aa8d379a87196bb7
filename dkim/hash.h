/* A sink that hashes: SHA-256 or SHA-1, by libcrypto. */
#ifndef DKIM_HASH_H
#define DKIM_HASH_H

#include <stddef.h>

#include "base/sink.h"
#include "dkim/algorithm.h"

struct dkim_hash;

struct dkim_hash *dkim_hash_new(enum dkim_digest);

/* Where the bytes go; lives as long as the hash. */
struct sink *dkim_hash_sink(struct dkim_hash *);

/* The digest; may be called once, and nothing written after. The bytes live
 * as long as the hash, or until it begins anew. */
struct slice dkim_hash_end(struct dkim_hash *);

/* It has been fed nothing from now on. To make another takes a microsecond, most
 * of it libcrypto's search for the algorithm. */
void dkim_hash_begin_anew(struct dkim_hash *);

/* Another hash that has been fed the same so far. */
struct dkim_hash *dkim_hash_copy(const struct dkim_hash *);

void dkim_hash_free(struct dkim_hash *);

#endif
