/*
 * Options from an argument list, by a table: -d X, -dX, --domain X,
 * --domain=X, and -- before what is none. They come before the operands.
 *
 *	struct cli_options o = cli_options_of(table, argc, argv);
 *	while ((id = cli_options_next(&o)) > 0) switch (id) ...
 *	if (id < 0) return CLI_USAGE;
 *	operands: o.argv[o.at] to o.argv[o.argc - 1]
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

/* The table ends with an id of 0. */
struct cli_option {
	int id;		  /* > 0; a character where it is a letter too */
	const char *name; /* the long one; NULL: none */
	bool takes_value;
};

struct cli_options {
	const struct cli_option *table;
	int argc;
	char **argv;
	int at;		    /* the next argument */
	const char *inside; /* rest of a run of letters, "-tD" */
	const char *name;   /* as it was given, for messages */
	const char *value;  /* of the last option that takes one */
};

struct cli_options cli_options_of(
    const struct cli_option *table, int argc, char **argv);

/* The id of the next option; 0 at the first operand or the end; -1, with a
 * message on stderr, where it is no option or lacks its value. */
int cli_options_next(struct cli_options *);

/* No operands are left; else a message, and false. */
bool cli_options_done(const struct cli_options *);

/* The value of the last option as a number up to `max`, or as seconds with
 * an optional s, m, h, d; 0, or -1 with a message. */
int cli_options_number(
    const struct cli_options *, uint64_t max, uint64_t *number);
int cli_options_time(
    const struct cli_options *, uint64_t max, uint64_t *seconds);

#endif
