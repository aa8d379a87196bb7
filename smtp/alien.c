/*
 * What other protocols' lines begin with; see alien.h. A browser can be made
 * to send a request to port 25 whose body is SMTP; an HTTP server hands on
 * what it got. Whoever speaks such a protocol is sent away at its first line,
 * before a command in it could count.
 */
#include "smtp/alien.h"
#include "smtp/command.h"

/* RFC 9110, RFC 5789 and HTTP/2's preface (RFC 9113 section 3.4). */
static const struct slice methods[] = {SLICE_INIT("CONNECT"), SLICE_INIT("GET"),
    SLICE_INIT("POST"), SLICE_INIT("PUT"), SLICE_INIT("HEAD"),
    SLICE_INIT("OPTIONS"), SLICE_INIT("DELETE"), SLICE_INIT("PATCH"),
    SLICE_INIT("TRACE"), SLICE_INIT("PRI")};

static size_t
skip_alien_blanks(struct slice line, size_t at)
{
	while (at < line.n && ascii_is_blank(line.p[at]))
		at++;
	return at;
}

const char *
smtp_alien_octet(char c)
{
	if (((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')) ||
	    ascii_is_blank(c) || c == '\r')
		return NULL;
	return "an octet that begins no command";
}

const char *
smtp_alien(struct slice line, bool first)
{
	size_t begin = skip_alien_blanks(line, 0), end = begin, colon;
	struct slice word;

	/* The end of what may be a field's name (RFC 5322 section 3.6.8), or of
	 * a word of SMTP; white space before the colon is no sign of SMTP
	 * either. */
	while (end < line.n && line.p[end] > ' ' && line.p[end] < 0x7f &&
	    line.p[end] != ':')
		end++;
	colon = skip_alien_blanks(line, end);
	word = slice_from(line.p + begin, end - begin);
	if (line.n > 0 && smtp_alien_octet(line.p[0]) != NULL)
		return smtp_alien_octet(line.p[0]);
	if (begin == line.n || line.p[begin] == '\r')
		return NULL;
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (slice_equal_nocase(word, methods[i]))
			return "an HTTP request";
	if (word.n > 0 && colon < line.n && line.p[colon] == ':' &&
	    !(smtp_verb_is_known(word) && ascii_is_blank(line.p[end])))
		return "a header field";
	if (first && !smtp_verb_is_known(word))
		return "no SMTP command first";
	return NULL;
}
