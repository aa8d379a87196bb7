/*
 * What the subcommands share: the table's row, how they report, and how
 * they end. Every message on stderr is "signpost: what: why".
 */
#ifndef CLI_KIT_CLI_H
#define CLI_KIT_CLI_H

#include "base/slice.h"
#include "base/strbuf.h"

/* sysexits.h's numbers; what each means to a user: DESIGN, "Exit status". */
enum cli_exit {
	CLI_OK = 0,
	CLI_FAILED = 1, /* the answer is no */
	CLI_USAGE = 64,
	CLI_NO_MESSAGE = 65, /* no header field at all; no such data */
	CLI_UNREADABLE = 66,
	CLI_BROKEN = 70, /* our fault */
	CLI_OS = 71,	 /* the system would not: fork, pipe, memory */
	CLI_UNWRITABLE = 73,
	CLI_TEMPORARY = 75,
	CLI_CONFIG = 78 /* configuration or key */
};

/* One subcommand. main() deals with --help and --version. */
struct cli_command {
	const char *name;
	int (*run)(int argc, char **argv); /* argv[0] is the name */
	const char *summary; /* half a line, for the list of commands */
	const char *help;    /* what --help prints; begins with "usage: " */
};

/* Does what it would by these words (NULL behind the last, seven at most); how
 * it ends. */
int cli_command_run(const struct cli_command *, const char *const words[]);

/* One a file, cli/<name>.c; main.c has the table. */
extern const struct cli_command cli_check;
extern const struct cli_command cli_demo;
extern const struct cli_command cli_dmarc_report;
extern const struct cli_command cli_dns;
extern const struct cli_command cli_explain;
extern const struct cli_command cli_forget;
extern const struct cli_command cli_keygen;
extern const struct cli_command cli_migrate;
extern const struct cli_command cli_reload;
extern const struct cli_command cli_results;
extern const struct cli_command cli_rotate;
extern const struct cli_command cli_serve;
extern const struct cli_command cli_setup;
extern const struct cli_command cli_sign;
extern const struct cli_command cli_spf;
extern const struct cli_command cli_status;
extern const struct cli_command cli_verify;

/* "signpost: " and the text and a line end, to stderr. */
void cli_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The same for what does not stop the work. */
void cli_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* "signpost: COMMAND: " and the text, and where the usage is, to stderr; -1.
 * For what is wrong with a command's arguments. */
int cli_usage_error(const char *command, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Writes all of it to stdout. What could not be written shows at the end,
 * in cli_stdout_close(). */
void cli_print(struct slice);

/* Flushes stdout: `status`, or CLI_UNWRITABLE with the reason on stderr
 * where not everything could be written. */
int cli_stdout_close(int status);

#endif
