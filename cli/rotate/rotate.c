/*
 * signpost rotate: a new key in the place of an old one, over the months that
 * it takes, so that at no time mail is signed with a key that somebody cannot
 * see.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "cli/kit/cli.h"
#include "cli/kit/options.h"
#include "cli/kit/settings.h"
#include "cli/rotate/notify.h"
#include "cli/rotate/run.h"
#include "cli/rotate/told.h"
#include "mail/idn.h"

static const char help[] =
    "usage: signpost rotate prepare|activate|retire|revert|adopt|status|auto\n"
    "           [-c FILE] [-d DOMAIN...|--all] [-s SELECTOR]\n"
    "           [--without SERVER]... [--json]\n"
    "\n"
    "Puts a new key in the place of an old one, for domains that are signed\n"
    "with `selector = auto': a key signs once the world can see its record,\n"
    "and that stays for as long as mail signed with it may be on its way.\n"
    "\n"
    "  prepare   makes a key and prints the record to publish\n"
    "  activate  has it sign, where every name server has shown the record "
    "for\n"
    "            long enough; the one before retires\n"
    "  retire    says which record is to be taken down, and removes the key\n"
    "            when that has gone\n"
    "  revert    goes back to the key before, while its record stands\n"
    "  adopt     takes over a key that signs already (-s)\n"
    "  status    says what keys there are\n"
    "  auto      does what is due, for a timer: needs [rotate] in the\n"
    "            configuration, and takes all domains where none is named\n"
    "\n"
    "  -c, --config FILE        the configuration\n"
    "                           (/etc/signpost/signpost.conf)\n"
    "  -d, --domain DOMAIN      the domain that signs; may be given again\n"
    "  --all                    all domains with `selector = auto'\n"
    "  -s, --selector SELECTOR  this key alone; of prepare: what it is called\n"
    "  --without SERVER         leaves out a name server that is lame: its "
    "name\n"
    "                           or an address; may be given again\n"
    "  --json                   print a JSON array\n"
    "\n"
    "Ends 0 when done, or where there is nothing to do; 75 where it is not\n"
    "time yet; 1 where a person must do something; 78 where a file is wrong.\n";

struct verb {
	const char *name;
	void (*run)(struct rotate_run *);
	bool named;    /* needs -d or --all */
	bool selector; /* takes -s */
};

static void
prepare_all(struct rotate_run *run)
{
	enum { CHUNK = 200 };

	for (size_t from = 0; from < run->domains.count; from += CHUNK) {
		const struct rotate_domain *chunk[CHUNK];
		size_t n = 0;

		while (n < CHUNK && from + n < run->domains.count) {
			chunk[n] = &run->domains.list[from + n];
			n++;
		}
		rotate_prepare(run, chunk, n);
	}
}

static const struct verb verbs[] = {
    {"prepare", prepare_all, true, true},
    {"activate", rotate_activate, true, true},
    {"retire", rotate_retire, true, true},
    {"revert", rotate_revert, true, true},
    {"adopt", rotate_adopt, true, true},
    {"status", rotate_status, false, false},
    {"auto", rotate_auto, false, false},
};

struct wishes {
	struct rotate_run run;
	const struct verb *verb;
	struct strbuf *names; /* domains, in A-labels */
	size_t name_count;
	bool all, json;
};

static int
name_domain(void *to, const char *text)
{
	struct wishes *w = to;
	struct strbuf *name;

	w->names =
	    xreallocarray(w->names, w->name_count + 1, sizeof(*w->names));
	name = &w->names[w->name_count++];
	strbuf_init(name, MAIL_IDN_NAME_MAX);
	if (mail_idn_to_ascii(slice_str(text), name) != 0)
		return cli_usage_error("rotate", "-d %s: no domain name", text);
	for (size_t i = 0; i + 1 < w->name_count; i++)
		if (slice_equal_nocase(
			strbuf_slice(name), strbuf_slice(&w->names[i]))) {
			/* Once is enough. */
			strbuf_clear(name);
			w->name_count--;
			break;
		}
	return 0;
}

static int
add_without(void *to, const char *text)
{
	struct wishes *w = to;

	if (w->run.without.count == ROTATE_WITHOUT_MAX)
		return cli_usage_error("rotate", "--without: too many");
	w->run.without_list[w->run.without.count++] = text;
	return 0;
}

static int
check_wishes(const struct wishes *w)
{
	if (w->all && w->name_count > 0)
		return cli_usage_error("rotate", "--all: does not go with -d");
	if (w->verb->named && !w->all && w->name_count == 0)
		return cli_usage_error("rotate",
		    "%s: of which domain? (-d DOMAIN, or --all)",
		    w->verb->name);
	if (w->run.selector != NULL && !w->verb->selector)
		return cli_usage_error(
		    "rotate", "%s: takes no -s", w->verb->name);
	if (w->run.selector == NULL && w->verb->run == rotate_adopt)
		return cli_usage_error(
		    "rotate", "adopt: which key? (-s SELECTOR)");
	return 0;
}

static int
read_wishes(int argc, char **argv, struct wishes *w)
{
	const struct cli_option options[] = {
	    {'c', "config", .text = &w->run.config_path},
	    {'d', "domain", .take = name_domain, .to = w},
	    {0, "all", .flag = &w->all},
	    {'s', "selector", .text = &w->run.selector},
	    {0, "without", .take = add_without, .to = w},
	    {0, "json", .flag = &w->json},
	    {0},
	};

	if (argc < 2 || argv[1][0] == '-')
		return cli_usage_error("rotate",
		    "which of prepare, activate, retire, revert, adopt, "
		    "status, auto?");
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(argv[1], verbs[i].name) == 0)
			w->verb = &verbs[i];
	if (w->verb == NULL)
		return cli_usage_error(
		    "rotate", "%s: there is no such verb", argv[1]);
	/* The options begin behind the verb. */
	argv[1] = argv[0];
	if (cli_options_read(options, argc - 1, argv + 1, NULL) != 0)
		return -1;
	return check_wishes(w);
}

/* The domains that are meant. CLI_OK, or how to end. */
static int
find_domains(struct wishes *w)
{
	struct rotate_run *run = &w->run;
	struct strbuf reason;
	int status = CLI_OK;

	strbuf_init(&reason, ROTATE_REASON_MAX);
	for (size_t i = 0; i < w->name_count && status == CLI_OK; i++) {
		size_t before = run->domains.count;

		if (rotate_domains_find(&run->domains, run->config,
			strbuf_slice(&w->names[i]), &reason) != 0) {
			cli_error("%s", strbuf_text(&reason));
			status = CLI_CONFIG;
		} else if (run->domains.count == before) {
			cli_error("%s: %s signs nothing for it with "
				  "`selector = auto'",
			    strbuf_text(&w->names[i]), run->config_path);
			status = CLI_CONFIG;
		}
	}
	if (w->name_count == 0 &&
	    rotate_domains_find(
		&run->domains, run->config, SLICE(""), &reason) != 0) {
		cli_error("%s", strbuf_text(&reason));
		status = CLI_CONFIG;
	}
	strbuf_clear(&reason);
	return status;
}

static int
work(struct wishes *w)
{
	static const struct cli_dns wishes = {0};
	struct rotate_run *run = &w->run;
	struct proxy_dns_settings dns;
	int status = cli_config_load(run->config_path, &run->config);

	run->automatic = w->verb->run == rotate_auto;
	/* Off until it is set: the timer is there from the first day. */
	if (status == CLI_OK && run->automatic && !run->config->rotate.enabled)
		return CLI_OK;
	if (status == CLI_OK)
		status = find_domains(w);
	if (status != CLI_OK)
		return status;
	dns = run->config->dns;
	/* Where the world sees other servers than this machine does. */
	if (run->config->rotate.resolver.count > 0)
		dns.nameservers = run->config->rotate.resolver;
	run->resolver = cli_resolver_new(&wishes, &dns, "rotate");
	if (run->resolver == NULL)
		return CLI_CONFIG;
	proxy_key_readers_init(&run->readers, run->config);
	rotate_report_init(&run->report, w->json);
	if (run->automatic)
		run->report.once = rotate_told_new(&run->domains);
	w->verb->run(run);
	/* Whom no mail has reached is told again. */
	if (run->automatic &&
	    (run->report.told.n == 0 || run->config->rotate.notify == NULL ||
		rotate_notify(run->config, strbuf_slice(&run->report.told)) ==
		    0))
		rotate_told_keep(run->report.once);
	rotate_told_free(run->report.once);
	status = rotate_report_end(
	    &run->report, run->automatic ? CLI_OK : CLI_TEMPORARY);
	rotate_report_clear(&run->report);
	return status;
}

static int
run(int argc, char **argv)
{
	struct wishes w = {.run.config_path = PROXY_CONFIG_PATH};
	int status = CLI_USAGE;

	w.run.without.list = w.run.without_list;
	w.run.now = clock_wall_s();
	if (read_wishes(argc, argv, &w) == 0)
		status = work(&w);
	for (size_t i = 0; i < w.name_count; i++)
		strbuf_clear(&w.names[i]);
	free(w.names);
	rotate_domains_clear(&w.run.domains);
	cli_resolver_free(w.run.resolver);
	proxy_config_free(w.run.config);
	return status;
}

const struct cli_command cli_rotate = {
    "rotate", run, "put new keys in the place of old ones", help};
