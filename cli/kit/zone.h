/*
 * Which zone a name is in: the nearest name above it, or itself, that has an
 * SOA record. Asks and is answered.
 */
#ifndef CLI_KIT_ZONE_H
#define CLI_KIT_ZONE_H

#include <stdbool.h>

#include "dns/question.h"

struct cli_zone {
	struct dns_question question; /* the name that is looked at */
	bool asked, done, found;
};

/* `name` in A-labels. */
void cli_zone_init(struct cli_zone *, struct slice name);
bool cli_zone_ask(struct cli_zone *, struct dns_question *);
void cli_zone_answer(
    struct cli_zone *, const struct dns_question *, const struct dns_answer *);

/* NULL where it is not known (yet); "" for the root. */
const char *cli_zone_name(const struct cli_zone *);

#endif
