/*
 * Domains of a command line and of lists, each once, in their order: for tools
 * that do the same for many.
 */
#ifndef CLI_KIT_DOMAINS_H
#define CLI_KIT_DOMAINS_H

#include <stddef.h>

#include "base/slice.h"
#include "base/strbuf.h"

struct proxy_index;

/* Zeroed: empty. */
struct cli_domains {
	struct proxy_index *names; /* lower case, A-labels, no final dot */
};

void cli_domains_clear(struct cli_domains *);
size_t cli_domains_count(const struct cli_domains *);
struct slice cli_domains_at(const struct cli_domains *, size_t);

/* A name as people type it, in lower case, A-labels, without a final dot. 0; or
 * -1 where it is no domain name. */
int cli_domain_read(struct slice name, struct strbuf *ascii);

/* One more, unless it is there. 0; or -1 where it is no domain name. */
int cli_domains_add(struct cli_domains *, struct slice name);

/*
 * Adds those of a file, or of standard input where it is "-": one a line; what
 * stands behind a # is a comment. CLI_OK; or with messages on stderr
 * CLI_UNREADABLE, or CLI_NO_MESSAGE where a line is no domain name: the others
 * are added.
 */
int cli_domains_read(struct cli_domains *, const char *path);

#endif
