/*
 * Bottom-up picking. The index of a name's lowest field stands for the name,
 * so that no table of names is needed.
 */
#include <stdlib.h>

#include "base/xalloc.h"
#include "dkim/canon_field.h"
#include "dkim/field_pick.h"
#include "mail/header.h"

/* `taken` says, for the lowest field of a name, up to where. */
static const struct mail_field *
next(const struct mail_header *header, struct slice name, size_t *taken)
{
	size_t lowest = mail_header_count(header);
	const struct mail_field *field;

	if (mail_header_find_up(header, name, &lowest) == NULL ||
	    taken[lowest] == 0)
		return NULL;
	field = mail_header_find_up(header, name, &taken[lowest]);
	if (field == NULL)
		taken[lowest] = 0;
	return field;
}

void
dkim_field_pick_write(const struct mail_header *header, struct slice names,
    const struct mail_field *itself, enum dkim_canon canon, struct sink *out)
{
	size_t count = mail_header_count(header);
	size_t *taken = xcalloc(count + 1, sizeof(*taken));
	const struct mail_field *field;
	struct slice name;

	for (size_t i = 0; i < count; i++)
		taken[i] = count;
	while (slice_cut(&names, ':', &name)) {
		field = next(header, slice_trim(name), taken);
		if (field != NULL && field != itself)
			dkim_canon_field(canon, field->raw, out);
	}
	free(taken);
}
