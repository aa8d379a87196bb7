/*
 * Small steps of RFC 5322's grammar; see token.h. Each takes what it knows off
 * the front of a slice and leaves the rest, or takes nothing: a parser is then
 * a few of them in a row, and can be read beside the grammar. Depth and length
 * are bounded, comments may nest.
 */
#include "mail/token.h"

static const char atext_specials[] = "!#$%&'*+-/=?^_`{|}~";
static const char mime_specials[] = "()<>@,;:\\\"/[]?=";

bool
mail_token_is_atext(char c)
{
	if (ascii_is_alnum(c) || (unsigned char)c > 0x7f)
		return true;
	return c != '\0' && strchr(atext_specials, c) != NULL;
}

bool
mail_token_is_mime(char c)
{
	return c > ' ' && c < 0x7f && strchr(mime_specials, c) == NULL;
}

static bool
is_wsp(char c)
{
	return c == ' ' || c == '\t';
}

static void
skip(struct slice *in, size_t n)
{
	/* An empty slice may have no address to count from. */
	if (n > 0)
		in->p += n;
	in->n -= n;
}

static struct slice
take_bytes(struct slice *in, size_t n)
{
	struct slice taken = slice_first(*in, n);

	skip(in, n);
	return taken;
}

bool
mail_token_fws(struct slice *in)
{
	size_t n = 0;

	for (;;) {
		if (n < in->n && is_wsp(in->p[n]))
			n++;
		else if (in->n - n >= 3 && in->p[n] == '\r' &&
		    in->p[n + 1] == '\n' && is_wsp(in->p[n + 2]))
			n += 3;
		else
			break;
	}
	skip(in, n);
	return n > 0;
}

bool
mail_token_char(struct slice *in, char c)
{
	if (in->n == 0 || in->p[0] != c)
		return false;
	skip(in, 1);
	return true;
}

/* A loop and a count, not a recursion: depth costs nothing. */
int
mail_token_comment(struct slice *in, struct slice *inside)
{
	size_t depth = 0;

	for (size_t i = 0; i < in->n; i++) {
		char c = in->p[i];

		if (c == '(')
			depth++;
		else if (c == ')' && depth > 0)
			depth--;
		if (depth == 0) {
			if (i == 0)
				return -1;
			if (inside != NULL)
				*inside = slice_from(in->p + 1, i - 1);
			skip(in, i + 1);
			return 0;
		}
		if (c == '\\')
			i++;
	}
	return -1;
}

int
mail_token_cfws(struct slice *in)
{
	struct slice at = *in;

	do
		(void)mail_token_fws(&at);
	while (
	    at.n > 0 && at.p[0] == '(' && mail_token_comment(&at, NULL) == 0);
	if (at.n > 0 && at.p[0] == '(')
		return -1;
	*in = at;
	return 0;
}

static int
take_run(struct slice *in, bool (*is_member)(char), struct slice *run)
{
	size_t n = 0;

	while (n < in->n && is_member(in->p[n]))
		n++;
	if (n == 0)
		return -1;
	*run = take_bytes(in, n);
	return 0;
}

int
mail_token_atom(struct slice *in, struct slice *atom)
{
	return take_run(in, mail_token_is_atext, atom);
}

int
mail_token_mime(struct slice *in, struct slice *token)
{
	return take_run(in, mail_token_is_mime, token);
}

int
mail_token_dot_atom(struct slice *in, struct slice *atom)
{
	struct slice at = *in, ignored, behind_dot;

	if (mail_token_atom(&at, &ignored) != 0)
		return -1;
	for (;;) {
		behind_dot = at;
		if (!mail_token_char(&behind_dot, '.') ||
		    mail_token_atom(&behind_dot, &ignored) != 0)
			break;
		at = behind_dot;
	}
	*atom = take_bytes(in, (size_t)(at.p - in->p));
	return 0;
}

int
mail_token_quoted(struct slice *in, struct slice *raw)
{
	if (in->n == 0 || in->p[0] != '"')
		return -1;
	for (size_t i = 1; i < in->n; i++) {
		if (in->p[i] == '"') {
			*raw = take_bytes(in, i + 1);
			return 0;
		}
		if (in->p[i] == '\\')
			i++;
	}
	return -1;
}

/* RFC 5322 section 3.4.1 dtext. */
static bool
is_dtext(char c)
{
	return c > ' ' && c < 0x7f && c != '[' && c != ']' && c != '\\';
}

int
mail_token_domain_literal(struct slice *in, struct slice *raw)
{
	struct slice at = *in, inside;

	if (!mail_token_char(&at, '[') ||
	    take_run(&at, is_dtext, &inside) != 0 || !mail_token_char(&at, ']'))
		return -1;
	*raw = take_bytes(in, (size_t)(at.p - in->p));
	return 0;
}

int
mail_token_unquote(struct slice raw, struct strbuf *out)
{
	for (size_t i = 1; i + 1 < raw.n; i++) {
		char c = raw.p[i];

		if (c == '\r' || c == '\n')
			continue;
		if (c == '\\' && i + 2 < raw.n)
			c = raw.p[++i];
		strbuf_add_char(out, c);
	}
	return out->full ? -1 : 0;
}

int
mail_token_quote(struct slice content, struct strbuf *out)
{
	strbuf_add_char(out, '"');
	for (size_t i = 0; i < content.n; i++) {
		char c = content.p[i];

		if (c == '\r' || c == '\n' || c == '\0')
			continue;
		if (c == '"' || c == '\\')
			strbuf_add_char(out, '\\');
		strbuf_add_char(out, c);
	}
	strbuf_add_char(out, '"');
	return out->full ? -1 : 0;
}
