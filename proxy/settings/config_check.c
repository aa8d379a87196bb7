/*
 * What settings say of each other, and what is made of several: signatures,
 * maps, key rules. Looks at no file but the maps.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "dkim/field_list.h"
#include "dkim/signing_set.h"
#include "proxy/settings/config_private.h"
#include "proxy/settings/index.h"
#include "proxy/settings/sign_map.h"
#include "record/mailbox.h"

#define REASON_MAX 512
#define WHERE_MAX  4096

/* --- [out] --- */

/* The names, once each and without `*`, and the set of them. */
static void
settle_domains(struct proxy_config_reading *reading)
{
	struct proxy_signing_rules *rules = &reading->config->signing;
	size_t i, kept = 0;
	char *name;

	rules->domain_set = proxy_index_new();
	for (i = 0; i < rules->domains.count; i++) {
		name = rules->domains.list[i];
		if (strcmp(name, "*") == 0)
			rules->any_domain = true;
		else if (proxy_index_add(rules->domain_set, slice_str(name)) ==
		    kept) {
			rules->domains.list[kept++] = name;
			continue;
		}
		free(name);
	}
	rules->domains.count = kept;
	if (rules->sign_all && kept == 0 &&
	    proxy_fronts_have(reading->config, PROXY_FILTER_SIGN))
		proxy_config_error(reading,
		    proxy_config_line(reading, "out", "sign_all"),
		    "sign_all needs a `domain` to sign with");
}

static void
settle_fields(struct proxy_config_reading *reading)
{
	struct proxy_signing_rules *rules = &reading->config->signing;
	struct strbuf text, reason;
	size_t i;

	if (rules->headers.count == 0)
		return;
	strbuf_init(&text, PROXY_CONFIG_FILE_MAX);
	strbuf_init(&reason, REASON_MAX);
	for (i = 0; i < rules->headers.count; i++)
		strbuf_addf(
		    &text, "%s%s", i == 0 ? "" : ",", rules->headers.list[i]);
	rules->fields = dkim_field_list_parse(strbuf_slice(&text), &reason);
	if (rules->fields == NULL)
		proxy_config_error(reading,
		    proxy_config_line(reading, "out", "headers"), "headers: %s",
		    strbuf_text(&reason));
	strbuf_clear(&text);
	strbuf_clear(&reason);
}

/* Only $domain and $selector stand in a key file's path. */
static void
check_keyfile(struct proxy_config_reading *reading)
{
	const struct proxy_signing_rules *rules = &reading->config->signing;
	unsigned line = proxy_config_line(reading, "out", "keyfile");
	struct strbuf reason;

	if (rules->keyfile == NULL)
		return;
	strbuf_init(&reason, REASON_MAX);
	if (proxy_key_template_check(slice_str(rules->keyfile), &reason) != 0)
		proxy_config_error(
		    reading, line, "keyfile: %s", strbuf_text(&reason));
	else if (rules->any_domain && strstr(rules->keyfile, "$domain") == NULL)
		proxy_config_error(reading, line,
		    "`domain = *` needs $domain in keyfile, so that each "
		    "domain has a key of its own");
	strbuf_clear(&reason);
}

static void
read_signature(struct proxy_config_reading *reading,
    const struct proxy_sign_defaults *defaults, const char *text, unsigned line)
{
	struct proxy_signing_rules *rules = &reading->config->signing;
	struct strbuf reason, where;
	struct proxy_sign_source source = {defaults, NULL, false};
	unsigned notes = 0;

	strbuf_init(&reason, REASON_MAX);
	strbuf_init(&where, WHERE_MAX);
	if (line > 0)
		strbuf_addf(&where, "%s:%u", reading->name, line);
	else
		strbuf_add_str(&where, reading->name);
	source.where = strbuf_text(&where);
	source.needs_domain = rules->domains.count == 0 && !rules->any_domain;
	if (proxy_signatures_parse(&rules->signatures, slice_str(text), &source,
		&notes, &reason) != 0)
		proxy_config_error(
		    reading, line, "signature: %s", strbuf_text(&reason));
	if (notes & PROXY_SIGN_NOTE_SHA1)
		proxy_config_warn(reading, line,
		    "rsa-sha1 is forbidden for DKIM (RFC 8301); rsa-sha256 is "
		    "used instead");
	if (notes & PROXY_SIGN_NOTE_NOWSP)
		proxy_config_warn(reading, line,
		    "nowsp never became part of DKIM; relaxed/relaxed is used "
		    "instead");
	strbuf_clear(&reason);
	strbuf_clear(&where);
}

/* A first `signature =` takes the place of the DKIM that is made without. */
static void
warn_without_dkim(struct proxy_config_reading *reading)
{
	const struct proxy_signing_rules *rules = &reading->config->signing;

	for (size_t i = 0; i < rules->signatures.count; i++)
		if (rules->signatures.list[i].kind == &dkim_kind_dkim)
			return;
	if (rules->signatures.count > 0)
		proxy_config_warn(reading, reading->signature_lines[0],
		    "signature: no line of it makes a DKIM signature, so mail "
		    "of `domain` has none: add `signature = "
		    "dkim(c=relaxed/relaxed)`");
}

/* `signature =`, or where there is a domain but no such line, DKIM. */
static void
settle_signatures(struct proxy_config_reading *reading,
    const struct proxy_sign_defaults *defaults)
{
	struct proxy_signing_rules *rules = &reading->config->signing;
	size_t i;

	for (i = 0; i < reading->signatures.count; i++)
		read_signature(reading, defaults, reading->signatures.list[i],
		    reading->signature_lines[i]);
	if (reading->signatures.count > 0) {
		warn_without_dkim(reading);
		return;
	}
	if (rules->domains.count > 0 || rules->any_domain)
		read_signature(reading, defaults, "dkim(c=relaxed/relaxed)",
		    proxy_config_line(reading, "out", "domain"));
}

static struct proxy_sign_map *
read_map(struct proxy_config_reading *reading, const char *setting,
    const char *path, const struct proxy_sign_defaults *defaults)
{
	struct strbuf reason;
	struct slice bytes;
	struct proxy_sign_map *map = NULL;

	if (path == NULL)
		return NULL;
	strbuf_init(&reason, REASON_MAX);
	if (proxy_config_texts_read(reading->texts, path, PROXY_CONFIG_MAP_MAX,
		&bytes, &reason) != 0)
		proxy_config_error(reading,
		    proxy_config_line(reading, "out", setting), "%s: %s %s",
		    setting, path, strbuf_text(&reason));
	else
		map = proxy_sign_map_parse(
		    path, bytes, defaults, reading->report);
	strbuf_clear(&reason);
	return map;
}

/* The seal's key is asked for as those of [out] are. */
static void
settle_seal(struct proxy_config_reading *reading, struct proxy_key_table *keys)
{
	struct proxy_seal_settings *seal = &reading->config->checking.seal;
	unsigned line = proxy_config_line(reading, "in", "seal_domain");
	struct proxy_key_wish rule = {.algorithm = DKIM_RSA_SHA256};
	struct strbuf where, reason;

	if (seal->domain == NULL)
		return;
	if (seal->selector == NULL || seal->keyfile == NULL) {
		proxy_config_error(reading, line,
		    "seal_domain: needs seal_selector and seal_keyfile too");
		return;
	}
	if ((reading->config->checking.check & PROXY_CHECK_ARC) == 0)
		proxy_config_error(reading, line,
		    "seal_domain: needs `check` to name arc: a seal says what "
		    "became of the chain before it");
	strbuf_init(&where, REASON_MAX);
	strbuf_init(&reason, REASON_MAX);
	strbuf_addf(&where, "%s:%u", reading->name, line);
	rule.file = seal->keyfile;
	rule.selector = seal->selector;
	rule.where = strbuf_text(&where);
	if (proxy_key_table_add(keys, &rule, &seal->key_rule, &reason) != 0)
		proxy_config_error(reading,
		    proxy_config_line(reading, "in", "seal_selector"), "%s",
		    strbuf_text(&reason));
	strbuf_clear(&reason);
	strbuf_clear(&where);
}

static void
settle_signing(struct proxy_config_reading *reading)
{
	struct proxy_signing_rules *rules = &reading->config->signing;
	struct proxy_sign_defaults defaults = {
	    .selector = rules->selector, .keyfile = rules->keyfile};

	settle_domains(reading);
	settle_fields(reading);
	check_keyfile(reading);
	defaults.keys = proxy_key_table_new();
	defaults.parents = rules->any_domain;
	settle_signatures(reading, &defaults);
	defaults.parents = false;
	defaults.list_ids = true;
	rules->listid_map =
	    read_map(reading, "listid_map", rules->listid_map_path, &defaults);
	defaults.list_ids = false;
	rules->sender_map =
	    read_map(reading, "sender_map", rules->sender_map_path, &defaults);
	settle_seal(reading, defaults.keys);
	rules->keys = proxy_key_table_detach(defaults.keys, &rules->key_count);
	if (proxy_fronts_have(reading->config, PROXY_FILTER_SIGN) &&
	    rules->signatures.count == 0 && rules->sender_map_path == NULL &&
	    rules->listid_map_path == NULL && reading->report->errors.n == 0)
		proxy_config_error(reading, 0,
		    "[out] has nothing to sign: it needs `domain`, "
		    "`sender_map` or `listid_map`");
}

/* --- [in] --- */

static void
check_reject(struct proxy_config_reading *reading, unsigned reject,
    unsigned check, const char *name)
{
	const struct proxy_checking_rules *rules = &reading->config->checking;

	if ((rules->reject & reject) != 0 && (rules->check & check) != check)
		proxy_config_error(reading,
		    proxy_config_line(reading, "in", "reject"),
		    "reject = %s, but `check` leaves %s out", name, name);
}

static void
settle_checking(struct proxy_config_reading *reading)
{
	struct proxy_config *config = reading->config;

	if (config->checking.authserv_ids.count == 0)
		proxy_strings_add(&config->checking.authserv_ids,
		    slice_str(config->hostname));
	check_reject(reading, PROXY_REJECT_DKIM, PROXY_CHECK_DKIM, "dkim");
	check_reject(reading, PROXY_REJECT_SPF, PROXY_CHECK_SPF, "spf");
	check_reject(reading, PROXY_REJECT_DMARC, PROXY_CHECK_DMARC, "dmarc");
	/* p=reject should not decide alone (RFC 9989 section 7.4). */
	if ((reading->config->checking.reject & PROXY_REJECT_DMARC) != 0 &&
	    proxy_config_line(reading, "in", "dmarc_except") == 0 &&
	    reading->config->checking.arc_trusted.count == 0)
		proxy_config_error(reading,
		    proxy_config_line(reading, "in", "reject"),
		    "reject = dmarc needs `dmarc_except` or `arc_trusted`: "
		    "forwarders and lists whose mail fails DMARC through no "
		    "fault of theirs (an empty dmarc_except: there are none)");
}

/* --- both --- */

static void
settle_hostname(struct proxy_config *config)
{
	char name[HOST_NAME_MAX + 1] = "";

	if (config->hostname != NULL)
		return;
	if (gethostname(name, sizeof(name) - 1) != 0 || name[0] == '\0')
		config->hostname = xstrdup("localhost");
	else
		config->hostname = xstrdup(name);
}

static void
settle_front(struct proxy_config_reading *reading, struct proxy_front *front)
{
	front->user_line = proxy_config_line(reading, front->name, "user");
	front->spool_dir_line =
	    proxy_config_line(reading, front->name, "spool_dir");
	if (front->spool_dir == NULL)
		front->spool_dir =
		    xstrdup(proxy_front_rows[front->number].spool_dir);
	if (front->user != NULL)
		return;
	if (proxy_front_rows[front->number].user != NULL) {
		front->user = xstrdup(proxy_front_rows[front->number].user);
	} else if (reading->config->user != NULL) {
		front->user = xstrdup(reading->config->user);
		front->user_line =
		    proxy_config_line(reading, "signpost", "user");
	}
}

static bool
listens_for(
    const struct proxy_listeners *listen, const struct proxy_endpoint *to)
{
	size_t i;

	for (i = 0; i < listen->count; i++)
		if (proxy_endpoint_covers(&listen->list[i].at, to))
			return true;
	return false;
}

/* Does mail of this front come back to it, over another one perhaps? */
static void
check_loop(
    struct proxy_config_reading *reading, const struct proxy_front *front)
{
	unsigned line = proxy_config_line(reading, front->name, "relay");

	if (listens_for(&front->listen, &front->relay)) {
		proxy_config_error(reading, line,
		    "relay: is what [%s] itself listens on; mail would go "
		    "round in circles",
		    front->name);
		return;
	}
	for (size_t i = 0; i < PROXY_FRONTS; i++) {
		const struct proxy_front *other = &reading->config->fronts[i];
		bool first = front->number < i;

		if (i != front->number &&
		    listens_for(&other->listen, &front->relay) &&
		    listens_for(&front->listen, &other->relay))
			proxy_config_error(reading, line,
			    "relay: [%s] and [%s] relay to each other; mail "
			    "would go round in circles",
			    first ? front->name : other->name,
			    first ? other->name : front->name);
	}
}

static void
refuse_listener(struct proxy_config_reading *reading, const char *section,
    const struct proxy_endpoint *at)
{
	struct strbuf text;

	strbuf_init(&text, REASON_MAX);
	proxy_endpoint_print(at, &text);
	proxy_config_error(reading,
	    proxy_config_line(reading, section, "listen"),
	    "listen: %s is listened on already", strbuf_text(&text));
	strbuf_clear(&text);
}

/* Each listener of a section against those before it, the section's own and
 * those of other sections. */
static void
check_listeners(struct proxy_config_reading *reading,
    const struct proxy_listeners *mine, const char *section,
    const struct proxy_listeners *const others[])
{
	struct proxy_listeners before = *mine;
	size_t i, k;
	bool twice;

	for (i = 0; i < mine->count; i++) {
		before.count = i;
		twice = listens_for(&before, &mine->list[i].at);
		for (k = 0; others[k] != NULL; k++)
			twice =
			    twice || listens_for(others[k], &mine->list[i].at);
		if (twice)
			refuse_listener(reading, section, &mine->list[i].at);
	}
}

static void
check_all_listeners(struct proxy_config_reading *reading)
{
	const struct proxy_config *config = reading->config;
	const struct proxy_listeners *others[PROXY_FRONTS + 1] = {NULL};

	for (size_t i = 0; i < PROXY_FRONTS; i++) {
		const struct proxy_front *front = &config->fronts[i];

		check_listeners(reading, &front->listen, front->name, others);
		others[i] = &front->listen;
	}
	check_listeners(reading, &config->metrics.listen, "metrics", others);
}

/* Answers go out as our own mail does: through the first SMTP listener that
 * signs. */
static void
settle_reflector(struct proxy_config *config)
{
	const struct proxy_listeners *out =
	    &proxy_front_with(config, PROXY_FILTER_SIGN)->listen;

	for (size_t i = 0; i < out->count; i++)
		if (config->reflector.relay.length == 0 &&
		    out->list[i].kind == PROXY_LISTEN_SMTP)
			config->reflector.relay = out->list[i].at;
}

/* The domain in A-labels: it stands in fields and commands of ours, which are
 * ASCII. */
static void
settle_mailbox(struct proxy_config_reading *reading, const char *section,
    const char *name, char **mailbox)
{
	unsigned line = proxy_config_line(reading, section, name);
	struct strbuf path;

	strbuf_init(&path, RECORD_MAILBOX_MAX);
	if (record_mailbox_path(slice_str(*mailbox), &path) != 0) {
		proxy_config_error(
		    reading, line, "%s: is no mail address", name);
	} else if (!slice_is_ascii(strbuf_slice(&path))) {
		proxy_config_error(reading, line,
		    "%s: what stands before its @ must be ASCII", name);
	} else {
		free(*mailbox);
		*mailbox = strbuf_detach(&path);
	}
	strbuf_clear(&path);
}

static void
settle_results(struct proxy_config_reading *reading)
{
	struct proxy_results_settings *r = &reading->config->results;
	struct strbuf email;

	r->database_line = proxy_config_line(reading, "results", "database");
	if (r->reporter == NULL)
		r->reporter = xstrdup(reading->config->hostname);
	if (r->email == NULL) {
		strbuf_init(&email, REASON_MAX);
		strbuf_addf(&email, "postmaster@%s", r->reporter);
		r->email = strbuf_detach(&email);
	}
	settle_mailbox(reading, "results", "email", &r->email);
}

static void
check_reflector(struct proxy_config_reading *reading)
{
	struct proxy_reflector_settings *r = &reading->config->reflector;
	unsigned line = proxy_config_line(reading, "reflector", "address");

	if (r->address == NULL)
		return;
	settle_mailbox(reading, "reflector", "address", &r->address);
	if (!proxy_fronts_have(reading->config, PROXY_FILTER_VERIFY))
		proxy_config_error(reading, line,
		    "address: mail to it comes in through [in], which is "
		    "not there");
	if (r->relay.length == 0)
		proxy_config_error(reading, line,
		    "[reflector] needs a `relay` for its answers");
	if (reading->config->results.database == NULL)
		proxy_config_error(reading, line,
		    "address: answers wait in [results] database, which is "
		    "not set");
}

/* Are they one template, or names in turn? */
static void
check_rotated_names(struct proxy_config_reading *reading)
{
	const struct proxy_strings *names = &reading->config->rotate.names;
	unsigned line = proxy_config_line(reading, "rotate", "name");
	size_t templates = 0;

	for (size_t i = 0; i < names->count; i++) {
		templates += strchr(names->list[i], '%') != NULL;
		for (size_t k = 0; k < i; k++)
			if (strcmp(names->list[i], names->list[k]) == 0)
				proxy_config_error(reading, line,
				    "name: %s is there twice", names->list[i]);
	}
	if (names->count == 0 || (names->count == 1) != (templates == 1) ||
	    templates > 1)
		proxy_config_error(reading, line,
		    "name: is either one template with a %%, as m%%Y%%m is, "
		    "or two fixed names or more");
}

/* A record that is taken down while mail that it is needed for is still on its
 * way would fail that mail. */
static void
settle_rotate(struct proxy_config_reading *reading)
{
	struct proxy_rotate_settings *r = &reading->config->rotate;
	unsigned ttl = reading->config->signing.ttl;
	unsigned line = proxy_config_line(reading, "rotate", "retire_after");

	r->publish_user_line =
	    proxy_config_line(reading, "rotate", "publish_user");
	check_rotated_names(reading);
	if (line == 0) {
		r->retire_after = PROXY_ROTATE_RETIRE_USUAL;
		if (r->retire_after < ttl)
			r->retire_after = ttl;
	} else if (r->retire_after < PROXY_ROTATE_RETIRE_LEAST) {
		proxy_config_error(reading, line,
		    "retire_after: is under %d days: mail may be in Postfix's "
		    "queue for %d (maximal_queue_lifetime), and then for one "
		    "in that of whom it is for",
		    PROXY_ROTATE_QUEUE_DAYS + 1, PROXY_ROTATE_QUEUE_DAYS);
	} else if (r->retire_after < ttl) {
		proxy_config_error(reading, line,
		    "retire_after: is under `ttl` of [out], and so long may "
		    "a signature be checked");
	}
	if (r->notify != NULL)
		settle_mailbox(reading, "rotate", "notify", &r->notify);
}

void
proxy_config_cross_check(struct proxy_config_reading *reading)
{
	struct proxy_config *config = reading->config;

	config->control_line =
	    proxy_config_line(reading, "signpost", "control");
	config->keys_user_line =
	    proxy_config_line(reading, "signpost", "keys_user");
	config->results.user_line =
	    proxy_config_line(reading, "results", "user");
	settle_hostname(config);
	for (size_t i = 0; i < PROXY_FRONTS; i++)
		settle_front(reading, &config->fronts[i]);
	settle_signing(reading);
	settle_checking(reading);
	for (size_t i = 0; i < PROXY_FRONTS; i++)
		check_loop(reading, &config->fronts[i]);
	check_all_listeners(reading);
	settle_reflector(config);
	settle_results(reading);
	check_reflector(reading);
	settle_rotate(reading);
}
