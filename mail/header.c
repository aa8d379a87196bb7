/*
 * The fields of one message; see header.h. Finding by name must cost little
 * whatever the message: a header may have 20000 fields, and signing asks for
 * each name in h=, as often as it stands there. So names are found by a table,
 * of which fields of one name form a chain, the lowest first, as RFC 6376
 * section 5.4.2 counts them.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/table.h"
#include "base/xalloc.h"
#include "mail/mail_private.h"

/* The fields of one name form a chain of the table, lowest first, with those of
 * other names that share it: added from the top down, each goes in front. */
struct mail_header {
	char *bytes;
	struct mail_field *fields;
	struct table names; /* a number is the field's index */
	size_t count, size;
	enum mail_header_end ending;
};

enum mail_header_line
mail_header_line(struct slice line, size_t *name)
{
	size_t n = 0, at;

	if (line.n > 0 && (line.p[0] == ' ' || line.p[0] == '\t'))
		return MAIL_HEADER_LINE_FOLD;
	line = slice_first(line, MAIL_HEADER_NAME_MAX + 1);
	/* RFC 5322 section 2.2. */
	while (n < line.n && line.p[n] > ' ' && line.p[n] < 0x7f &&
	    line.p[n] != ':')
		n++;
	for (at = n; at < line.n; at++)
		if (line.p[at] != ' ' && line.p[at] != '\t')
			break;
	if (n == 0 || at == line.n || line.p[at] != ':')
		return MAIL_HEADER_LINE_OTHER;
	*name = n;
	return MAIL_HEADER_LINE_FIELD;
}

/* The names in use differ in length and three letters, and that is told faster
 * than table_hash(): for as few as can do no harm. */
static uint64_t
hash_name(const struct mail_header *h, struct slice name)
{
	uint64_t hash = name.n;

	if (h->names.room > TABLE_FEW)
		return table_hash(&h->names, name, 0);
	if (name.n == 0)
		return 0;
	hash = hash << 8 | (unsigned char)ascii_lower(name.p[0]);
	hash = hash << 8 | (unsigned char)ascii_lower(name.p[name.n / 2]);
	return hash << 8 | (unsigned char)ascii_lower(name.p[name.n - 1]);
}

const char *
mail_header_bytes(const struct mail_header *h)
{
	return h->bytes;
}

struct mail_header *
mail_header_take(struct strbuf *bytes, const struct mail_header_plan *plan)
{
	struct mail_header *h = xcalloc(1, sizeof(*h));

	h->fields = xcalloc(plan->count, sizeof(*h->fields));
	table_init(&h->names, plan->count);
	h->bytes = strbuf_detach(bytes);
	h->count = plan->count;
	h->size = plan->size;
	h->ending = plan->ending;
	for (size_t i = 0; i < h->count; i++) {
		size_t from = plan->starts[i];
		size_t to = i + 1 < h->count ? plan->starts[i + 1] : plan->size;
		struct mail_field *field = &h->fields[i];
		struct slice raw = slice_from(h->bytes + from, to - from);
		size_t name = 0, colon;
		uint32_t number;

		(void)mail_header_line(raw, &name);
		colon = slice_find(raw, ':');
		field->raw = raw;
		field->offset = from;
		field->name = slice_first(raw, name);
		/* The last two bytes are CRLF; see mail_reader_end(). */
		field->value = slice_from(raw.p + colon + 1, raw.n - colon - 3);
		number = table_add(&h->names, hash_name(h, field->name));
		assert(number == i);
		(void)number;
	}
	return h;
}

void
mail_header_free(struct mail_header *h)
{
	if (h == NULL)
		return;
	free(h->bytes);
	free(h->fields);
	table_clear(&h->names);
	free(h);
}

size_t
mail_header_count(const struct mail_header *h)
{
	return h->count;
}

const struct mail_field *
mail_header_at(const struct mail_header *h, size_t index)
{
	return index < h->count ? &h->fields[index] : NULL;
}

const struct mail_field *
mail_header_find_up(
    const struct mail_header *h, struct slice name, size_t *below)
{
	uint32_t i;

	/* Going on from a field of that name costs one step. */
	if (*below < h->count &&
	    slice_equal_nocase(h->fields[*below].name, name))
		i = table_next(&h->names, (uint32_t)*below);
	else
		i = table_first(&h->names, hash_name(h, name));
	for (; i != TABLE_NONE; i = table_next(&h->names, i))
		if (i < *below && slice_equal_nocase(h->fields[i].name, name)) {
			*below = i;
			return &h->fields[i];
		}
	*below = 0;
	return NULL;
}

const struct mail_field *
mail_header_last(const struct mail_header *h, struct slice name)
{
	size_t below = h->count;

	return mail_header_find_up(h, name, &below);
}

size_t
mail_header_count_of(const struct mail_header *h, struct slice name)
{
	size_t count = 0;

	for (uint32_t i = table_first(&h->names, hash_name(h, name));
	     i != TABLE_NONE; i = table_next(&h->names, i))
		count += slice_equal_nocase(h->fields[i].name, name);
	return count;
}

size_t
mail_header_size(const struct mail_header *h)
{
	return h->size;
}

enum mail_header_end
mail_header_ending(const struct mail_header *h)
{
	return h->ending;
}
