/* DNS records to publish; see records.h. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/xalloc.h"
#include "cli/kit/records.h"
#include "dkim/key.h"
#include "mail/idn.h"
#include "proxy/settings/index.h"

enum { VALUE_MAX = 4096, NOTES_MAX = 4096 };

struct cli_record *
cli_records_append(struct cli_records *r, struct slice name, struct slice value)
{
	struct cli_record *last;

	if (r->names == NULL)
		r->names = proxy_index_new();
	(void)proxy_index_add(r->names, name);
	if (r->count == r->room) {
		r->room = r->room == 0 ? 8 : 2 * r->room;
		r->list = xreallocarray(r->list, r->room, sizeof(*r->list));
	}
	last = &r->list[r->count++];
	*last = (struct cli_record){
	    .name = xslicedup(name), .value = xslicedup(value)};
	return last;
}

static void
clear_record(struct cli_record *record)
{
	free(record->name);
	free(record->value);
	for (size_t i = 0; i < record->old_count; i++)
		free(record->old[i]);
	free(record->old);
	free(record->zone);
	free(record->notes);
	*record = (struct cli_record){0};
}

void
cli_records_take(struct cli_records *r, struct cli_record *record)
{
	struct cli_record *last = cli_records_append(
	    r, slice_str(record->name), slice_str(record->value));

	clear_record(last);
	*last = *record;
	*record = (struct cli_record){0};
}

void
cli_records_clear(struct cli_records *r)
{
	for (size_t i = 0; i < r->count; i++)
		clear_record(&r->list[i]);
	free(r->list);
	proxy_index_free(r->names);
	*r = (struct cli_records){0};
}

void
cli_record_keep(struct cli_record *record, struct slice value)
{
	free(record->value);
	record->value = xslicedup(value);
	record->state = CLI_RECORD_KEPT;
}

void
cli_record_replace(struct cli_record *record, struct slice old)
{
	record->state = CLI_RECORD_CHANGED;
	record->old = xreallocarray(
	    record->old, record->old_count + 1, sizeof(*record->old));
	record->old[record->old_count++] = xslicedup(old);
}

void
cli_record_rename(struct cli_record *record, const char *name)
{
	char *fresh = xstrdup(name);

	free(record->name);
	record->name = fresh;
}

void
cli_record_note(struct cli_record *record, const char *fmt, ...)
{
	struct strbuf notes;
	va_list args;

	strbuf_init(&notes, NOTES_MAX);
	if (record->notes != NULL)
		strbuf_addf(&notes, "%s\n", record->notes);
	va_start(args, fmt);
	strbuf_addv(&notes, fmt, args);
	va_end(args);
	free(record->notes);
	record->notes = strbuf_detach(&notes);
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
	return strbuf_fail(reason, "%.*s._domainkey.%.*s is no domain name",
	    (int)slice_first(selector, 100).n, selector.p,
	    (int)slice_first(domain, 300).n, domain.p);
}

int
cli_records_add_key(struct cli_records *r, struct slice domain,
    struct slice selector, const struct dkim_key *key, enum cli_key_for what,
    struct strbuf *reason)
{
	struct strbuf name, value;
	int outcome;

	strbuf_init(&name, (size_t)3 * MAIL_IDN_NAME_MAX);
	strbuf_init(&value, VALUE_MAX);
	outcome = cli_records_key_name(domain, selector, &name, reason);
	if (outcome == 0) {
		struct strbuf octets;

		strbuf_init(&octets, DKIM_KEY_PUBLIC_MAX);
		(void)dkim_key_public(key, &octets);
		strbuf_addf(&value, "v=DKIM1; k=%s; %sp=",
		    dkim_key_type_name(dkim_key_type(key)),
		    what == CLI_KEY_FOR_DKIM ? "h=sha256; " : "");
		(void)base64_encode(strbuf_slice(&octets), &value);
		strbuf_clear(&octets);
		if (r->names == NULL ||
		    proxy_index_find(r->names, strbuf_slice(&name)) ==
			PROXY_INDEX_NONE)
			(void)cli_records_append(
			    r, strbuf_slice(&name), strbuf_slice(&value));
	}
	strbuf_clear(&name);
	strbuf_clear(&value);
	return outcome;
}
