/*
 * Growing bytes with a cap: the one buffer type. Passing the cap adds
 * nothing, sets `full` and keeps it set, so a run of adds is checked once,
 * at its end. The bytes are always followed by a NUL that `n` does not
 * count. A zeroed strbuf has the cap 0; give every one a cap with
 * strbuf_init(). The owner of the struct owns the bytes.
 */
#ifndef BASE_STRBUF_H
#define BASE_STRBUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/sink.h"
#include "base/slice.h"

struct strbuf {
	char *p;
	size_t n, room, cap;
	bool full;
};

/* Empty, able to hold `cap` bytes. Allocates nothing. */
void strbuf_init(struct strbuf *, size_t cap);

/* Each returns 0, or -1 with nothing added where the cap would be passed or
 * has been passed before. The bytes may lie in the strbuf itself; what a format
 * prints may not. */
int strbuf_add(struct strbuf *, struct slice);
int strbuf_add_str(struct strbuf *, const char *);
int strbuf_add_char(struct strbuf *, char);
int strbuf_addf(struct strbuf *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
int strbuf_addv(struct strbuf *, const char *fmt, va_list)
    __attribute__((format(printf, 2, 0)));

/* How an act that fails says why: `return strbuf_fail(reason, ...)`. Adds the
 * text, unless the caller asks for no reason (NULL). Always -1. */
int strbuf_fail(struct strbuf *reason, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Room for `n` more bytes at `p + n` of the strbuf, to be claimed by adding
 * to `n`; NULL as for the adds. Valid until the next call. */
char *strbuf_reserve(struct strbuf *, size_t n);

/* Views, valid until the next change. The text is never NULL. */
struct slice strbuf_slice(const struct strbuf *);
const char *strbuf_text(const struct strbuf *);

/* Drops what comes after the first `n` bytes, or the first `n` bytes. */
void strbuf_truncate(struct strbuf *, size_t n);
void strbuf_consume(struct strbuf *, size_t n);

/* Empty again; keeps its room and forgets `full`. */
void strbuf_reset(struct strbuf *);

/* Gives away the bytes (NUL-terminated, free() them); empty afterwards. */
char *strbuf_detach(struct strbuf *);

/* Frees the bytes; `_wipe` overwrites them first. Empty afterwards, with
 * the same cap. */
void strbuf_clear(struct strbuf *);
void strbuf_wipe(struct strbuf *);

/* A sink that adds to a strbuf. */
struct strbuf_sink {
	struct sink sink;
	struct strbuf *to;
};

void strbuf_sink_init(struct strbuf_sink *, struct strbuf *to);

#endif
