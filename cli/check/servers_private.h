/* Shared by servers.c, which asks, and servers_report.c, which tells. */
#ifndef CLI_CHECK_SERVERS_PRIVATE_H
#define CLI_CHECK_SERVERS_PRIVATE_H

#include "cli/check/servers.h"
#include "cli/kit/zone.h"
#include "dns/direct.h"

enum {
	HOSTS_MAX = 16,	    /* name servers of one zone that are asked */
	ADDRESSES_MAX = 4,  /* of one of them */
	ALIASES_MAX = 4,    /* that a name may lead through */
	IN_FLIGHT_MAX = 100 /* questions to servers */
};

/* One address of a name server, shared by all zones that it serves. */
struct check_address {
	struct dns_server server;
	char text[DNS_SERVER_TEXT_MAX]; /* without the port */
	bool heard;			/* it has answered something */
	int error;			/* why not; 0: it was not asked yet */
};

/* A name server of a zone. */
struct check_host {
	char *name;
	size_t addresses[ADDRESSES_MAX]; /* numbers */
	size_t address_count;
	bool refuses; /* it answers, but not for this zone */
	bool tcp_asked, tcp_good;
	int tcp_error;
};

struct check_zone {
	char *name; /* "" for the root */
	struct check_host hosts[HOSTS_MAX];
	size_t host_count;
	struct dns_question questions[1 + 2 * HOSTS_MAX]; /* NS; A, AAAA */
	size_t question_count, asked;
	bool silent; /* its servers could not be found */
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
	struct cli_zone finding;
	size_t zone; /* number; SIZE_MAX: not known */
	struct check_said said[HOSTS_MAX];
};

struct proxy_index;

struct check_names {
	struct check_name **list;
	size_t count, room;
	struct check_zone **zones;
	size_t zone_count;
	struct proxy_index *zone_names, *address_texts, *targets;
	struct check_address *addresses;
	size_t address_count;
	size_t silent; /* addresses that were asked in vain */
	bool heard;
};

void check_servers_report(const struct check_names *, struct check_report *);

#endif
