/*
 * `signpost check`: does each name server of a zone give what the resolver
 * gave. The zone of a name is found by SOA, its servers by NS; each of them is
 * asked itself, at one of its addresses, by UDP and once by TCP. Where none can
 * be reached, as in a network of its own, that is said, and nothing else.
 */
#ifndef CLI_CHECK_SERVERS_H
#define CLI_CHECK_SERVERS_H

#include "cli/check/report.h"
#include "dns/question.h"

struct cli_resolver;

/* Which TXT records of a name are looked at. */
enum check_name_kind { CHECK_NAME_KEY, CHECK_NAME_SPF, CHECK_NAME_DMARC };

/* What findings about a name are about; borrowed. */
struct check_name_about {
	const char *what, *subject;
	enum check_name_kind kind;
};

struct check_names;

struct check_names *check_names_new(void);
void check_names_free(struct check_names *);

/* What the resolver gave; a name without an answer is left out. */
void check_names_add(struct check_names *, const struct check_name_about *,
    const struct dns_question *, const struct dns_answer *);

/* Asks the servers of all names, and tells what they do not agree in. The
 * resolver finds them. */
void check_servers(
    struct check_names *, struct cli_resolver *, struct check_report *);

#endif
