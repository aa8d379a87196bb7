/* DKIM-Quoted-Printable. */
#include "dkim/quoted.h"

static const char digits[] = "0123456789ABCDEF";

int
dkim_quoted_encode(struct slice in, struct strbuf *out)
{
	for (size_t i = 0; i < in.n; i++) {
		unsigned char c = (unsigned char)in.p[i];

		if (in.p[i] > ' ' && in.p[i] <= '~' && in.p[i] != ';' &&
		    in.p[i] != '=') {
			strbuf_add_char(out, in.p[i]);
			continue;
		}
		strbuf_add_char(out, '=');
		strbuf_add_char(out, digits[c >> 4]);
		strbuf_add_char(out, digits[c & 15]);
	}
	return out->full ? -1 : 0;
}

static int
digit_of(char c)
{
	if (ascii_is_digit(c))
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int
dkim_quoted_decode(struct slice in, struct strbuf *out)
{
	for (size_t i = 0; i < in.n; i++) {
		char c = in.p[i];
		int high, low;

		if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
			continue;
		if (c != '=') {
			strbuf_add_char(out, c);
			continue;
		}
		if (in.n - i < 3)
			return -1;
		high = digit_of(in.p[i + 1]);
		low = digit_of(in.p[i + 2]);
		if (high < 0 || low < 0)
			return -1;
		strbuf_add_char(out, (char)(high << 4 | low));
		i += 2;
	}
	return out->full ? -1 : 0;
}
