/*
 * How fast the body canonicalizers run, beside SHA-256 alone and together
 * with it: MB/s over a body in chunks as they come from a socket.
 *
 *	bench_canon [MEGABYTES]
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/number.h"
#include "base/sink.h"
#include "base/slice.h"
#include "base/xalloc.h"
#include "dkim/canon.h"
#include "dkim/canon_body.h"
#include "dkim/hash.h"

#define BODY_SIZE  ((size_t)4 << 20)
#define CHUNK_SIZE ((size_t)16 << 10)
#define MEGABYTE   1e6

/* Counts, so that nothing is optimized away, and does no more. */
struct counter {
	struct sink sink;
	uint64_t bytes;
};

static void
counter_write(struct sink *sink, struct slice bytes)
{
	((struct counter *)sink)->bytes += bytes.n;
}

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Lines as mail has them: prose, a quoted reply, base64, a blank one. */
static char *
body_make(void)
{
	static const char *const lines[] = {
	    "The quick brown fox jumps over the lazy dog, and then again.\r\n",
	    "> > and so on, said the other one, at some length, in turn  \r\n",
	    "\r\n",
	    "VGhlIHF1aWNrIGJyb3duIGZveCBqdW1wcyBvdmVyIHRoZSBsYXp5IGRv\r\n",
	};
	char *body = xmalloc(BODY_SIZE);
	size_t n = 0;

	for (unsigned i = 0; n < BODY_SIZE; i++) {
		struct slice line = slice_str(lines[i % 4]);

		line = slice_first(line, BODY_SIZE - n);
		memcpy(body + n, line.p, line.n);
		n += line.n;
	}
	return body;
}

static void
feed_sink(struct sink *sink, struct slice body)
{
	for (size_t at = 0; at < body.n; at += CHUNK_SIZE)
		sink->write(
		    sink, slice_first(slice_after(body, at), CHUNK_SIZE));
}

static void
feed_canon(enum dkim_canon how, struct sink *out, struct slice body)
{
	struct dkim_canon_body canon;

	dkim_canon_body_init(&canon, how, out);
	for (size_t at = 0; at < body.n; at += CHUNK_SIZE)
		dkim_canon_body_write(
		    &canon, slice_first(slice_after(body, at), CHUNK_SIZE));
	dkim_canon_body_end(&canon);
}

static void
report(const char *what, double seconds, size_t bytes)
{
	printf("%-24s %8.0f MB/s\n", what, (double)bytes / MEGABYTE / seconds);
}

static void
measure_hash(struct slice body, unsigned rounds)
{
	double began = now();

	for (unsigned i = 0; i < rounds; i++) {
		struct dkim_hash *hash = dkim_hash_new(DKIM_SHA256);

		feed_sink(dkim_hash_sink(hash), body);
		(void)dkim_hash_end(hash);
		dkim_hash_free(hash);
	}
	report("SHA-256 alone", now() - began, rounds * body.n);
}

static void
measure_canon(enum dkim_canon how, struct slice body, unsigned rounds)
{
	struct counter counter = {{counter_write}, 0};
	double began = now();

	for (unsigned i = 0; i < rounds; i++)
		feed_canon(how, &counter.sink, body);
	report(dkim_canon_name(how), now() - began, rounds * body.n);
}

static void
measure_both(enum dkim_canon how, struct slice body, unsigned rounds)
{
	double began = now();
	char what[32];

	for (unsigned i = 0; i < rounds; i++) {
		struct dkim_hash *hash = dkim_hash_new(DKIM_SHA256);

		feed_canon(how, dkim_hash_sink(hash), body);
		(void)dkim_hash_end(hash);
		dkim_hash_free(hash);
	}
	snprintf(what, sizeof what, "%s, SHA-256", dkim_canon_name(how));
	report(what, now() - began, rounds * body.n);
}

int
main(int argc, char **argv)
{
	uint64_t megabytes = 800;
	char *bytes;
	unsigned rounds;

	if (argc > 1 &&
	    number_parse(slice_str(argv[1]), 1000000, &megabytes) == -1) {
		fprintf(stderr, "usage: bench_canon [MEGABYTES]\n");
		return 64;
	}
	bytes = body_make();
	rounds = (unsigned)(megabytes * 1000000 / BODY_SIZE + 1);
	measure_hash(slice_from(bytes, BODY_SIZE), rounds);
	for (int how = DKIM_CANON_SIMPLE; how <= DKIM_CANON_NOFWS; how++) {
		measure_canon(
		    (enum dkim_canon)how, slice_from(bytes, BODY_SIZE), rounds);
		measure_both(
		    (enum dkim_canon)how, slice_from(bytes, BODY_SIZE), rounds);
	}
	free(bytes);
	return 0;
}
