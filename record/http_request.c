/* A request for a page; see http_request.h. */
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

/* "/path?query", or a proxy's "http://host/path?query" (section 3.2.2). */
static struct slice
path_of(struct slice target)
{
	if (slice_starts_nocase(target, SLICE("http://"))) {
		target = slice_after(target, 7);
		target = slice_after(target, slice_find(target, '/'));
	}
	return slice_first(target, slice_find(target, '?'));
}

static unsigned
parse_line(struct slice line, struct record_http_wanted *to)
{
	struct slice method, target;

	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line = slice_first(line, line.n - 1);
	if (!slice_cut(&line, ' ', &method) ||
	    !slice_cut(&line, ' ', &target) || line.n != 8 ||
	    !slice_equal(slice_first(line, 7), SLICE("HTTP/1.")) ||
	    !ascii_is_digit(line.p[7]))
		return 400;
	to->head = slice_equal(method, SLICE("HEAD"));
	if (!to->head && !slice_equal(method, SLICE("GET")))
		return 501;
	to->path = path_of(target);
	return to->path.n > 0 && to->path.p[0] == '/' ? 200 : 400;
}

unsigned
record_http_request_parse(struct slice input, struct record_http_wanted *to)
{
	size_t lf = slice_find(input, '\n');

	/* Section 2.2: an empty line may stand before it. */
	if (lf == 0 || (lf == 1 && input.p[0] == '\r')) {
		input = slice_after(input, lf + 1);
		lf = slice_find(input, '\n');
	}
	if (!has_ended(input))
		return 0;
	return parse_line(slice_first(input, lf), to);
}
