/* A request for a page; see http_request.h. */
#include <arpa/inet.h>
#include <stdio.h>

#include "record/http_request.h"

/* The first empty line: RFC 9112 section 2.2 lets a bare LF end a line. */
static bool
has_ended(struct slice lines)
{
	size_t lf;

	while ((lf = slice_find(lines, '\n')) < lines.n) {
		if (lf == 0 || (lf == 1 && lines.p[0] == '\r'))
			return true;
		lines = slice_after(lines, lf + 1);
	}
	return false;
}

/* "/path?query", or a proxy's "http://host/path?query" (section 3.2.2), whose
 * host is the one that counts. */
static void
parse_target(struct slice target, struct record_http_wanted *to)
{
	size_t mark;

	if (slice_starts_nocase(target, SLICE("http://"))) {
		target = slice_after(target, 7);
		to->host = slice_first(target, slice_find(target, '/'));
		target = slice_after(target, to->host.n);
	}
	mark = slice_find(target, '?');
	to->path = slice_first(target, mark);
	to->query = mark < target.n ? slice_after(target, mark + 1)
				    : slice_from(NULL, 0);
}

static struct slice
without_cr(struct slice line)
{
	return line.n > 0 && line.p[line.n - 1] == '\r'
	    ? slice_first(line, line.n - 1)
	    : line;
}

/* Section 3.2: a second Host is refused; who says none is no browser. */
static unsigned
parse_fields(struct slice lines, struct record_http_wanted *to)
{
	struct slice line;
	unsigned hosts = 0;

	while (slice_cut(&lines, '\n', &line)) {
		size_t colon = slice_find(line, ':');

		line = without_cr(line);
		if (line.n == 0)
			break;
		if (!slice_equal_nocase(
			slice_first(line, colon), SLICE("Host")))
			continue;
		if (++hosts > 1)
			return 400;
		if (to->host.n == 0)
			to->host = slice_trim(slice_after(line, colon + 1));
	}
	return 200;
}

unsigned
record_http_request_parse(struct slice input, struct record_http_wanted *to)
{
	size_t lf = slice_find(input, '\n');
	unsigned status;
	struct slice line;
	struct slice method, target;

	/* Section 2.2: an empty line may stand before it. */
	if (lf == 0 || (lf == 1 && input.p[0] == '\r')) {
		input = slice_after(input, lf + 1);
		lf = slice_find(input, '\n');
	}
	if (!has_ended(input))
		return 0;
	*to = (struct record_http_wanted){.head = false};
	line = slice_first(input, lf);
	line = without_cr(line);
	if (!slice_cut(&line, ' ', &method) ||
	    !slice_cut(&line, ' ', &target) || line.n != 8 ||
	    !slice_equal(slice_first(line, 7), SLICE("HTTP/1.")) ||
	    !ascii_is_digit(line.p[7]))
		status = 400;
	else {
		to->head = slice_equal(method, SLICE("HEAD"));
		if (!to->head && !slice_equal(method, SLICE("GET")))
			status = 501;
		else {
			parse_target(target, to);
			status =
			    to->path.n > 0 && to->path.p[0] == '/' ? 200 : 400;
		}
	}
	return status == 200 ? parse_fields(slice_after(input, lf + 1), to)
			     : status;
}

struct slice
record_http_host_name(struct slice host)
{
	size_t bracket = slice_find(host, ']');

	if (host.n > 0 && host.p[0] == '[' && bracket < host.n)
		return slice_from(host.p + 1, bracket - 1);
	host = slice_first(host, slice_find(host, ':'));
	return host.n > 0 && host.p[host.n - 1] == '.'
	    ? slice_first(host, host.n - 1)
	    : host;
}

bool
record_http_host_is_local(struct slice name)
{
	unsigned char address[sizeof(struct in6_addr)];
	char text[INET6_ADDRSTRLEN];

	if (slice_equal_nocase(name, SLICE("localhost")))
		return true;
	if (name.n >= sizeof(text))
		return false;
	(void)snprintf(text, sizeof(text), "%.*s", (int)name.n, name.p);
	return strlen(text) == name.n &&
	    (inet_pton(AF_INET, text, address) == 1 ||
		inet_pton(AF_INET6, text, address) == 1);
}

bool
record_http_query_find(
    struct slice query, struct slice name, struct slice *value)
{
	struct slice piece;

	while (query.n > 0 && slice_cut(&query, '&', &piece)) {
		size_t sign = slice_find(piece, '=');

		if (!slice_equal(slice_first(piece, sign), name))
			continue;
		*value = sign < piece.n ? slice_after(piece, sign + 1)
					: slice_from(NULL, 0);
		return true;
	}
	return false;
}
