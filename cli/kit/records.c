/* DNS records to publish; see records.h. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/xalloc.h"
#include "cli/kit/cli.h"
#include "cli/kit/records.h"
#include "dkim/key.h"
#include "mail/idn.h"
#include "proxy/settings/index.h"

/* Octets of one string of a TXT record, RFC 1035 section 3.3.14. */
enum { STRING_MAX = 255, VALUE_MAX = 4096 };

/* Zeroed: empty. Copies what it adds; of a name the first value stays. */
static void
add_record(struct cli_records *r, struct slice name, struct slice value)
{
	if (r->names == NULL)
		r->names = proxy_index_new();
	if (cli_records_has(r, name))
		return;
	(void)proxy_index_add(r->names, name);
	if (r->count == r->room) {
		r->room = r->room == 0 ? 8 : 2 * r->room;
		r->list = xreallocarray(r->list, r->room, sizeof(*r->list));
	}
	r->list[r->count++] =
	    (struct cli_record){xslicedup(name), xslicedup(value)};
}

void
cli_records_clear(struct cli_records *r)
{
	for (size_t i = 0; i < r->count; i++) {
		free(r->list[i].name);
		free(r->list[i].value);
	}
	free(r->list);
	proxy_index_free(r->names);
	*r = (struct cli_records){0};
}

bool
cli_records_has(const struct cli_records *r, struct slice name)
{
	return r->names != NULL &&
	    proxy_index_find(r->names, name) != PROXY_INDEX_NONE;
}

int
cli_records_key_name(struct slice domain, struct slice selector,
    struct strbuf *name, struct strbuf *reason)
{
	size_t before = name->n;

	if (mail_idn_to_ascii(selector, name) == 0 &&
	    strbuf_add_str(name, "._domainkey.") == 0 &&
	    mail_idn_to_ascii(domain, name) == 0 &&
	    name->n - before <= MAIL_IDN_NAME_MAX)
		return 0;
	strbuf_truncate(name, before);
	strbuf_addf(reason, "%.*s._domainkey.%.*s is no domain name",
	    (int)slice_first(selector, 100).n, selector.p,
	    (int)slice_first(domain, 300).n, domain.p);
	return -1;
}

static void
print_record_key(const struct dkim_key *key, struct strbuf *value)
{
	struct strbuf octets;

	strbuf_init(&octets, DKIM_KEY_PUBLIC_MAX);
	(void)dkim_key_public(key, &octets);
	strbuf_addf(
	    value, "v=DKIM1; k=%s; p=", dkim_key_type_name(dkim_key_type(key)));
	(void)base64_encode(strbuf_slice(&octets), value);
	strbuf_clear(&octets);
}

int
cli_records_add_key(struct cli_records *r, struct slice domain,
    struct slice selector, const struct dkim_key *key, struct strbuf *reason)
{
	struct strbuf name, value;
	int outcome;

	strbuf_init(&name, (size_t)3 * MAIL_IDN_NAME_MAX);
	strbuf_init(&value, VALUE_MAX);
	outcome = cli_records_key_name(domain, selector, &name, reason);
	if (outcome == 0) {
		print_record_key(key, &value);
		add_record(r, strbuf_slice(&name), strbuf_slice(&value));
	}
	strbuf_clear(&name);
	strbuf_clear(&value);
	return outcome;
}

int
cli_records_format_parse(struct slice word, enum cli_records_format *format)
{
	static const char *const words[] = {
	    [CLI_RECORDS_ZONE] = "zone",
	    [CLI_RECORDS_RAW] = "raw",
	    [CLI_RECORDS_FORM] = "form",
	    [CLI_RECORDS_JSON] = "json",
	};

	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (slice_equal(word, slice_str(words[i]))) {
			*format = (enum cli_records_format)i;
			return 0;
		}
	return -1;
}

/* RFC 1035 section 5.1. */
static void
quote_string(struct slice string, struct strbuf *out)
{
	strbuf_add_char(out, '"');
	for (size_t i = 0; i < string.n; i++) {
		unsigned char c = (unsigned char)string.p[i];

		if (c < 0x20 || c > 0x7e)
			strbuf_addf(out, "\\%03u", c);
		else if (c == '"' || c == '\\')
			strbuf_addf(out, "\\%c", c);
		else
			strbuf_add_char(out, (char)c);
	}
	strbuf_add_char(out, '"');
}

void
cli_record_zone(
    const struct cli_record *record, const char *between, struct strbuf *out)
{
	struct slice rest = slice_str(record->value);
	bool many = rest.n > STRING_MAX;

	strbuf_addf(out, "%s. IN TXT %s", record->name, many ? "( " : "");
	quote_string(slice_first(rest, STRING_MAX), out);
	while ((rest = slice_after(rest, STRING_MAX)).n > 0) {
		strbuf_add_str(out, between);
		quote_string(slice_first(rest, STRING_MAX), out);
	}
	strbuf_add_str(out, many ? " )" : "");
}

static void
print_zone(const struct cli_record *record, struct strbuf *out)
{
	cli_record_zone(record, "\n\t", out);
	strbuf_add_char(out, '\n');
}

/* The bytes up to the last label that begins with an underscore, it with
 * them. */
static size_t
host_length(struct slice name)
{
	size_t length = 0, at = 0;

	while (at < name.n) {
		struct slice label = slice_after(name, at);
		size_t end = at + slice_find(label, '.');

		if (label.p[0] == '_')
			length = end;
		at = end + 1;
	}
	return length;
}

/*
 * What goes into a provider's form: the name without the zone ("@" for the
 * zone's own), the zone, the value without quotes. Which names are zones is not
 * known here: what stands behind the last label with an underscore is taken for
 * one.
 */
static void
print_form(const struct cli_record *record, struct strbuf *out)
{
	struct slice name = slice_str(record->name);
	size_t n = host_length(name);
	struct slice zone = n == 0 ? name : slice_after(name, n + 1);

	strbuf_addf(out,
	    "Name   %.*s    (in the zone %.*s)\nType   TXT\nValue  %s\n",
	    n == 0 ? 1 : (int)n, n == 0 ? "@" : name.p, (int)zone.n, zone.p,
	    record->value);
}

static json_t *
record_json(const struct cli_record *record)
{
	json_t *object = json_object(), *strings = json_array();
	struct slice rest = slice_str(record->value);

	(void)json_object_set_new(object, "name", json_string(record->name));
	(void)json_object_set_new(object, "type", json_string("TXT"));
	(void)json_object_set_new(object, "value", json_string(record->value));
	for (; rest.n > 0; rest = slice_after(rest, STRING_MAX)) {
		struct slice string = slice_first(rest, STRING_MAX);

		(void)json_array_append_new(
		    strings, json_stringn(string.p, string.n));
	}
	(void)json_object_set_new(object, "strings", strings);
	return object;
}

static void
print_json(const struct cli_records *r)
{
	json_t *all = json_array();
	char *text;

	for (size_t i = 0; i < r->count; i++)
		(void)json_array_append_new(all, record_json(&r->list[i]));
	text = json_dumps(all, JSON_INDENT(2));
	cli_print(slice_str(text));
	cli_print(SLICE("\n"));
	free(text);
	json_decref(all);
}

void
cli_records_print(const struct cli_records *r, enum cli_records_format format)
{
	if (format == CLI_RECORDS_JSON) {
		print_json(r);
		return;
	}
	for (size_t i = 0; i < r->count; i++) {
		struct strbuf line;

		/* Every octet may become four. */
		strbuf_init(&line, 5 * strlen(r->list[i].value) + 1000);
		if (format == CLI_RECORDS_ZONE)
			print_zone(&r->list[i], &line);
		else if (format == CLI_RECORDS_FORM)
			print_form(&r->list[i], &line);
		else
			strbuf_addf(&line, "%s TXT %s\n", r->list[i].name,
			    r->list[i].value);
		cli_print(strbuf_slice(&line));
		strbuf_clear(&line);
	}
}
