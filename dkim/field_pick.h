/*
 * Which field each name of h= stands for: the lowest of that name that was
 * not taken yet (RFC 6376 section 5.4.2). Private to the room.
 */
#ifndef DKIM_FIELD_PICK_H
#define DKIM_FIELD_PICK_H

#include <stddef.h>

#include "base/slice.h"

struct mail_field;
struct mail_header;

struct dkim_field_pick {
	const struct mail_header *header;
	size_t *taken; /* for the lowest field of a name: up to where */
};

/* The header must live as long. */
void dkim_field_pick_init(struct dkim_field_pick *, const struct mail_header *);

/* NULL where no field of that name is left: it is hashed as nothing. The
 * cost does not grow with how often a name comes. */
const struct mail_field *dkim_field_pick_next(
    struct dkim_field_pick *, struct slice name);

void dkim_field_pick_clear(struct dkim_field_pick *);

#endif
