/* Options by a table; see options.h. */
#include <string.h>

#include "base/number.h"
#include "cli/cli.h"
#include "cli/options.h"

struct cli_options
cli_options_of(const struct cli_option *table, int argc, char **argv)
{
	return (struct cli_options){
	    .table = table, .argc = argc, .argv = argv, .at = 1};
}

static int
refuse(const struct cli_options *o, const char *name, const char *why)
{
	cli_error("%s: %s: %s (see signpost %s --help)", o->argv[0], name, why,
	    o->argv[0]);
	return -1;
}

/* The value is the next argument. */
static int
take_value(struct cli_options *o, const struct cli_option *option)
{
	if (o->at >= o->argc)
		return refuse(o, o->name, "needs a value");
	o->value = o->argv[o->at++];
	return option->id;
}

static int
next_long(struct cli_options *o, const char *text)
{
	size_t n = strcspn(text, "=");
	const struct cli_option *option = o->table;

	while (option->id != 0 &&
	    (option->name == NULL || strlen(option->name) != n ||
		memcmp(option->name, text, n) != 0))
		option++;
	if (option->id == 0)
		return refuse(o, o->name, "no such option");
	if (text[n] == '\0')
		return option->takes_value ? take_value(o, option) : option->id;
	if (!option->takes_value)
		return refuse(o, o->name, "takes no value");
	o->value = text + n + 1;
	return option->id;
}

static int
next_letter(struct cli_options *o)
{
	const struct cli_option *option = o->table;
	char letter = *o->inside++;

	while (option->id != 0 && option->id != letter)
		option++;
	if (option->id == 0)
		return refuse(o, o->name, "no such option");
	if (!option->takes_value)
		return option->id;
	if (*o->inside == '\0') {
		o->inside = NULL;
		return take_value(o, option);
	}
	o->value = o->inside;
	o->inside = NULL;
	return option->id;
}

int
cli_options_next(struct cli_options *o)
{
	const char *argument;

	if (o->inside != NULL && *o->inside != '\0')
		return next_letter(o);
	o->inside = NULL;
	if (o->at >= o->argc)
		return 0;
	argument = o->argv[o->at];
	if (argument[0] != '-' || argument[1] == '\0')
		return 0;
	o->at++;
	if (strcmp(argument, "--") == 0)
		return 0;
	o->name = argument;
	if (argument[1] == '-')
		return next_long(o, argument + 2);
	o->inside = argument + 1;
	return next_letter(o);
}

bool
cli_options_done(const struct cli_options *o)
{
	if (o->at >= o->argc)
		return true;
	(void)refuse(o, o->argv[o->at], "one argument too many");
	return false;
}

int
cli_options_number(const struct cli_options *o, uint64_t max, uint64_t *number)
{
	if (number_parse(slice_str(o->value), max, number) == 0)
		return 0;
	return refuse(o, o->name, "not a number, or out of range");
}

int
cli_options_time(const struct cli_options *o, uint64_t max, uint64_t *seconds)
{
	if (number_parse_time(slice_str(o->value), max, seconds) == 0)
		return 0;
	return refuse(o, o->name, "not a time, or out of range");
}
