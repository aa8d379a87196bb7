/*
 * Foreign bytes made harmless in print; see escape.h. A log line or a terminal
 * is a language of its own: a line end would begin a line that we never wrote,
 * and a control sequence might move the cursor over one that we did. All that
 * prints what a peer sent goes through here, so that there is one place to get
 * it right.
 */
#include <stdint.h>

#include "base/escape.h"

int
escape_text(struct slice in, struct strbuf *out)
{
	for (size_t i = 0; i < in.n; i++)
		if (in.p[i] == '"' || in.p[i] == '\\')
			strbuf_add_char(out, in.p[i]);
		else
			escape_log(slice_from(in.p + i, 1), out);
	return out->full ? -1 : 0;
}

int
escape_log(struct slice in, struct strbuf *out)
{
	for (size_t i = 0; i < in.n; i++) {
		unsigned char c = (unsigned char)in.p[i];

		if (c < 0x20 || c > 0x7e || c == '"' || c == '\\')
			strbuf_addf(out, "\\x%02x", c);
		else
			strbuf_add_char(out, (char)c);
	}
	return out->full ? -1 : 0;
}

/* RFC 3629 section 4: the second byte's range depends on the first. */
size_t
escape_utf8_length(struct slice s)
{
	unsigned char lead = s.n > 0 ? (unsigned char)s.p[0] : 0xff;
	unsigned char low = 0x80, high = 0xbf;
	size_t n;

	if (lead < 0x80)
		return 1;
	if (lead < 0xc2 || lead > 0xf4)
		return 0;
	n = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
	if (s.n < n)
		return 0;
	if (lead == 0xe0)
		low = 0xa0;
	else if (lead == 0xed)
		high = 0x9f;
	else if (lead == 0xf0)
		low = 0x90;
	else if (lead == 0xf4)
		high = 0x8f;
	for (size_t i = 1; i < n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c < low || c > high)
			return 0;
		low = 0x80;
		high = 0xbf;
	}
	return n;
}

bool
escape_is_utf8(struct slice s)
{
	while (s.n > 0) {
		size_t n = escape_utf8_length(s);

		if (n == 0)
			return false;
		s = slice_after(s, n);
	}
	return true;
}

/* The code point of a sequence of two or three bytes, else 0. */
static unsigned
code_point(struct slice c)
{
	const unsigned char *p = (const unsigned char *)c.p;

	if (c.n == 2)
		return (p[0] & 0x1fU) << 6 | (p[1] & 0x3fU);
	if (c.n == 3)
		return (p[0] & 0x0fU) << 12 | (p[1] & 0x3fU) << 6 |
		    (p[2] & 0x3fU);
	return c.n == 1 ? p[0] : 0;
}

/* What a terminal or a reader of lines may take for more than a character:
 * C0 and C1, line and paragraph separators, what turns the direction. */
static bool
is_escaped_control(unsigned c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c ||
	    c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
	    (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

int
escape_json_more(struct slice json, struct strbuf *out)
{
	while (json.n > 0) {
		size_t n = escape_utf8_length(json);
		struct slice c = slice_first(json, n == 0 ? 1 : n);
		unsigned code = code_point(c);

		if (c.n < 4 && code > 0x20 && is_escaped_control(code))
			strbuf_addf(out, "\\u%04x", code);
		else
			strbuf_add(out, c);
		json = slice_after(json, c.n);
	}
	return out->full ? -1 : 0;
}

int
escape_json(struct slice in, struct strbuf *out)
{
	strbuf_add_char(out, '"');
	while (in.n > 0) {
		size_t n = escape_utf8_length(in);

		if (n == 0)
			strbuf_add_str(out, "\xef\xbf\xbd");
		else {
			struct slice c = slice_first(in, n);
			unsigned code = code_point(c);

			if (c.n < 4 && is_escaped_control(code))
				strbuf_addf(out, "\\u%04x", code);
			else if (c.p[0] == '"' || c.p[0] == '\\')
				strbuf_addf(out, "\\%c", c.p[0]);
			else
				strbuf_add(out, c);
		}
		in = slice_after(in, n == 0 ? 1 : n);
	}
	strbuf_add_char(out, '"');
	return out->full ? -1 : 0;
}

int
escape_shell(struct slice word, struct strbuf *out)
{
	static const struct slice plain = SLICE_INIT("_-+=./:@%,");
	size_t n = 0;

	while (n < word.n &&
	    (ascii_is_alnum(word.p[n]) ||
		slice_find(plain, word.p[n]) < plain.n))
		n++;
	if (word.n > 0 && n == word.n)
		return strbuf_add(out, word);
	strbuf_add_char(out, '\'');
	for (size_t i = 0; i < word.n; i++)
		if (word.p[i] == '\'')
			strbuf_add_str(out, "'\\''");
		else
			strbuf_add_char(out, word.p[i]);
	return strbuf_add_char(out, '\'');
}
