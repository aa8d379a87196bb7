/*
 * Replies (RFC 5321 section 4.2): parse many lines in any cuts, and print.
 * A reply is kept as the bytes on the wire, so it can be passed on verbatim.
 */
#ifndef SMTP_REPLY_H
#define SMTP_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"
#include "base/strbuf.h"
#include "smtp/parse.h"

/* What a hostile relay may make us hold. */
enum {
	SMTP_REPLY_LINE_MAX = 2048, /* with its CRLF */
	SMTP_REPLY_LINES_MAX = 128,
	SMTP_REPLY_MAX = 32 * 1024, /* all lines */
};

/* `wire` is one or more lines, each with its CRLF. A view: whoever gives
 * the reply says how long it lives. */
struct smtp_reply {
	unsigned code; /* 200 to 599 */
	struct slice wire;
};

/*
 * Over bytes that form a whole reply and live long enough, as a rule a
 * literal: smtp_reply_of("250 2.0.0 Ok\r\n"). Bytes that form none are our
 * bug (assert).
 */
struct smtp_reply smtp_reply_of(const char *wire);
struct smtp_reply smtp_reply_slice(struct slice wire);

/* 2 for 2xx and so on. */
static inline unsigned
smtp_reply_class(const struct smtp_reply *reply)
{
	return reply->code / 100;
}

/*
 * Walks the lines: `*rest` begins as `reply->wire`. Sets `*text` to what
 * follows the code and its ' ' or '-', without the CRLF. False at the end.
 */
bool smtp_reply_next(struct slice *rest, struct slice *text);

/* The first line without its CRLF ("250 2.0.0 Ok: queued as 3CF6"), for the
 * log; escape it. */
struct slice smtp_reply_line(const struct smtp_reply *);

/*
 * Adds a reply of one line or, where `text` holds LFs, of several. `text`
 * must hold no CR, NUL or trailing LF (assert). 0, or -1 where `out` is
 * full. Then smtp_reply_slice(strbuf_slice(out)) is the reply.
 */
int smtp_reply_print(unsigned code, struct slice text, struct strbuf *out);

/* Collects one reply from a relay. */
struct smtp_reply_parser {
	struct strbuf wire;
	size_t line;  /* where the line being read begins */
	size_t lines; /* complete ones */
	unsigned code;
	const char *reason; /* after BAD: what was wrong; static */
};

void smtp_reply_parser_init(struct smtp_reply_parser *);

/*
 * MORE; or DONE: `*reply` is set and lives until the next call with this
 * parser; bytes behind the reply are not used. BAD: not a reply, or over a
 * bound; stays BAD until it is cleared or reset. Strict: lines end in CRLF,
 * codes are equal in all lines, no NUL and no bare CR or LF.
 */
enum smtp_parse smtp_reply_parser_write(struct smtp_reply_parser *,
    struct slice in, size_t *used, struct smtp_reply *reply);

void smtp_reply_parser_clear(struct smtp_reply_parser *);

#endif
