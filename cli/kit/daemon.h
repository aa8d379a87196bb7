/* The running daemon, as tools ask it: where it listens for them, and its
 * answers as text (proxy/process/control.h has what they say). */
#ifndef CLI_KIT_DAEMON_H
#define CLI_KIT_DAEMON_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/strbuf.h"

struct cli_daemon_question {
	const char *config; /* the file that says where it listens */
	const char *request;
	pid_t master; /* who it must be; 0: any of root's, or of ours */
	unsigned wait_s;
	bool absent;	/* set where nobody listens there, or is to, */
	bool forbidden; /* or where we may not ask */
};

/*
 * Asks it. The settings are not looked at but for `control`, so that a file
 * with a mistake in it is no hindrance. 0 and the answer (cap
 * PROXY_CONTROL_ANSWER_MAX + 1), or -1 and the reason.
 */
int cli_daemon_ask(
    struct cli_daemon_question *, struct strbuf *answer, struct strbuf *reason);

/* Are those two names of configurations of one file? */
bool cli_daemon_same_file(const char *a, const char *b);

/* A member of what it answers, empty or 0 where there is none of that kind. */
const char *cli_daemon_text(const json_t *, const char *name);
long long cli_daemon_number(const json_t *, const char *name);

#endif
