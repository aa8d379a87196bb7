/*
 * signpost status: what the running daemon says of itself, and whether
 * something is wrong with that.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/check/daemon.h"
#include "cli/check/report.h"
#include "cli/kit/cli.h"
#include "cli/kit/daemon.h"
#include "cli/kit/options.h"

static const char help[] =
    "usage: signpost status [-c FILE] [--json]\n"
    "\n"
    "Says which daemon runs, by which configuration, how its last reload went\n"
    "and which processes it has, and names what is wrong with that: another\n"
    "program or another configuration than there is now, a reload that was\n"
    "refused, processes that are missing or give no sign of life. Ends 0\n"
    "where all is well, 1 where something is wrong, 75 where no daemon\n"
    "answers.\n"
    "\n"
    "  -c, --config FILE  the configuration (/etc/signpost/signpost.conf)\n"
    "  --json             print one JSON object\n";

/* --- for people --- */

struct moment {
	char text[40];
};

static struct moment
moment_of(const json_t *object, const char *name)
{
	time_t t = (time_t)cli_daemon_number(object, name);
	struct moment moment = {""};
	struct tm utc;

	if (gmtime_r(&t, &utc) != NULL)
		(void)strftime(moment.text, sizeof(moment.text),
		    "%Y-%m-%d %H:%M:%S UTC", &utc);
	return moment;
}

/* "2 out, 2 in", of those in that state; nothing where there is none. */
static void
print_processes(const json_t *workers, const char *state)
{
	json_t *counts = json_object(), *worker, *count;
	const char *role, *between = "";
	size_t i;

	json_array_foreach(workers, i, worker)
	{
		if (strcmp(cli_daemon_text(worker, "state"), state) != 0)
			continue;
		role = cli_daemon_text(worker, "role");
		(void)json_object_set_new(counts, role,
		    json_integer(cli_daemon_number(counts, role) + 1));
	}
	if (json_object_size(counts) > 0) {
		printf("%-15s", state);
		json_object_foreach(counts, role, count)
		{
			printf("%s%lld %s", between,
			    (long long)json_integer_value(count), role);
			between = ", ";
		}
		putchar('\n');
	}
	json_decref(counts);
}

/* Of automatic selectors, as far as the daemon was asked for them. */
static void
print_published(const json_t *keys)
{
	long long published = cli_daemon_number(keys, "published");
	long long lost = cli_daemon_number(keys, "lost");
	long long staged = cli_daemon_number(keys, "staged");

	if (published + lost + staged > 0)
		printf("keys           %lld published, %lld whose record is "
		       "gone or wrong, %lld staged with none that is active\n",
		    published, lost, staged);
}

/* --- for programs --- */

static void
status_print_json(const json_t *object)
{
	(void)json_dumpf(object, stdout, JSON_INDENT(1));
	putchar('\n');
}

/* --- both --- */

static int
show(json_t *state, const char *path, bool json)
{
	struct check_report report = {0};
	struct proxy_report mistakes;
	struct proxy_config *config;
	int status;

	proxy_report_init(&mistakes);
	config = proxy_config_load(path, &mistakes);
	check_daemon_look(state, path, config, &report);
	if (json) {
		json_t *list = json_array();

		for (size_t i = 0; i < report.count; i++) {
			const struct check_finding *found = &report.list[i];

			(void)json_array_append_new(list,
			    json_pack("{s:b, s:s, s:s, s:s*}", "wrong",
				found->result == CHECK_FAIL, "subject",
				found->subject, "reason", found->reason, "todo",
				found->todo));
		}
		(void)json_object_set_new(state, "findings", list);
		status_print_json(state);
	} else {
		static const char *const states[] = {
		    "serving", "starting", "leaving"};
		const json_t *configuration =
		    json_object_get(state, "configuration");
		const json_t *reload;
		const char *result;

		printf("signpost %s runs as process %lld since %s\n",
		    cli_daemon_text(state, "version"),
		    cli_daemon_number(state, "pid"),
		    moment_of(state, "started").text);
		printf("configuration  %s, read %s (generation %lld)\n",
		    cli_daemon_text(configuration, "path"),
		    moment_of(configuration, "read").text,
		    cli_daemon_number(state, "generation"));
		reload = json_object_get(state, "reload");
		result = cli_daemon_text(reload, "result");
		printf("last reload    %s", result);
		if (strcmp(result, "none") != 0)
			printf(", %s", moment_of(reload, "at").text);
		putchar('\n');
		for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
			print_processes(
			    json_object_get(state, "workers"), states[i]);
		print_published(json_object_get(state, "keys"));
		for (size_t i = 0; i < report.count; i++) {
			const struct check_finding *found = &report.list[i];

			printf("%-15s%s: %s\n",
			    found->result == CHECK_FAIL ? "wrong" : "note",
			    found->subject, found->reason);
			if (found->todo != NULL)
				printf("%-15s%s\n", "", found->todo);
		}
	}
	status = report.worst == CHECK_FAIL ? CLI_FAILED : CLI_OK;
	check_report_clear(&report);
	proxy_config_free(config);
	proxy_report_clear(&mistakes);
	return status;
}

static int
tell_silence(const char *reason, bool json)
{
	json_t *object;

	if (!json) {
		cli_error("no daemon answers: %s", reason);
		return CLI_TEMPORARY;
	}
	object = json_pack("{s:s}", "error", reason);
	status_print_json(object);
	json_decref(object);
	return CLI_TEMPORARY;
}

static int
run(int argc, char **argv)
{
	const char *path = PROXY_CONFIG_PATH;
	bool json = false, absent;
	const struct cli_option options[] = {
	    {'c', "config", .text = &path},
	    {0, "json", .flag = &json},
	    {0},
	};
	struct strbuf reason;
	json_t *state;
	int status;

	if (cli_options_read(options, argc, argv, NULL) != 0)
		return CLI_USAGE;
	strbuf_init(&reason, 1000);
	state = check_daemon_state(path, &absent, &reason);
	status = state == NULL ? tell_silence(strbuf_text(&reason), json)
			       : show(state, path, json);
	json_decref(state);
	strbuf_clear(&reason);
	return cli_stdout_close(status);
}

const struct cli_command cli_status = {
    "status", run, "what the running daemon says of itself", help};
