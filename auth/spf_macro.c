/* RFC 7208 section 7. A macro-string is read the same way to be checked and
 * to be expanded: take_piece() takes one literal or macro off its front. */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>

#include "auth/spf_macro.h"
#include "base/number.h"

enum { NAME_MAX_OCTETS = 253, ADDRESS_DOTTED_MAX = 64, PARTS_MAX = 65536 };

/* One step of a macro-string. */
struct piece {
	struct slice literal; /* where `letter` is 0 */
	char letter;	      /* as written; upper case: URL-escape */
	bool reverse;
	size_t keep; /* right-hand parts; PARTS_MAX: all */
	struct slice delimiters;
};

/* Behind "%{": letter, digits, "r", delimiters, "}". */
static int
take_macro(struct slice *in, struct piece *piece)
{
	size_t end = slice_find(*in, '}'), n = 1, digits = 0;
	struct slice body = slice_first(*in, end);
	uint64_t keep;

	if (end == in->n || body.n == 0 ||
	    strchr("slodiphcrtv", ascii_lower(body.p[0])) == NULL)
		return -1;
	*piece = (struct piece){.letter = body.p[0], .keep = PARTS_MAX};
	while (n + digits < body.n && ascii_is_digit(body.p[n + digits]))
		digits++;
	if (digits > 0) {
		/* What is more than any name has means all of it. */
		if (number_parse(
			slice_from(body.p + n, digits), PARTS_MAX, &keep) == 0)
			piece->keep = (size_t)keep;
		if (piece->keep == 0)
			return -1;
		n += digits;
	}
	if (n < body.n && ascii_lower(body.p[n]) == 'r') {
		piece->reverse = true;
		n++;
	}
	piece->delimiters = slice_after(body, n);
	for (size_t i = 0; i < piece->delimiters.n; i++)
		if (memchr(".-+,/_=", piece->delimiters.p[i], 7) == NULL)
			return -1;
	*in = slice_after(*in, end + 1);
	return 0;
}

static int
take_percent(struct slice *in, struct piece *piece)
{
	static const struct {
		char c;
		struct slice means;
	} escapes[] = {
	    {'%', SLICE_INIT("%")},
	    {'_', SLICE_INIT(" ")},
	    {'-', SLICE_INIT("%20")},
	};

	if (in->n < 2)
		return -1;
	if (in->p[1] == '{') {
		*in = slice_after(*in, 2);
		return take_macro(in, piece);
	}
	for (size_t i = 0; i < sizeof(escapes) / sizeof(escapes[0]); i++)
		if (in->p[1] == escapes[i].c) {
			*piece = (struct piece){.literal = escapes[i].means};
			*in = slice_after(*in, 2);
			return 0;
		}
	return -1;
}

/* 0, or -1 on what is no macro-string. Not for an empty one. */
static int
take_piece(struct slice *in, bool explain, struct piece *piece)
{
	size_t n = 0;

	if (in->p[0] == '%')
		return take_percent(in, piece);
	while (n < in->n && in->p[n] != '%' && in->p[n] < 0x7f &&
	    (in->p[n] > 0x20 || (explain && in->p[n] == ' ')))
		n++;
	if (n == 0)
		return -1;
	*piece = (struct piece){.literal = slice_first(*in, n)};
	*in = slice_after(*in, n);
	return 0;
}

/* Every piece is well formed; `*last` is the last one. */
static bool
check_string(struct slice text, struct piece *last)
{
	while (text.n > 0)
		if (take_piece(&text, false, last) != 0 ||
		    (last->letter != '\0' &&
			strchr("crt", ascii_lower(last->letter)) != NULL))
			return false;
	return true;
}

bool
auth_spf_macro_is_string(struct slice text)
{
	struct piece last;

	return check_string(text, &last);
}

/* toplabel: alphanumeric with a letter or an inner hyphen somewhere. */
static bool
is_top_label(struct slice label)
{
	bool digits_only = true;

	if (label.n == 0 || !ascii_is_alnum(label.p[0]) ||
	    !ascii_is_alnum(label.p[label.n - 1]))
		return false;
	for (size_t i = 0; i < label.n; i++) {
		if (!ascii_is_alnum(label.p[i]) && label.p[i] != '-')
			return false;
		if (!ascii_is_digit(label.p[i]))
			digits_only = false;
	}
	return !digits_only;
}

bool
auth_spf_macro_is_domain(struct slice text)
{
	struct piece last;
	size_t dot;

	if (text.n == 0 || !check_string(text, &last))
		return false;
	if (last.letter != '\0')
		return true;
	if (text.p[text.n - 1] == '.')
		text.n--;
	dot = slice_find_last(text, '.');
	return dot < text.n && is_top_label(slice_after(text, dot + 1));
}

bool
auth_spf_macro_uses(struct slice text, char letter)
{
	struct piece piece;

	while (text.n > 0 && take_piece(&text, true, &piece) == 0)
		if (ascii_lower(piece.letter) == letter)
			return true;
	return false;
}

static void
add_macro_value(
    char letter, const struct auth_spf_macro *macro, struct strbuf *value)
{
	char text[INET6_ADDRSTRLEN];

	switch (ascii_lower(letter)) {
	case 's':
		strbuf_add(value, macro->sender);
		break;
	case 'l':
		strbuf_add(value, macro->local);
		break;
	case 'o':
		strbuf_add(value, macro->sender_domain);
		break;
	case 'd':
		strbuf_add(value, macro->domain);
		break;
	case 'i':
		/* Section 7.3: v6 addresses are nibbles between dots for
		 * %{i}. */
		for (size_t i = 0; i < macro->address_length; i++) {
			unsigned octet = macro->address[i];

			if (macro->address_length == 4)
				strbuf_addf(
				    value, i == 0 ? "%u" : ".%u", octet);
			else
				strbuf_addf(value, i == 0 ? "%X.%X" : ".%X.%X",
				    octet >> 4, octet & 0xf);
		}
		break;
	case 'p':
		strbuf_add(value, macro->validated);
		break;
	case 'v':
		strbuf_add_str(
		    value, macro->address_length == 4 ? "in-addr" : "ip6");
		break;
	case 'h':
		strbuf_add(value, macro->helo);
		break;
	case 'c':
		if (inet_ntop(macro->address_length == 4 ? AF_INET : AF_INET6,
			macro->address, text, sizeof(text)) != NULL)
			strbuf_add_str(value, text);
		break;
	case 'r':
		strbuf_add(value, macro->receiver);
		break;
	case 't':
		strbuf_addf(value, "%" PRId64, macro->now);
		break;
	default:
		break;
	}
}

static bool
is_delimiter(struct slice delimiters, char c)
{
	if (delimiters.n == 0)
		return c == '.';
	return slice_find(delimiters, c) < delimiters.n;
}

/* RFC 3986 section 2.3: all but unreserved characters. */
static void
add_escaped(struct slice part, bool escape, struct strbuf *out)
{
	for (size_t i = 0; i < part.n; i++) {
		char c = part.p[i];

		if (!escape || ascii_is_alnum(c) ||
		    memchr("-._~", c, 4) != NULL)
			strbuf_add_char(out, c);
		else
			strbuf_addf(out, "%%%02X", (unsigned char)c);
	}
}

static size_t
count_parts(struct slice value, struct slice delimiters)
{
	size_t count = 1;

	for (size_t i = 0; i < value.n; i++)
		if (is_delimiter(delimiters, value.p[i]))
			count++;
	return count;
}

/* Section 7.3: split, reverse, keep the right-hand parts, join by dots.
 * Reversed, the right-hand parts are the first ones of the value. */
static void
add_reversed(struct slice value, const struct piece *piece, bool escape,
    struct strbuf *out)
{
	size_t skip = count_parts(value, piece->delimiters);

	skip = skip > piece->keep ? skip - piece->keep : 0;
	for (bool first = true;; value.n--) {
		size_t start = value.n;

		while (start > 0 &&
		    !is_delimiter(piece->delimiters, value.p[start - 1]))
			start--;
		if (skip > 0) {
			skip--;
		} else {
			if (!first)
				strbuf_add_char(out, '.');
			first = false;
			add_escaped(slice_after(value, start), escape, out);
		}
		if (start == 0)
			return;
		value.n = start;
	}
}

static void
add_forward(struct slice value, const struct piece *piece, bool escape,
    struct strbuf *out)
{
	size_t skip = count_parts(value, piece->delimiters);
	size_t start = 0;
	struct slice part;

	skip = skip > piece->keep ? skip - piece->keep : 0;
	for (bool first = true;; start++) {
		size_t end = start;

		/* The part that ends before `end` going left, or begins at
		 * `start`. */
		while (end < value.n &&
		    !is_delimiter(piece->delimiters, value.p[end]))
			end++;
		part = slice_from(value.p + start, end - start);
		if (skip > 0) {
			skip--;
		} else {
			if (!first)
				strbuf_add_char(out, '.');
			first = false;
			add_escaped(part, escape, out);
		}
		start += part.n;
		if (start >= value.n)
			return;
	}
}

/* Adds the expansion to an empty strbuf of its own cap. */
static int
expand(struct slice text, const struct auth_spf_macro *macro, bool explain,
    struct strbuf *out)
{
	struct piece piece;

	while (text.n > 0 && !out->full) {
		if (take_piece(&text, explain, &piece) != 0)
			return -1;
		if (piece.letter == '\0')
			strbuf_add(out, piece.literal);
		else {
			bool escape = piece.letter != ascii_lower(piece.letter);
			struct strbuf value;

			strbuf_init(&value, AUTH_SPF_EXPANSION_MAX);
			add_macro_value(piece.letter, macro, &value);
			if (value.full)
				out->full = true;
			else if (piece.reverse)
				add_reversed(
				    strbuf_slice(&value), &piece, escape, out);
			else
				add_forward(
				    strbuf_slice(&value), &piece, escape, out);
			strbuf_clear(&value);
		}
	}
	return out->full ? -1 : 0;
}

/* Section 7.3's last rule: whole labels off the left. */
static struct slice
cut_name(struct slice name)
{
	if (name.n > 0 && name.p[name.n - 1] == '.')
		name.n--;
	while (name.n > NAME_MAX_OCTETS) {
		size_t dot = slice_find(name, '.');

		if (dot == name.n)
			break;
		name = slice_after(name, dot + 1);
	}
	return name;
}

int
auth_spf_macro_domain(
    struct slice text, const struct auth_spf_macro *macro, struct strbuf *name)
{
	struct strbuf whole;
	int status;

	strbuf_init(&whole, AUTH_SPF_EXPANSION_MAX);
	status = expand(text, macro, false, &whole);
	if (status == 0)
		status = strbuf_add(name, cut_name(strbuf_slice(&whole)));
	strbuf_clear(&whole);
	return status;
}

int
auth_spf_macro_explain(
    struct slice text, const struct auth_spf_macro *macro, struct strbuf *out)
{
	struct strbuf whole;
	int status;

	strbuf_init(&whole, AUTH_SPF_EXPANSION_MAX);
	status = expand(text, macro, true, &whole);
	if (status == 0)
		status = strbuf_add(out, strbuf_slice(&whole));
	strbuf_clear(&whole);
	return status;
}
