/*
 * signpost keygen: makes keys, puts each where the daemon will look for it,
 * and prints the DNS record to publish. Of many domains one at fault is named,
 * and the others get theirs.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/xalloc.h"
#include "cli/kit/cli.h"
#include "cli/kit/domains.h"
#include "cli/kit/files.h"
#include "cli/kit/options.h"
#include "cli/kit/records_print.h"
#include "cli/kit/selectors.h"
#include "cli/kit/settings.h"
#include "dkim/key.h"
#include "mail/idn.h"
#include "proxy/keys/key_files.h"

enum { BITS_DEFAULT = 2048, PATH_LENGTH_MAX = 4000, KINDS_MAX = 2 };

static const char help[] =
    "usage: signpost keygen -d DOMAIN... | --from FILE -s SELECTOR\n"
    "           [-t rsa|ed25519|both] [-b BITS] [-o DIR | -c FILE]\n"
    "\n"
    "Makes a private key for each domain and prints the DNS record that goes\n"
    "with it. A file is never overwritten and is its owner's alone. A domain\n"
    "that cannot have its key is named, and the others get theirs.\n"
    "\n"
    "  -d, --domain DOMAIN      the domain that will sign; may be given again\n"
    "  --from FILE              domains, one a line (# begins a comment); - "
    "is\n"
    "                           standard input\n"
    "  -s, --selector SELECTOR  under which name its key is published\n"
    "  -t, --type TYPE          rsa (default), ed25519, or both: SELECTORr "
    "and\n"
    "                           SELECTORe\n"
    "  -b, --bits BITS          of an RSA key: 1024 to 4096, 2048 by default\n"
    "  -o, --output DIR         the key goes to DIR/DOMAIN/SELECTOR.pem;\n"
    "                           else to the configuration's keyfile\n"
    "  -c, --config FILE        that configuration\n"
    "                           (/etc/signpost/signpost.conf)\n";

/* A key that each domain gets. */
struct kind {
	enum dkim_key_type type;
	struct strbuf selector; /* in A-labels */
};

struct wishes {
	const char *selector, *directory, *config;
	bool rsa, ed25519;
	uint64_t bits;
	struct cli_domains domains;
	struct kind kinds[KINDS_MAX];
	size_t kind_count;
};

/* The work, and what became of it. */
struct making {
	struct wishes wishes;
	struct proxy_config *loaded; /* NULL: not needed */
	int status;		     /* of the first fault */
	size_t failed;		     /* keys that were not made */
	struct strbuf path, reason;
};

static void
note(struct making *m, int status)
{
	if (m->status == CLI_OK)
		m->status = status;
}

static int
set_type(void *to, const char *type)
{
	struct wishes *w = to;
	bool both = strcmp(type, "both") == 0;

	w->rsa = both || strcmp(type, "rsa") == 0;
	w->ed25519 = both || strcmp(type, "ed25519") == 0;
	return w->rsa || w->ed25519
	    ? 0
	    : cli_usage_error(
		  "keygen", "-t %s: neither rsa, ed25519 nor both", type);
}

static int
add_domain(void *to, const char *name)
{
	struct making *m = to;

	if (cli_domains_add(&m->wishes.domains, slice_str(name)) == 0)
		return 0;
	cli_error("keygen: -d %s: no domain name", name);
	note(m, CLI_USAGE);
	return 0;
}

/* What cannot be read is an end; a line that is no name is not. */
static int
add_domain_list(void *to, const char *path)
{
	struct making *m = to;
	int status = cli_domains_read(&m->wishes.domains, path);

	note(m, status);
	return status == CLI_UNREADABLE ? -1 : 0;
}

static int
read_options(int argc, char **argv, struct making *m)
{
	struct wishes *w = &m->wishes;
	const struct cli_option options[] = {
	    {'d', "domain", .take = add_domain, .to = m},
	    {0, "from", .take = add_domain_list, .to = m},
	    {'s', "selector", .text = &w->selector},
	    {'t', "type", .take = set_type, .to = w},
	    {'b', "bits", .number = &w->bits, .max = DKIM_KEY_BITS_MAX},
	    {'o', "output", .text = &w->directory},
	    {'c', "config", .text = &w->config},
	    {0},
	};

	if (cli_options_read(options, argc, argv, NULL) != 0)
		return -1;
	if (w->selector == NULL)
		return cli_usage_error("keygen", "-s: by which selector?");
	if (cli_domains_count(&w->domains) == 0 && m->status == CLI_OK)
		return cli_usage_error(
		    "keygen", "-d, --from: for which domain?");
	if (w->bits == 0)
		w->bits = BITS_DEFAULT;
	else if (!w->rsa)
		return cli_usage_error(
		    "keygen", "-b: an ed25519 key has no size to choose");
	else if (w->bits < DKIM_KEY_BITS_MIN)
		return cli_usage_error(
		    "keygen", "-b %" PRIu64 ": from 1024 to 4096", w->bits);
	return 0;
}

/* One kind by the selector as it is; two by what DESIGN's names have at their
 * end. In A-labels: mail_idn_to_ascii() lets nothing through that means
 * something in a path. */
static int
add_kind(struct wishes *w, enum dkim_key_type type, const char *suffix)
{
	struct kind *kind = &w->kinds[w->kind_count++];
	struct strbuf name;
	int outcome;

	strbuf_init(&name, PATH_LENGTH_MAX);
	strbuf_init(&kind->selector, MAIL_IDN_NAME_MAX);
	kind->type = type;
	outcome = strbuf_addf(
	    &name, "%s%s", w->selector, w->rsa && w->ed25519 ? suffix : "");
	if (outcome == 0)
		outcome =
		    mail_idn_to_ascii(strbuf_slice(&name), &kind->selector);
	strbuf_clear(&name);
	return outcome == 0
	    ? 0
	    : cli_usage_error("keygen",
		  "-s %s: no selector, which is one or more labels of a "
		  "domain name",
		  w->selector);
}

/* --- where a key goes --- */

/* The first template that fits any selector; else the first one. */
static size_t
choose_rule(const struct proxy_signing_rules *rules)
{
	for (size_t i = 0; i < rules->key_count; i++)
		if (strstr(rules->keys[i].file, "$selector") != NULL)
			return i;
	return 0;
}

static int
load_keyfiles(struct making *m)
{
	const struct wishes *w = &m->wishes;
	const struct proxy_signing_rules *rules;
	int status;

	if (w->directory != NULL)
		return CLI_OK;
	status = cli_config_load(w->config, &m->loaded);
	if (status != CLI_OK)
		return status;
	rules = &m->loaded->signing;
	if (rules->key_count == 0) {
		cli_error("%s: names no keyfile", w->config);
		return CLI_CONFIG;
	}
	if (w->kind_count > 1 &&
	    strstr(rules->keys[choose_rule(rules)].file, "$selector") == NULL) {
		cli_error("%s: no keyfile has $selector, so both keys of a "
			  "domain would be in one file",
		    w->config);
		return CLI_CONFIG;
	}
	return CLI_OK;
}

/* CLI_OK, or how to end and the reason. */
static int
find_path(struct making *m, struct slice domain, const struct kind *kind)
{
	const struct proxy_signing_rules *rules;
	struct proxy_key_rule rule;

	strbuf_reset(&m->path);
	strbuf_reset(&m->reason);
	if (m->loaded == NULL) {
		if (strbuf_addf(&m->path, "%s/%.*s/%s.pem", m->wishes.directory,
			(int)domain.n, domain.p, kind->selector.p) == 0)
			return CLI_OK;
		strbuf_add_str(&m->reason, "-o: too long");
		return CLI_USAGE;
	}
	rules = &m->loaded->signing;
	rule = rules->keys[choose_rule(rules)];
	rule.selector = kind->selector.p;
	return proxy_key_path(&rule, domain, &m->path, &m->reason) == 0
	    ? CLI_OK
	    : CLI_CONFIG;
}

/* --- the keys --- */

/* Where a file says what each key is, it is to know of this one. It signs once
 * its record can be seen, and somebody says so. */
static int
stage(struct making *m, const struct kind *kind)
{
	const struct proxy_signing_rules *rules;
	char *folder;
	int outcome;

	if (m->loaded == NULL)
		return CLI_OK;
	rules = &m->loaded->signing;
	if (!rules->keys[choose_rule(rules)].automatic)
		return CLI_OK;
	folder = xslicedup(slice_first(strbuf_slice(&m->path),
	    slice_find_last(strbuf_slice(&m->path), '/')));
	outcome = cli_selectors_put(folder, kind->type,
	    strbuf_slice(&kind->selector), PROXY_SELECTOR_STAGED, &m->reason);
	if (outcome == 0)
		fprintf(stderr,
		    "signpost: %s/selectors: %s is staged (signpost rotate "
		    "activate, once its record is published)\n",
		    folder, strbuf_text(&kind->selector));
	free(folder);
	return outcome == 0 ? CLI_OK : CLI_CONFIG;
}

static int
generate(struct making *m, struct slice domain, const struct kind *kind)
{
	struct cli_records records = {0};
	struct dkim_key *key =
	    dkim_key_generate(kind->type, (unsigned)m->wishes.bits, &m->reason);
	int status = CLI_BROKEN;

	if (key == NULL)
		return CLI_BROKEN;
	if (cli_records_add_key(&records, domain, strbuf_slice(&kind->selector),
		key, CLI_KEY_FOR_DKIM, &m->reason) != 0)
		status = CLI_USAGE;
	else
		status = cli_file_create_key(strbuf_text(&m->path), key);
	dkim_key_free(key);
	if (status == CLI_OK) {
		fprintf(
		    stderr, "signpost: %s: written\n", strbuf_text(&m->path));
		status = stage(m, kind);
		cli_records_print(
		    &(struct cli_records_printer){.format = CLI_RECORDS_ZONE},
		    &records);
	}
	cli_records_clear(&records);
	return status;
}

static void
make_key_of(struct making *m, struct slice domain, const struct kind *kind)
{
	int status = find_path(m, domain, kind);
	struct stat st;

	/* Before the work, which takes a while; whoever makes one meanwhile is
	 * seen when the file is. */
	if (status == CLI_OK && lstat(strbuf_text(&m->path), &st) == 0) {
		cli_error("%s: exists, and is not overwritten",
		    strbuf_text(&m->path));
		status = CLI_UNWRITABLE;
	} else if (status == CLI_OK) {
		status = generate(m, domain, kind);
	}
	if (status == CLI_OK)
		return;
	if (m->reason.n > 0)
		cli_error("%.*s: %s", (int)domain.n, domain.p,
		    strbuf_text(&m->reason));
	m->failed++;
	note(m, status);
}

/* A key whose record cannot be printed is the last. */
static void
make_all(struct making *m)
{
	const struct wishes *w = &m->wishes;
	size_t count = cli_domains_count(&w->domains);

	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < w->kind_count; k++) {
			make_key_of(
			    m, cli_domains_at(&w->domains, i), &w->kinds[k]);
			if (fflush(stdout) != 0)
				return;
		}
	if (m->failed > 0 && count * w->kind_count > 1)
		cli_error("keygen: %zu of %zu keys were not made, see above",
		    m->failed, count * w->kind_count);
}

static int
run(int argc, char **argv)
{
	struct making m = {
	    .wishes = {.config = PROXY_CONFIG_PATH, .rsa = true}};
	int status = CLI_USAGE;

	strbuf_init(&m.path, PATH_LENGTH_MAX);
	strbuf_init(&m.reason, 1000);
	if (read_options(argc, argv, &m) != 0) {
		status = m.status != CLI_OK ? m.status : CLI_USAGE;
	} else if ((!m.wishes.rsa ||
		       add_kind(&m.wishes, DKIM_KEY_RSA, "r") == 0) &&
	    (!m.wishes.ed25519 ||
		add_kind(&m.wishes, DKIM_KEY_ED25519, "e") == 0)) {
		status = load_keyfiles(&m);
		if (status == CLI_OK) {
			make_all(&m);
			status = cli_stdout_close(m.status);
		}
	}
	for (size_t i = 0; i < m.wishes.kind_count; i++)
		strbuf_clear(&m.wishes.kinds[i].selector);
	cli_domains_clear(&m.wishes.domains);
	proxy_config_free(m.loaded);
	strbuf_clear(&m.path);
	strbuf_clear(&m.reason);
	return status;
}

const struct cli_command cli_keygen = {
    "keygen", run, "make keys and print their DNS records", help};
