/*
 * What customers publish whose mail a provider signs, once and for all: each of
 * his fixed names (`[rotate] name = a, b') is an alias of the same name below a
 * domain of his own,
 *
 *	a._domainkey.DOMAIN  CNAME  a._domainkey.DOMAIN.PROVIDER
 *
 * where `signpost rotate' puts the records of one key after another.
 */
#ifndef CLI_PUBLISH_DELEGATION_H
#define CLI_PUBLISH_DELEGATION_H

#include "cli/kit/records.h"
#include "proxy/settings/config.h"

struct cli_delegation {
	const struct proxy_config *config;
	struct slice domain;   /* A-labels, of any customer; empty: all that
				* the configuration signs for */
	struct slice provider; /* A-labels */
	/* Called for each domain, in order; may take them. */
	void (*take)(void *ctx, struct cli_records *);
	void *ctx;
};

/* The exit status; what is wrong is told on stderr. */
int cli_delegation_run(const struct cli_delegation *);

#endif
