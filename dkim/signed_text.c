/* The text that a key is to sign, taken apart; see signed_text.h. */
#include "dkim/signed_text.h"

#include <stdbool.h>
#include <string.h>

/* The tags that our signers write. */
enum tag {
	TAG_A,
	TAG_B,
	TAG_BH,
	TAG_C,
	TAG_CV,
	TAG_D,
	TAG_H,
	TAG_I,
	TAG_S,
	TAG_T,
	TAG_V,
	TAG_X,
	TAG_COUNT
};

static const char tag_names[TAG_COUNT][3] = {
    [TAG_A] = "a",
    [TAG_B] = "b",
    [TAG_BH] = "bh",
    [TAG_C] = "c",
    [TAG_CV] = "cv",
    [TAG_D] = "d",
    [TAG_H] = "h",
    [TAG_I] = "i",
    [TAG_S] = "s",
    [TAG_T] = "t",
    [TAG_V] = "v",
    [TAG_X] = "x",
};

#define BIT(tag) (1u << (tag))
#define ALWAYS	 (BIT(TAG_A) | BIT(TAG_B) | BIT(TAG_D) | BIT(TAG_S))
#define HASHED	 (BIT(TAG_BH) | BIT(TAG_C) | BIT(TAG_H))

/* A field that is signed so: which tags it must have, and may have. */
struct form {
	enum dkim_text_kind kind;
	const char *name;
	unsigned must, may;
};

static const struct form forms[] = {
    {DKIM_TEXT_SIGNATURE, "DKIM-Signature", ALWAYS | HASHED | BIT(TAG_V),
	BIT(TAG_I) | BIT(TAG_T) | BIT(TAG_X)},
    {DKIM_TEXT_ARC_MESSAGE, "ARC-Message-Signature",
	ALWAYS | HASHED | BIT(TAG_I), BIT(TAG_T)},
    {DKIM_TEXT_ARC_SEAL, "ARC-Seal", ALWAYS | BIT(TAG_CV) | BIT(TAG_I),
	BIT(TAG_T)},
};

/* The last field while it is read. */
struct reading {
	const struct form *form;
	struct slice field; /* its name up to the end of the text */
	unsigned seen;	    /* bits of enum tag */
	struct slice values[TAG_COUNT];
};

/* A CR only before an LF, an LF only behind a CR. */
static bool
has_whole_line_ends(struct slice text)
{
	size_t crs = 0, at = 0, found;

	for (; (found = slice_find(slice_after(text, at), '\r')) + at < text.n;
	     at += found + 2, crs++)
		if (at + found + 1 == text.n || text.p[at + found + 1] != '\n')
			return false;
	for (at = 0;
	     (found = slice_find(slice_after(text, at), '\n')) + at < text.n;
	     at += found + 1)
		if (crs-- == 0)
			return false;
	return true;
}

/* TAG_COUNT where none is called so. */
static unsigned
find_tag(struct slice name)
{
	unsigned tag = 0;

	if (name.n == 0 || name.n > 2)
		return TAG_COUNT;
	while (tag < TAG_COUNT &&
	    (tag_names[tag][0] != name.p[0] ||
		tag_names[tag][1] != (name.n == 2 ? name.p[1] : '\0')))
		tag++;
	return tag;
}

static const char *
read_tags(struct reading *r, struct slice list)
{
	struct slice piece;
	size_t end;
	const char *why;

	do {
		size_t equals;
		unsigned tag;

		end = slice_find(list, ';');
		piece = slice_first(list, end);
		equals = slice_find(piece, '=');
		tag = find_tag(slice_trim(slice_first(piece, equals)));
		if (equals == piece.n || tag == TAG_COUNT ||
		    ((r->form->must | r->form->may) & BIT(tag)) == 0)
			why = "its last field has a tag that is not ours";
		else if ((r->seen & BIT(tag)) != 0)
			why = "its last field has a tag twice";
		else if ((r->seen & BIT(TAG_B)) != 0)
			why = "its last field goes on behind b=";
		else {
			r->seen |= BIT(tag);
			r->values[tag] =
			    slice_trim(slice_after(piece, equals + 1));
			if ((r->values[tag].n == 0) != (tag == TAG_B))
				why = tag == TAG_B
				    ? "its b= is not empty"
				    : "its last field has an empty tag";
			else
				why = NULL;
		}
		if (why != NULL)
			return why;
		list = slice_after(list, end + 1);
	} while (list.n > 0);
	/* Nothing at all, no semicolon and no white space: readers differ on
	 * what of it belongs to the value that they leave out. */
	if (!slice_ends_nocase(r->field, SLICE("b=")))
		return "its last field goes on behind b=";
	return (r->seen & r->form->must) == r->form->must
	    ? NULL
	    : "its last field lacks a tag";
}

/* As canonicalization leaves it: no folding, one space at most, a name of
 * small letters (RFC 6376 section 3.4.2). */
static bool
is_relaxed(struct slice field, size_t colon)
{
	if (slice_find(field, '\r') < field.n ||
	    slice_find(field, '\t') < field.n)
		return false;
	for (size_t at = 0;
	     (at += slice_find(slice_after(field, at), ' ')) < field.n; at++)
		if (at + 1 == field.n || field.p[at + 1] == ' ' ||
		    at == colon + 1)
			return false;
	for (size_t i = 0; i < colon; i++)
		if (ascii_lower(field.p[i]) != field.p[i])
			return false;
	return true;
}

const char *
dkim_signed_text_odd(struct slice text)
{
	if (slice_find(text, '\0') < text.n)
		return "it has a NUL";
	return has_whole_line_ends(text) ? NULL : "it has a bare CR or LF";
}

const char *
dkim_signed_text_read(struct slice text, struct dkim_signed_text *to)
{
	struct reading r = {.seen = 0};
	size_t colon;
	const char *why;

	memset(to, 0, sizeof(*to));
	if (text.n == 0 || ascii_is_blank(text.p[0]))
		return "it does not begin with a field";
	why = dkim_signed_text_odd(text);
	if (why != NULL)
		return why;
	/* From the last line that no white space begins to the end. */
	r.field = text;
	for (size_t lf, end = text.n;
	     (lf = slice_find_last(slice_first(text, end), '\n')) < end;
	     end = lf) {
		if (lf + 1 < text.n && !ascii_is_blank(text.p[lf + 1])) {
			r.field = slice_after(text, lf + 1);
			break;
		}
	}
	colon = slice_find(r.field, ':');
	for (size_t i = 0;
	     i < sizeof(forms) / sizeof(forms[0]) && r.form == NULL; i++)
		if (slice_equal_nocase(
			slice_first(r.field, colon), slice_str(forms[i].name)))
			r.form = &forms[i];
	if (r.form == NULL || colon == r.field.n)
		return "its last field is no signature";
	why = read_tags(&r, slice_after(r.field, colon + 1));
	if (why == NULL) {
		/* c= as our signers write it: both words, the header's
		 * first. */
		struct slice canon = r.values[TAG_C];
		struct slice header =
		    slice_first(canon, slice_find(canon, '/'));
		bool relaxed = (r.form->must & BIT(TAG_C)) == 0 ||
		    slice_equal(header, SLICE("relaxed"));

		if (!relaxed &&
		    (r.form->kind != DKIM_TEXT_SIGNATURE ||
			!slice_equal(header, SLICE("simple"))))
			why = "its c= is not ours";
		else if (relaxed && !is_relaxed(r.field, colon))
			why = "its last field is not as its c= has it";
		else
			why = NULL;
	}
	if (why != NULL)
		return why;
	to->kind = r.form->kind;
	to->domain = r.values[TAG_D];
	to->selector = r.values[TAG_S];
	to->algorithm = dkim_algorithm_parse(r.values[TAG_A]);
	if (to->algorithm == DKIM_ALGORITHM_UNKNOWN ||
	    to->algorithm == DKIM_RSA_SHA1)
		return "its a= is not ours";
	if ((r.seen & BIT(TAG_V)) != 0 &&
	    !slice_equal(r.values[TAG_V], SLICE("1")))
		return "its v= is not ours";
	return NULL;
}
