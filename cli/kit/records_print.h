/*
 * DNS records as people and programs want them: a zone file's lines, names and
 * values to paste into a form, JSON, commands of nsupdate(1).
 */
#ifndef CLI_KIT_RECORDS_PRINT_H
#define CLI_KIT_RECORDS_PRINT_H

#include "cli/kit/records.h"

enum cli_records_format {
	CLI_RECORDS_ZONE, /* TXT strings of at most 255 octets */
	CLI_RECORDS_RAW,  /* NAME TXT VALUE, one a line */
	CLI_RECORDS_FORM, /* the fields of a provider's form */
	CLI_RECORDS_JSON, /* an array of objects (signpost-dns(1)) */
	CLI_RECORDS_NSUPDATE
};

/* For how long what nsupdate adds may be kept, in seconds. */
enum { CLI_RECORDS_TTL = 3600 };

/* "zone", "raw", "form", "json", "nsupdate"; 0 or -1. */
int cli_records_format_parse(struct slice, enum cli_records_format *);

/* The record as a zone file has it (RFC 1035 section 5.1), without its line
 * end; `between` stands between two strings of a long value. */
void cli_record_zone(
    const struct cli_record *, const char *between, struct strbuf *out);

/* To stdout, as they come; what has been printed need not be kept. Zeroed but
 * for the format. */
struct cli_records_printer {
	enum cli_records_format format;
	size_t count;
	bool open;  /* nsupdate: something is to be sent yet */
	char *zone; /* nsupdate: of the last record */
};

void cli_records_print(
    struct cli_records_printer *, const struct cli_records *);
void cli_records_print_end(struct cli_records_printer *);

#endif
