/*
 * RFC 6376 section 3.2 tag lists; see taglist.h. A name that comes twice
 * spoils the list: of two values one reader would take the first and another
 * the last. Whether it does is found by sorting, since a list of a thousand
 * names must not cost a million comparisons.
 */
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "mail/taglist.h"

static enum mail_reason
parse_tag(struct slice spec, struct mail_taglist *list)
{
	struct mail_tag *tag = &list->tags[list->count];
	size_t equals = slice_find(spec, '=');
	struct slice s;

	if (equals == spec.n)
		return MAIL_REASON_TAG_WITHOUT_EQUALS;
	if (list->count == MAIL_TAGLIST_MAX)
		return MAIL_REASON_TAGS_TOO_MANY;
	tag->name = slice_trim(slice_first(spec, equals));
	tag->whole = slice_from(spec.p + equals + 1, spec.n - equals - 1);
	tag->value = slice_trim(tag->whole);
	s = tag->name;
	if (s.n == 0 || !ascii_is_alpha(s.p[0]))
		return MAIL_REASON_TAG_NAME_BAD;
	for (size_t i = 1; i < s.n; i++)
		if (!ascii_is_alnum(s.p[i]) && s.p[i] != '_')
			return MAIL_REASON_TAG_NAME_BAD;
	/* VALCHARs, the white space of folding, and RFC 8616's UTF-8. The ;
	 * cannot be here. */
	for (s = tag->value; s.n > 0;) {
		size_t n = escape_utf8_length(s);

		if (n == 0 || s.p[0] == 0x7f ||
		    (n == 1 && s.p[0] < ' ' && !ascii_is_space(s.p[0])))
			return MAIL_REASON_TAG_VALUE_BAD;
		s = slice_after(s, n);
	}
	list->count++;
	return MAIL_REASON_NONE;
}

/* In any order that puts equal names side by side. */
static int
compare_names(const void *one, const void *other)
{
	struct slice a = (*(const struct mail_tag *const *)one)->name;
	struct slice b = (*(const struct mail_tag *const *)other)->name;

	if (a.n != b.n)
		return a.n < b.n ? -1 : 1;
	return memcmp(a.p, b.p, a.n);
}

/* Sorted, since to compare each name with all the others would cost a list of
 * a thousand tags milliseconds, and a header may have hundreds of those. */
static bool
has_name_twice(const struct mail_taglist *list)
{
	const struct mail_tag *sorted[MAIL_TAGLIST_MAX];

	for (size_t i = 0; i < list->count; i++)
		sorted[i] = &list->tags[i];
	qsort(sorted, list->count, sizeof(sorted[0]), compare_names);
	for (size_t i = 1; i < list->count; i++)
		if (slice_equal(sorted[i - 1]->name, sorted[i]->name))
			return true;
	return false;
}

static enum mail_reason
parse_list(struct slice rest, struct mail_taglist *list)
{
	struct slice spec;

	while (slice_cut(&rest, ';', &spec)) {
		enum mail_reason reason;

		/* Nothing may stand behind the last ; but white space. */
		if (rest.p == NULL && list->count > 0 &&
		    slice_trim(spec).n == 0)
			return MAIL_REASON_NONE;
		reason = parse_tag(spec, list);
		if (reason != MAIL_REASON_NONE)
			return reason;
	}
	return list->count == 0 ? MAIL_REASON_TAG_NONE : MAIL_REASON_NONE;
}

int
mail_taglist_parse(
    struct slice text, struct mail_taglist *list, enum mail_reason *reason)
{
	enum mail_reason why;

	list->count = 0;
	why = parse_list(text, list);
	if (why == MAIL_REASON_NONE && has_name_twice(list))
		why = MAIL_REASON_TAG_TWICE;
	if (why == MAIL_REASON_NONE)
		return 0;
	list->count = 0;
	if (reason != NULL)
		*reason = why;
	return -1;
}

const struct mail_tag *
mail_taglist_find(const struct mail_taglist *list, struct slice name)
{
	for (size_t i = 0; i < list->count; i++)
		if (slice_equal(list->tags[i].name, name))
			return &list->tags[i];
	return NULL;
}

struct slice
mail_taglist_value(const struct mail_taglist *list, struct slice name)
{
	const struct mail_tag *tag = mail_taglist_find(list, name);

	return tag == NULL ? slice_from(NULL, 0) : tag->value;
}
