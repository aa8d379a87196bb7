/*
 * Bottom-up picking. The index of a name's lowest field stands for the name,
 * so that no table of names is needed.
 */
#include <stdlib.h>

#include "base/xalloc.h"
#include "dkim/canon_field.h"
#include "dkim/field_pick.h"
#include "mail/header.h"

struct picking {
	const struct mail_header *header;
	size_t count;
	/* For the lowest field of a name, up to where they are taken. */
	size_t *taken;
};

static void
picking_init(struct picking *p, const struct mail_header *header)
{
	p->header = header;
	p->count = mail_header_count(header);
	p->taken = xcalloc(p->count + 1, sizeof(*p->taken));
	for (size_t i = 0; i < p->count; i++)
		p->taken[i] = p->count;
}

/* The field that the name stands for this time and its index, or NULL. */
static const struct mail_field *
next(struct picking *p, struct slice name, size_t *index)
{
	size_t lowest = p->count;
	const struct mail_field *field;

	if (mail_header_find_up(p->header, name, &lowest) == NULL ||
	    p->taken[lowest] == 0)
		return NULL;
	field = mail_header_find_up(p->header, name, &p->taken[lowest]);
	*index = p->taken[lowest];
	if (field == NULL)
		p->taken[lowest] = 0;
	return field;
}

void
dkim_field_pick_write(const struct mail_header *header, struct slice names,
    const struct mail_field *itself, enum dkim_canon canon, struct sink *out)
{
	struct picking p;
	const struct mail_field *field;
	struct slice name;
	size_t index;

	picking_init(&p, header);
	while (slice_cut(&names, ':', &name)) {
		field = next(&p, slice_trim(name), &index);
		if (field != NULL && field != itself)
			dkim_canon_field(canon, field->raw, out);
	}
	free(p.taken);
}

void
dkim_field_pick_mark(
    const struct mail_header *header, struct slice names, bool *picked)
{
	struct picking p;
	struct slice name;
	size_t index;

	picking_init(&p, header);
	while (slice_cut(&names, ':', &name))
		if (next(&p, slice_trim(name), &index) != NULL)
			picked[index] = true;
	free(p.taken);
}
