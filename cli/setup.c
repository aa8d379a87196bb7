/*
 * signpost setup: from an installed package to signed mail, a step at a time;
 * and back. What is there stays, what a person wired otherwise stops it, and a
 * second run changes nothing. Mail is handed to signpost last, once it serves.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/kit/cli.h"
#include "cli/kit/domains.h"
#include "cli/kit/options.h"
#include "cli/kit/records_print.h"
#include "cli/kit/settings.h"
#include "cli/publish/wizard.h"
#include "cli/setup_private.h"
#include "mail/idn.h"
#include "proxy/settings/config.h"

enum { PATH_LENGTH_MAX = 4096, WAIT_DEFAULT = 60, WAIT_MAX = 7 * 24 * 3600 };

static const char help[] =
    "usage: signpost setup -d DOMAIN... [--selector auto|NAME]\n"
    "           [--type rsa|ed25519|both] [--domainkeys]\n"
    "           [--wiring after-queue|before-queue|milter] [--no-local]\n"
    "           [--inbound] [--reject-dmarc] [--reflector ADDRESS]\n"
    "           [-c FILE] [--root DIR] [--dry-run]\n"
    "       signpost setup --undo [--wait TIME] [-c FILE] [--root DIR]\n"
    "           [--dry-run]\n"
    "\n"
    "Has this host sign mail of a domain: users, directories, a key, the\n"
    "configuration, Postfix (by postconf), the service; then prints the DNS\n"
    "records to publish, and what `signpost check' finds. What is there\n"
    "already stays; where somebody wired things otherwise it stops and says\n"
    "which line to write. It may be run again at any time.\n"
    "\n"
    "  -d, --domain DOMAIN   whose mail is signed; may be given again\n"
    "  --selector NAME       of the key; auto, which is usual: a file says it\n"
    "  --type TYPE           of the key: rsa (default), ed25519, both\n"
    "  --domainkeys          a DomainKeys signature as well\n"
    "  --wiring HOW          after-queue (default): Postfix takes mail, then\n"
    "                        it is signed; before-queue: the other way\n"
    "                        round; milter: Postfix keeps it, and asks\n"
    "  --no-local            only what is submitted, not mail that this\n"
    "                        host's own programs make\n"
    "  --inbound             check mail that comes in, too\n"
    "  --reject-dmarc        and refuse it where DMARC says so, before the\n"
    "                        queue or by milter\n"
    "  --reflector ADDRESS   answer mail to it with a report\n"
    "  --undo                take Postfix's lines and the service out again;\n"
    "                        settings and keys stay\n"
    "  --wait TIME           how long undo waits for mail in the queue (60s)\n"
    "  -c, --config FILE     the configuration "
    "(/etc/signpost/signpost.conf)\n"
    "  --root DIR            of another system, below DIR; it is not started\n"
    "  --dry-run             print commands and changes, and do nothing\n";

static int
add_setup_domain(void *to, const char *text)
{
	struct setup_wishes *w = to;
	struct strbuf ascii;
	int outcome = -1;

	strbuf_init(&ascii, MAIL_IDN_NAME_MAX);
	if (w->domain_count == SETUP_DOMAINS_MAX)
		(void)cli_usage_error(
		    "setup", "-d: more than %d domains", SETUP_DOMAINS_MAX);
	else if (cli_domain_read(slice_str(text), &ascii) != 0)
		(void)cli_usage_error("setup", "-d %s: no domain name", text);
	else
		outcome = 0;
	if (outcome == 0)
		w->domains[w->domain_count++] = strbuf_detach(&ascii);
	strbuf_clear(&ascii);
	return outcome;
}

static int
set_type(void *to, const char *text)
{
	struct setup_wishes *w = to;

	if (strcmp(text, "rsa") == 0)
		w->keys = SETUP_RSA;
	else if (strcmp(text, "ed25519") == 0)
		w->keys = SETUP_ED25519;
	else if (strcmp(text, "both") == 0)
		w->keys = SETUP_BOTH;
	else
		return cli_usage_error(
		    "setup", "--type %s: neither rsa, ed25519 nor both", text);
	return 0;
}

static int
set_wiring(void *to, const char *text)
{
	struct setup_wishes *w = to;

	w->wiring_said = true;
	if (strcmp(text, "after-queue") == 0)
		w->wiring = SETUP_AFTER_QUEUE;
	else if (strcmp(text, "before-queue") == 0)
		w->wiring = SETUP_BEFORE_QUEUE;
	else if (strcmp(text, "milter") == 0)
		w->wiring = SETUP_MILTER;
	else
		return cli_usage_error("setup",
		    "--wiring %s: neither after-queue, before-queue nor "
		    "milter",
		    text);
	return 0;
}

static int
read_options(int argc, char **argv, struct setup *setup)
{
	struct setup_wishes *w = &setup->wishes;
	bool no_local = false;
	const struct cli_option options[] = {
	    {'d', "domain", .take = add_setup_domain, .to = w},
	    {0, "selector", .text = &w->selector},
	    {0, "type", .take = set_type, .to = w},
	    {0, "domainkeys", .flag = &w->domainkeys},
	    {0, "wiring", .take = set_wiring, .to = w},
	    {0, "no-local", .flag = &no_local},
	    {0, "inbound", .flag = &w->inbound},
	    {0, "reject-dmarc", .flag = &w->reject_dmarc},
	    {0, "reflector", .text = &w->reflector},
	    {0, "undo", .flag = &w->undo},
	    {0, "wait", .seconds = &w->wait, .max = WAIT_MAX},
	    {'c', "config", .text = &w->config},
	    {0, "root", .text = &w->root},
	    {0, "dry-run", .flag = &setup->steps.dry},
	    {0},
	};
	struct strbuf ascii;
	bool good;

	if (cli_options_read(options, argc, argv, NULL) != 0)
		return -1;
	w->local = !no_local;
	setup->steps.root = w->root;
	if (w->undo)
		return w->domain_count == 0
		    ? 0
		    : cli_usage_error("setup", "--undo takes no -d");
	if (w->domain_count == 0)
		return cli_usage_error("setup", "-d: whose mail is signed?");
	if (w->domainkeys && w->keys == SETUP_ED25519)
		return cli_usage_error(
		    "setup", "--domainkeys: knows only RSA keys");
	if (!w->inbound && (w->reject_dmarc || w->reflector != NULL))
		return cli_usage_error("setup",
		    "--reject-dmarc, --reflector: only with --inbound");
	if (w->reflector != NULL && strchr(w->reflector, '@') == NULL)
		return cli_usage_error(
		    "setup", "--reflector %s: no address", w->reflector);
	if (w->selector == NULL)
		return 0;
	strbuf_init(&ascii, MAIL_IDN_NAME_MAX);
	good = mail_idn_to_ascii(slice_str(w->selector), &ascii) == 0 &&
	    ascii.n < SETUP_SELECTOR_MAX;
	strbuf_clear(&ascii);
	return good ? 0
		    : cli_usage_error(
			  "setup", "--selector %s: no selector", w->selector);
}

/* --- what other subcommands do --- */

static bool
would_serve(struct setup *setup)
{
	const char *const words[] = {
	    "-t", "-c", strbuf_text(&setup->config_path), NULL};

	if (setup->steps.dry || setup->wishes.root != NULL)
		return true;
	if (cli_command_run(&cli_serve, words) == CLI_OK)
		return true;
	cli_steps_tell(&setup->steps, "configuration", CLI_STEP_STOP,
	    "signpost would not serve with it, see above");
	return false;
}

static void
keep_records(void *ctx, struct cli_records *records)
{
	for (size_t i = 0; i < records->count; i++)
		cli_records_take(ctx, &records->list[i]);
}

static void
print_records(const struct cli_records *records, enum cli_records_format format)
{
	struct cli_records_printer printer = {.format = format};

	cli_records_print(&printer, records);
	cli_records_print_end(&printer);
}

static void
tell_records(struct setup *setup)
{
	struct cli_records records = {0};
	struct proxy_config *config;

	(void)fflush(stdout);
	if (cli_config_load(strbuf_text(&setup->config_path), &config) ==
	    CLI_OK) {
		/* As `signpost dns -d` has them for each of the domains. */
		struct strbuf option, domain;
		struct cli_wizard wizard = {.config = config,
		    .wishes = {.what = CLI_PUBLISH_ALL, .ask = true},
		    .take = keep_records,
		    .ctx = &records};

		strbuf_init(&option, 4 * PATH_LENGTH_MAX);
		strbuf_init(&domain, MAIL_IDN_NAME_MAX);
		cli_config_option(strbuf_text(&setup->config_path), &option);
		wizard.wishes.config = strbuf_text(&option);
		for (size_t i = 0; i < setup->wishes.domain_count; i++) {
			strbuf_reset(&domain);
			if (mail_idn_to_ascii(
				slice_str(setup->wishes.domains[i]), &domain) !=
			    0)
				continue;
			wizard.domain = strbuf_slice(&domain);
			(void)cli_wizard_run(&wizard);
		}
		strbuf_clear(&option);
		strbuf_clear(&domain);
	}
	proxy_config_free(config);
	printf("\nTo be published in DNS, as lines of a zone:\n\n");
	print_records(&records, CLI_RECORDS_ZONE);
	printf("\nThe same for a provider's form:\n\n");
	print_records(&records, CLI_RECORDS_FORM);
	printf("\nWhat is still missing:\n\n");
	cli_records_clear(&records);
}

/* --- the steps --- */

/* 0, or -1 where Postfix has to be left as it is. */
static int
wire(struct setup *setup)
{
	struct setup_postfix *postfix = setup_postfix_new(setup);
	int outcome = -1;

	if (postfix == NULL || setup_postfix_is_blocked(postfix) ||
	    setup_postfix_take(postfix, SETUP_PARTS_BELOW) != 0) {
		setup_postfix_free(postfix);
		return -1;
	}
	/* Mail is handed over once somebody takes it. */
	setup_service_start(setup);
	if (!setup->steps.failed && !setup->steps.stopped)
		outcome = setup_postfix_take(postfix, SETUP_PARTS_HAND);
	if (outcome == 0)
		setup_postfix_reload(setup);
	setup_postfix_free(postfix);
	return outcome;
}

static int
set_up_machine(struct setup *setup)
{
	const char *const words[] = {
	    "-c", strbuf_text(&setup->config_path), NULL};

	/* Before the configuration: the listener of another wiring would be
	 * taken away from under Postfix. */
	if (setup_milter_is_other(setup) || setup_configure(setup) != 0)
		return cli_steps_status(&setup->steps);
	setup_users(setup);
	setup_directories(setup);
	setup_keys(setup);
	if (setup->steps.failed || setup->steps.stopped ||
	    !would_serve(setup) || wire(setup) != 0 || setup->steps.dry ||
	    setup->wishes.root != NULL)
		return cli_steps_status(&setup->steps);
	tell_records(setup);
	return cli_command_run(&cli_check, words) == CLI_OK ? CLI_OK
							    : CLI_FAILED;
}

static int
run(int argc, char **argv)
{
	struct setup setup = {
	    .wishes = {.config = PROXY_CONFIG_PATH, .wait = WAIT_DEFAULT},
	};
	int status = CLI_USAGE;

	strbuf_init(&setup.config_path, PATH_LENGTH_MAX);
	strbuf_init(&setup.rsa, SETUP_SELECTOR_MAX + 2);
	strbuf_init(&setup.ed25519, SETUP_SELECTOR_MAX + 2);
	if (read_options(argc, argv, &setup) == 0) {
		int fd, outcome;

		if (setup.wishes.root != NULL)
			strbuf_add_str(&setup.config_path, setup.wishes.root);
		strbuf_add_str(&setup.config_path, setup.wishes.config);
		if (geteuid() != 0 && !setup.steps.dry) {
			cli_error("setup: only root may change this system "
				  "(--dry-run "
				  "says what would be done)");
			status = CLI_FAILED;
		} else {
			fd = cli_steps_lock(
			    strbuf_text(&setup.config_path), "setup");
			if (fd < 0)
				status = CLI_FAILED;
			else {
				outcome = setup.wishes.undo
				    ? setup_undo(&setup)
				    : set_up_machine(&setup);
				(void)close(fd);
				status = cli_stdout_close(outcome);
			}
		}
	}
	for (size_t i = 0; i < setup.wishes.domain_count; i++)
		free((char *)(uintptr_t)setup.wishes.domains[i]);
	proxy_config_free(setup.config);
	strbuf_clear(&setup.config_path);
	strbuf_clear(&setup.rsa);
	strbuf_clear(&setup.ed25519);
	return status;
}

const struct cli_command cli_setup = {
    "setup", run, "from an installed package to signed mail", help};
