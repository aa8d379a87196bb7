/* Text in XML; see xml.h. */
#include <stdio.h>

#include "base/escape.h"
#include "record/xml.h"

enum { XML_TEXT_MAX = 64 * 1024 };

/* XML 1.0 section 2.2: of the control characters only HT, LF and CR; and
 * neither U+FFFE nor U+FFFF. */
static bool
has_place(struct slice c)
{
	unsigned char first = (unsigned char)c.p[0];

	if (first < 0x20)
		return first == '\t' || first == '\n' || first == '\r';
	return !(c.n == 3 && first == 0xef && (unsigned char)c.p[1] == 0xbf &&
	    (unsigned char)c.p[2] >= 0xbe);
}

/* How many octets go through as they are: nearly all there are. */
static size_t
plain_length(struct slice in)
{
	size_t n = 0;

	while (n < in.n && in.p[n] >= ' ' && in.p[n] <= '~' && in.p[n] != '&' &&
	    in.p[n] != '<' && in.p[n] != '>' && in.p[n] != '"' &&
	    in.p[n] != '\'')
		n++;
	return n;
}

void
record_xml_escape(struct slice in, struct strbuf *out)
{
	while (in.n > 0) {
		size_t n = plain_length(in);

		if (n > 0) {
			strbuf_add(out, slice_first(in, n));
			in = slice_after(in, n);
			continue;
		}
		n = escape_utf8_length(in);
		if (n == 0)
			strbuf_add_str(out, "\xef\xbf\xbd");
		else if (has_place(slice_first(in, n))) {
			struct slice c = slice_first(in, n);

			switch (c.p[0]) {
			case '&':
				strbuf_add_str(out, "&amp;");
				break;
			case '<':
				strbuf_add_str(out, "&lt;");
				break;
			case '>':
				strbuf_add_str(out, "&gt;");
				break;
			case '"':
				strbuf_add_str(out, "&quot;");
				break;
			case '\'':
				strbuf_add_str(out, "&#39;");
				break;
			default:
				strbuf_add(out, c);
			}
		}
		in = slice_after(in, n == 0 ? 1 : n);
	}
}

void
record_xml_element(
    struct sink *to, unsigned depth, const char *name, struct slice text)
{
	struct strbuf line;

	strbuf_init(&line, XML_TEXT_MAX);
	strbuf_addf(&line, "%*s<%s>", (int)depth, "", name);
	record_xml_escape(slice_first(text, XML_TEXT_MAX / 8), &line);
	strbuf_addf(&line, "</%s>\n", name);
	sink_write_to(to, strbuf_slice(&line));
	strbuf_clear(&line);
}

void
record_xml_number(
    struct sink *to, unsigned depth, const char *name, int64_t number)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%lld", (long long)number);

	record_xml_element(to, depth, name, slice_from(text, (size_t)n));
}
