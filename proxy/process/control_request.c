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

static int
refuse(const char **why, const char *text)
{
	*why = text;
	return -1;
}

int
proxy_control_request_parse(
    struct slice text, struct proxy_control_request *request, const char **why)
{
	if (text.n > PROXY_CONTROL_REQUEST_MAX)
		return refuse(why, "the request is too long");
	if (text.n > 0 && text.p[text.n - 1] == '\n')
		text.n--;
	for (size_t i = 0; i < ROWS; i++)
		if (slice_equal(text, rows[i].word)) {
			request->verb = rows[i].verb;
			return 0;
		}
	return refuse(why, "no such request");
}
