/*
 * DNS records that are to be published, with what is known of what stands there
 * now. cli/kit/records_print.h prints them.
 */
#ifndef CLI_KIT_RECORDS_H
#define CLI_KIT_RECORDS_H

#include <stdbool.h>

#include "base/slice.h"
#include "base/strbuf.h"

enum cli_record_state {
	CLI_RECORD_NEW,
	CLI_RECORD_CHANGED, /* it is to stand in the place of others */
	CLI_RECORD_KEPT	    /* it stands there already */
};

enum cli_record_type { CLI_RECORD_TXT, CLI_RECORD_CNAME };

struct proxy_index;

struct cli_record {
	char *name; /* lower case, no final dot */
	enum cli_record_type type;
	char *value;	  /* CNAME: a name like the other */
	const char *what; /* "dkim", "spf"; static. NULL: nothing was asked */
	enum cli_record_state state;
	char **old; /* values that it takes the place of */
	size_t old_count;
	bool replaces_all; /* of whatever stands there: it is not known what */
	bool elsewhere;	   /* not to be published in the domain's zone */
	char *zone;	   /* NULL: not known */
	char *notes;	   /* for people, a line each; NULL: none */
};

struct cli_records {
	struct cli_record *list;
	size_t count, room;
	struct proxy_index *names;
};

/* It stands there so: that very text is the record. */
void cli_record_keep(struct cli_record *, struct slice value);
/* That is to go. */
void cli_record_replace(struct cli_record *, struct slice old);
/* Something to know about it. */
void cli_record_note(struct cli_record *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* It belongs there. */
void cli_record_rename(struct cli_record *, const char *name);

struct dkim_key;

void cli_records_clear(struct cli_records *);
/* The same, though there may be one of that name; to be filled in, before the
 * next one is added. */
struct cli_record *cli_records_append(
    struct cli_records *, struct slice name, struct slice value);
/* Takes what is in the record, and leaves it empty. */
void cli_records_take(struct cli_records *, struct cli_record *);

/* The key record of a private key (RFC 6376 section 3.6.1), under
 * SELECTOR._domainkey.DOMAIN, both turned into A-labels. 0, or -1 and the
 * reason. For SHA-256 alone (h=), unless DomainKeys are made with it, too. */
enum cli_key_for { CLI_KEY_FOR_DKIM, CLI_KEY_FOR_DOMAINKEYS };
int cli_records_add_key(struct cli_records *, struct slice domain,
    struct slice selector, const struct dkim_key *, enum cli_key_for,
    struct strbuf *reason);

/* That name; 0, or -1 and the reason where it is none. */
int cli_records_key_name(struct slice domain, struct slice selector,
    struct strbuf *name, struct strbuf *reason);

#endif
