/*
 * `[rotate] publish': a command of the postmaster's that puts a record into the
 * DNS or takes it out,
 *
 *	COMMAND add|remove NAME TTL TYPE TEXT
 *
 * It is believed only when the DNS shows the result, and it may be called again
 * for what is done already. signpost.conf(5) has what it may count on.
 */
#ifndef CLI_KIT_PUBLISH_COMMAND_H
#define CLI_KIT_PUBLISH_COMMAND_H

#include "base/strbuf.h"

/* For so long it may run, in ms; so many octets of what it says are shown, and
 * so many words it may have before its arguments. */
enum {
	CLI_PUBLISH_COMMAND_MS = 60000,
	CLI_PUBLISH_COMMAND_SAYS_MAX = 2048,
	CLI_PUBLISH_COMMAND_WORDS_MAX = 16
};

enum cli_publish_command_act {
	CLI_PUBLISH_COMMAND_ADD,
	CLI_PUBLISH_COMMAND_REMOVE /* that text; others of the name stay */
};

struct cli_publish_command {
	/* Words between blanks, none of which can have one: no shell reads
	 * them. The first is a path. */
	const char *command;
	const char *user; /* whom it runs as where we are root */
	unsigned ms;	  /* CLI_PUBLISH_COMMAND_MS */
};

struct cli_publish_order {
	enum cli_publish_command_act act;
	const char *name; /* no final dot */
	unsigned ttl;	  /* s */
	const char *type; /* "TXT" */
	const char *text; /* the whole value, without quotation marks */
};

/*
 * Runs it, as cli/kit/capture.h has it of a program apart; after its time it is
 * killed with its process group. 0 where it ended with 0; else -1 and the
 * reason, with what it said, made harmless.
 */
int cli_publish_command_run(const struct cli_publish_command *,
    const struct cli_publish_order *, struct strbuf *reason);

#endif
