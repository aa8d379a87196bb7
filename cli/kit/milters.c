/* Lists of milters; see milters.h. */
#include "cli/kit/milters.h"

static bool
is_milter_blank(char c)
{
	return c == ',' || c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool
cli_milter_next(struct slice *rest, struct slice *milter)
{
	size_t n = 0, depth = 0;

	while (rest->n > 0 && is_milter_blank(rest->p[0]))
		*rest = slice_after(*rest, 1);
	while (n < rest->n && (depth > 0 || !is_milter_blank(rest->p[n]))) {
		depth += rest->p[n] == '{';
		depth -= rest->p[n] == '}' && depth > 0;
		n++;
	}
	*milter = slice_first(*rest, n);
	*rest = slice_after(*rest, n);
	return n > 0;
}

/* What is between the braces; false where there are none. */
static bool
cut_braces(struct slice *milter)
{
	if (milter->n < 2 || milter->p[0] != '{')
		return false;
	*milter = slice_first(slice_after(*milter, 1), milter->n - 2);
	return true;
}

struct slice
cli_milter_address(struct slice milter)
{
	struct slice inside = milter, address;

	if (!cut_braces(&inside))
		return milter;
	return cli_milter_next(&inside, &address) ? address : SLICE("");
}

bool
cli_milter_option(struct slice milter, const char *name, struct slice *value)
{
	struct slice word;
	size_t equals;

	/* Commas part the options, and blanks may stand around their `='. */
	if (!cut_braces(&milter))
		return false;
	while (slice_cut(&milter, ',', &word)) {
		equals = slice_find(word, '=');
		if (equals == word.n ||
		    !slice_equal(
			slice_trim(slice_first(word, equals)), slice_str(name)))
			continue;
		*value = slice_trim(slice_after(word, equals + 1));
		return true;
	}
	return false;
}

bool
cli_milters_have(struct slice list, struct slice address)
{
	struct slice milter;

	while (cli_milter_next(&list, &milter))
		if (slice_equal(cli_milter_address(milter), address))
			return true;
	return false;
}
