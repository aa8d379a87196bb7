/*
 * The keys of a domain's folder: how they are called, their files and their
 * records.
 */
#ifndef CLI_ROTATE_KEYS_H
#define CLI_ROTATE_KEYS_H

#include <stdint.h>

#include "cli/kit/records.h"
#include "cli/rotate/domains.h"

/* Numbers of a name that are tried. */
enum { ROTATE_NAMES_MAX = 40 };

/*
 * The name number `number`, from 0, that a key of that kind may have: of one
 * template the day's, with r or e behind it and, from number 1 on, a number
 * from 2 on; of fixed names each in turn, with an e behind it for ed25519. 0;
 * -1 where there is no further one.
 */
int rotate_name_print(const struct proxy_strings *names, enum dkim_key_type,
    unsigned number, int64_t now, struct strbuf *to);
/* Are they fixed names? Then customers may have an alias at them. */
bool rotate_names_are_fixed(const struct proxy_strings *names);

/* Its file is FOLDER/SELECTOR.pem. */
bool rotate_key_is_there(const struct rotate_domain *, struct slice selector);

/* Makes one and its file. 0, or -1 and a message on stderr. */
int rotate_key_make(
    const struct rotate_domain *, enum dkim_key_type, struct slice selector);
/* The file goes; one that is not there has gone. 0, or -1 and the reason. */
int rotate_key_remove(
    const struct rotate_domain *, struct slice selector, struct strbuf *reason);

/* What is public of one. */
struct rotate_key {
	enum dkim_key_type type;
	enum dkim_algorithm algorithm;
	unsigned bits;
	int64_t made;		   /* when its file was written */
	struct strbuf octets;	   /* of p= */
	struct cli_records record; /* one */
};

/* Reads it. 0, or -1 and the reason; cleared by the caller in any case. */
int rotate_key_read(const struct rotate_domain *, struct slice selector,
    struct rotate_key *, struct strbuf *reason);
void rotate_key_clear(struct rotate_key *);

/* "SELECTOR._domainkey.DOMAIN" */
void rotate_record_name(
    const struct rotate_domain *, struct slice selector, struct strbuf *name);

/* Are keys in its folder, of whatever name? */
bool rotate_keys_are_there(const struct rotate_domain *);

#endif
