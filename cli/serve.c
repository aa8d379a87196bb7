/*
 * signpost serve: runs the proxies that the configuration names.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "proxy/config.h"
#include "proxy/key_files.h"
#include "proxy/listener.h"
#include "proxy/worker.h"

enum { PIDFILE_OPTION = 256, REASON_CAP = 1024 };

static const char help[] =
    "usage: signpost serve [-c FILE] [-t] [-D] [--pidfile FILE]\n"
    "\n"
    "Runs the proxies that the configuration names, until SIGTERM.\n"
    "\n"
    "  -c, --config FILE  the configuration (/etc/signpost/signpost.conf)\n"
    "  -t, --test         check it and every key it names, and end\n"
    "  -D, --daemon       go to the background once it serves\n"
    "      --pidfile FILE where its process id goes\n";

static const struct cli_option options[] = {
    {'c', "config", true},
    {'t', "test", false},
    {'D', "daemon", false},
    {PIDFILE_OPTION, "pidfile", true},
    {0, NULL, false},
};

struct wishes {
	const char *config, *pidfile;
	bool test, daemon;
};

static int
read_options(int argc, char **argv, struct wishes *w)
{
	struct cli_options o = cli_options_of(options, argc, argv);
	int id;

	while ((id = cli_options_next(&o)) > 0)
		switch (id) {
		case 'c':
			w->config = o.value;
			break;
		case 't':
			w->test = true;
			break;
		case 'D':
			w->daemon = true;
			break;
		default:
			w->pidfile = o.value;
			break;
		}
	return id == 0 && cli_options_done(&o) ? 0 : -1;
}

/* One message a line of the report. */
static void
print_report(const struct proxy_report *report)
{
	struct slice line, rest = strbuf_slice(&report->errors);

	while (slice_cut(&rest, '\n', &line))
		if (line.n > 0)
			cli_error("%.*s", (int)line.n, line.p);
	rest = strbuf_slice(&report->warnings);
	while (slice_cut(&rest, '\n', &line))
		if (line.n > 0)
			cli_warn("%.*s", (int)line.n, line.p);
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
		proxy_key_files_check(config, w->test, &report) != 0)) {
		proxy_config_free(config);
		config = NULL;
	}
	print_report(&report);
	proxy_report_clear(&report);
	return config;
}

/* --- serving in this process --- */

struct serving {
	const struct wishes *wishes;
	const struct proxy_config *config;
	const char *pidfile;
	int listeners[PROXY_LISTENERS_MAX];
	size_t open;
	int tell; /* -D: whoever waits for us to serve; -1: nobody */
	struct proxy_counters counters;
	_Atomic uint64_t slot;
	struct proxy_quota quota;
};

static int
open_listeners(struct serving *s)
{
	const struct proxy_front *front = &s->config->out;
	struct strbuf reason;
	int fd = 0;

	strbuf_init(&reason, REASON_CAP);
	while (s->open < front->listen.count) {
		fd = proxy_listener_open(
		    &front->listen.list[s->open].at, &reason);
		if (fd < 0)
			break;
		s->listeners[s->open++] = fd;
	}
	if (fd < 0)
		cli_error("%s", strbuf_text(&reason));
	strbuf_clear(&reason);
	return fd < 0 ? -1 : 0;
}

static void
close_listeners(struct serving *s)
{
	while (s->open > 0)
		(void)close(s->listeners[--s->open]);
}

static int
write_pidfile(const char *path)
{
	FILE *file = path == NULL ? NULL : fopen(path, "we");

	if (path == NULL)
		return 0;
	if (file == NULL || fprintf(file, "%ld\n", (long)getpid()) < 0 ||
	    fclose(file) != 0) {
		cli_error("%s: %s", path, strerror(errno));
		return -1;
	}
	return 0;
}

static void
on_ready(void *ctx)
{
	struct serving *s = ctx;
	ssize_t ignored;

	if (s->tell < 0)
		return;
	ignored = write(s->tell, "r", 1);
	(void)ignored;
	(void)close(s->tell);
	s->tell = -1;
}

/* The parent ends when the child serves, or with it where it does not. */
static int
go_to_background(struct serving *s)
{
	int ends[2], null = open("/dev/null", O_RDWR | O_CLOEXEC);
	char byte;
	pid_t child;

	if (null < 0 || pipe2(ends, O_CLOEXEC) != 0 || (child = fork()) < 0) {
		cli_error("daemon: %s", strerror(errno));
		return -1;
	}
	if (child > 0) {
		(void)close(ends[1]);
		_exit(read(ends[0], &byte, 1) == 1 ? CLI_OK : CLI_OS);
	}
	(void)close(ends[0]);
	s->tell = ends[1];
	(void)setsid();
	(void)dup2(null, STDIN_FILENO);
	(void)dup2(null, STDOUT_FILENO);
	if (s->config->log == LOGGING_SYSLOG)
		(void)dup2(null, STDERR_FILENO);
	return chdir("/");
}

static int
run_worker(struct serving *s)
{
	struct log *log =
	    log_new("signpost/out", s->config->log, s->config->log_level);
	struct proxy_worker_job job = {
	    .config = s->config,
	    .front = &s->config->out,
	    .listeners = s->listeners,
	    .key_fd = -1,
	    .counters = &s->counters,
	    .quota = &s->quota,
	    .log = log,
	    .ready = on_ready,
	    .ctx = s,
	};
	int result;

	proxy_quota_init(&s->quota, &s->slot, s->config->out.spool_max);
	result = proxy_worker_run(&job);
	log_free(log);
	return result;
}

static int
serve(const struct wishes *w, const struct proxy_config *config)
{
	struct serving s = {.wishes = w, .config = config, .tell = -1};
	const char *pidfile = w->pidfile != NULL ? w->pidfile : config->pidfile;
	int status = CLI_OS;

	if (open_listeners(&s) == 0 &&
	    (!w->daemon || go_to_background(&s) == 0) &&
	    write_pidfile(pidfile) == 0) {
		status = run_worker(&s) == 0 ? CLI_OK : CLI_OS;
		if (pidfile != NULL)
			(void)unlink(pidfile);
	}
	close_listeners(&s);
	return status;
}

static int
run(int argc, char **argv)
{
	struct wishes w = {.config = PROXY_CONFIG_PATH};
	struct proxy_config *config;
	int status;

	if (read_options(argc, argv, &w) != 0)
		return CLI_USAGE;
	config = load(&w);
	if (config == NULL)
		return CLI_CONFIG;
	if (w.test) {
		status = CLI_OK;
	} else if (!config->out.enabled || config->in.enabled) {
		cli_error("%s: only [out] can be served yet", w.config);
		status = CLI_CONFIG;
	} else {
		status = serve(&w, config);
	}
	proxy_config_free(config);
	return status;
}

const struct cli_command cli_serve = {
    .name = "serve",
    .run = run,
    .summary = "run the proxies",
    .help = help,
};
