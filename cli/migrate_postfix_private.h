/* Shared by the files that look at Postfix for `signpost migrate'. */
#ifndef CLI_MIGRATE_POSTFIX_PRIVATE_H
#define CLI_MIGRATE_POSTFIX_PRIVATE_H

#include "cli/kit/master.h"
#include "cli/migrate_postfix.h"

struct migrate_wiring {
	struct migrate_edits *to;
	struct migrate_plan *plan;
	const struct migrate_postconf *from;
	struct cli_master master;
	struct slice queue_directory;
};

/* A change of one service, made bit by bit. */
struct migrate_change {
	struct strbuf entry;
	bool changed;
};

void migrate_change_set(
    struct migrate_change *, const char *name, struct slice value);

/* The options that the sample gives to who hands mail over before the queue,
 * but for those that the service has. */
void migrate_change_companions(struct migrate_change *,
    const struct cli_service *, const char *sample, const char *its_name);

/* "name/type=entry" as a word for a shell. */
void migrate_change_add(struct strbuf *to, struct slice name, struct slice type,
    struct slice entry);

/* A parameter of postconf -n, as it stands; and one to be set. */
bool migrate_postfix_find(
    const struct migrate_wiring *, const char *name, struct slice *value);
void migrate_postfix_set(
    struct migrate_wiring *, const char *name, struct slice value);

/* A line of the report: where the old program stands. */
void migrate_postfix_found(struct migrate_wiring *, struct slice where,
    const char *name, struct slice value);

/* The services of ours for one direction; `back` names the one that takes mail
 * back. */
void migrate_postfix_ways(
    struct migrate_wiring *, bool inbound, bool before, struct slice back);

/* --- migrate_postfix_opendkim.c, migrate_postfix_dkimproxy.c --- */

void migrate_postfix_opendkim(struct migrate_wiring *);
void migrate_postfix_side(struct migrate_wiring *, bool inbound,
    const char *listen, const char *relay);

#endif
