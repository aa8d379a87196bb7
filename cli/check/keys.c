/* The keys of a configuration; see keys.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "cli/check/keys.h"
#include "cli/kit/key_places.h"
#include "cli/kit/records_print.h"
#include "cli/kit/settings.h"
#include "dkim/key.h"
#include "dkim/signing_set.h"
#include "mail/address.h"
#include "mail/idn.h"
#include "proxy/keys/key_check.h"
#include "proxy/keys/key_files.h"
#include "proxy/settings/index.h"

enum { ZONE_LINE_MAX = 8192 };

struct collecting {
	struct check_keys *keys;
	const struct proxy_config *config;
	struct slice only;
	struct proxy_key_readers readers;
};

void
check_keys_clear(struct check_keys *keys)
{
	for (size_t i = 0; i < keys->count; i++) {
		struct check_key *k = &keys->list[i];

		free(k->name);
		free(k->domain);
		free(k->selector);
		free(k->trouble);
		free(k->record);
		free(k->value);
		free(k->form);
		free(k->misfit);
		dkim_key_free(k->key);
	}
	for (size_t i = 0; i < keys->domain_count; i++)
		free(keys->domains[i]);
	free(keys->list);
	free(keys->domains);
	free(keys->alignment);
	free(keys->config);
	proxy_index_free(keys->key_names);
	proxy_index_free(keys->domain_names);
	proxy_index_free(keys->lines);
	*keys = (struct check_keys){0};
}

/* --- collecting --- */

/* Which it is; NULL where it is no name. */
static enum check_alignment *
add_key_domain(struct check_keys *keys, struct slice domain)
{
	struct strbuf name;
	size_t number = PROXY_INDEX_NONE;

	strbuf_init(&name, MAIL_IDN_NAME_MAX);
	/* As A-labels, so that two spellings of a domain are one. */
	if (mail_idn_to_ascii(domain, &name) == 0)
		number =
		    proxy_index_add(keys->domain_names, strbuf_slice(&name));
	if (number == keys->domain_count) {
		if (keys->alignment == NULL || number == keys->domain_room) {
			keys->domain_room = number == 0 ? 8 : 2 * number;
			keys->domains = xreallocarray(keys->domains,
			    keys->domain_room, sizeof(*keys->domains));
			keys->alignment = xreallocarray(keys->alignment,
			    keys->domain_room, sizeof(*keys->alignment));
		}
		keys->domains[number] = xslicedup(strbuf_slice(&name));
		keys->alignment[number] = CHECK_NO_MAIL;
		keys->domain_count++;
	}
	strbuf_clear(&name);
	return number == PROXY_INDEX_NONE ? NULL : &keys->alignment[number];
}

/* The key of a place, and whether it is new. */
static struct check_key *
add_place(struct check_keys *keys, const struct cli_key_place *place, bool *new)
{
	struct strbuf name;
	size_t number;

	strbuf_init(&name, 3 * (size_t)MAIL_IDN_NAME_MAX + 64);
	/* By rule too: two rules may name different files for the same record,
	 * and each file is to be looked at. */
	strbuf_addf(&name, "%u ", place->rule);
	for (size_t i = 0; i < place->domain.n; i++)
		strbuf_add_char(&name, ascii_lower(place->domain.p[i]));
	strbuf_add_char(&name, ' ');
	for (size_t i = 0; i < place->selector.n; i++)
		strbuf_add_char(&name, ascii_lower(place->selector.p[i]));
	number = proxy_index_add(keys->key_names, strbuf_slice(&name));
	strbuf_clear(&name);
	*new = number == keys->count;
	if (*new &&number == keys->room) {
		keys->room = number == 0 ? 8 : 2 * number;
		keys->list =
		    xreallocarray(keys->list, keys->room, sizeof(*keys->list));
	}
	if (*new)
		keys->list[keys->count++] =
		    (struct check_key){.rule = place->rule,
			.config = keys->config,
			.domain = xslicedup(place->domain),
			.selector = xslicedup(place->selector),
			.state = place->listed ? place->state
					       : PROXY_SELECTOR_ACTIVE};
	return &keys->list[number];
}

/* The record as `signpost dns` prints it, on one line. */
static int
set_record(struct check_key *k, const struct proxy_key_rule *rule,
    const struct cli_key_place *place, struct strbuf *reason)
{
	struct slice domain = slice_after(place->domain, k->from);
	struct slice selector = place->selector;
	struct cli_records records = {0};
	struct strbuf line;
	int outcome = cli_records_add_key(&records, domain, selector, k->key,
	    rule->domainkeys ? CLI_KEY_FOR_DOMAINKEYS : CLI_KEY_FOR_DKIM,
	    reason);

	if (outcome == 0) {
		strbuf_init(&line, ZONE_LINE_MAX);
		cli_record_zone(&records.list[0], " ", &line);
		k->record = strbuf_detach(&line);
		k->value = xstrdup(records.list[0].value);
		strbuf_init(&line, ZONE_LINE_MAX);
		strbuf_addf(&line, "name %.*s._domainkey, type TXT, value %s",
		    (int)selector.n, selector.p, k->value);
		k->form = strbuf_detach(&line);
		k->name = xstrdup(records.list[0].name);
	}
	cli_records_clear(&records);
	return outcome;
}

/* Where there is no key its record has a name all the same. */
static void
set_name(struct check_key *k, const struct cli_key_place *place)
{
	struct strbuf name, ignored;

	strbuf_init(&name, (size_t)3 * MAIL_IDN_NAME_MAX);
	strbuf_init(&ignored, PROXY_KEY_REASON_MAX);
	if (!k->unnamed &&
	    cli_records_key_name(
		place->domain, place->selector, &name, &ignored) == 0)
		k->name = xslicedup(strbuf_slice(&name));
	else
		k->name = xstrdup(k->domain);
	strbuf_clear(&name);
	strbuf_clear(&ignored);
}

/* Key files' reasons end with what errno said. */
static bool
says(struct slice reason, int error)
{
	return slice_ends_nocase(reason, slice_str(strerror(error)));
}

static void
load(const struct collecting *c, struct check_key *k,
    const struct cli_key_place *place)
{
	const struct proxy_key_rule *rule =
	    &c->config->signing.keys[place->rule];
	struct proxy_key_found found = {0};
	struct strbuf reason, told;

	strbuf_init(&reason, PROXY_KEY_REASON_MAX);
	/* By the code of the daemon: what is found here is what the daemon will
	 * find. */
	k->key =
	    cli_key_place_load(c->config, &c->readers, place, &found, &reason);
	k->from = found.domain_from;
	k->unnamed = rule->automatic && !place->listed;
	if (k->key == NULL || set_record(k, rule, place, &reason) != 0) {
		/* As proxy_key_files_check() puts it. */
		strbuf_init(&told, 2 * (size_t)PROXY_KEY_REASON_MAX);
		strbuf_addf(&told, "%s: %s", rule->where, strbuf_text(&reason));
		k->trouble = strbuf_detach(&told);
		/* Not root, we may be kept from a file that the daemon can
		 * read: that is no fault of the file's. */
		k->forbidden = geteuid() != 0 &&
		    (says(slice_str(k->trouble), EACCES) ||
			says(slice_str(k->trouble), EPERM));
		set_name(k, place);
	}
	strbuf_clear(&reason);
}

static bool
is_key_below(struct slice name, struct slice domain)
{
	return name.n > domain.n && slice_ends_nocase(name, domain) &&
	    name.p[name.n - domain.n - 1] == '.';
}

/* What a signature, or a seal (NULL), wants of its key. */
static void
add_use(struct check_key *k, const struct proxy_signature *signature)
{
	enum dkim_algorithm algorithm =
	    signature == NULL ? DKIM_ALGORITHM_UNKNOWN : signature->algorithm;
	struct slice identity;

	/* DomainKeys has one algorithm and no i=, so no more needs to be
	 * known. */
	if (signature != NULL && signature->kind == &dkim_kind_domainkeys) {
		k->domainkeys = true;
		return;
	}
	k->dkim = true;
	/* An i= that the strict flag of a record forbids. One with macros may
	 * be; one that is not below d= is not written at all. */
	if (signature != NULL && signature->identity != NULL) {
		identity = slice_str(signature->identity);
		if (slice_find(identity, '$') == identity.n &&
		    is_key_below(mail_address_domain(identity),
			slice_after(slice_str(k->domain), k->from)))
			k->below = signature->identity;
	}
	if (algorithm == DKIM_ALGORITHM_UNKNOWN && k->key != NULL)
		algorithm = dkim_key_algorithm(k->key);
	if (algorithm != DKIM_ALGORITHM_UNKNOWN)
		k->algorithms |= 1u << algorithm;
}

/* Relaxed alignment, but for organizational domains, which only the DNS
 * knows: one is the other or below it. */
static bool
is_key_aligned(struct slice author, struct slice domain)
{
	return domain.n == 0 || slice_equal_nocase(author, domain) ||
	    is_key_below(author, domain) || is_key_below(domain, author);
}

/* The domain whose mail is signed, and that which signs it. */
static void
add_domains(struct collecting *c, const struct cli_key_place *place)
{
	/* Asked about one domain, it is that domain's mail that counts. */
	struct slice author = c->only.n > 0 ? c->only : place->author;
	enum check_alignment *alignment = NULL;

	if (author.n > 0)
		alignment = add_key_domain(c->keys, author);
	if (alignment != NULL && is_key_aligned(author, place->domain))
		*alignment = CHECK_ALIGNED;
	else if (alignment != NULL && *alignment == CHECK_NO_MAIL)
		*alignment = CHECK_MISALIGNED;
	/* d= comes from the message: no record can be looked for. */
	if (place->domain.n == 0)
		c->keys->by_message = true;
	else if (c->only.n == 0 || !is_key_aligned(author, place->domain))
		(void)add_key_domain(c->keys, place->domain);
}

/* As `serve -t` puts it, where the key is not for all that is to be signed. */
static void
set_misfit(const struct collecting *c, struct check_key *k, unsigned uses)
{
	const struct proxy_key_rule *rule = &c->config->signing.keys[k->rule];
	struct strbuf text, why, ignored;

	if (k->key == NULL || k->misfit != NULL)
		return;
	strbuf_init(&text, 2 * (size_t)PROXY_KEY_REASON_MAX);
	strbuf_init(&why, PROXY_KEY_REASON_MAX);
	strbuf_init(&ignored, PROXY_KEY_REASON_MAX);
	if (proxy_key_fits_uses(k->key, uses, &why) != 0) {
		strbuf_addf(&text, "%s: key file ", rule->where);
		(void)proxy_key_path_by(rule,
		    slice_after(slice_str(k->domain), k->from), k->selector,
		    &text, &ignored);
		strbuf_addf(&text, ": %s", strbuf_text(&why));
		k->misfit = xslicedup(strbuf_slice(&text));
	}
	strbuf_clear(&text);
	strbuf_clear(&why);
	strbuf_clear(&ignored);
}

static void
on_checked_place(void *ctx, const struct cli_key_place *place)
{
	struct collecting *c = ctx;
	struct check_key *k;
	bool new;

	add_domains(c, place);
	if (place->domain.n == 0)
		return;
	k = add_place(c->keys, place, &new);
	/* One look at each file, however many signatures use it. */
	if (new)
		load(c, k, place);
	add_use(k, place->signature);
	if (place->signature != NULL)
		set_misfit(c, k, proxy_key_use_of(place->signature));
}

/* Numbers a domain's kind of key, by its place in `of' or as a new one. */
static bool
is_new_kind(struct proxy_index *of, const struct check_key *k)
{
	size_t before = proxy_index_count(of);
	struct strbuf name;

	strbuf_init(&name, MAIL_IDN_NAME_MAX + 64);
	strbuf_addf(&name, "%d %s", (int)dkim_key_type(k->key), k->domain);
	(void)proxy_index_add(of, strbuf_slice(&name));
	strbuf_clear(&name);
	return proxy_index_count(of) > before;
}

/* Of each kind of a domain's the active one, else the first that is staged,
 * where that is wished for. */
static void
mark_signing(struct check_keys *keys, const struct proxy_config *config)
{
	struct proxy_index *kinds = proxy_index_new();

	for (size_t i = 0; i < keys->count; i++) {
		struct check_key *k = &keys->list[i];

		k->signs = k->state == PROXY_SELECTOR_ACTIVE;
		if (k->signs && k->key != NULL)
			(void)is_new_kind(kinds, k);
	}
	for (size_t i = 0; i < keys->count; i++) {
		struct check_key *k = &keys->list[i];

		if (k->state == PROXY_SELECTOR_STAGED && k->key != NULL &&
		    is_new_kind(kinds, k))
			k->unpublished = true;
		k->signs |= k->unpublished &&
		    config->signing.before_published ==
			PROXY_BEFORE_PUBLISHED_SIGN;
	}
	proxy_index_free(kinds);
}

void
check_keys_collect(struct check_keys *keys, const struct proxy_config *config,
    struct slice only)
{
	struct collecting c = {.keys = keys, .config = config, .only = only};
	struct strbuf option;

	proxy_key_readers_init(&c.readers, config);
	keys->key_names = proxy_index_new();
	keys->domain_names = proxy_index_new();
	keys->lines = proxy_index_new();
	strbuf_init(&option, 4 * strlen(config->path) + sizeof(" -c ''"));
	cli_config_option(config->path, &option);
	keys->config = strbuf_detach(&option);
	if (only.n > 0)
		(void)add_key_domain(keys, only);
	cli_key_places_live(config, only, on_checked_place, &c);
	mark_signing(keys, config);
	/* The lines told here are known again when `serve -t` would say the
	 * same, so that no fault is told twice. */
	for (size_t i = 0; i < keys->count; i++) {
		if (keys->list[i].trouble != NULL)
			(void)proxy_index_add(
			    keys->lines, slice_str(keys->list[i].trouble));
		if (keys->list[i].misfit != NULL)
			(void)proxy_index_add(
			    keys->lines, slice_str(keys->list[i].misfit));
	}
}

bool
check_keys_tell(const struct check_keys *keys, struct slice line)
{
	return proxy_index_find(keys->lines, line) != PROXY_INDEX_NONE;
}

/* --- reporting --- */

/* Where the command that mends it begins: proxy/keys/key_access.h and its kin
 * end their reasons with one; else the length. */
static size_t
find_command(struct slice reason)
{
	static const struct slice commands[] = {SLICE_INIT(": chmod "),
	    SLICE_INIT(": chown "), SLICE_INIT(": setfacl ")};

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		size_t at = slice_search(reason, commands[i]);

		if (at < reason.n)
			return at;
	}
	return reason.n;
}

/* The line with the command to type stands alone: people copy it. */
static void
report_trouble(const struct check_key *k, const struct proxy_config *config,
    struct check_report *report)
{
	const struct check_about about = {"key", k->name};
	struct slice reason = slice_str(k->trouble);
	size_t at = find_command(reason);
	struct slice command = slice_after(reason, at + 2);
	const struct proxy_key_rule *rule = &config->signing.keys[k->rule];
	const char *keyfile = config->signing.keyfile;
	/* Does keygen put the key where it is looked for? */
	bool there = keyfile != NULL && strcmp(keyfile, rule->file) == 0;

	check_report_add(report, &about, CHECK_FAIL, "%.*s", (int)at, reason.p);
	if (command.n > 0)
		check_report_todo(report, "%.*s", (int)command.n, command.p);
	else if (k->forbidden)
		check_report_todo(report, "run this as root");
	else if (k->unnamed)
		check_report_todo(report,
		    "mend that file, or begin one: signpost rotate prepare -d "
		    "%s%s",
		    k->domain, k->config);
	else if (says(reason, ENOENT))
		check_report_todo(report,
		    "make one: signpost keygen -d %s -s %s%s%s", k->domain,
		    k->selector, k->config, there ? "" : ", and move it there");
	else
		check_report_todo(
		    report, "mend that file, or name another for the key");
}

/* The first signature that the key cannot make; UNKNOWN for none. */
static enum dkim_algorithm
misfit(const struct check_key *k)
{
	for (enum dkim_algorithm a = DKIM_RSA_SHA256; a <= DKIM_RSA_SHA1; a++)
		if ((k->algorithms & 1u << a) && !dkim_key_fits(k->key, a))
			return a;
	if (k->domainkeys && !dkim_key_fits(k->key, DKIM_RSA_SHA1))
		return DKIM_RSA_SHA1;
	return DKIM_ALGORITHM_UNKNOWN;
}

static void
report_key(const struct check_key *k, const struct proxy_config *config,
    struct check_report *report)
{
	const struct check_about about = {"key", k->name};
	const char *type = dkim_key_type_name(dkim_key_type(k->key));
	enum dkim_algorithm a = misfit(k);

	if (a == DKIM_ALGORITHM_UNKNOWN) {
		check_report_add(report, &about, CHECK_OK, "%s, %u bits%s%s",
		    type, dkim_key_bits(k->key),
		    k->state == PROXY_SELECTOR_ACTIVE ? "" : ", ",
		    k->state == PROXY_SELECTOR_ACTIVE
			? ""
			: proxy_selector_state_name(k->state));
		return;
	}
	check_report_add(report, &about, CHECK_FAIL,
	    "%s: the key is %s, a signature with it is %s",
	    config->signing.keys[k->rule].where, type,
	    k->domainkeys && !(k->algorithms & 1u << a)
		? "domainkeys, which takes rsa alone"
		: dkim_algorithm_name(a));
	check_report_todo(report,
	    "give that signature a selector and a key of its own (signpost "
	    "keygen -d %s -s NEW -t %s%s), or take it out",
	    k->domain, dkim_key_type_name(dkim_algorithm_key_type(a)),
	    k->config);
}

/* Who is not signed for at all, or not by a signature of its own. */
static void
report_domains(const struct check_keys *keys, const struct proxy_config *config,
    struct slice only, struct check_report *report)
{
	const struct check_about about = {
	    "key", only.n > 0 ? keys->domains[0] : config->path};

	if (only.n == 0 && config->signing.any_domain && keys->count == 0) {
		check_report_add(report, &about, CHECK_NOTE,
		    "`domain = *' names no domain, and there is no key, so "
		    "there is none to look at");
		check_report_todo(report,
		    "make a key: signpost keygen -d DOMAIN -s SELECTOR%s",
		    keys->config);
	} else if (keys->by_message) {
		check_report_add(report, &about, CHECK_NOTE,
		    "d= of a signature is a macro, known only with a message: "
		    "its key and record are not looked at");
		check_report_todo(report,
		    "sign a message (signpost sign), and verify that (signpost "
		    "verify)");
	} else if (keys->count == 0) {
		check_report_add(report, &about, CHECK_FAIL,
		    "the configuration signs for no %s domain",
		    only.n > 0 ? "such" : "named");
		check_report_todo(report,
		    "name it in `domain =' of [out], with `selector ='");
	}
	/* Whose signatures are no use to DMARC. A signature of another domain is
	 * as good for reputation, and worth nothing to DMARC (RFC 9989 section
	 * 4.10). */
	for (size_t i = 0; i < keys->domain_count; i++) {
		const struct check_about its = {"key", keys->domains[i]};

		if (keys->alignment[i] != CHECK_MISALIGNED)
			continue;
		check_report_add(report, &its, CHECK_WARNING,
		    "its mail is signed, but with the d= of others alone: "
		    "DMARC cannot pass by DKIM");
		check_report_todo(report,
		    "add a signature without d=, or with d=%s", its.subject);
	}
}

void
check_keys_report(const struct check_keys *keys,
    const struct proxy_config *config, struct slice only,
    struct check_report *report)
{
	if (proxy_fronts_have(config, PROXY_FILTER_SIGN))
		report_domains(keys, config, only, report);
	for (size_t i = 0; i < keys->count; i++)
		if (keys->list[i].trouble != NULL)
			report_trouble(&keys->list[i], config, report);
		else
			report_key(&keys->list[i], config, report);
}
