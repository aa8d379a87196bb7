/*
 * Postfix's side of a move: where its configuration hands mail to the old
 * program, and what it has to be instead. Reads what postconf(1) prints; text
 * in, values out, nothing is run here.
 *
 * The old programs are known by address: DKIMproxy by where it listens (a
 * content_filter or smtpd_proxy_filter that leads there), OpenDKIM by its socket
 * (a milter of smtpd_milters or non_smtpd_milters). Ours is wired as the old
 * one was.
 */
#ifndef CLI_MIGRATE_POSTFIX_H
#define CLI_MIGRATE_POSTFIX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"
#include "base/strbuf.h"
#include "cli/migrate_plan.h"

enum { MIGRATE_TRANSPORTS_MAX = 8 };

/* What postconf prints: -M, -Mfx, -n, -x. */
struct migrate_postconf {
	struct slice services, services_expanded;
	struct slice parameters, parameters_expanded;
};

/* Words for a shell, each with a blank before it. */
struct migrate_edits {
	struct strbuf below; /* for postconf -Me: the way to us and back */
	struct strbuf hands; /* for postconf -Me: who hands mail over */
	struct strbuf main;  /* for postconf -e */
	struct strbuf found; /* where the old program stood, a line each */
	/* Transports of the old program's, which queued mail may name. */
	const char *transports[MIGRATE_TRANSPORTS_MAX];
	size_t transport_count;
};

void migrate_edits_init(struct migrate_edits *);
void migrate_edits_clear(struct migrate_edits *);

/* What stands in the way goes to the plan's `todo`. */
void migrate_postfix_run(struct migrate_edits *, struct migrate_plan *,
    const struct migrate_postconf *);

/* Is that milter of Postfix's ("inet:localhost:8891", "unix:/path",
 * "{ local:path, ... }") who listens at that socket of OpenDKIM's
 * ("inet:8891@localhost", "local:/path")? */
bool migrate_milter_is(
    struct slice milter, const char *socket, struct slice queue_directory);

/* A service in a line with that option set, in place of one that is there. An
 * empty value: set, and empty. */
void migrate_entry_set(struct slice entry, const char *name, struct slice value,
    struct strbuf *out);

#endif
