/*
 * Bottom-up picking. The index of a name's lowest field stands for the name,
 * so that no table of names is needed.
 */
#include <stdlib.h>

#include "base/xalloc.h"
#include "dkim/field_pick.h"
#include "mail/header.h"

void
dkim_field_pick_init(
    struct dkim_field_pick *pick, const struct mail_header *header)
{
	size_t count = mail_header_count(header);

	pick->header = header;
	pick->taken = xcalloc(count + 1, sizeof(*pick->taken));
	for (size_t i = 0; i < count; i++)
		pick->taken[i] = count;
}

const struct mail_field *
dkim_field_pick_next(struct dkim_field_pick *pick, struct slice name)
{
	size_t lowest = mail_header_count(pick->header);
	const struct mail_field *field;

	if (mail_header_find_up(pick->header, name, &lowest) == NULL ||
	    pick->taken[lowest] == 0)
		return NULL;
	field = mail_header_find_up(pick->header, name, &pick->taken[lowest]);
	if (field == NULL)
		pick->taken[lowest] = 0;
	return field;
}

void
dkim_field_pick_clear(struct dkim_field_pick *pick)
{
	free(pick->taken);
	pick->taken = NULL;
}
