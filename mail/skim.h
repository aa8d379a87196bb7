/*
 * A stage for the rest of a header that is too large to be kept: from the
 * beginning of a field on it lets the fields through one by one, and leaves
 * out those that the caller names. It needs the same memory however many they
 * are. Where the header ends at a line that is no field, the empty line is
 * written before it; all that follows goes through.
 */
#ifndef MAIL_SKIM_H
#define MAIL_SKIM_H

#include <stdbool.h>

#include "base/slice.h"

/* Octets of a field that are shown to the caller; of a longer one its
 * beginning is. */
#define MAIL_SKIM_FIELD_MAX 16384

struct mail_field;

struct mail_skim_ops {
	/* Is this field to be left out? `whole`: it is shown to its end. NULL:
	 * none is. */
	bool (*drops)(void *ctx, const struct mail_field *, bool whole);
	void (*keep)(void *ctx, struct slice bytes);
};

struct mail_skim;

/* `ops` must live as long as the stage. Never NULL. */
struct mail_skim *mail_skim_new(const struct mail_skim_ops *, void *ctx);
void mail_skim_write(struct mail_skim *, struct slice chunk);
/* The message is over. */
void mail_skim_end(struct mail_skim *);
void mail_skim_free(struct mail_skim *); /* NULL is fine */

#endif
