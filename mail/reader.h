/*
 * A stage that splits a message, however it is cut, into one header and a
 * body. Only CRLF ends a line (mail/newline.h comes before); NULs, bare CRs
 * and bare LFs are bytes like others.
 *
 * The header ends where Postfix's cleanup(8), and after it every signer and
 * verifier, sees its end: at the empty line, which belongs to neither part;
 * or before the first line that neither is a field nor continues one, which
 * is then the body's first. See enum mail_header_end. A first line that
 * begins with white space continues nothing, so it is such a line, and so is
 * an mbox "From " line. A line of white space alone continues a field.
 */
#ifndef MAIL_READER_H
#define MAIL_READER_H

#include "base/slice.h"
#include "mail/header.h"

struct mail_reader_ops {
	/* Exactly once, before any body, unless the reader failed. The
	 * header is the reader's and lives as long as it. */
	void (*header)(void *ctx, const struct mail_header *);
	/* Never an empty chunk. */
	void (*body)(void *ctx, struct slice chunk);
};

struct mail_reader;

/* `header_cap` bounds the bytes of all fields together. `ops` must live as
 * long as the reader. A NULL member of `ops` is not called. */
struct mail_reader *mail_reader_new(
    size_t header_cap, const struct mail_reader_ops *ops, void *ctx);
void mail_reader_free(struct mail_reader *);

/*
 * 0; or -1, now and ever after, where the header has too many bytes or
 * fields: then ops->header is never called. _end() comes after the last
 * byte; a last field without its CRLF gets one.
 */
int mail_reader_write(struct mail_reader *, struct slice chunk);
int mail_reader_end(struct mail_reader *);

/* Why the reader failed ("header over 524288 bytes"); NULL where it did
 * not. Lives as long as the reader. */
const char *mail_reader_reason(const struct mail_reader *);

/*
 * Of a reader that failed: a header of the fields that were whole by then, in
 * memory that is bounded; and behind those, in `rest`, what else was read, from
 * the beginning of a field on. Both live as long as the reader. NULL where it
 * did not fail.
 */
const struct mail_header *mail_reader_partial(
    const struct mail_reader *, struct slice *rest);

/* The header once it was given to ops->header; NULL before. */
const struct mail_header *mail_reader_header(const struct mail_reader *);

#endif
