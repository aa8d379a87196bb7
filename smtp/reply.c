/*
 * Replies: parse, walk, print; see reply.h. A relay is another program's, and
 * may be hostile as well: lines and their number are bounded, and one whose
 * code changes within a reply is bad, for client and proxy would read it
 * differently.
 */
#include <assert.h>
#include <string.h>

#include "smtp/reply.h"

enum { CODE_LENGTH = 3 };

/* 0 where the line does not begin with a code of ours or RFC 5321's. */
static unsigned
code_of(struct slice line)
{
	if (line.n < CODE_LENGTH || line.p[0] < '2' || line.p[0] > '5' ||
	    !ascii_is_digit(line.p[1]) || !ascii_is_digit(line.p[2]))
		return 0;
	return (unsigned)(line.p[0] - '0') * 100 +
	    (unsigned)(line.p[1] - '0') * 10 + (unsigned)(line.p[2] - '0');
}

struct smtp_reply
smtp_reply_slice(struct slice wire)
{
	struct smtp_reply reply = {code_of(wire), wire};

	assert(reply.code != 0);
	assert(slice_ends_nocase(wire, SLICE("\r\n")));
	return reply;
}

struct smtp_reply
smtp_reply_of(const char *wire)
{
	return smtp_reply_slice(slice_str(wire));
}

bool
smtp_reply_next(struct slice *rest, struct slice *text)
{
	size_t end = slice_search(*rest, SLICE("\r\n"));

	if (rest->n == 0)
		return false;
	*text = slice_after(slice_first(*rest, end), CODE_LENGTH + 1);
	*rest = slice_after(*rest, end + 2);
	return true;
}

struct slice
smtp_reply_line(const struct smtp_reply *reply)
{
	size_t end = slice_search(reply->wire, SLICE("\r\n"));

	return slice_first(reply->wire, end);
}

int
smtp_reply_print(unsigned code, struct slice text, struct strbuf *out)
{
	struct slice line;

	assert(code >= 200 && code <= 599);
	assert(text.n > 0 && text.p[text.n - 1] != '\n');
	assert(slice_find(text, '\r') == text.n);
	assert(slice_find(text, '\0') == text.n);
	while (slice_cut(&text, '\n', &line)) {
		strbuf_addf(out, "%03u%c", code, text.p == NULL ? ' ' : '-');
		strbuf_add(out, line);
		strbuf_add_str(out, "\r\n");
	}
	return out->full ? -1 : 0;
}

void
smtp_reply_parser_init(struct smtp_reply_parser *parser)
{
	*parser = (struct smtp_reply_parser){.code = 0};
	strbuf_init(&parser->wire, SMTP_REPLY_MAX);
}

void
smtp_reply_parser_clear(struct smtp_reply_parser *parser)
{
	strbuf_clear(&parser->wire);
	smtp_reply_parser_init(parser);
}

static enum smtp_parse
bad_reply(struct smtp_reply_parser *parser, const char *reason)
{
	parser->reason = reason;
	return SMTP_BAD;
}

static unsigned
first_code(const struct smtp_reply_parser *parser)
{
	return code_of(strbuf_slice(&parser->wire));
}

/* One line, its CRLF included. */
static enum smtp_parse
judge_reply_line(struct smtp_reply_parser *parser, struct slice line)
{
	unsigned code;

	if (line.n < 2 || line.p[line.n - 2] != '\r')
		return bad_reply(parser, "reply line ends in a bare LF");
	line.n -= 2;
	if (slice_find(line, '\r') < line.n || slice_find(line, '\0') < line.n)
		return bad_reply(parser, "bare CR or NUL in a reply");
	code = code_of(line);
	if (code == 0)
		return bad_reply(parser, "reply without a code");
	if (code != first_code(parser))
		return bad_reply(
		    parser, "reply whose lines differ in their codes");
	if (++parser->lines > SMTP_REPLY_LINES_MAX)
		return bad_reply(parser, "reply of too many lines");
	if (line.n == CODE_LENGTH || line.p[CODE_LENGTH] == ' ')
		return SMTP_DONE;
	if (line.p[CODE_LENGTH] != '-')
		return bad_reply(parser, "reply code not followed by a space");
	return SMTP_MORE;
}

/* Adds up to the next LF; false where there is none yet or a bound is
 * passed (`reason` is set then). */
static bool
take_line(struct smtp_reply_parser *parser, struct slice in, size_t *used)
{
	size_t end = slice_find(in, '\n');
	size_t n = end < in.n ? end + 1 : in.n;

	if (parser->wire.n - parser->line + n > SMTP_REPLY_LINE_MAX) {
		parser->reason = "reply line too long";
		return false;
	}
	if (strbuf_add(&parser->wire, slice_first(in, n)) != 0) {
		parser->reason = "reply too long";
		return false;
	}
	*used += n;
	return end < in.n;
}

enum smtp_parse
smtp_reply_parser_write(struct smtp_reply_parser *parser, struct slice in,
    size_t *used, struct smtp_reply *reply)
{
	*used = 0;
	if (parser->reason != NULL)
		return SMTP_BAD;
	if (parser->code != 0) {
		strbuf_reset(&parser->wire);
		parser->line = parser->lines = 0;
		parser->code = 0;
	}
	while (take_line(parser, slice_after(in, *used), used)) {
		enum smtp_parse parse = judge_reply_line(parser,
		    slice_after(strbuf_slice(&parser->wire), parser->line));

		if (parse == SMTP_BAD)
			return SMTP_BAD;
		parser->line = parser->wire.n;
		if (parse == SMTP_MORE)
			continue;
		parser->code = first_code(parser);
		reply->code = parser->code;
		reply->wire = strbuf_slice(&parser->wire);
		return SMTP_DONE;
	}
	return parser->reason != NULL ? SMTP_BAD : SMTP_MORE;
}
