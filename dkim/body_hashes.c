/*
 * One canonicalizer for each distinct canonicalization, one hash for each
 * distinct (canonicalization, digest, l=).
 */
#include <assert.h>
#include <stdlib.h>

#include "base/xalloc.h"
#include "dkim/body_hashes.h"
#include "dkim/canon_body.h"
#include "dkim/hash.h"

#define CANONS (DKIM_CANON_NOFWS + 1)

struct body_hash {
	enum dkim_canon canon;
	enum dkim_digest digest;
	uint64_t limit, left; /* l=; octets it still takes */
	bool whole_message;   /* DomainKeys: header and body in one hash */
	bool line_between;    /* due before the first octet of the body */
	struct dkim_hash *hash;
	struct slice result;
};

/* What one canonicalizer writes to: each hash of that kind. */
struct fan {
	struct sink sink;
	struct dkim_body_hashes *all;
	struct dkim_canon_body canon;
	bool used;
	uint64_t length;
};

struct dkim_body_hashes {
	struct fan fans[CANONS];
	struct body_hash list[DKIM_BODY_HASHES_MAX];
	size_t count;
	bool begun, ended;
};

static void
hash_piece(struct body_hash *h, struct slice piece, bool blank)
{
	/* A body of blank lines: DomainKeys drops all that simple keeps. */
	if (h->whole_message && blank)
		return;
	if (h->line_between)
		sink_write_to(dkim_hash_sink(h->hash), SLICE("\r\n"));
	h->line_between = false;
	if (piece.n > h->left)
		piece.n = (size_t)h->left;
	if (h->left != DKIM_BODY_WHOLE)
		h->left -= piece.n;
	sink_write_to(dkim_hash_sink(h->hash), piece);
}

static void
fan_write(struct sink *sink, struct slice piece)
{
	struct fan *fan = (struct fan *)sink;
	bool blank = fan->canon.ended && !fan->canon.any;

	fan->length += piece.n;
	for (size_t i = 0; i < fan->all->count; i++)
		if (fan->all->list[i].canon == fan->canon.canon)
			hash_piece(&fan->all->list[i], piece, blank);
}

struct dkim_body_hashes *
dkim_body_hashes_new(void)
{
	struct dkim_body_hashes *all = xmalloc(sizeof(*all));

	all->count = 0;
	all->begun = all->ended = false;
	for (int i = 0; i < CANONS; i++) {
		struct fan *fan = &all->fans[i];

		fan->sink.write = fan_write;
		fan->all = all;
		fan->used = false;
		fan->length = 0;
		dkim_canon_body_init(
		    &fan->canon, (enum dkim_canon)i, &fan->sink);
	}
	return all;
}

static struct body_hash *
add_hash(struct dkim_body_hashes *all, enum dkim_canon canon,
    enum dkim_digest digest)
{
	struct body_hash *h;

	assert(!all->begun);
	if (all->count == DKIM_BODY_HASHES_MAX)
		return NULL;
	h = &all->list[all->count++];
	*h = (struct body_hash){.canon = canon, .digest = digest};
	h->limit = h->left = DKIM_BODY_WHOLE;
	h->hash = dkim_hash_new(digest);
	all->fans[canon].used = true;
	return h;
}

int
dkim_body_hashes_find(const struct dkim_body_hashes *all, enum dkim_canon canon,
    enum dkim_digest digest, uint64_t limit)
{
	for (size_t i = 0; i < all->count; i++) {
		const struct body_hash *h = &all->list[i];

		if (!h->whole_message && h->canon == canon &&
		    h->digest == digest && h->limit == limit)
			return (int)i;
	}
	return -1;
}

int
dkim_body_hashes_want(struct dkim_body_hashes *all, enum dkim_canon canon,
    enum dkim_digest digest, uint64_t limit)
{
	int number = dkim_body_hashes_find(all, canon, digest, limit);
	struct body_hash *h;

	if (number >= 0)
		return number;
	h = add_hash(all, canon, digest);
	if (h == NULL)
		return -1;
	h->limit = h->left = limit;
	return (int)(h - all->list);
}

int
dkim_body_hashes_want_message(struct dkim_body_hashes *all,
    enum dkim_canon canon, enum dkim_digest digest, struct slice header)
{
	struct body_hash *h = add_hash(all, canon, digest);

	if (h == NULL)
		return -1;
	h->whole_message = h->line_between = true;
	sink_write_to(dkim_hash_sink(h->hash), header);
	return (int)(h - all->list);
}

void
dkim_body_hashes_write(struct dkim_body_hashes *all, struct slice chunk)
{
	all->begun = true;
	for (int i = 0; i < CANONS; i++)
		if (all->fans[i].used)
			dkim_canon_body_write(&all->fans[i].canon, chunk);
}

void
dkim_body_hashes_end(struct dkim_body_hashes *all)
{
	assert(!all->ended);
	all->begun = all->ended = true;
	for (int i = 0; i < CANONS; i++)
		if (all->fans[i].used)
			dkim_canon_body_end(&all->fans[i].canon);
	for (size_t i = 0; i < all->count; i++)
		all->list[i].result = dkim_hash_end(all->list[i].hash);
}

static const struct body_hash *
get(const struct dkim_body_hashes *all, int number)
{
	assert(all->ended && number >= 0 && (size_t)number < all->count);
	return &all->list[number];
}

struct slice
dkim_body_hashes_digest(const struct dkim_body_hashes *all, int number)
{
	return get(all, number)->result;
}

uint64_t
dkim_body_hashes_length(const struct dkim_body_hashes *all, int number)
{
	return all->fans[get(all, number)->canon].length;
}

void
dkim_body_hashes_free(struct dkim_body_hashes *all)
{
	if (all == NULL)
		return;
	for (size_t i = 0; i < all->count; i++)
		dkim_hash_free(all->list[i].hash);
	free(all);
}
