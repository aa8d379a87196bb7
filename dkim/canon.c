/* The names of the canonicalizations. */
#include "dkim/canon.h"

static const char *const names[] = {
    [DKIM_CANON_SIMPLE] = "simple",
    [DKIM_CANON_RELAXED] = "relaxed",
    [DKIM_CANON_NOFWS] = "nofws",
};

const char *
dkim_canon_name(enum dkim_canon canon)
{
	return names[canon];
}

static int
parse_either(struct slice word, enum dkim_canon other, enum dkim_canon *canon)
{
	if (slice_equal_nocase(word, SLICE("simple")))
		*canon = DKIM_CANON_SIMPLE;
	else if (slice_equal_nocase(word, slice_str(names[other])))
		*canon = other;
	else
		return -1;
	return 0;
}

int
dkim_canon_parse_pair(
    struct slice pair, enum dkim_canon *header, enum dkim_canon *body)
{
	size_t slash = slice_find(pair, '/');
	enum dkim_canon h, b = DKIM_CANON_SIMPLE;

	if (parse_either(slice_first(pair, slash), DKIM_CANON_RELAXED, &h) < 0)
		return -1;
	if (slash < pair.n &&
	    parse_either(slice_after(pair, slash + 1), DKIM_CANON_RELAXED, &b) <
		0)
		return -1;
	*header = h;
	*body = b;
	return 0;
}

int
dkim_canon_parse_domainkeys(struct slice word, enum dkim_canon *canon)
{
	return parse_either(word, DKIM_CANON_NOFWS, canon);
}
