/*
 * The header of one message: its fields in order, bytes as received. Made
 * by mail/reader.h; read only. A field is a line that begins with a name
 * (RFC 5322 section 2.2: printable ASCII but the colon), white space perhaps
 * (obsolete, section 4.5) and a colon, and the lines after it that begin
 * with SP or HTAB.
 */
#ifndef MAIL_HEADER_H
#define MAIL_HEADER_H

#include "base/slice.h"

enum {
	/* A message with more fields is refused by the reader. What bounds a
	 * header is its bytes; this bounds what each field costs besides. */
	MAIL_HEADER_FIELDS_MAX = 20000,
	/* A line whose colon stands after more bytes is no field; Postfix
	 * looks no further (its line_length_limit). */
	MAIL_HEADER_NAME_MAX = 2047
};

struct mail_field {
	struct slice raw;   /* name to last CRLF, folding kept */
	struct slice name;  /* without the white space before the colon */
	struct slice value; /* after the colon, to before the last CRLF */
	size_t offset;	    /* of `raw` in the message */
};

/* What stands behind the last field. */
enum mail_header_end {
	/* The empty line, as it should be. */
	MAIL_HEADER_END_BLANK,
	/* A line that is no field: the body begins with it. Whoever passes
	 * such a message on must write the empty line before it, as Postfix
	 * does: another reader may take what follows for header still, or
	 * for the continuation of a field on top. */
	MAIL_HEADER_END_LINE,
	/* The end of the message. */
	MAIL_HEADER_END_MESSAGE
};

struct mail_header; /* owns every byte its fields show */

/* From bytes at hand: a whole header (and what follows it, not looked at),
 * by the reader's rules. NULL past `cap` bytes or the fields' maximum. The
 * bytes are copied. */
struct mail_header *mail_header_parse(struct slice, size_t cap);
void mail_header_free(struct mail_header *);

size_t mail_header_count(const struct mail_header *);

/* NULL past the last one; 0 is the topmost. */
const struct mail_field *mail_header_at(
    const struct mail_header *, size_t index);

/* The next field of that name (ASCII case ignored) above index `*below`,
 * which is moved to it; NULL when none is left. Begin with `*below` at
 * mail_header_count(). Cost grows with the fields of that name only. */
const struct mail_field *mail_header_find_up(
    const struct mail_header *, struct slice name, size_t *below);

/* The lowest field of that name, or NULL. */
const struct mail_field *mail_header_last(
    const struct mail_header *, struct slice name);

/* How many fields have that name. */
size_t mail_header_count_of(const struct mail_header *, struct slice name);

/* Bytes of all fields together, and how the header ended. */
size_t mail_header_size(const struct mail_header *);
enum mail_header_end mail_header_ending(const struct mail_header *);

#endif
