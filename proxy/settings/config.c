/* A configuration's life: read, packed for workers, freed. */
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "dkim/field_list.h"
#include "dkim/hash.h"
#include "proxy/settings/config_private.h"
#include "proxy/settings/index.h"
#include "proxy/settings/sign_map.h"
#include "proxy/settings/sign_rights.h"

/* Bytes of all that is wrong; what is over is not shown. */
#define REPORT_MAX 65536
#define REASON_MAX 512

void
proxy_report_init(struct proxy_report *report)
{
	strbuf_init(&report->errors, REPORT_MAX);
	strbuf_init(&report->warnings, REPORT_MAX);
}

void
proxy_report_clear(struct proxy_report *report)
{
	strbuf_clear(&report->errors);
	strbuf_clear(&report->warnings);
}

/* Room doubles, for a list may have 100,000 names. */
void
proxy_strings_add(struct proxy_strings *to, struct slice text)
{
	if ((to->count & (to->count - 1)) == 0)
		to->list = xreallocarray(to->list,
		    to->count == 0 ? 1 : to->count * 2, sizeof(*to->list));
	to->list[to->count++] = xslicedup(text);
}

static void
clear_strings(struct proxy_strings *strings)
{
	size_t i;

	for (i = 0; i < strings->count; i++)
		free(strings->list[i]);
	free(strings->list);
	*strings = (struct proxy_strings){NULL, 0};
}

static void
clear_signing(struct proxy_signing_rules *rules)
{
	free(rules->selector);
	free(rules->keyfile);
	free(rules->sender_map_path);
	free(rules->listid_map_path);
	clear_strings(&rules->headers);
	clear_strings(&rules->domains);
	proxy_index_free(rules->domain_set);
	free(rules->sign_for.networks.list);
	proxy_signatures_clear(&rules->signatures);
	dkim_field_list_free(rules->fields);
	proxy_sign_map_free(rules->sender_map);
	proxy_sign_map_free(rules->listid_map);
	proxy_key_rules_free(rules->keys, rules->key_count);
}

void
proxy_config_free(struct proxy_config *config)
{
	if (config == NULL)
		return;
	free(config->path);
	free(config->hostname);
	free(config->pidfile);
	free(config->control);
	free(config->user);
	free(config->keys_user);
	for (size_t i = 0; i < PROXY_FRONTS; i++) {
		struct proxy_front *front = &config->fronts[i];

		free(front->user);
		free(front->listen.list);
		free(front->allow.list);
		free(front->proxies.list);
		free(front->spool_dir);
	}
	clear_signing(&config->signing);
	clear_strings(&config->checking.authserv_ids);
	free(config->checking.trusted.list);
	free(config->checking.dmarc_except.list);
	clear_strings(&config->checking.arc_trusted);
	clear_strings(&config->checking.remove_fields);
	free(config->checking.seal.domain);
	free(config->checking.seal.selector);
	free(config->checking.seal.keyfile);
	clear_strings(&config->dns.nameservers);
	free(config->metrics.listen.list);
	free(config->metrics.allow.list);
	clear_strings(&config->metrics.hosts);
	free(config->reflector.address);
	free(config->results.user);
	free(config->results.database);
	free(config->results.reporter);
	free(config->results.email);
	free(config->results.contact);
	clear_strings(&config->rotate.names);
	free(config->rotate.publish);
	free(config->rotate.publish_user);
	free(config->rotate.notify);
	clear_strings(&config->rotate.resolver);
	proxy_config_texts_free(config->texts);
	free(config);
}

/* Takes the texts, of which the first is the configuration's. */
static struct proxy_config *
read_config(struct proxy_config_texts *texts, struct slice text,
    struct proxy_report *report)
{
	struct proxy_config_reading *reading = xcalloc(1, sizeof(*reading));
	struct proxy_config *config = xcalloc(1, sizeof(*config));
	size_t errors_before = report->errors.n;

	config->path = xstrdup(proxy_config_texts_name(texts));
	config->texts = texts;
	proxy_fronts_init(config);
	reading->config = config;
	reading->texts = texts;
	reading->report = report;
	reading->name = config->path;
	proxy_config_read_settings(reading, text);
	proxy_config_cross_check(reading);
	clear_strings(&reading->signatures);
	free(reading->signature_lines);
	free(reading);
	if (report->errors.n > errors_before || report->errors.full) {
		proxy_config_free(config);
		return NULL;
	}
	proxy_sign_rights_number(config);
	return config;
}

struct proxy_config *
proxy_config_load(const char *path, struct proxy_report *report)
{
	struct proxy_config_texts *texts = proxy_config_texts_new();
	struct strbuf reason;
	struct slice text;
	int result;

	strbuf_init(&reason, REASON_MAX);
	result = proxy_config_texts_read(
	    texts, path, PROXY_CONFIG_FILE_MAX, &text, &reason);
	if (result != 0) {
		strbuf_addf(
		    &report->errors, "%s: %s\n", path, strbuf_text(&reason));
		proxy_config_texts_free(texts);
	}
	strbuf_clear(&reason);
	return result == 0 ? read_config(texts, text, report) : NULL;
}

struct proxy_config *
proxy_config_parse(
    const char *name, struct slice text, struct proxy_report *report)
{
	struct proxy_config_texts *texts = proxy_config_texts_new();

	proxy_config_texts_put(texts, name, text);
	return read_config(texts, text, report);
}

/* --- one setting --- */

struct peeking {
	const char *section, *name;
	char *found;
};

static void
on_peeked(void *ctx, const char *section, const char *name, struct slice value,
    unsigned line, bool continued)
{
	struct peeking *peeking = ctx;

	(void)line;
	if (continued || strcmp(section, peeking->section) != 0 ||
	    strcmp(name, peeking->name) != 0)
		return;
	free(peeking->found);
	peeking->found = xslicedup(value);
}

static void
pass_section(void *ctx, struct slice name, unsigned line)
{
	(void)ctx;
	(void)name;
	(void)line;
}

static void
pass_error(void *ctx, unsigned line, const char *text)
{
	(void)ctx;
	(void)line;
	(void)text;
}

char *
proxy_config_peek(const char *path, const char *section, const char *name)
{
	static const struct proxy_ini_ops ops = {
	    pass_section, on_peeked, pass_error};
	struct proxy_config_texts *texts = proxy_config_texts_new();
	struct peeking peeking = {section, name, NULL};
	struct strbuf reason;
	struct slice text;

	strbuf_init(&reason, REASON_MAX);
	if (proxy_config_texts_read(
		texts, path, PROXY_CONFIG_FILE_MAX, &text, &reason) == 0)
		proxy_ini_read(text, &ops, &peeking);
	strbuf_clear(&reason);
	proxy_config_texts_free(texts);
	return peeking.found;
}

void
proxy_config_stamp(const struct proxy_config *config, struct strbuf *to)
{
	struct dkim_hash *hash = dkim_hash_new(DKIM_SHA256);
	struct slice digest;

	proxy_config_texts_write(config->texts, dkim_hash_sink(hash));
	digest = dkim_hash_end(hash);
	for (size_t i = 0; i < digest.n; i++)
		strbuf_addf(to, "%02x", (unsigned char)digest.p[i]);
	dkim_hash_free(hash);
}

int
proxy_config_pack(const struct proxy_config *config)
{
	return proxy_config_texts_pack(config->texts);
}

struct proxy_config *
proxy_config_unpack(int fd, struct proxy_report *report)
{
	struct strbuf reason;
	struct proxy_config_texts *texts;
	struct proxy_config *config = NULL;
	struct slice text;

	strbuf_init(&reason, REASON_MAX);
	texts = proxy_config_texts_unpack(fd, &reason);
	if (texts != NULL &&
	    proxy_config_texts_read(texts, proxy_config_texts_name(texts), 0,
		&text, &reason) == 0) {
		config = read_config(texts, text, report);
	} else {
		strbuf_addf(&report->errors, "%s\n", strbuf_text(&reason));
		proxy_config_texts_free(texts);
	}
	strbuf_clear(&reason);
	return config;
}
