/*
 * A line to verb and domain; see control_request.h. The only text that the
 * master reads while it runs. It comes from who may ask already, and is
 * bounded and fuzzed all the same, since the master is root's.
 */
#include <stdbool.h>

#include "proxy/process/control_request.h"

struct row {
	struct slice word;
	enum proxy_control_verb verb;
	bool domain; /* one follows */
};

static const struct row rows[] = {
    {SLICE_INIT("version"), PROXY_CONTROL_VERSION, false},
    {SLICE_INIT("state"), PROXY_CONTROL_STATE, false},
    {SLICE_INIT("reload"), PROXY_CONTROL_RELOAD, false},
    {SLICE_INIT("key"), PROXY_CONTROL_KEY, true},
    {SLICE_INIT("trial"), PROXY_CONTROL_TRIAL, true},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* A-labels, and the underscore that some names of hosts have. */
static bool
is_domain_text(struct slice text)
{
	if (text.n == 0 || text.n > PROXY_CONTROL_DOMAIN_MAX)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		bool edge = i == 0 || i + 1 == text.n || text.p[i - 1] == '.';

		if (!ascii_is_alnum(c) && c != '-' && c != '_' &&
		    (c != '.' || edge))
			return false;
	}
	return true;
}

int
proxy_control_request_parse(struct slice text,
    struct proxy_control_request *request, struct strbuf *reason)
{
	struct slice verb, rest = text;

	if (text.n > PROXY_CONTROL_REQUEST_MAX)
		return strbuf_fail(reason, "the request is too long");
	if (rest.n > 0 && rest.p[rest.n - 1] == '\n')
		rest.n--;
	text = rest;
	(void)slice_cut(&rest, ' ', &verb);
	for (size_t i = 0; i < ROWS; i++) {
		if (!slice_equal(verb, rows[i].word))
			continue;
		if (!rows[i].domain && verb.n < text.n)
			return strbuf_fail(
			    reason, "nothing may follow that word");
		if (rows[i].domain && !is_domain_text(rest))
			return strbuf_fail(
			    reason, "a domain must follow that word");
		*request = (struct proxy_control_request){rows[i].verb, rest};
		return 0;
	}
	return strbuf_fail(reason, "no such request");
}
