/*
 * `signpost dns': all domains of a configuration, a few at a time. Of a key
 * tree with a hundred thousand of them only names are held.
 */
#ifndef CLI_PUBLISH_WIZARD_H
#define CLI_PUBLISH_WIZARD_H

#include "cli/publish/publish.h"
#include "proxy/settings/config.h"

struct cli_wizard {
	const struct proxy_config *config;
	struct slice domain;		  /* A-labels; empty: all */
	struct cli_publish_wishes wishes; /* `servers' is set here */
	const char *nameserver;		  /* ADDR[:PORT]; NULL: [dns] */
	/* Called for each domain that has records, in order; may take them. */
	void (*take)(void *ctx, struct cli_records *);
	void *ctx;
};

/* The exit status; what is wrong is told on stderr. */
int cli_wizard_run(struct cli_wizard *);

#endif
