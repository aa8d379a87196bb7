/* DNS records to publish, printed; see records_print.h. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "cli/kit/cli.h"
#include "cli/kit/records_print.h"

/* Octets of one string of a TXT record, RFC 1035 section 3.3.14; of what is
 * printed besides names and values. */
enum { STRING_MAX = 255, ROOM_MORE = 8192 };

int
cli_records_format_parse(struct slice word, enum cli_records_format *format)
{
	static const char *const words[] = {
	    [CLI_RECORDS_ZONE] = "zone",
	    [CLI_RECORDS_RAW] = "raw",
	    [CLI_RECORDS_FORM] = "form",
	    [CLI_RECORDS_JSON] = "json",
	    [CLI_RECORDS_NSUPDATE] = "nsupdate",
	};

	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (slice_equal(word, slice_str(words[i]))) {
			*format = (enum cli_records_format)i;
			return 0;
		}
	return -1;
}

/* --- a zone --- */

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

static void
quote_value(const char *value, const char *between, struct strbuf *out)
{
	struct slice rest = slice_str(value);

	quote_string(slice_first(rest, STRING_MAX), out);
	while ((rest = slice_after(rest, STRING_MAX)).n > 0) {
		strbuf_add_str(out, between);
		quote_string(slice_first(rest, STRING_MAX), out);
	}
}

void
cli_record_zone(
    const struct cli_record *record, const char *between, struct strbuf *out)
{
	bool many = slice_str(record->value).n > STRING_MAX;

	if (record->type == CLI_RECORD_CNAME) {
		strbuf_addf(
		    out, "%s. IN CNAME %s.", record->name, record->value);
		return;
	}
	strbuf_addf(out, "%s. IN TXT %s", record->name, many ? "( " : "");
	quote_value(record->value, between, out);
	strbuf_add_str(out, many ? " )" : "");
}

static const char *
type_name(const struct cli_record *record)
{
	return record->type == CLI_RECORD_CNAME ? "CNAME" : "TXT";
}

/* A line for each note, and for what is known of the record. */
static void
print_notes(
    const struct cli_record *record, const char *before, struct strbuf *out)
{
	struct slice rest = slice_str(record->notes), line;

	if (record->state == CLI_RECORD_KEPT)
		strbuf_addf(out, "%spublished already\n", before);
	for (size_t i = 0; i < record->old_count; i++) {
		strbuf_addf(out, "%sin the place of ", before);
		quote_value(record->old[i], " ", out);
		strbuf_add_char(out, '\n');
	}
	while (rest.n > 0 && slice_cut(&rest, '\n', &line))
		strbuf_addf(out, "%s%.*s\n", before, (int)line.n, line.p);
}

/* --- a form --- */

/*
 * What goes into a provider's form: the name without the zone ("@" for the
 * zone's own), the zone, the value without quotes. Where the zone is not known,
 * what stands behind the last label with an underscore is taken for one.
 */
static void
print_form(const struct cli_record *record, struct strbuf *out)
{
	struct slice name = slice_str(record->name);
	struct slice zone = slice_str(record->zone);
	size_t n;
	size_t length = 0, at = 0;

	/* The bytes up to the last label that begins with an underscore, it
	 * with them. */
	while (at < name.n) {
		struct slice label = slice_after(name, at);
		size_t end = at + slice_find(label, '.');

		if (label.p[0] == '_')
			length = end;
		at = end + 1;
	}
	n = length;
	if (zone.n > 0 && zone.n <= name.n)
		n = zone.n == name.n ? 0 : name.n - zone.n - 1;
	zone = n == 0 ? name : slice_after(name, n + 1);
	strbuf_addf(out,
	    "Name   %.*s    (in the zone %.*s)\nType   %s\nValue  %s\n",
	    n == 0 ? 1 : (int)n, n == 0 ? "@" : name.p, (int)zone.n, zone.p,
	    type_name(record), record->value);
	print_notes(record, "Note   ", out);
}

/* --- JSON --- */

static json_t *
strings_json(const char *value)
{
	struct slice rest = slice_str(value);
	json_t *strings = json_array();

	for (; rest.n > 0; rest = slice_after(rest, STRING_MAX)) {
		struct slice string = slice_first(rest, STRING_MAX);

		(void)json_array_append_new(
		    strings, json_stringn(string.p, string.n));
	}
	return strings;
}

/* What is no UTF-8 has no string. */
static json_t *
text_json(const char *text)
{
	json_t *string = text == NULL ? NULL : json_string(text);

	return string == NULL ? json_null() : string;
}

static json_t *
record_json(const struct cli_record *record)
{
	static const char *const states[] = {[CLI_RECORD_NEW] = "new",
	    [CLI_RECORD_CHANGED] = "changed",
	    [CLI_RECORD_KEPT] = "published"};
	json_t *object = json_object(), *old = json_array();

	(void)json_object_set_new(object, "name", json_string(record->name));
	(void)json_object_set_new(
	    object, "type", json_string(type_name(record)));
	(void)json_object_set_new(object, "value", text_json(record->value));
	if (record->type == CLI_RECORD_TXT)
		(void)json_object_set_new(
		    object, "strings", strings_json(record->value));
	(void)json_object_set_new(object, "what", text_json(record->what));
	(void)json_object_set_new(object, "zone", text_json(record->zone));
	(void)json_object_set_new(
	    object, "state", json_string(states[record->state]));
	for (size_t i = 0; i < record->old_count; i++)
		(void)json_array_append_new(old, text_json(record->old[i]));
	(void)json_object_set_new(object, "replaces", old);
	(void)json_object_set_new(object, "note", text_json(record->notes));
	return object;
}

static void
print_json(const struct cli_record *record, bool first)
{
	json_t *object = record_json(record);
	char *text = json_dumps(object, JSON_INDENT(2));

	cli_print(first ? SLICE("[\n") : SLICE(",\n"));
	cli_print(slice_str(text));
	free(text);
	json_decref(object);
}

/* --- nsupdate --- */

/* One update is of one zone; without its name nsupdate looks for it. */
static void
begin_update(struct cli_records_printer *printer,
    const struct cli_record *record, struct strbuf *out)
{
	if (printer->open &&
	    (printer->zone == NULL || record->zone == NULL
		    ? printer->zone == record->zone
		    : strcmp(printer->zone, record->zone) == 0))
		return;
	if (printer->open)
		strbuf_add_str(out, "send\n");
	free(printer->zone);
	printer->zone = record->zone == NULL ? NULL : xstrdup(record->zone);
	printer->open = true;
	if (printer->zone != NULL)
		strbuf_addf(out, "zone %s.\n", printer->zone);
}

static void
print_command(const struct cli_record *record, const char *before,
    const char *behind, const char *value, struct strbuf *out)
{
	strbuf_addf(out, "%s%s. %sTXT ", before, record->name, behind);
	quote_value(value, " ", out);
	strbuf_add_char(out, '\n');
}

static void
print_nsupdate(struct cli_records_printer *printer,
    const struct cli_record *record, struct strbuf *out)
{
	char ttl[16];

	print_notes(record, "; ", out);
	if (record->state == CLI_RECORD_KEPT || record->elsewhere) {
		print_command(record, "; ", "", record->value, out);
		return;
	}
	begin_update(printer, record, out);
	if (record->type == CLI_RECORD_CNAME) {
		/* Beside anything else it would be passed over in silence (RFC
		 * 2136 section 3.4.2.2). */
		strbuf_addf(out,
		    "prereq nxrrset %s. TXT\nupdate add %s. %d CNAME %s.\n",
		    record->name, record->name, CLI_RECORDS_TTL, record->value);
		return;
	}
	if (record->replaces_all)
		strbuf_addf(out, "update delete %s. TXT\n", record->name);
	for (size_t i = 0; i < record->old_count; i++)
		print_command(
		    record, "update delete ", "", record->old[i], out);
	(void)snprintf(ttl, sizeof(ttl), "%d ", CLI_RECORDS_TTL);
	print_command(record, "update add ", ttl, record->value, out);
}

/* --- all of them --- */

/* What one record can take: every octet may become four, and more than one line
 * has the name. */
static size_t
room_for(const struct cli_record *record)
{
	size_t octets = strlen(record->value) + strlen(record->name);

	for (size_t i = 0; i < record->old_count; i++)
		octets += strlen(record->old[i]) + strlen(record->name);
	return 16 * octets + ROOM_MORE;
}

void
cli_records_print(
    struct cli_records_printer *printer, const struct cli_records *r)
{
	for (size_t i = 0; i < r->count; i++) {
		const struct cli_record *record = &r->list[i];
		struct strbuf out;

		strbuf_init(&out, room_for(record));
		switch (printer->format) {
		case CLI_RECORDS_ZONE:
			/* What belongs in another zone would be refused in
			 * this one. */
			print_notes(record, "; ", &out);
			if (record->elsewhere)
				strbuf_add_str(&out, "; ");
			cli_record_zone(
			    record, record->elsewhere ? " " : "\n\t", &out);
			strbuf_add_char(&out, '\n');
			break;
		case CLI_RECORDS_RAW:
			strbuf_addf(&out, "%s %s %s\n", record->name,
			    type_name(record), record->value);
			break;
		case CLI_RECORDS_FORM:
			if (printer->count > 0)
				strbuf_add_char(&out, '\n');
			print_form(record, &out);
			break;
		case CLI_RECORDS_JSON:
			print_json(record, printer->count == 0);
			break;
		case CLI_RECORDS_NSUPDATE:
			print_nsupdate(printer, record, &out);
			break;
		}
		cli_print(strbuf_slice(&out));
		strbuf_clear(&out);
		printer->count++;
	}
}

void
cli_records_print_end(struct cli_records_printer *printer)
{
	if (printer->format == CLI_RECORDS_JSON)
		cli_print(printer->count == 0 ? SLICE("[]\n") : SLICE("\n]\n"));
	if (printer->open)
		cli_print(SLICE("send\n"));
	free(printer->zone);
	*printer = (struct cli_records_printer){.format = printer->format};
}
