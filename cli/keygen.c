/*
 * signpost keygen: makes a key, puts it where the daemon will look for it,
 * and prints the DNS record to publish.
 */
#include <stdio.h>
#include <string.h>

#include "cli/kit/cli.h"
#include "cli/kit/files.h"
#include "cli/kit/options.h"
#include "cli/kit/records.h"
#include "cli/kit/settings.h"
#include "dkim/key.h"
#include "mail/idn.h"
#include "proxy/keys/key_files.h"

enum { BITS_DEFAULT = 2048, PATH_LENGTH_MAX = 4000 };

static const char help[] =
    "usage: signpost keygen -d DOMAIN -s SELECTOR [-t rsa|ed25519] [-b BITS]\n"
    "           [-o DIR]\n"
    "\n"
    "Makes a private key and prints the DNS record that goes with it. The\n"
    "file is never overwritten and is its owner's alone.\n"
    "\n"
    "  -d, --domain DOMAIN      the domain that will sign\n"
    "  -s, --selector SELECTOR  under which name its key is published\n"
    "  -t, --type TYPE          rsa (default) or ed25519\n"
    "  -b, --bits BITS          of an RSA key: 1024 to 4096, 2048 by default\n"
    "  -o, --output DIR         the key goes to DIR/DOMAIN/SELECTOR.pem;\n"
    "                           else to the configuration's keyfile\n"
    "  -c, --config FILE        that configuration\n"
    "                           (/etc/signpost/signpost.conf)\n";

struct wishes {
	const char *domain, *selector, *directory, *config;
	enum dkim_key_type type;
	uint64_t bits;
	struct strbuf ascii_domain, ascii_selector;
};

static int
set_type(void *to, const char *type)
{
	struct wishes *w = to;

	if (strcmp(type, "rsa") == 0)
		w->type = DKIM_KEY_RSA;
	else if (strcmp(type, "ed25519") == 0)
		w->type = DKIM_KEY_ED25519;
	else
		return cli_usage_error("keygen", "-t: neither rsa nor ed25519");
	return 0;
}

static int
check_wishes(struct wishes *w)
{
	if (w->domain == NULL || w->selector == NULL)
		return cli_usage_error("keygen", "-d, -s: both are needed");
	if (w->bits == 0)
		w->bits = BITS_DEFAULT;
	else if (w->type == DKIM_KEY_ED25519)
		return cli_usage_error(
		    "keygen", "-b: an ed25519 key has no size to choose");
	else if (w->bits < DKIM_KEY_BITS_MIN)
		return cli_usage_error("keygen", "-b: from 1024 to 4096");
	return 0;
}

static int
read_options(int argc, char **argv, struct wishes *w)
{
	const struct cli_option options[] = {
	    {'d', "domain", .text = &w->domain},
	    {'s', "selector", .text = &w->selector},
	    {'t', "type", .take = set_type, .to = w},
	    {'b', "bits", .number = &w->bits, .max = DKIM_KEY_BITS_MAX},
	    {'o', "output", .text = &w->directory},
	    {'c', "config", .text = &w->config},
	    {0},
	};

	if (cli_options_read(options, argc, argv, NULL) != 0)
		return -1;
	return check_wishes(w);
}

/* In A-labels: mail_idn_to_ascii() lets nothing through that means
 * something in a path. */
static int
set_names(struct wishes *w)
{
	strbuf_init(&w->ascii_domain, MAIL_IDN_NAME_MAX);
	strbuf_init(&w->ascii_selector, MAIL_IDN_NAME_MAX);
	if (mail_idn_to_ascii(slice_str(w->domain), &w->ascii_domain) != 0)
		return cli_usage_error("keygen", "-d: no domain name");
	if (mail_idn_to_ascii(slice_str(w->selector), &w->ascii_selector) != 0)
		return cli_usage_error("keygen", "-s: no selector");
	return 0;
}

/* Where the first template that fits any selector puts this one's key; else
 * where the first key is. */
static int
path_of_rules(const struct wishes *w, const struct proxy_config *config,
    struct strbuf *path, struct strbuf *reason)
{
	const struct proxy_signing_rules *rules = &config->signing;
	struct proxy_key_rule rule;
	size_t i = 0;

	while (i < rules->key_count &&
	    strstr(rules->keys[i].file, "$selector") == NULL)
		i++;
	if (rules->key_count == 0) {
		(void)strbuf_add_str(reason, "names no keyfile");
		return -1;
	}
	rule = rules->keys[i < rules->key_count ? i : 0];
	rule.selector = w->ascii_selector.p;
	return proxy_key_path(
	    &rule, strbuf_slice(&w->ascii_domain), path, reason);
}

static int
path_of_config(
    const struct wishes *w, struct strbuf *path, struct strbuf *reason)
{
	struct proxy_config *config;
	int status = cli_config_load(w->config, &config);

	if (status != CLI_OK)
		return status;
	if (path_of_rules(w, config, path, reason) != 0) {
		cli_error("%s: %s", w->config, strbuf_text(reason));
		status = CLI_CONFIG;
	}
	proxy_config_free(config);
	return status;
}

static int
find_path(const struct wishes *w, struct strbuf *path, struct strbuf *reason)
{
	if (w->directory == NULL)
		return path_of_config(w, path, reason);
	if (strbuf_addf(path, "%s/%s/%s.pem", w->directory,
		strbuf_text(&w->ascii_domain),
		strbuf_text(&w->ascii_selector)) != 0) {
		(void)cli_usage_error("keygen", "-o: too long");
		return CLI_USAGE;
	}
	return CLI_OK;
}

static int
generate(const struct wishes *w, const char *path, struct strbuf *reason)
{
	struct cli_records records = {0};
	struct dkim_key *key =
	    dkim_key_generate(w->type, (unsigned)w->bits, reason);
	int status = CLI_BROKEN;

	if (key == NULL) {
		cli_error("%s: %s", path, strbuf_text(reason));
		return CLI_BROKEN;
	}
	if (cli_records_add_key(&records, slice_str(w->domain),
		slice_str(w->selector), key, reason) != 0) {
		cli_error("keygen: %s", strbuf_text(reason));
		status = CLI_USAGE;
	} else {
		status = cli_file_create_key(path, key);
	}
	dkim_key_free(key);
	if (status == CLI_OK) {
		fprintf(stderr, "signpost: %s: written\n", path);
		cli_records_print(&records, CLI_RECORDS_ZONE);
	}
	cli_records_clear(&records);
	return cli_stdout_close(status);
}

static int
run(int argc, char **argv)
{
	struct wishes w = {.config = PROXY_CONFIG_PATH, .type = DKIM_KEY_RSA};
	struct strbuf path, reason;
	int status = CLI_USAGE;

	if (read_options(argc, argv, &w) != 0)
		return CLI_USAGE;
	strbuf_init(&path, PATH_LENGTH_MAX);
	strbuf_init(&reason, 1000);
	if (set_names(&w) == 0) {
		status = find_path(&w, &path, &reason);
		if (status == CLI_OK)
			status = generate(&w, strbuf_text(&path), &reason);
	}
	strbuf_clear(&w.ascii_domain);
	strbuf_clear(&w.ascii_selector);
	strbuf_clear(&path);
	strbuf_clear(&reason);
	return status;
}

const struct cli_command cli_keygen = {
    "keygen", run, "make a key and print its DNS record", help};
