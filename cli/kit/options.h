/*
 * Options from an argument list, by a table: -d X, -dX, --domain X,
 * --domain=X, and -- before what is none. They come before the operands.
 *
 *	const struct cli_option options[] = {
 *	    {'d', "domain", .text = &w->domain},
 *	    {0, "json", .flag = &w->json},
 *	    {0},
 *	};
 *	if (cli_options_read(options, argc, argv, NULL) != 0)
 *		return CLI_USAGE;
 */
#ifndef CLI_KIT_OPTIONS_H
#define CLI_KIT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

/* For --time: seconds that any clock can add to. */
#define CLI_OPTION_UNIX_MAX ((uint64_t)INT64_MAX / 2)

/* The table ends with a NULL name. */
struct cli_option {
	char letter; /* 0: it has none */
	const char *name;

	/* Where it goes: one of these. All but the flag take a value. */
	const char **text;
	bool *flag;	   /* set to true */
	uint64_t *number;  /* up to max */
	uint64_t *seconds; /* up to max; an optional s, m, h, d behind it */
	/* 0; or -1 with a message on stderr. */
	int (*take)(void *to, const char *value);

	uint64_t max;
	void *to; /* what `take` is given */
};

/*
 * Reads all options, then puts the operand, where there is one, into
 * *operand; NULL where the command takes none. The texts are those of argv.
 * 0; or -1, with a message on stderr, at what is no option, lacks its value
 * or is one argument too many.
 */
int cli_options_read(const struct cli_option *table, int argc, char **argv,
    const char **operand);

#endif
