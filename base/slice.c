/*
 * Borrowed bytes; see slice.h. Mail is bytes, not C strings: a NUL is one of
 * them, and nothing here stops at it. What compares without case does so for
 * ASCII alone, whatever the locale, because that is what the protocols mean.
 */
#include "base/slice.h"

bool
slice_equal_nocase(struct slice a, struct slice b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
			return false;
	return true;
}

bool
slice_starts_nocase(struct slice s, struct slice prefix)
{
	return s.n >= prefix.n &&
	    slice_equal_nocase(slice_first(s, prefix.n), prefix);
}

bool
slice_ends_nocase(struct slice s, struct slice suffix)
{
	return s.n >= suffix.n &&
	    slice_equal_nocase(slice_after(s, s.n - suffix.n), suffix);
}

size_t
slice_find(struct slice s, char c)
{
	const char *at = s.n == 0 ? NULL : memchr(s.p, c, s.n);

	return at == NULL ? s.n : (size_t)(at - s.p);
}

size_t
slice_find_last(struct slice s, char c)
{
	const char *at = s.n == 0 ? NULL : memrchr(s.p, c, s.n);

	return at == NULL ? s.n : (size_t)(at - s.p);
}

size_t
slice_search(struct slice s, struct slice what)
{
	const char *at = s.n == 0 ? NULL : memmem(s.p, s.n, what.p, what.n);

	return at == NULL ? s.n : (size_t)(at - s.p);
}

uint64_t
slice_fnv(uint64_t from, struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		from = (from ^ (unsigned char)s.p[i]) * 0x100000001b3u;
	return from;
}

bool
slice_is_ascii(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] > 0x7f)
			return false;
	return true;
}

bool
slice_is_one_of(struct slice s, const char *const *words)
{
	for (; *words != NULL; words++)
		if (slice_equal_nocase(s, slice_str(*words)))
			return true;
	return false;
}

bool
slice_has_one_of(struct slice s, const char *const *words)
{
	for (; *words != NULL; words++)
		if (slice_search(s, slice_str(*words)) < s.n)
			return true;
	return false;
}

bool
slice_has_space(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (ascii_is_space(s.p[i]))
			return true;
	return false;
}

struct slice
slice_trim(struct slice s)
{
	while (s.n > 0 && ascii_is_space(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && ascii_is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

bool
slice_cut(struct slice *rest, char c, struct slice *piece)
{
	size_t at;

	if (rest->p == NULL)
		return false;
	at = slice_find(*rest, c);
	*piece = slice_first(*rest, at);
	if (at == rest->n)
		*rest = (struct slice){NULL, 0};
	else
		*rest = (struct slice){rest->p + at + 1, rest->n - at - 1};
	return true;
}
