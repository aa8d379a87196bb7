/*
 * DKIMproxy's sender and list-id maps: a key, white space, signatures
 * between commas, one entry a line:
 *
 *	example.org	dkim(c=relaxed,a=rsa-sha256), domainkeys(c=nofws)
 *
 * Also the syntax of `signature =`. `none` instead of signatures: do not
 * sign. Keys are compared without case; of equal ones the last counts. One
 * that can never match is a mistake.
 */
#ifndef PROXY_SETTINGS_SIGN_MAP_H
#define PROXY_SETTINGS_SIGN_MAP_H

#include "base/slice.h"
#include "base/strbuf.h"
#include "proxy/settings/config.h"

struct proxy_sign_map;

/* What a signature has where its options leave it out, and where new key
 * rules go. */
struct proxy_sign_defaults {
	const char *selector, *keyfile; /* NULL: none; keyfile absolute */
	bool parents;			/* of rules that use `keyfile` */
	struct proxy_key_table *keys;
	bool list_ids; /* the map's keys are list-ids, not addresses */
};

/* Numbers key rules, equal ones once. */
struct proxy_key_table *proxy_key_table_new(void);
/* A rule as it is wished for; of the same names as what it becomes. */
struct proxy_key_wish {
	const char *file, *selector;
	enum dkim_algorithm algorithm; /* of what it signs; UNKNOWN: any */
	bool parents;
	const char *where;
};

/* 0 and its number; or -1 and the reason: there can be no such rule. */
int proxy_key_table_add(struct proxy_key_table *, const struct proxy_key_wish *,
    unsigned *number, struct strbuf *reason);
/* Gives the rules away and frees the table. */
struct proxy_key_rule *proxy_key_table_detach(
    struct proxy_key_table *, size_t *count);
void proxy_key_rules_free(struct proxy_key_rule *, size_t count);

/* What stands before the name of a key that systemd hands over. */
#define PROXY_KEY_CREDENTIAL "credential:"

/* Is it an absolute path, or a credential and its name, with no $macro but
 * $domain and $selector? 0, or -1 and the reason. */
int proxy_key_template_check(struct slice file, struct strbuf *reason);

/*
 * The macros of d= and i=: $key, $sender, and any of them with `domain` at
 * its end; `$$` is a dollar. 0, or -1 and the reason where there is another.
 */
struct proxy_macros {
	struct slice key, sender; /* a domain; local@domain */
};

int proxy_macros_check(struct slice text, struct strbuf *reason);
int proxy_macros_expand(
    struct slice text, const struct proxy_macros *, struct strbuf *out);

/*
 * Adds the signatures of "dkim(c=relaxed), domainkeys" to the list. 0, or
 * -1 and the reason. `*notes` gets a bit of enum proxy_sign_note for what
 * was read as something else; who reports it does so once.
 */
enum proxy_sign_note {
	PROXY_SIGN_NOTE_SHA1 = 1 << 0, /* rsa-sha1 for DKIM: rsa-sha256 */
	PROXY_SIGN_NOTE_NOWSP = 1 << 1 /* nowsp: relaxed/relaxed */
};

struct proxy_sign_source {
	const struct proxy_sign_defaults *defaults;
	const char *where; /* "file:line", kept by the key table if new */
	bool needs_domain; /* each must have a d= */
};

int proxy_signatures_parse(struct proxy_signatures *, struct slice text,
    const struct proxy_sign_source *, unsigned *notes, struct strbuf *reason);
void proxy_signatures_clear(struct proxy_signatures *);

/* Never NULL; the name is copied. What is wrong with which line goes into the
 * report. */
struct proxy_sign_map *proxy_sign_map_parse(const char *name, struct slice text,
    const struct proxy_sign_defaults *, struct proxy_report *);
void proxy_sign_map_free(struct proxy_sign_map *); /* NULL is fine */
size_t proxy_sign_map_count(const struct proxy_sign_map *);

struct proxy_sign_entry {
	struct slice key; /* as it is compared: lower case, A-labels */
	struct proxy_signatures signatures; /* none: do not sign */
};

/* In the map's order, of equal keys the last; NULL past the last one. */
const struct proxy_sign_entry *proxy_sign_map_at(
    const struct proxy_sign_map *, size_t index);

/* Can a key as it is written ever match? 0, or -1 and what to write instead
 * of it ("write example.org, without the final dot"). */
int proxy_sign_map_key_check(
    struct slice key, bool list_ids, struct strbuf *reason);

/*
 * The address, the address without its +extension, `*@` and its domain, the
 * domain, each parent of that, `.`; NULL where none of them is there. `address`
 * in lower case, its domain in A-labels; a list-id is looked up like a domain.
 */
const struct proxy_sign_entry *proxy_sign_map_find(
    const struct proxy_sign_map *, struct slice address);

#endif
