/*
 * A message on standard input: LF or CRLF line ends, read as CRLF, split by
 * mail/reader.h, and kept as it came where it is to be written out again.
 *
 * As people have it in files: the From line of an mbox before it ("From " or
 * ">From ") is not of the message, and stays on top of what is written out;
 * nor is a byte order mark (of UTF-8), which is left out, for a field put on
 * top would not be one behind it.
 */
#ifndef CLI_KIT_MESSAGE_H
#define CLI_KIT_MESSAGE_H

#include "base/slice.h"
#include "mail/reader.h"
#include "proxy/settings/config.h"

/* Bytes of a header: as max_header_size is by default. */
#define CLI_MESSAGE_HEADER_MAX ((size_t)PROXY_CONFIG_HEADER_KILOBYTES << 10)

struct cli_message;

/* `ops` and `ctx` are mail_reader_new()'s; the body's last line has its
 * CRLF. With `keep`, cli_message_print() can be called. */
struct cli_message *cli_message_new(
    const struct mail_reader_ops *ops, void *ctx, bool keep);
/* The same with a bound of the caller's, where a header over it is no error
 * of reading: see cli_message_no_header(). */
struct cli_message *cli_message_new_bounded(
    const struct mail_reader_ops *ops, void *ctx, bool keep, size_t header_max);
void cli_message_free(struct cli_message *);

/* Reads to the end of the descriptor. CLI_OK; or a message on stderr and
 * how to end: CLI_NO_MESSAGE without any header field. */
int cli_message_read(struct cli_message *, int fd);

/* After reading: NULL; or why there is no header, mail_reader_reason(). */
const char *cli_message_no_header(const struct cli_message *);

/* After reading: the header. */
const struct mail_header *cli_message_header(const struct cli_message *);

/* Feeds what was read and kept to `ops` once more, from its first byte.
 * CLI_OK, or a message on stderr and how to end. */
int cli_message_replay(
    const struct cli_message *, const struct mail_reader_ops *ops, void *ctx);

/* Prints the From line that stood before the message, if any. */
void cli_message_print_from_line(const struct cli_message *);

/* Prints fields (whole, with CRLF), in the line ends of the message. */
void cli_message_print_fields(const struct cli_message *, struct slice fields);

/* Prints what was read, byte for byte; a last line without line end gets
 * one. CLI_OK, or a message on stderr and how to end. */
int cli_message_print(const struct cli_message *);

#endif
