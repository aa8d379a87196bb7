/*
 * Paths and parameters of MAIL and RCPT; see path.h. We are more lenient than
 * RFC 5321 where Postfix is, and where leniency changes nothing that we send
 * on: the line goes to the next hop as it came, and that decides. Only what we
 * have to know of it is taken out here.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#include "base/escape.h"
#include "base/number.h"
#include "smtp/path.h"

static struct slice
skip_path_blanks(struct slice s)
{
	while (s.n > 0 && ascii_is_blank(s.p[0]))
		s = slice_after(s, 1);
	return s;
}

/* Behind the quoted string that `s` begins with; 0 where it is none. RFC
 * 5321's qtextSMTP and quoted-pairSMTP, and RFC 6531's UTF-8. */
static size_t
quoted_length(struct slice s)
{
	for (size_t i = 1; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c == '"')
			return i + 1;
		if (c == '\\' && ++i == s.n)
			return 0;
		c = (unsigned char)s.p[i];
		if (c < 0x20 || c == 0x7f)
			return 0;
	}
	return 0;
}

/*
 * Behind the local part that `s` begins with; 0 where there is none. As
 * loose as Postfix where nothing is at stake: dots stand anywhere, quoted
 * strings between them, and a backslash takes the next character.
 */
static size_t
local_length(struct slice s)
{
	size_t i = 0;

	while (i < s.n && s.p[i] != '@' && s.p[i] != '>' &&
	    !ascii_is_blank(s.p[i])) {
		unsigned char c = (unsigned char)s.p[i];

		if (c == '"') {
			size_t n = quoted_length(slice_after(s, i));

			if (n == 0)
				return 0;
			i += n;
			continue;
		}
		if (c == '\\' && ++i == s.n)
			return 0;
		c = (unsigned char)s.p[i++];
		if (c <= 0x20 || c == 0x7f || c == '<')
			return 0;
	}
	return i;
}

/* RFC 5321's sub-domains, RFC 6531's octets, and the underscore of some. What
 * else a relay takes, as a comment may be, it reads in its own way. */
static bool
is_domain_octet(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	    (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_' ||
	    c >= 0x80;
}

/* Behind [what], where `s` begins with it; or 0. */
static size_t
literal_length(struct slice s)
{
	for (size_t i = 1; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c == ']')
			return i + 1;
		if (c <= 0x20 || c == 0x7f || strchr("<>@\"\\[", c) != NULL)
			return 0;
	}
	return 0;
}

/* Behind a domain or an address literal; 0 where there is none. */
static size_t
domain_length(struct slice s)
{
	size_t i = 0;

	if (s.n > 0 && s.p[0] == '[')
		return literal_length(s);
	while (i < s.n && is_domain_octet((unsigned char)s.p[i]))
		i++;
	return i;
}

/* RFC 5321's A-d-l: @one,@two: before the mailbox. It is dropped. */
static size_t
route_length(struct slice s)
{
	size_t i = 0;

	while (i < s.n && s.p[i] == '@') {
		size_t n = domain_length(slice_after(s, i + 1));

		i += 1 + n;
		if (n == 0 || i >= s.n)
			return 0;
		if (s.p[i] == ':')
			return i + 1;
		if (s.p[i] != ',')
			return 0;
		i++;
	}
	return 0;
}

/* Behind the mailbox, perhaps an empty one, that `s` begins with; or -1. */
static ssize_t
mailbox_length(struct slice s, struct smtp_path *path)
{
	size_t begin = 0, at, end;

	if (s.n > 0 && s.p[0] == '@') {
		begin = route_length(s);
		if (begin == 0)
			return -1;
	}
	at = end = begin + local_length(slice_after(s, begin));
	if (end < s.n && s.p[end] == '@') {
		size_t n = domain_length(slice_after(s, end + 1));

		if (end == begin || n == 0)
			return -1;
		end += 1 + n;
		path->domain = slice_from(s.p + at + 1, n);
	}
	if (begin > 0 && end == begin)
		return -1;
	path->local = slice_first(slice_after(s, begin), at - begin);
	path->mailbox = slice_first(slice_after(s, begin), end - begin);
	return (ssize_t)end;
}

/* Behind the path that `s` begins with, in brackets or, as Postfix takes it
 * too, without them; or 0. */
static size_t
path_length(struct slice s, struct smtp_path *path)
{
	bool bracket = s.p[0] == '<';
	struct slice inside = bracket ? skip_path_blanks(slice_after(s, 1)) : s;
	struct slice rest;
	ssize_t n = mailbox_length(inside, path);

	if (n < 0 || (!bracket && path->domain.n == 0))
		return 0;
	rest = slice_after(inside, (size_t)n);
	if (!bracket)
		return (size_t)n;
	rest = skip_path_blanks(rest);
	if (rest.n == 0 || rest.p[0] != '>')
		return 0;
	return (size_t)(rest.p + 1 - s.p);
}

int
smtp_path_parse(struct slice argument, enum smtp_verb verb,
    struct smtp_path *path, struct strbuf *reason)
{
	struct slice label = verb == SMTP_MAIL ? SLICE("FROM:") : SLICE("TO:");
	struct slice rest;
	size_t n;

	*path = (struct smtp_path){.path = {NULL, 0}};
	rest = slice_starts_nocase(argument, label)
	    ? skip_path_blanks(slice_after(argument, label.n))
	    : SLICE("");
	if (rest.n == 0)
		return strbuf_fail(reason, "expected %s<address>",
		    verb == SMTP_MAIL ? "MAIL FROM:" : "RCPT TO:");
	n = path_length(rest, path);
	path->path = slice_first(rest, n);
	rest = slice_after(rest, n);
	if (n == 0 || (rest.n > 0 && !ascii_is_blank(rest.p[0])) ||
	    !escape_is_utf8(path->path) ||
	    (verb == SMTP_RCPT && path->mailbox.n == 0))
		return strbuf_fail(reason, "bad address syntax");
	path->parameters = slice_trim(rest);
	return 0;
}

bool
smtp_parameter_next(struct slice *rest, struct smtp_parameter *parameter)
{
	struct slice s = skip_path_blanks(*rest);
	size_t n = 0, equals;

	while (n < s.n && !ascii_is_blank(s.p[n]))
		n++;
	parameter->whole = slice_first(s, n);
	equals = slice_find(parameter->whole, '=');
	parameter->keyword = slice_first(parameter->whole, equals);
	parameter->value = slice_after(parameter->whole, equals + 1);
	*rest = slice_after(s, n);
	return n > 0;
}

bool
smtp_parameter_find(struct slice parameters, struct slice keyword,
    struct smtp_parameter *parameter)
{
	while (smtp_parameter_next(&parameters, parameter))
		if (slice_equal_nocase(parameter->keyword, keyword))
			return true;
	return false;
}

/* RFC 1870: size-value is 1*20DIGIT. */
int
smtp_path_size(const struct smtp_path *path, uint64_t *size)
{
	struct smtp_parameter parameter;
	struct slice rest = path->parameters;
	bool seen = false;

	*size = 0;
	while (smtp_parameter_next(&rest, &parameter)) {
		if (!slice_equal_nocase(parameter.keyword, SLICE("SIZE")))
			continue;
		if (seen || parameter.value.n > 20 ||
		    number_parse(parameter.value, UINT64_MAX, size) != 0)
			return -1;
		seen = true;
	}
	return 0;
}

/* The line but for what stands between `cut` and the next parameter. */
static int
print_without(struct slice line, struct slice cut, const char *instead,
    struct strbuf *out)
{
	size_t before = (size_t)(cut.p - line.p);
	size_t after = before + cut.n;

	if (instead[0] == '\0')
		while (before > 0 && ascii_is_blank(line.p[before - 1]))
			before--;
	strbuf_add(out, slice_first(line, before));
	strbuf_add_str(out, instead);
	strbuf_add(out, slice_after(line, after));
	return out->full ? -1 : 0;
}

int
smtp_path_print_unsized(const struct smtp_command *mail,
    const struct smtp_path *path, struct strbuf *out)
{
	struct smtp_parameter size;

	if (!smtp_parameter_find(path->parameters, SLICE("SIZE"), &size))
		return strbuf_add(out, mail->line);
	return print_without(mail->line, size.whole, "", out);
}

int
smtp_path_print_sized(const struct smtp_command *mail,
    const struct smtp_path *path, uint64_t bytes, struct strbuf *out)
{
	struct smtp_parameter size;
	char text[sizeof("SIZE=18446744073709551615")];

	if (!smtp_parameter_find(path->parameters, SLICE("SIZE"), &size))
		return strbuf_add(out, mail->line);
	(void)snprintf(text, sizeof(text), "SIZE=%" PRIu64, bytes);
	return print_without(mail->line, size.whole, text, out);
}
