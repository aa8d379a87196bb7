/*
 * The domains whose keys are to be looked after: those that the configuration
 * signs with `selector = auto', each with its folder of keys, and of which
 * kinds its keys are to be.
 */
#ifndef CLI_ROTATE_DOMAINS_H
#define CLI_ROTATE_DOMAINS_H

#include <stddef.h>

#include "base/slice.h"
#include "base/strbuf.h"
#include "dkim/key.h"
#include "proxy/settings/config.h"

/* Kinds of keys, in bits. */
#define ROTATE_KIND(type) (1U << (type))

struct rotate_domain {
	char *name;	/* A-labels; what is signed for, d= */
	char *author;	/* one whose mail is signed so: most often the same */
	char *folder;	/* of its keys */
	unsigned rule;	/* of the settings' keys: one by which they are read */
	unsigned kinds; /* that signatures name */
	bool any; /* and one that takes any kind: RSA where there is none */
	bool domainkeys; /* a DomainKeys signature is made with its RSA key */
};

struct proxy_index;

/* Zeroed: empty. */
struct rotate_domains {
	struct rotate_domain *list;
	size_t count, room;
	struct proxy_index *names;
};

/* Adds all of them; or of one domain, its own alone, with `only`. -1 and the
 * reason where a domain's keys are to lie in two folders. */
int rotate_domains_find(struct rotate_domains *, const struct proxy_config *,
    struct slice only, struct strbuf *reason);
void rotate_domains_clear(struct rotate_domains *);

/* "rsa", "ed25519": as the file `selectors' has it. */
#define rotate_kind_name(type) dkim_key_type_name(type)

#endif
