/*
 * signpost serve: runs the proxies that the configuration names.
 */
#include <unistd.h>

#include "cli/changes.h"
#include "cli/check/reflector.h"
#include "cli/check/results.h"
#include "cli/kit/cli.h"
#include "cli/kit/files.h"
#include "cli/kit/options.h"
#include "cli/kit/settings.h"
#include "dkim/key_memory.h"
#include "proxy/keys/key_check.h"
#include "proxy/process/master.h"
#include "proxy/settings/config.h"

enum { STATE_MAX = 1000 };

static const char help[] =
    "usage: signpost serve [-c FILE] [-t [--since VERSION]] [-D]\n"
    "           [--pidfile FILE]\n"
    "\n"
    "Runs the proxies that the configuration names, until SIGTERM.\n"
    "\n"
    "  -c, --config FILE  the configuration (/etc/signpost/signpost.conf)\n"
    "  -t, --test         check it and every key it names, and end\n"
    "      --since VERSION  with -t: name settings whose default or meaning\n"
    "                     has changed since that version\n"
    "  -D, --daemon       go to the background once it serves\n"
    "      --pidfile FILE where its process id goes\n";

struct wishes {
	const char *config, *pidfile, *since;
	bool test, daemon;
};

static int
read_options(int argc, char **argv, struct wishes *w)
{
	const struct cli_option options[] = {
	    {'c', "config", .text = &w->config},
	    {'t', "test", .flag = &w->test},
	    {'D', "daemon", .flag = &w->daemon},
	    {0, "pidfile", .text = &w->pidfile},
	    {0, "since", .text = &w->since},
	    {0},
	};

	if (cli_options_read(options, argc, argv, NULL) != 0)
		return -1;
	if (w->since == NULL)
		return 0;
	if (!w->test)
		return cli_usage_error("serve", "--since: only with -t");
	return cli_version_is(slice_str(w->since))
	    ? 0
	    : cli_usage_error("serve", "--since %s: no version", w->since);
}

/* What is no mistake, but leaves the reflector of little use. */
static void
warn_of_reflector(void *ctx, const char *what, const char *todo)
{
	const struct proxy_config *config = ctx;

	cli_warn("%s: [reflector]: %s; %s", config->path, what, todo);
}

static void
warn_of_results(void *ctx, const char *what, const char *todo)
{
	const struct proxy_config *config = ctx;

	cli_warn("%s: [results]: %s; %s", config->path, what, todo);
}

static void
warn_of_change(void *ctx, const struct cli_change *change)
{
	const struct wishes *w = ctx;

	cli_warn("%s: [%s] %s: since %s %s %s", w->config, change->section,
	    change->name, change->version,
	    change->meaning ? "it" : "its default", change->what);
}

static struct proxy_config *
load(const struct wishes *w)
{
	struct proxy_report report;
	struct proxy_config *config;

	proxy_report_init(&report);
	config = proxy_config_load(w->config, &report);
	if (config != NULL &&
	    (proxy_config_check_machine(config, &report) != 0 ||
		proxy_key_check_run(config,
		    w->test ? PROXY_KEY_CHECK_ALL : PROXY_KEY_CHECK_START,
		    &report) != 0)) {
		proxy_config_free(config);
		config = NULL;
	}
	cli_config_tell(&report.errors, cli_error);
	cli_config_tell(&report.warnings, cli_warn);
	proxy_report_clear(&report);
	return config;
}

static int
run(int argc, char **argv)
{
	struct wishes w = {.config = PROXY_CONFIG_PATH};
	struct proxy_master_job job;
	struct proxy_config *config;
	int status;

	if (read_options(argc, argv, &w) != 0)
		return CLI_USAGE;
	/* The master tries keys, and keeps none. A test may run in a process
	 * that has had keys before: setup makes them. */
	if (!w.test && dkim_key_memory_init() != 0)
		return CLI_BROKEN;
	if (w.since != NULL) {
		struct strbuf text;

		/* Told whatever becomes of the test: a change may be why it
		 * fails. */
		strbuf_init(&text, PROXY_CONFIG_FILE_MAX);
		if (cli_file_read(w.config, &text) == 0)
			cli_changes_since(slice_str(w.since),
			    strbuf_slice(&text), warn_of_change, &w);
		strbuf_clear(&text);
	}
	config = load(&w);
	if (config == NULL)
		return access(w.config, R_OK) != 0 ? CLI_UNREADABLE
						   : CLI_CONFIG;
	if (w.test) {
		struct strbuf state;

		strbuf_init(&state, STATE_MAX);
		check_reflector_look(config, NULL, warn_of_reflector, config);
		check_results_look(config, warn_of_results, config, &state);
		strbuf_clear(&state);
		status = CLI_OK;
		proxy_config_free(config);
	} else {
		job.config = config; /* taken */
		job.path = w.config;
		job.pidfile = w.pidfile;
		job.daemon = w.daemon;
		status = proxy_master_run(&job) == 0 ? CLI_OK : CLI_OS;
	}
	return status;
}

const struct cli_command cli_serve = {
    .name = "serve",
    .run = run,
    .summary = "run the proxies",
    .help = help,
};
