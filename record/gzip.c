/* A sink that compresses; see report.h. */
#include <stdlib.h>
#include <zlib.h>

#include "base/xalloc.h"
#include "record/report.h"

enum {
	GZIP_WINDOW = 15 + 16, /* zlib: the largest, in gzip's wrapping */
	GZIP_MEMORY = 8,
	GZIP_LEVEL = 3, /* XML is long and says little */
	GZIP_CHUNK = 16 * 1024,
	GZIP_GATHER = 64 * 1024
};

struct record_gzip {
	struct sink sink;
	struct strbuf *to;
	z_stream z;
	struct strbuf gathered; /* zlib is dear by the call */
	int failed;
};

/* Runs zlib until it has taken all it was given, or to its end. */
static void
compress_given(struct record_gzip *g, int flush)
{
	int result = Z_OK;

	while (g->failed == 0 && result == Z_OK) {
		char *room = strbuf_reserve(g->to, GZIP_CHUNK);

		if (room == NULL) {
			g->failed = -1;
			return;
		}
		g->z.next_out = (Bytef *)room;
		g->z.avail_out = GZIP_CHUNK;
		result = deflate(&g->z, flush);
		g->to->n += GZIP_CHUNK - g->z.avail_out;
		if (flush == Z_NO_FLUSH && g->z.avail_out > 0)
			return;
	}
	if (result != Z_STREAM_END && result != Z_BUF_ERROR)
		g->failed = -1;
}

static void
compress_bytes(struct record_gzip *g, struct slice bytes)
{
	g->z.next_in = (z_const Bytef *)(uintptr_t)bytes.p;
	g->z.avail_in = (uInt)bytes.n;
	compress_given(g, Z_NO_FLUSH);
}

static void
compress_gathered(struct record_gzip *g)
{
	compress_bytes(g, strbuf_slice(&g->gathered));
	strbuf_reset(&g->gathered);
}

static void
write_compressed(struct sink *sink, struct slice bytes)
{
	struct record_gzip *g = (struct record_gzip *)sink;

	if (bytes.n > GZIP_GATHER - g->gathered.n)
		compress_gathered(g);
	if (bytes.n > GZIP_GATHER)
		compress_bytes(g, bytes);
	else
		strbuf_add(&g->gathered, bytes);
}

struct record_gzip *
record_gzip_new(struct strbuf *to)
{
	struct record_gzip *g = xcalloc(1, sizeof(*g));

	g->sink.write = write_compressed;
	g->to = to;
	strbuf_init(&g->gathered, GZIP_GATHER);
	if (deflateInit2(&g->z, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW,
		GZIP_MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
		g->failed = -1;
	return g;
}

struct sink *
record_gzip_sink(struct record_gzip *g)
{
	return &g->sink;
}

int
record_gzip_end(struct record_gzip *g)
{
	int failed;

	compress_gathered(g);
	g->z.next_in = NULL;
	g->z.avail_in = 0;
	compress_given(g, Z_FINISH);
	failed = g->failed;
	(void)deflateEnd(&g->z);
	strbuf_clear(&g->gathered);
	free(g);
	return failed;
}
