/*
 * Postfix's master.cf and main.cf as its own postconf(1) prints them, read once
 * for all who look at them.
 */
#ifndef CLI_KIT_POSTFIX_H
#define CLI_KIT_POSTFIX_H

#include "base/strbuf.h"
#include "cli/kit/master.h"

/* Of each run of postconf. */
enum { CLI_POSTFIX_MS = 5000 };

enum cli_postfix_status {
	CLI_POSTFIX_NONE,    /* there is no postconf here */
	CLI_POSTFIX_TROUBLE, /* it did not do: the reason says why */
	CLI_POSTFIX_READ
};

struct cli_postfix {
	enum cli_postfix_status status;
	struct strbuf path;   /* of postconf */
	const char *option;   /* with which it did not do, */
	struct strbuf reason; /* and why */
	struct strbuf services, parameters;
	struct cli_master master; /* views of them */
};

/* Runs postconf -Mfx and -x. The caller's, to be freed in any case. */
struct cli_postfix *cli_postfix_new(void);
void cli_postfix_free(struct cli_postfix *); /* NULL is fine */

#endif
