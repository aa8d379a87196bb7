/*
 * The name servers of zones, each asked itself for what it has: which zone a
 * name is in is found by SOA, its servers by NS, their addresses by A and AAAA,
 * all of the resolver; then questions go to them (dns/direct.h).
 */
#ifndef CLI_KIT_AUTHORITIES_H
#define CLI_KIT_AUTHORITIES_H

#include "cli/kit/zone.h"
#include "dns/direct.h"

enum {
	CLI_HOSTS_MAX = 16,	   /* name servers of one zone that are asked */
	CLI_HOST_ADDRESSES_MAX = 4 /* of one of them */
};

/* One address of a name server, shared by all zones that it serves. */
struct cli_address {
	struct dns_server server;
	char text[DNS_SERVER_TEXT_MAX]; /* without the port */
	bool heard;			/* it has answered something */
	int error;			/* why not; 0: it was not asked yet */
};

/* A name server of a zone, and what asking it has shown. */
struct cli_host {
	char *name;
	size_t addresses[CLI_HOST_ADDRESSES_MAX]; /* numbers */
	size_t address_count;
	bool refuses;  /* it answers, but not for this zone */
	bool tcp_good; /* it has answered by TCP */
	int tcp_error; /* why it has not */
	bool tcp_asked;
};

struct cli_authority_zone {
	char *name; /* "" for the root */
	struct cli_host hosts[CLI_HOSTS_MAX];
	size_t host_count;
	bool silent; /* its servers could not be found */
	struct dns_question questions[1 + 2 * CLI_HOSTS_MAX]; /* NS; A, AAAA */
	size_t question_count, asked;
};

/* A name, and the number of its zone; SIZE_MAX: it is not known. */
struct cli_placed {
	struct cli_zone finding;
	size_t zone;
};

struct cli_resolver;
struct proxy_index;

/* To be looked at; only these functions change it. */
struct cli_authorities {
	struct cli_resolver *resolver;
	struct cli_authority_zone **zones;
	size_t zone_count;
	struct cli_address *addresses;
	size_t address_count;
	struct proxy_index *zone_names, *address_texts;
	size_t silent; /* addresses that were asked in vain */
	bool heard;
	size_t open; /* questions on their way */
};

/* The resolver is borrowed. */
struct cli_authorities *cli_authorities_new(struct cli_resolver *);
void cli_authorities_free(struct cli_authorities *); /* NULL is fine */

/* `name` in A-labels. */
void cli_placed_init(struct cli_placed *, struct slice name);

/* Finds the zones of these names, and the servers of the zones that are new. */
void cli_authorities_find(
    struct cli_authorities *, struct cli_placed *const *, size_t count);

struct cli_authority_order {
	size_t zone, host;
	const struct dns_question *question;
	bool tcp;  /* from the first */
	bool link; /* of an alias, the next name alone: dns/direct.h */
	/* Where one address has not the zone, or cannot tell, another may. */
	bool any_address;
};

/*
 * Asks one server at one of its addresses, the next one where that keeps
 * silent. The function is called once, perhaps before this returns; the result
 * of the last address where none gave an answer. Where a hundred questions are
 * open it waits.
 */
void cli_authorities_ask(struct cli_authorities *,
    const struct cli_authority_order *, dns_direct_fn *, void *ctx);

/* Until no question is open. */
void cli_authorities_wait(struct cli_authorities *);

/* "ns1.example.org (192.0.2.1)": the address that answered, else the first. */
void cli_authorities_print_host(
    const struct cli_authorities *, const struct cli_host *, struct strbuf *to);

/* For qsort(3) of struct slice: a server gives a set in any order (RFC 2181
 * section 5). */
int cli_compare_values(const void *, const void *);

#endif
