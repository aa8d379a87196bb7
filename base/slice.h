/*
 * Bytes that belong to someone else, for the length of a call. A slice is
 * never NUL-terminated and may hold NULs: mail is bytes, not C strings.
 * Borrow with a slice; copy (base/strbuf.h, base/xalloc.h) to keep.
 */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const char *p;
	size_t n;
};

/* A slice over a string literal, as an initializer and as a value. */
#define SLICE_INIT(literal)                     \
	{                                       \
		"" literal, sizeof(literal) - 1 \
	}
#define SLICE(literal) ((struct slice)SLICE_INIT(literal))

static inline struct slice
slice_from(const char *p, size_t n)
{
	return (struct slice){p, n};
}

/* Over a C string without its NUL; NULL gives the empty slice. */
static inline struct slice
slice_str(const char *s)
{
	return (struct slice){s, s == NULL ? 0 : strlen(s)};
}

/* The bytes from `from` on; empty where `from` is past the end. */
static inline struct slice
slice_after(struct slice s, size_t from)
{
	if (from >= s.n)
		return (struct slice){NULL, 0};
	return (struct slice){s.p + from, s.n - from};
}

/* The first `n` bytes, or all of them where there are fewer. */
static inline struct slice
slice_first(struct slice s, size_t n)
{
	return (struct slice){s.p, n < s.n ? n : s.n};
}

static inline bool
slice_equal(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* ASCII case only, whatever the locale. */
bool slice_equal_nocase(struct slice, struct slice);
bool slice_starts_nocase(struct slice, struct slice prefix);
bool slice_ends_nocase(struct slice, struct slice suffix);

/* Where `c` stands first or last; `s.n` where it does not. */
size_t slice_find(struct slice s, char c);
size_t slice_find_last(struct slice s, char c);

/* Where `what` (not empty) stands first; `s.n` where it does not. */
size_t slice_search(struct slice s, struct slice what);

/* No octet above 0x7f: no letters but ASCII's. */
bool slice_is_ascii(struct slice);

/* FNV-1a of these bytes behind those that gave `from`, first SLICE_FNV. Whoever
 * chooses the bytes can choose the hash; where that matters, there is
 * table_hash() (base/table.h). */
#define SLICE_FNV 0xcbf29ce484222325u
uint64_t slice_fnv(uint64_t from, struct slice);

/* Is it one of these words, whatever their case? NULL ends them. */
bool slice_is_one_of(struct slice, const char *const *words);

/* Does one of these words stand anywhere in it, in this case? NULL ends them. */
bool slice_has_one_of(struct slice, const char *const *words);

/* Does a SP, HTAB, CR or LF stand anywhere in it? */
bool slice_has_space(struct slice);

/* Without leading and trailing SP, HTAB, CR and LF. */
struct slice slice_trim(struct slice);

/*
 * Takes the bytes before the first `c` off the front of `*rest`, and `c`
 * with them; all of it where there is no `c`. False when `*rest` is used
 * up; a trailing `c` is followed by one empty piece.
 *	struct slice piece, rest = list;
 *	bool more = true;
 *	while (slice_cut(&rest, ',', &piece)) ...
 * `rest->p` becomes NULL after the last piece.
 */
bool slice_cut(struct slice *rest, char c, struct slice *piece);

/* ASCII lower case of one byte, whatever the locale. */
static inline char
ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static inline bool
ascii_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool
ascii_is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline bool
ascii_is_alnum(char c)
{
	return ascii_is_digit(c) || ascii_is_alpha(c);
}

/* SP and HTAB: RFC 5234's WSP. */
static inline bool
ascii_is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* What slice_trim() takes away; isspace() knows more. */
static inline bool
ascii_is_space(char c)
{
	return ascii_is_blank(c) || c == '\r' || c == '\n';
}

#endif
