/*
 * DNS records that a configuration wants published: as a zone file's lines,
 * as names and values to paste into a form, as JSON.
 */
#ifndef CLI_KIT_RECORDS_H
#define CLI_KIT_RECORDS_H

#include <stdbool.h>

#include "base/slice.h"
#include "base/strbuf.h"

enum cli_records_format {
	CLI_RECORDS_ZONE, /* TXT strings of at most 255 octets */
	CLI_RECORDS_RAW,  /* NAME TXT VALUE, one a line */
	CLI_RECORDS_FORM, /* the fields of a provider's form */
	CLI_RECORDS_JSON  /* an array of objects: name, type, value, strings */
};

struct proxy_index;

/* All are TXT. */
struct cli_record {
	char *name; /* lower case, no final dot */
	char *value;
};

struct cli_records {
	struct cli_record *list;
	size_t count, room;
	struct proxy_index *names;
};

struct dkim_key;

void cli_records_clear(struct cli_records *);
bool cli_records_has(const struct cli_records *, struct slice name);

/* The key record of a private key (RFC 6376 section 3.6.1), under
 * SELECTOR._domainkey.DOMAIN, both turned into A-labels. 0, or -1 and the
 * reason. */
int cli_records_add_key(struct cli_records *, struct slice domain,
    struct slice selector, const struct dkim_key *, struct strbuf *reason);

/* That name; 0, or -1 and the reason where it is none. */
int cli_records_key_name(struct slice domain, struct slice selector,
    struct strbuf *name, struct strbuf *reason);

/* "zone", "raw", "form", "json"; 0 or -1. */
int cli_records_format_parse(struct slice, enum cli_records_format *);

/* The record as a zone file has it (RFC 1035 section 5.1), without its line
 * end; `between` stands between two strings of a long value. */
void cli_record_zone(
    const struct cli_record *, const char *between, struct strbuf *out);

/* To stdout. */
void cli_records_print(const struct cli_records *, enum cli_records_format);

#endif
