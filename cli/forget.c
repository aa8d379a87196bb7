/*
 * signpost forget: takes a domain out: settings first, then the daemon reads
 * them, then the keys, which it signs with no more, are kept aside, and what is
 * kept of its mail is deleted. Each step is taken only where it is needed, so a
 * run that was ended is completed by the next.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/forget_private.h"
#include "cli/kit/cli.h"
#include "cli/kit/daemon.h"
#include "cli/kit/domains.h"
#include "cli/kit/options.h"
#include "cli/kit/settings.h"
#include "cli/service.h"
#include "mail/idn.h"
#include "proxy/process/control.h"
#include "proxy/settings/config.h"
#include "proxy/settings/index.h"

enum { ASK_S = 10, PATH_LENGTH_MAX = 4096, REASON_MAX = 1000, TOLD_MAX = 4096 };

static const char help[] =
    "usage: signpost forget -d DOMAIN [-c FILE] [--dry-run]\n"
    "\n"
    "Takes a domain out: its settings (the list of domains, lines of maps);\n"
    "its keys, which are kept aside, once the daemon has read that it signs\n"
    "with them no more; what [results] has kept of its mail. Then it names "
    "the\n"
    "DNS records to take down. Where somebody wrote the domain in another way\n"
    "it stops and shows the line. It may be run again at any time.\n"
    "\n"
    "  -d, --domain DOMAIN  the domain\n"
    "  -c, --config FILE    the configuration\n"
    "                       (/etc/signpost/signpost.conf)\n"
    "  --dry-run            say what would be done, and do nothing\n";

/* --- the daemon --- */

static bool
answers(const struct forget *f)
{
	struct cli_daemon_question question = {
	    .config = f->config_path, .request = "version", .wait_s = ASK_S};
	struct strbuf answer, reason;
	bool does;

	strbuf_init(&answer, PROXY_CONTROL_ANSWER_MAX + 1);
	strbuf_init(&reason, REASON_MAX);
	does = cli_daemon_ask(&question, &answer, &reason) == 0 ||
	    !question.absent;
	strbuf_clear(&answer);
	strbuf_clear(&reason);
	return does;
}

/* Until it has read the settings it signs with these keys. CLI_OK, or how to
 * end. */
static int
have_it_read(struct forget *f)
{
	const char *const words[] = {"-c", f->config_path, NULL};
	int status = CLI_OK;

	if (answers(f)) {
		if (!f->steps.dry)
			status = cli_command_run(&cli_reload, words);
		if (status == CLI_OK)
			cli_steps_took(&f->steps, "service", 0,
			    "reads its configuration again");
	} else if (cli_service_runs(&f->steps)) {
		if (cli_service_reload(&f->steps) != 0)
			status = CLI_TEMPORARY;
	} else {
		cli_steps_tell(
		    &f->steps, "service", CLI_STEP_OK, "does not run");
	}
	if (status == CLI_OK)
		return CLI_OK;
	cli_steps_tell(&f->steps, "service", CLI_STEP_STOP,
	    "it may sign for %s still, so its keys stay where they are",
	    strbuf_text(&f->domain));
	cli_steps_todo("see why it does not take its settings (signpost check, "
		       "its log), and run this again");
	return status == CLI_CONFIG ? CLI_FAILED : status;
}

/* --- results --- */

/* In a child: who deletes there is root no more, and cannot be again. */
static int
delete_results(const struct forget *f)
{
	const char *const words[] = {
	    "-c", f->config_path, "--forget", strbuf_text(&f->domain), NULL};
	pid_t child;
	int status = 0;

	(void)fflush(stdout);
	child = fork();
	if (child < 0) {
		cli_error("fork: %s", strerror(errno));
		return CLI_OS;
	}
	if (child == 0)
		_exit(cli_command_run(&cli_results, words));
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		continue;
	return WIFEXITED(status) ? WEXITSTATUS(status) : CLI_BROKEN;
}

static int
forget_results(struct forget *f)
{
	const char *database = f->config->results.database;
	int status = CLI_OK;

	if (database == NULL || access(database, F_OK) != 0) {
		cli_steps_tell(
		    &f->steps, "results", CLI_STEP_OK, "none are kept");
		return CLI_OK;
	}
	if (!f->steps.dry)
		status = delete_results(f);
	cli_steps_took(&f->steps, "results", status == CLI_OK ? 0 : -1,
	    "of its mail are deleted");
	return status;
}

/* --- the steps --- */

static int
take_steps(struct forget *f)
{
	int status, outcome;

	if (forget_settings_plan(f) != 0 || forget_keys_plan(f) != 0)
		return cli_steps_status(&f->steps);
	if (!f->known && forget_keys_were(f))
		return CLI_OK;
	if (!f->known) {
		cli_error("forget: %s: nothing in %s names it, and it has no "
			  "keys (signpost results --forget deletes what is "
			  "kept of its mail)",
		    strbuf_text(&f->domain), f->config_path);
		return CLI_FAILED;
	}
	/* Settings first, then the keys: mail that is to be signed never
	 * lacks one. Where any domain is signed that has a key, it is by the
	 * key that it goes. */
	if (forget_settings_write(f) != 0)
		status = cli_steps_status(&f->steps);
	else {
		outcome = have_it_read(f);
		if (outcome != CLI_OK)
			status = outcome;
		else if (forget_keys_aside(f) != 0)
			status = cli_steps_status(&f->steps);
		else {
			if (f->config->signing.any_domain)
				outcome = have_it_read(f);
			status =
			    outcome != CLI_OK ? outcome : forget_results(f);
		}
	}
	if (status != CLI_OK)
		return status;
	forget_keys_print_records(f);
	(void)fflush(stdout);
	if (!f->steps.dry)
		(void)forget_keys_end(f);
	return cli_steps_status(&f->steps);
}

static int
run_locked(struct forget *f)
{
	int fd, status;

	if (geteuid() != 0 && !f->steps.dry) {
		cli_error("forget: only root may change this system (--dry-run "
			  "says what would be done)");
		return CLI_FAILED;
	}
	fd = cli_steps_lock(f->config_path, "forget");
	if (fd < 0)
		return CLI_FAILED;
	status = cli_config_load(f->config_path, &f->config);
	if (status == CLI_OK)
		status = take_steps(f);
	(void)close(fd);
	return cli_stdout_close(status);
}

static int
read_options(int argc, char **argv, struct forget *f)
{
	const char *domain = NULL;
	const struct cli_option options[] = {
	    {'d', "domain", .text = &domain},
	    {'c', "config", .text = &f->config_path},
	    {0, "dry-run", .flag = &f->steps.dry},
	    {0},
	};

	if (cli_options_read(options, argc, argv, NULL) != 0)
		return -1;
	if (domain == NULL)
		return cli_usage_error("forget", "-d: which domain?");
	if (cli_domain_read(slice_str(domain), &f->domain) != 0)
		return cli_usage_error(
		    "forget", "-d %s: no domain name", domain);
	return 0;
}

static int
run(int argc, char **argv)
{
	struct forget f = {
	    .config_path = PROXY_CONFIG_PATH, .keys = proxy_index_new()};
	int status = CLI_USAGE;

	strbuf_init(&f.domain, MAIL_IDN_NAME_MAX);
	strbuf_init(&f.aside, PATH_LENGTH_MAX);
	for (size_t i = 0; i < FORGET_TEXTS; i++) {
		strbuf_init(&f.texts[i].text,
		    i == 0 ? PROXY_CONFIG_FILE_MAX : PROXY_CONFIG_MAP_MAX);
		strbuf_init(&f.texts[i].told, TOLD_MAX);
	}
	if (read_options(argc, argv, &f) == 0)
		status = run_locked(&f);
	for (size_t i = 0; i < FORGET_TEXTS; i++) {
		strbuf_clear(&f.texts[i].text);
		strbuf_clear(&f.texts[i].told);
	}
	strbuf_clear(&f.domain);
	strbuf_clear(&f.aside);
	proxy_index_free(f.keys);
	proxy_config_free(f.config);
	return status;
}

const struct cli_command cli_forget = {
    "forget", run, "take a domain out: settings, keys, results", help};
