/* A word to a verb; see control_request.h. */
#include "proxy/process/control_request.h"

struct row {
	struct slice word;
	enum proxy_control_verb verb;
};

static const struct row rows[] = {
    {SLICE_INIT("version"), PROXY_CONTROL_VERSION},
    {SLICE_INIT("state"), PROXY_CONTROL_STATE},
    {SLICE_INIT("reload"), PROXY_CONTROL_RELOAD},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

int
proxy_control_request_parse(struct slice text,
    struct proxy_control_request *request, struct strbuf *reason)
{
	if (text.n > PROXY_CONTROL_REQUEST_MAX)
		return strbuf_fail(reason, "the request is too long");
	if (text.n > 0 && text.p[text.n - 1] == '\n')
		text.n--;
	for (size_t i = 0; i < ROWS; i++)
		if (slice_equal(text, rows[i].word)) {
			request->verb = rows[i].verb;
			return 0;
		}
	return strbuf_fail(reason, "no such request");
}
