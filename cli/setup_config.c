/*
 * signpost.conf's part of `signpost setup`: lines that are missing are put in,
 * those that are there stay. The text is tried before it is written.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "cli/kit/cli.h"
#include "cli/kit/files.h"
#include "cli/kit/settings.h"
#include "cli/samples.h"
#include "cli/settings_edit.h"
#include "cli/setup_private.h"
#include "dkim/signing_set.h"
#include "proxy/keys/key_files.h"
#include "proxy/keys/selectors_known.h"
#include "proxy/settings/config.h"

#define RESULTS_DATABASE "/var/lib/signpost-record/results.db"

enum { VALUE_MAX = 1000 };

/* The text in the making, and what was put into it, for people. */
struct editing {
	struct setup *setup;
	struct strbuf text, told;
	bool full;
};

static void
note_setting(struct editing *e, const char *section, const char *name,
    const char *value, int outcome)
{
	e->full |= outcome != 0;
	strbuf_addf(&e->told, "[%s] %s = %s\n", section, name, value);
}

static void
put_value(
    struct editing *e, const char *section, const char *name, const char *value)
{
	note_setting(e, section, name, value,
	    cli_settings_set(&e->text, slice_str(section), slice_str(name),
		slice_str(value)));
}

static void
add_setting(
    struct editing *e, const char *section, const char *name, const char *value)
{
	note_setting(e, section, name, value,
	    cli_settings_add(&e->text, slice_str(section), slice_str(name),
		slice_str(value)));
}

/* Only where no line says otherwise. */
static void
put_once(
    struct editing *e, const char *section, const char *name, const char *value)
{
	struct slice there;

	if (!cli_settings_get(strbuf_slice(&e->text), slice_str(section),
		slice_str(name), &there))
		put_value(e, section, name, value);
}

static struct proxy_config *
parse_text(const struct editing *e, bool tell)
{
	struct proxy_report report;
	struct proxy_config *config;

	proxy_report_init(&report);
	config = proxy_config_parse(strbuf_text(&e->setup->config_path),
	    strbuf_slice(&e->text), &report);
	if (tell)
		cli_config_tell(&report.errors, cli_error);
	proxy_report_clear(&report);
	return config;
}

/* --- whose mail is signed, by which selector --- */

/* Does any domain that is named have a key under that rule's selector? Then a
 * person, or an earlier setup, meant what is written. */
static bool
has_keys(const struct setup *setup, const struct proxy_config *config)
{
	const struct proxy_signing_rules *rules = &config->signing;
	struct strbuf path, reason;
	bool found = false;

	strbuf_init(&path, PROXY_KEY_PATH_MAX + 4096);
	strbuf_init(&reason, PROXY_KEY_REASON_MAX);
	for (size_t i = 0; i < rules->key_count && !found; i++)
		for (size_t d = 0; d < rules->domains.count && !found; d++) {
			const struct proxy_key_rule *rule = &rules->keys[i];
			struct slice domain = slice_str(rules->domains.list[d]);
			int is_path;

			strbuf_reset(&path);
			if (setup->wishes.root != NULL)
				strbuf_add_str(&path, setup->wishes.root);
			/* What is there if the domain has a key by the rule. */
			is_path = rule->automatic
			    ? proxy_selectors_path(rule, domain, &path, &reason)
			    : proxy_key_path(rule, domain, &path, &reason);
			found = is_path == 0 &&
			    access(strbuf_text(&path), F_OK) == 0;
		}
	strbuf_clear(&path);
	strbuf_clear(&reason);
	return found;
}

/* Are they those of the file that is installed, which are there to be replaced?
 * Others were written by a person, or by an earlier setup. */
static bool
is_example(const struct proxy_config *config)
{
	const struct proxy_strings *domains = &config->signing.domains;
	struct slice text = slice_str(cli_sample_signpost), domain, selector;

	if (config->signing.any_domain || domains->count > 1)
		return false;
	if (config->signing.selector == NULL)
		return domains->count == 0;
	return domains->count == 1 &&
	    cli_settings_get(text, SLICE("out"), SLICE("domain"), &domain) &&
	    slice_equal(domain, slice_str(domains->list[0])) &&
	    cli_settings_get(
		text, SLICE("out"), SLICE("selector"), &selector) &&
	    slice_equal(selector, slice_str(config->signing.selector));
}

static bool
is_listed(const struct proxy_config *config, const char *domain)
{
	for (size_t i = 0; i < config->signing.domains.count; i++)
		if (strcmp(config->signing.domains.list[i], domain) == 0)
			return true;
	return config->signing.any_domain;
}

static bool
is_auto(const char *selector)
{
	return slice_equal_nocase(
	    slice_str(selector), SLICE(PROXY_SELECTOR_AUTO));
}

/* The signature of that kind that is made without maps by that algorithm and
 * under that selector, where they are named (not UNKNOWN, not NULL); NULL:
 * there is none. */
static const struct proxy_signature *
find_made(const struct proxy_config *config, const struct dkim_kind *kind,
    enum dkim_algorithm algorithm, const char *selector)
{
	const struct proxy_signatures *made = &config->signing.signatures;

	for (size_t i = 0; i < made->count; i++) {
		const struct proxy_signature *one = &made->list[i];

		if (one->kind == kind &&
		    (algorithm == DKIM_ALGORITHM_UNKNOWN ||
			one->algorithm == algorithm) &&
		    (selector == NULL || strcmp(one->selector, selector) == 0))
			return one;
	}
	return NULL;
}

/* Where nobody says otherwise a file names the selectors: then new keys can
 * take the place of these. */
static void
choose_selectors(
    struct setup *setup, const struct proxy_config *config, bool meant)
{
	const struct setup_wishes *wishes = &setup->wishes;
	char month[16];
	time_t now = (time_t)clock_wall_s();
	struct tm utc;
	const char *base = wishes->selector;
	/* Of the Ed25519 signature that is made beside the other. */
	const struct proxy_signature *beside =
	    find_made(config, &dkim_kind_dkim, DKIM_ED25519_SHA256, NULL);
	const char *second =
	    base != NULL || beside == NULL ? NULL : beside->selector;
	bool by_month = false;

	if (base == NULL && meant)
		base = config->signing.selector;
	setup->automatic = base == NULL || is_auto(base);
	if (setup->automatic) {
		(void)gmtime_r(&now, &utc);
		(void)strftime(month, sizeof(month), "m%Y%m", &utc);
		base = month;
		by_month = true;
	}
	if (wishes->keys != SETUP_ED25519)
		strbuf_addf(&setup->rsa, "%s%s", base, by_month ? "r" : "");
	if (wishes->keys == SETUP_ED25519 && !by_month)
		strbuf_add_str(&setup->ed25519, base);
	else if (wishes->keys == SETUP_BOTH && second != NULL &&
	    !is_auto(second))
		strbuf_add_str(&setup->ed25519, second);
	else if (wishes->keys != SETUP_RSA)
		strbuf_addf(&setup->ed25519, "%se", base);
}

static void
edit_signatures(struct editing *e, const struct proxy_config *config)
{
	const struct setup_wishes *wishes = &e->setup->wishes;
	const char *second = strbuf_text(&e->setup->ed25519);
	struct strbuf line;

	/* A first line takes the place of what is signed without one. */
	if (wishes->keys == SETUP_BOTH || wishes->domainkeys)
		put_once(e, "out", "signature",
		    wishes->keys == SETUP_BOTH && e->setup->automatic
			? "dkim(c=relaxed/relaxed, a=rsa-sha256)"
			: "dkim(c=relaxed/relaxed)");
	strbuf_init(&line, VALUE_MAX);
	if (wishes->keys == SETUP_BOTH && e->setup->automatic) {
		if (find_made(config, &dkim_kind_dkim, DKIM_ED25519_SHA256,
			NULL) == NULL)
			add_setting(e, "out", "signature",
			    "dkim(c=relaxed/relaxed, a=ed25519-sha256)");
	} else if (wishes->keys == SETUP_BOTH &&
	    find_made(config, &dkim_kind_dkim, DKIM_ALGORITHM_UNKNOWN,
		second) == NULL) {
		strbuf_addf(&line,
		    "dkim(c=relaxed/relaxed, a=ed25519-sha256, s=%s)", second);
		add_setting(e, "out", "signature", strbuf_text(&line));
	}
	if (wishes->domainkeys &&
	    find_made(config, &dkim_kind_domainkeys, DKIM_ALGORITHM_UNKNOWN,
		NULL) == NULL)
		add_setting(e, "out", "signature", "domainkeys(c=nofws)");
	strbuf_clear(&line);
}

/* Where setup has a front listen: by SMTP between two ports, or by milter. */
struct listening {
	const char *section, *listen, *relay, *socket, *milter;
};

#define BY_MILTER(name)                          \
	"unix:" SETUP_MILTER_DIRECTORY "/" name, \
	    "milter:unix:" SETUP_MILTER_DIRECTORY "/" name " group=postfix"

static const struct listening out_listening = {
    "out", "127.0.0.1:10027", "127.0.0.1:10028", BY_MILTER("out")};
static const struct listening in_listening = {
    "in", "127.0.0.1:10025", "127.0.0.1:10026", BY_MILTER("in")};

static bool
is_any(void *ctx, struct slice item)
{
	(void)ctx;
	(void)item;
	return true;
}

/* What setup or the installed file has for the other wiring makes room for this
 * one's: nothing of Postfix's goes by it (setup_milter_is_other). What a person
 * has written stays. */
static void
edit_listening(struct editing *e, const struct listening *l)
{
	bool milter = e->setup->wishes.wiring == SETUP_MILTER;
	struct slice value = {NULL, 0}, section = slice_str(l->section);
	bool by_milter, by_smtp, relays;

	/* The value is a view of the text, which changes below. */
	(void)cli_settings_get(
	    strbuf_slice(&e->text), section, SLICE("listen"), &value);
	by_milter = slice_equal(value, slice_str(l->milter));
	by_smtp = value.n == 0 || slice_equal(value, slice_str(l->listen));
	relays = cli_settings_get(
		     strbuf_slice(&e->text), section, SLICE("relay"), &value) &&
	    slice_equal(value, slice_str(l->relay));
	if (!milter) {
		put_once(e, l->section, "relay", l->relay);
		if (by_milter)
			put_value(e, l->section, "listen", l->listen);
		else
			put_once(e, l->section, "listen", l->listen);
		return;
	}
	if (!by_smtp)
		return;
	if (relays) {
		e->full |= cli_settings_drop(&e->text, section, SLICE("relay"),
			       is_any, NULL) < 0;
		strbuf_addf(&e->told, "[%s] without relay\n", l->section);
	}
	put_value(e, l->section, "listen", l->milter);
}

static void
edit_in(struct editing *e)
{
	const struct setup_wishes *wishes = &e->setup->wishes;

	if (!wishes->inbound)
		return;
	edit_listening(e, &in_listening);
	if (wishes->reject_dmarc)
		put_once(e, "in", "reject", "dmarc");
	/* Answers and reports go out as mail of this host does: by milter there
	 * is no listener of ours to hand it to. */
	if (wishes->wiring == SETUP_MILTER)
		put_once(e, "reflector", "relay", "127.0.0.1:25");
	if (wishes->reflector != NULL) {
		put_once(e, "reflector", "address", wishes->reflector);
		put_once(e, "results", "database", RESULTS_DATABASE);
	}
}

/* --- what is there and is not what was wished for --- */

static void
stop(
    struct editing *e, const char *section, const char *name, const char *value)
{
	const char *path = strbuf_text(&e->setup->config_path);

	cli_steps_tell(&e->setup->steps, "configuration", CLI_STEP_STOP,
	    "%s: `%s =' of [%s] says something else than %s; nothing was "
	    "written",
	    path, name, section, value);
	cli_steps_todo("write it there yourself: %s = %s", name, value);
}

static bool
is_at(const struct proxy_endpoint *endpoint, const char *address)
{
	struct strbuf text;
	bool is;

	strbuf_init(&text, VALUE_MAX);
	proxy_endpoint_print(endpoint, &text);
	is = strcmp(strbuf_text(&text), address) == 0;
	strbuf_clear(&text);
	return is;
}

/* Postfix's lines lead to that listener, and take mail back from that relay.
 * Other addresses would have mail wait for ever. */
static bool
is_between(struct editing *e, const struct proxy_front *front,
    const struct listening *l)
{
	bool milter = e->setup->wishes.wiring == SETUP_MILTER, listens = false;
	enum proxy_listen_kind kind =
	    milter ? PROXY_LISTEN_MILTER : PROXY_LISTEN_SMTP;

	for (size_t i = 0; i < front->listen.count; i++) {
		const struct proxy_listen *listen = &front->listen.list[i];

		listens |= listen->kind == kind && !listen->proxy_protocol &&
		    (milter ? strcmp(listen->rights.group, "postfix") == 0 &&
				is_at(&listen->at, l->socket)
			    : is_at(&listen->at, l->listen));
	}
	if (!listens)
		stop(e, front->name, "listen", milter ? l->milter : l->listen);
	else if (!milter && !is_at(&front->relay, l->relay))
		stop(e, front->name, "relay", l->relay);
	else
		return true;
	return false;
}

static bool
is_as_wished(struct editing *e, const struct proxy_config *config)
{
	const struct setup_wishes *wishes = &e->setup->wishes;
	const char *reflector = config->reflector.address;

	if (!is_between(
		e, proxy_front_with(config, PROXY_FILTER_SIGN), &out_listening))
		return false;
	if (!wishes->inbound)
		return true;
	if (!is_between(e, proxy_front_with(config, PROXY_FILTER_VERIFY),
		&in_listening))
		return false;
	if (wishes->reject_dmarc &&
	    (config->checking.reject & PROXY_REJECT_DMARC) == 0)
		stop(e, "in", "reject", "dmarc");
	else if (wishes->reflector != NULL &&
	    (reflector == NULL || strcmp(reflector, wishes->reflector) != 0))
		stop(e, "reflector", "address", wishes->reflector);
	else
		return true;
	return false;
}

/* --- the file --- */

static int
write_text(struct editing *e)
{
	struct setup *setup = e->setup;
	const char *path = strbuf_text(&setup->config_path);
	struct slice rest = strbuf_slice(&e->told), line;
	int outcome = 0;

	if (e->told.n == 0) {
		cli_steps_tell(
		    &setup->steps, "configuration", CLI_STEP_OK, "%s", path);
		return 0;
	}
	setup->config_changed = true;
	if (!setup->steps.dry)
		outcome = cli_file_replace(path, strbuf_slice(&e->text));
	cli_steps_took(&setup->steps, "configuration", outcome, "%s", path);
	if (outcome != 0)
		return -1;
	while (slice_cut(&rest, '\n', &line))
		if (line.n > 0)
			cli_steps_todo("%.*s", (int)line.n, line.p);
	return 0;
}

/* Whose mail `reject = dmarc' leaves alone nobody but the postmaster knows. */
static bool
lacks_exceptions(struct editing *e)
{
	struct slice text = strbuf_slice(&e->text), in = SLICE("in"), value;

	if (!cli_settings_get(text, in, SLICE("reject"), &value) ||
	    !slice_equal(value, SLICE("dmarc")) ||
	    cli_settings_get(text, in, SLICE("dmarc_except"), &value) ||
	    cli_settings_get(text, in, SLICE("arc_trusted"), &value))
		return false;
	cli_steps_tell(&e->setup->steps, "configuration", CLI_STEP_STOP,
	    "%s: mail of lists and forwarders fails DMARC through no fault of "
	    "theirs: which are not refused? Nothing was written",
	    strbuf_text(&e->setup->config_path));
	cli_steps_todo("write below a line [in] there, and run this again: "
		       "dmarc_except = NETWORKS");
	cli_steps_todo("(nothing behind the = where there are none)");
	return true;
}

static int
edit(struct editing *e)
{
	struct proxy_config *before = parse_text(e, true);
	const struct setup_wishes *wishes;
	bool meant;
	const char *selector;

	if (before == NULL) {
		cli_steps_tell(&e->setup->steps, "configuration", CLI_STEP_STOP,
		    "%s has mistakes, see above",
		    strbuf_text(&e->setup->config_path));
		return -1;
	}
	wishes = &e->setup->wishes;
	meant = !is_example(before) || has_keys(e->setup, before);
	choose_selectors(e->setup, before, meant);
	selector = e->setup->automatic ? PROXY_SELECTOR_AUTO
	    : e->setup->rsa.n > 0      ? strbuf_text(&e->setup->rsa)
				       : strbuf_text(&e->setup->ed25519);
	for (size_t i = 0; i < wishes->domain_count; i++) {
		const char *domain = wishes->domains[i];

		if (i == 0 && !meant && !is_listed(before, domain))
			put_value(e, "out", "domain", domain);
		else if (!is_listed(before, domain))
			add_setting(e, "out", "domain", domain);
	}
	if (before->signing.selector == NULL ||
	    (!meant && strcmp(before->signing.selector, selector) != 0)) {
		put_value(e, "out", "selector", selector);
		/* A first key has no other to wait behind. */
		if (e->setup->automatic)
			put_once(e, "out", "before_published", "sign");
	}
	edit_listening(e, &out_listening);
	/* By milter everybody's mail is seen. This host's own programs submit
	 * by loopback too. */
	if (wishes->wiring == SETUP_MILTER)
		put_once(e, "out", "sign_for",
		    wishes->local ? "authenticated, local, 127.0.0.0/8, ::1"
				  : "authenticated");
	put_once(
	    e, "out", "keyfile", "/etc/signpost/keys/$domain/$selector.pem");
	edit_signatures(e, before);
	edit_in(e);
	proxy_config_free(before);
	if (lacks_exceptions(e))
		return -1;
	e->setup->config = e->full ? NULL : parse_text(e, true);
	if (e->setup->config == NULL) {
		cli_steps_tell(&e->setup->steps, "configuration", CLI_STEP_STOP,
		    "%s: what is there and what was wished for do not go "
		    "together, see above; nothing was written",
		    strbuf_text(&e->setup->config_path));
		return -1;
	}
	if (!is_as_wished(e, e->setup->config))
		return -1;
	return write_text(e);
}

int
setup_configure(struct setup *setup)
{
	struct editing e = {.setup = setup};
	int outcome;
	const char *path;

	strbuf_init(&e.text, PROXY_CONFIG_FILE_MAX);
	strbuf_init(&e.told, PROXY_CONFIG_FILE_MAX);
	path = strbuf_text(&e.setup->config_path);
	if (access(path, F_OK) == 0)
		outcome = cli_file_read(path, &e.text);
	else
		outcome = strbuf_add_str(&e.text, cli_sample_signpost);
	if (outcome == 0)
		outcome = edit(&e);
	else
		setup->steps.failed = true;
	strbuf_clear(&e.text);
	strbuf_clear(&e.told);
	return outcome;
}
