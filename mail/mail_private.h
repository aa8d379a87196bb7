/* What header.c and reader.c share. */
#ifndef MAIL_MAIL_PRIVATE_H
#define MAIL_MAIL_PRIVATE_H

#include <stdint.h>

#include "base/strbuf.h"
#include "mail/header.h"

/* Fields found so far: where each begins. The last ends at `size`. */
struct mail_header_plan {
	uint32_t *starts; /* the maker's */
	size_t count, room;
	size_t size;
	enum mail_header_end ending;
};

enum mail_header_line {
	MAIL_HEADER_LINE_FIELD,
	MAIL_HEADER_LINE_FOLD, /* begins with white space */
	MAIL_HEADER_LINE_OTHER
};

/* What a line, or its first MAIL_HEADER_NAME_MAX + 1 bytes, is. `*name` is
 * the length of a field's name. */
enum mail_header_line mail_header_line(struct slice line, size_t *name);

/* Takes the bytes out of the strbuf; they may go on behind the header. */
struct mail_header *mail_header_take(
    struct strbuf *bytes, const struct mail_header_plan *);

/* All bytes that were taken, from the first field's on. */
const char *mail_header_bytes(const struct mail_header *);

#endif
