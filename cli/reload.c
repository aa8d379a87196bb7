/*
 * signpost reload: has the running daemon read its configuration again, and
 * waits for what becomes of that.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/number.h"
#include "cli/kit/cli.h"
#include "cli/kit/daemon.h"
#include "cli/kit/options.h"
#include "proxy/process/control.h"
#include "proxy/settings/config.h"

enum { WAIT_DEFAULT = 300, WAIT_MAX = 86400 };

static const char help[] =
    "usage: signpost reload [-c FILE] [--wait TIME] [PID]\n"
    "\n"
    "Has the running daemon read its configuration again, waits till it\n"
    "serves by it, and prints what is wrong with it where it does not. Ends 0\n"
    "where the new configuration is served, 78 where it was refused and the\n"
    "old one goes on, 75 where nothing is known in time. With PID it must be\n"
    "the daemon with that process id; where nobody listens at [signpost]\n"
    "control, that process gets a SIGHUP, and its log says the outcome.\n"
    "\n"
    "  -c, --config FILE  the configuration (/etc/signpost/signpost.conf)\n"
    "  --wait TIME        how long to wait (300s)\n";

/* The texts of one kind. */
static void
tell_all(const json_t *texts,
    void (*print)(const char *fmt, ...) __attribute__((format(printf, 1, 2))))
{
	const json_t *text;
	size_t i;

	json_array_foreach(texts, i, text)
	{
		if (json_is_string(text))
			print("%s", json_string_value(text));
	}
}

static int
tell_answer(struct slice answer)
{
	json_t *root = json_loadb(answer.p, answer.n, 0, NULL);
	const char *outcome =
	    json_string_value(json_object_get(root, "reload"));
	int status = CLI_TEMPORARY;

	tell_all(json_object_get(root, "warnings"), cli_warn);
	tell_all(json_object_get(root, "errors"), cli_error);
	if (outcome == NULL) {
		cli_error("reload: the daemon's answer is none that is known");
	} else if (strcmp(outcome, "done") == 0) {
		status = CLI_OK;
	} else {
		cli_error("reload refused: the old configuration goes on");
		status = CLI_CONFIG;
	}
	json_decref(root);
	return status;
}

/* Is it a process of our name? A number that was written down may be another
 * program's by now, which a SIGHUP would end. */
static bool
is_signpost(pid_t pid)
{
	char path[64], name[32] = "";
	int fd;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%ld/comm", (long)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, name, sizeof(name) - 1);
	(void)close(fd);
	return n > 0 && strcmp(name, "signpost\n") == 0;
}

/* Where it does not listen: its settings may have said so, or may come to say
 * another place by this reload. */
static int
signal_it(pid_t pid, const char *why)
{
	if (!is_signpost(pid)) {
		cli_error(
		    "process %ld: it is no signpost, and %s", (long)pid, why);
		return CLI_TEMPORARY;
	}
	if (kill(pid, SIGHUP) != 0) {
		cli_error("process %ld: %s", (long)pid, strerror(errno));
		return CLI_TEMPORARY;
	}
	cli_warn("%s; process %ld got a SIGHUP, and the log says what becomes "
		 "of it",
	    why, (long)pid);
	return CLI_OK;
}

static int
run(int argc, char **argv)
{
	uint64_t wait = WAIT_DEFAULT, pid = 0;
	const char *operand = NULL;
	struct cli_daemon_question question = {
	    .config = PROXY_CONFIG_PATH, .request = "reload"};
	const struct cli_option options[] = {
	    {'c', "config", .text = &question.config},
	    {0, "wait", .seconds = &wait, .max = WAIT_MAX},
	    {0},
	};
	struct strbuf answer, reason;
	int status;

	if (cli_options_read(options, argc, argv, &operand) != 0)
		return CLI_USAGE;
	if (operand != NULL &&
	    (number_parse(slice_str(operand), INT32_MAX, &pid) != 0 ||
		pid == 0)) {
		(void)cli_usage_error("reload", "%s: no process id", operand);
		return CLI_USAGE;
	}
	/* The daemon at the usual place may be another's then. */
	if (access(question.config, R_OK) != 0) {
		cli_error("%s: %s", question.config, strerror(errno));
		return CLI_UNREADABLE;
	}
	question.master = (pid_t)pid;
	question.wait_s = (unsigned)wait;
	strbuf_init(&answer, PROXY_CONTROL_ANSWER_MAX + 1);
	strbuf_init(&reason, 1000);
	if (cli_daemon_ask(&question, &answer, &reason) == 0) {
		status = tell_answer(strbuf_slice(&answer));
	} else if (question.absent && question.master != 0) {
		status = signal_it(question.master, strbuf_text(&reason));
	} else {
		cli_error("reload: %s", strbuf_text(&reason));
		status = CLI_TEMPORARY;
	}
	strbuf_clear(&answer);
	strbuf_clear(&reason);
	return status;
}

const struct cli_command cli_reload = {
    "reload", run, "have the daemon read its configuration again", help};
