/*
 * EVP digests behind a sink. One of the few files that see libcrypto. What
 * libcrypto refuses here is no fault of a message, for algorithms are checked
 * before a hash is made: it is a broken installation, and the process ends.
 */
#include <assert.h>
#include <stdlib.h>

#include <openssl/evp.h>

#include "base/xalloc.h"
#include "dkim/hash.h"

struct dkim_hash {
	struct sink sink;
	EVP_MD_CTX *ctx;
	unsigned char digest[EVP_MAX_MD_SIZE];
};

/* Digests take any bytes: libcrypto fails here for want of memory alone, or
 * where it was built without the digest. */
static void
must(int ok)
{
	if (ok != 1)
		abort();
}

static void
update(struct sink *sink, struct slice bytes)
{
	must(EVP_DigestUpdate(
	    ((struct dkim_hash *)sink)->ctx, bytes.p, bytes.n));
}

struct dkim_hash *
dkim_hash_new(enum dkim_digest digest)
{
	struct dkim_hash *h = xcalloc(1, sizeof(*h));

	h->sink.write = update;
	h->ctx = EVP_MD_CTX_new();
	must(h->ctx != NULL);
	must(EVP_DigestInit_ex(
	    h->ctx, digest == DKIM_SHA256 ? EVP_sha256() : EVP_sha1(), NULL));
	return h;
}

struct sink *
dkim_hash_sink(struct dkim_hash *h)
{
	return &h->sink;
}

struct slice
dkim_hash_end(struct dkim_hash *h)
{
	unsigned n;

	must(EVP_DigestFinal_ex(h->ctx, h->digest, &n));
	return slice_from((const char *)h->digest, n);
}

void
dkim_hash_begin_anew(struct dkim_hash *h)
{
	must(EVP_DigestInit_ex(h->ctx, NULL, NULL));
}

struct dkim_hash *
dkim_hash_copy(const struct dkim_hash *from)
{
	struct dkim_hash *h = xcalloc(1, sizeof(*h));

	h->sink.write = update;
	h->ctx = EVP_MD_CTX_new();
	must(h->ctx != NULL);
	must(EVP_MD_CTX_copy_ex(h->ctx, from->ctx));
	return h;
}

void
dkim_hash_free(struct dkim_hash *h)
{
	if (h == NULL)
		return;
	EVP_MD_CTX_free(h->ctx);
	free(h);
}
