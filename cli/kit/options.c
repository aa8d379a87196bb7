/*
 * Options by a table; see options.h. getopt_long() takes abbreviations, which
 * break when an option is added, and goes on behind operands unless the
 * environment forbids it; and what a bad value is, it leaves to each caller.
 */
#include <string.h>

#include "base/number.h"
#include "cli/kit/cli.h"
#include "cli/kit/options.h"

struct reading {
	const struct cli_option *table;
	int argc;
	char **argv;
	int at;		  /* the next argument */
	const char *name; /* the option as it was given, for messages */
};

static int
refuse_option(const struct reading *r, const char *why)
{
	return cli_usage_error(r->argv[0], "%s: %s", r->name, why);
}

/* A NULL value is the next argument. */
static int
take_value(
    struct reading *r, const struct cli_option *option, const char *value)
{
	if (value == NULL && r->at >= r->argc)
		return refuse_option(r, "needs a value");
	if (value == NULL)
		value = r->argv[r->at++];
	if (option->text != NULL)
		*option->text = value;
	if (option->number != NULL &&
	    number_parse(slice_str(value), option->max, option->number) != 0)
		return refuse_option(r, "not a number, or out of range");
	if (option->seconds != NULL &&
	    number_parse_time(slice_str(value), option->max, option->seconds) !=
		0)
		return refuse_option(r, "not a time, or out of range");
	return option->take == NULL ? 0 : option->take(option->to, value);
}

/* "domain" or "domain=X" */
static int
read_long(struct reading *r, const char *text)
{
	size_t n = strcspn(text, "=");
	const struct cli_option *option = r->table;

	while (option->name != NULL &&
	    (strlen(option->name) != n || memcmp(option->name, text, n) != 0))
		option++;
	if (option->name == NULL)
		return refuse_option(r, "no such option");
	if (option->flag == NULL)
		return take_value(
		    r, option, text[n] == '\0' ? NULL : text + n + 1);
	if (text[n] != '\0')
		return refuse_option(r, "takes no value");
	*option->flag = true;
	return 0;
}

/* "d", "dX" or "tD" */
static int
read_letters(struct reading *r, const char *letters)
{
	for (; *letters != '\0'; letters++) {
		const struct cli_option *option = r->table;

		while (option->name != NULL && option->letter != *letters)
			option++;
		if (option->name == NULL)
			return refuse_option(r, "no such option");
		if (option->flag == NULL)
			return take_value(
			    r, option, letters[1] == '\0' ? NULL : letters + 1);
		*option->flag = true;
	}
	return 0;
}

/* Up to the first operand. */
static int
read_table(struct reading *r)
{
	while (r->at < r->argc && r->argv[r->at][0] == '-' &&
	    r->argv[r->at][1] != '\0') {
		r->name = r->argv[r->at++];
		if (strcmp(r->name, "--") == 0)
			return 0;
		if ((r->name[1] == '-' ? read_long(r, r->name + 2)
				       : read_letters(r, r->name + 1)) != 0)
			return -1;
	}
	return 0;
}

int
cli_options_read(
    const struct cli_option *table, int argc, char **argv, const char **operand)
{
	struct reading r = {
	    .table = table, .argc = argc, .argv = argv, .at = 1};

	if (read_table(&r) != 0)
		return -1;
	if (operand != NULL && r.at < argc)
		*operand = argv[r.at++];
	if (r.at >= argc)
		return 0;
	r.name = argv[r.at];
	while (table->name != NULL && strcmp(table->name, "domain") != 0)
		table++;
	return refuse_option(&r,
	    table->name == NULL
		? "one argument too many"
		: "one argument too many: a domain stands behind -d");
}
