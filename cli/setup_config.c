/*
 * signpost.conf's part of `signpost setup`: lines that are missing are put in,
 * those that are there stay. The text is tried before it is written.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "cli/kit/cli.h"
#include "cli/kit/files.h"
#include "cli/kit/settings.h"
#include "cli/samples.h"
#include "cli/settings_edit.h"
#include "cli/setup_private.h"
#include "proxy/keys/key_files.h"
#include "proxy/settings/config.h"

#define RESULTS_DATABASE "/var/lib/signpost-in/results.db"

enum { VALUE_MAX = 1000 };

/* The text in the making, and what was put into it, for people. */
struct editing {
	struct setup *setup;
	struct strbuf text, told;
	bool full;
};

static void
note(struct editing *e, const char *section, const char *name,
    const char *value, int outcome)
{
	e->full |= outcome != 0;
	(void)strbuf_addf(&e->told, "[%s] %s = %s\n", section, name, value);
}

static void
put(struct editing *e, const char *section, const char *name, const char *value)
{
	note(e, section, name, value,
	    cli_settings_set(&e->text, slice_str(section), slice_str(name),
		slice_str(value)));
}

static void
add(struct editing *e, const char *section, const char *name, const char *value)
{
	note(e, section, name, value,
	    cli_settings_add(&e->text, slice_str(section), slice_str(name),
		slice_str(value)));
}

static bool
has(const struct editing *e, const char *section, const char *name)
{
	struct slice value;

	return cli_settings_get(strbuf_slice(&e->text), slice_str(section),
	    slice_str(name), &value);
}

/* Only where no line says otherwise. */
static void
put_once(
    struct editing *e, const char *section, const char *name, const char *value)
{
	if (!has(e, section, name))
		put(e, section, name, value);
}

static struct proxy_config *
parse(const struct editing *e, bool tell)
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
			strbuf_reset(&path);
			if (setup->wishes.root != NULL)
				(void)strbuf_add_str(&path, setup->wishes.root);
			found = proxy_key_path(&rules->keys[i],
				    slice_str(rules->domains.list[d]), &path,
				    &reason) == 0 &&
			    access(strbuf_text(&path), F_OK) == 0;
		}
	strbuf_clear(&path);
	strbuf_clear(&reason);
	return found;
}

static bool
is_listed(const struct proxy_config *config, const char *domain)
{
	for (size_t i = 0; i < config->signing.domains.count; i++)
		if (strcmp(config->signing.domains.list[i], domain) == 0)
			return true;
	return config->signing.any_domain;
}

static void
choose_selectors(
    struct setup *setup, const struct proxy_config *config, bool meant)
{
	const struct setup_wishes *wishes = &setup->wishes;
	char month[16];
	time_t now = time(NULL);
	struct tm utc;
	const char *base = wishes->selector;
	bool by_month = false;

	if (base == NULL && meant)
		base = config->signing.selector;
	if (base == NULL) {
		(void)gmtime_r(&now, &utc);
		(void)strftime(month, sizeof(month), "m%Y%m", &utc);
		base = month;
		by_month = true;
	}
	if (wishes->keys != SETUP_ED25519)
		(void)strbuf_addf(
		    &setup->rsa, "%s%s", base, by_month ? "r" : "");
	if (wishes->keys == SETUP_ED25519 && !by_month)
		(void)strbuf_add_str(&setup->ed25519, base);
	else if (wishes->keys != SETUP_RSA)
		(void)strbuf_addf(&setup->ed25519, "%se", base);
}

static void
edit_out(struct editing *e, const struct proxy_config *config)
{
	const struct setup_wishes *wishes = &e->setup->wishes;
	bool meant = has_keys(e->setup, config);
	const char *selector;

	choose_selectors(e->setup, config, meant);
	selector = e->setup->rsa.n > 0 ? strbuf_text(&e->setup->rsa)
				       : strbuf_text(&e->setup->ed25519);
	for (size_t i = 0; i < wishes->domain_count; i++) {
		const char *domain = wishes->domains[i];

		if (i == 0 && !meant && !is_listed(config, domain))
			put(e, "out", "domain", domain);
		else if (!is_listed(config, domain))
			add(e, "out", "domain", domain);
	}
	if (config->signing.selector == NULL ||
	    (!meant && strcmp(config->signing.selector, selector) != 0))
		put(e, "out", "selector", selector);
	put_once(e, "out", "listen", "127.0.0.1:10027");
	put_once(e, "out", "relay", "127.0.0.1:10028");
	put_once(
	    e, "out", "keyfile", "/etc/signpost/keys/$domain/$selector.pem");
}

/* Is a signature of that type, under that selector where it names one, among
 * those that are made without maps? */
static bool
makes(const struct proxy_config *config, enum proxy_signature_type type,
    const char *selector)
{
	const struct proxy_signatures *made = &config->signing.signatures;

	for (size_t i = 0; i < made->count; i++)
		if (made->list[i].type == type &&
		    (selector == NULL ||
			strcmp(made->list[i].selector, selector) == 0))
			return true;
	return false;
}

static void
edit_signatures(struct editing *e, const struct proxy_config *config)
{
	const struct setup_wishes *wishes = &e->setup->wishes;
	const char *second = strbuf_text(&e->setup->ed25519);
	struct strbuf line;

	/* A first line takes the place of what is signed without one. */
	if (wishes->keys == SETUP_BOTH || wishes->domainkeys)
		put_once(e, "out", "signature", "dkim(c=relaxed/relaxed)");
	strbuf_init(&line, VALUE_MAX);
	if (wishes->keys == SETUP_BOTH &&
	    !makes(config, PROXY_SIGNATURE_DKIM, second)) {
		(void)strbuf_addf(&line,
		    "dkim(c=relaxed/relaxed, a=ed25519-sha256, s=%s)", second);
		add(e, "out", "signature", strbuf_text(&line));
	}
	if (wishes->domainkeys &&
	    !makes(config, PROXY_SIGNATURE_DOMAINKEYS, NULL))
		add(e, "out", "signature", "domainkeys(c=nofws)");
	strbuf_clear(&line);
}

static void
edit_in(struct editing *e)
{
	const struct setup_wishes *wishes = &e->setup->wishes;

	if (!wishes->inbound)
		return;
	put_once(e, "in", "relay", "127.0.0.1:10026");
	put_once(e, "in", "listen", "127.0.0.1:10025");
	if (wishes->reject_dmarc)
		put_once(e, "in", "reject", "dmarc");
	if (wishes->reflector != NULL) {
		put_once(e, "reflector", "address", wishes->reflector);
		put_once(e, "results", "database", RESULTS_DATABASE);
	}
}

/* --- the file --- */

static int
read_text(struct editing *e)
{
	const char *path = strbuf_text(&e->setup->config_path);

	if (access(path, F_OK) == 0)
		return cli_file_read(path, &e->text);
	return strbuf_add_str(&e->text, cli_sample_signpost);
}

static int
write_text(struct editing *e)
{
	struct setup *setup = e->setup;
	const char *path = strbuf_text(&setup->config_path);
	struct slice rest = strbuf_slice(&e->told), line;

	if (e->told.n == 0) {
		cli_steps_tell(
		    &setup->steps, "configuration", CLI_STEP_OK, "%s", path);
		return 0;
	}
	if (cli_steps_begin(&setup->steps, "configuration", "%s", path)) {
		setup->config_changed = true;
		if (cli_file_replace(path, strbuf_slice(&e->text)) != 0) {
			setup->steps.failed = true;
			return -1;
		}
	}
	while (slice_cut(&rest, '\n', &line))
		if (line.n > 0)
			cli_steps_todo("%.*s", (int)line.n, line.p);
	return 0;
}

static int
edit(struct editing *e)
{
	struct proxy_config *before = parse(e, true);

	if (before == NULL) {
		cli_steps_tell(&e->setup->steps, "configuration", CLI_STEP_STOP,
		    "%s has mistakes, see above",
		    strbuf_text(&e->setup->config_path));
		return -1;
	}
	edit_out(e, before);
	edit_signatures(e, before);
	edit_in(e);
	proxy_config_free(before);
	e->setup->config = e->full ? NULL : parse(e, true);
	if (e->setup->config == NULL) {
		cli_steps_tell(&e->setup->steps, "configuration", CLI_STEP_STOP,
		    "%s: what is there and what was wished for do not go "
		    "together, see above; nothing was written",
		    strbuf_text(&e->setup->config_path));
		return -1;
	}
	return write_text(e);
}

int
setup_configure(struct setup *setup)
{
	struct editing e = {.setup = setup};
	int outcome;

	strbuf_init(&e.text, PROXY_CONFIG_FILE_MAX);
	strbuf_init(&e.told, PROXY_CONFIG_FILE_MAX);
	outcome = read_text(&e);
	if (outcome == 0)
		outcome = edit(&e);
	else
		setup->steps.failed = true;
	strbuf_clear(&e.text);
	strbuf_clear(&e.told);
	return outcome;
}
