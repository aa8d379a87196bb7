/*
 * signpost reload: has the running daemon read its configuration again, and
 * waits for what becomes of that.
 */
#include <stdio.h>

#include "base/number.h"
#include "cli/kit/cli.h"
#include "cli/kit/files.h"
#include "cli/kit/options.h"
#include "proxy/process/control.h"

enum { WAIT_DEFAULT = 300, WAIT_MAX = 86400 };

static const char help[] =
    "usage: signpost reload [--wait TIME] PID\n"
    "\n"
    "Has the daemon with that process id read its configuration again, waits\n"
    "till it serves by it, and prints what is wrong with it where it does\n"
    "not. Ends 0 where the new configuration is served, 78 where it was\n"
    "refused and the old one goes on, 75 where nothing is known in time.\n"
    "\n"
    "  --wait TIME  how long to wait (300s)\n";

/* A line of the answer. */
static void
tell_line(struct slice line)
{
	size_t colon = slice_search(line, SLICE(": "));
	struct slice text = slice_after(line, colon + 2);

	if (slice_equal(slice_first(line, colon), SLICE("warning")))
		cli_warn("%.*s", (int)text.n, text.p);
	else if (text.n > 0)
		cli_error("%.*s", (int)text.n, text.p);
}

static int
tell_all(struct slice answer)
{
	struct slice line, first;

	if (!slice_cut(&answer, '\n', &first))
		return CLI_TEMPORARY;
	while (answer.n > 0 && slice_cut(&answer, '\n', &line))
		tell_line(line);
	if (slice_equal(first, SLICE("done")))
		return CLI_OK;
	cli_error("reload refused: the old configuration goes on");
	return CLI_CONFIG;
}

static int
run(int argc, char **argv)
{
	uint64_t wait = WAIT_DEFAULT, pid = 0;
	const char *operand = NULL;
	const struct cli_option options[] = {
	    {0, "wait", .seconds = &wait, .max = WAIT_MAX},
	    {0},
	};
	struct strbuf answer, reason;
	int status = CLI_TEMPORARY;

	if (cli_options_read(options, argc, argv, &operand) != 0)
		return CLI_USAGE;
	if (operand == NULL ||
	    number_parse(slice_str(operand), INT32_MAX, &pid) != 0 ||
	    pid == 0) {
		(void)cli_usage_error("reload", "it needs a process id");
		return CLI_USAGE;
	}
	strbuf_init(&answer, PROXY_CONTROL_ANSWER_MAX + 1);
	strbuf_init(&reason, 1000);
	if (proxy_control_ask((pid_t)pid, PROXY_CONTROL_RELOAD, (unsigned)wait,
		&answer, &reason) == 0)
		status = tell_all(strbuf_slice(&answer));
	else
		cli_error("process %llu: %s", (unsigned long long)pid,
		    strbuf_text(&reason));
	strbuf_clear(&answer);
	strbuf_clear(&reason);
	return status;
}

const struct cli_command cli_reload = {
    "reload", run, "have the daemon read its configuration again", help};
