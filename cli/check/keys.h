/*
 * `signpost check`: the keys that the configuration signs with, each with
 * what its record must say, and the domains whose mail they sign.
 */
#ifndef CLI_CHECK_KEYS_H
#define CLI_CHECK_KEYS_H

#include <stdbool.h>

#include "cli/check/report.h"
#include "proxy/keys/selectors.h"
#include "proxy/settings/config.h"

struct dkim_key;
struct proxy_index;

struct check_key {
	char *name;   /* SELECTOR._domainkey.DOMAIN, where its record belongs;
		       * of one that is unnamed the domain alone */
	char *domain; /* d=, as the configuration has it */
	char *selector;
	unsigned rule; /* of config->signing.keys */
	/* It signs, or will, or did; else it is of no file of selectors. */
	enum proxy_selector_state state;
	bool unnamed;	      /* no file of selectors says which: no record */
	bool unpublished;     /* staged, and none of its kind is active */
	bool signs;	      /* active; or that, and before_published = sign */
	size_t from;	      /* where in d= the domain of its key begins */
	struct dkim_key *key; /* NULL where it cannot be had */
	char *trouble;	      /* then: "file:line: why" */
	char *misfit;	/* why a signature cannot be made with it, likewise */
	bool forbidden; /* and only to us, who are not root */
	const char *config;    /* " -c FILE" for commands; may be empty */
	char *record;	       /* else the line of a zone to publish */
	char *value, *form;    /* its text; and for a provider's form */
	unsigned algorithms;   /* of DKIM signatures, bits by algorithm */
	bool dkim, domainkeys; /* what it signs */
	const char *below;     /* an i= below d=, borrowed; NULL: none */
};

/* Does a signature of a domain's mail have a d= that DMARC takes? */
enum check_alignment {
	CHECK_NO_MAIL, /* none is looked at */
	CHECK_MISALIGNED,
	CHECK_ALIGNED /* or may be */
};

struct check_keys {
	struct check_key *list;
	size_t count, room;
	char **domains;			 /* in A-labels */
	enum check_alignment *alignment; /* of each */
	size_t domain_count, domain_room;
	/* To find them by: rule, domain and selector of a key; a domain; lines
	 * that are told with a key. The first two are numbered as the lists
	 * are. */
	struct proxy_index *key_names, *domain_names, *lines;
	char *config;	 /* what the keys have */
	bool by_message; /* signatures are left out whose d= has macros */
};

/* Reads them; with `only` (not empty) that domain's. Zeroed before; free()s
 * nothing that it borrowed from the configuration. */
void check_keys_collect(
    struct check_keys *, const struct proxy_config *, struct slice only);
void check_keys_clear(struct check_keys *);

/* Is it said of one of the keys already? */
bool check_keys_tell(const struct check_keys *, struct slice line);

/* Can they be used, and for the signatures that want them? */
void check_keys_report(const struct check_keys *, const struct proxy_config *,
    struct slice only, struct check_report *);

#endif
