/* Asking the daemon; see daemon.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "cli/kit/daemon.h"
#include "proxy/process/control.h"
#include "proxy/settings/config.h"

int
cli_daemon_ask(struct cli_daemon_question *question, struct strbuf *answer,
    struct strbuf *reason)
{
	char *path = proxy_config_peek(question->config, "signpost", "control");
	struct proxy_control_asking asking = {
	    .request = question->request,
	    .master = question->master,
	    .wait_s = question->wait_s,
	};
	int result;

	if (path == NULL)
		path = xstrdup(PROXY_CONTROL_PATH);
	if (strcmp(path, "none") == 0) {
		strbuf_addf(reason,
		    "%s says control = none: nobody can "
		    "ask the daemon",
		    question->config);
		question->absent = true;
		free(path);
		return -1;
	}
	asking.path = path;
	/* The socket is the default one then, and the file at fault. */
	if (access(question->config, R_OK) != 0)
		strbuf_addf(
		    reason, "%s: %s; ", question->config, strerror(errno));
	result = proxy_control_ask(&asking, answer, reason);
	if (result == 0)
		strbuf_reset(reason);
	question->absent = asking.absent;
	question->forbidden = asking.forbidden;
	free(path);
	return result;
}

bool
cli_daemon_same_file(const char *a, const char *b)
{
	char *one = realpath(a, NULL), *other = realpath(b, NULL);
	bool same = one != NULL && other != NULL ? strcmp(one, other) == 0
						 : strcmp(a, b) == 0;

	free(one);
	free(other);
	return same;
}

const char *
cli_daemon_text(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text == NULL ? "" : text;
}

long long
cli_daemon_number(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}
