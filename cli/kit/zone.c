/*
 * Which zone a name is in; see zone.h. Asked from the name upwards, since only
 * the SOA records say where one zone ends; a list of suffixes knows what
 * people may register, not what they have delegated.
 */
#include <string.h>

#include "cli/kit/zone.h"

void
cli_zone_init(struct cli_zone *zone, struct slice name)
{
	*zone = (struct cli_zone){0};
	zone->done = dns_question_set(&zone->question, DNS_SOA, name) != 0;
}

bool
cli_zone_ask(struct cli_zone *zone, struct dns_question *question)
{
	if (zone->done || zone->asked)
		return false;
	zone->asked = true;
	*question = zone->question;
	return true;
}

/* The SOA behind an alias is that of another name. */
void
cli_zone_answer(struct cli_zone *zone, const struct dns_question *question,
    const struct dns_answer *answer)
{
	if (zone->done || !zone->asked ||
	    !dns_question_equal(&zone->question, question))
		return;
	if (answer->status == DNS_TEMPFAIL)
		zone->done = true;
	else if (answer->status == DNS_OK && !answer->alias)
		zone->done = zone->found = true;
	else {
		const char *dot = strchr(zone->question.name, '.');

		zone->asked = false;
		if (dot != NULL) {
			memmove(zone->question.name, dot + 1, strlen(dot));
		} else {
			zone->done = zone->question.name[0] == '\0';
			zone->question.name[0] = '\0'; /* the root */
		}
	}
}

const char *
cli_zone_name(const struct cli_zone *zone)
{
	return zone->found ? zone->question.name : NULL;
}
