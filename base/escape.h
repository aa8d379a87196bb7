/*
 * What a peer sent, made harmless in what we print. Names of RFCs: JSON is
 * RFC 8259; bytes that are not UTF-8 become U+FFFD there.
 */
#ifndef BASE_ESCAPE_H
#define BASE_ESCAPE_H

#include "base/slice.h"
#include "base/strbuf.h"

/* For a log line: control characters, DEL, bytes over 0x7e, `"` and `\`
 * as \xHH. 0, or -1 where the strbuf is full. */
int escape_log(struct slice, struct strbuf *out);

/* The same for a text that people read, in which `"` and `\` may stay. */
int escape_text(struct slice, struct strbuf *out);

/* A JSON string with its quotation marks; control characters, C1's too, and
 * what separates lines or turns the direction of writing are \uHHHH. 0 or -1
 * likewise. */
int escape_json(struct slice, struct strbuf *out);

/* JSON that is valid already, of which only U+0000 to U+001F are escaped: the
 * other characters that escape_json() escapes become \uHHHH too. 0 or -1
 * likewise. */
int escape_json_more(struct slice json, struct strbuf *out);

/* A word as a shell wants it: in quotation marks where it needs them. 0 or -1
 * likewise. */
int escape_shell(struct slice, struct strbuf *out);

/* The length of the UTF-8 character the slice begins with (1 to 4, no
 * surrogates, no overlong forms); 0 where it begins with none. */
size_t escape_utf8_length(struct slice);

/* True where the slice is such characters throughout; so is the empty one. */
bool escape_is_utf8(struct slice);

#endif
