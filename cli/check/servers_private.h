/* Shared by servers.c, which asks, and servers_report.c, which tells. */
#ifndef CLI_CHECK_SERVERS_PRIVATE_H
#define CLI_CHECK_SERVERS_PRIVATE_H

#include "cli/check/servers.h"
#include "cli/kit/authorities.h"

enum {
	ALIASES_MAX = 4 /* that a name may lead through */
};

/* What one host says of a name. */
struct check_said {
	bool known;
	char *text;   /* the records that are looked at, a line each; or "" */
	char *target; /* an alias that leads out of its zones; NULL */
};

struct check_name {
	struct check_name_about about;
	struct dns_question question;
	char *text; /* as the resolver has it */
	bool alias;
	unsigned depth; /* aliases before it */
	struct cli_placed placed;
	struct check_said said[CLI_HOSTS_MAX];
};

struct proxy_index;

struct check_names {
	struct check_name **list;
	size_t count, room;
	struct cli_authorities *authorities; /* NULL: nobody was asked yet */
	struct proxy_index *targets;
};

void check_servers_report(const struct check_names *, struct check_report *);

#endif
