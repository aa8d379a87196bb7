/* Days and times in UTC; see days.h. */
#include <string.h>
#include <time.h>

#include "cli/kit/days.h"

int
cli_day_parse(const char *text, int64_t *day)
{
	struct tm tm = {0}, back;
	const char *end = strptime(text, "%Y-%m-%d", &tm);
	time_t seconds;
	int month_day = tm.tm_mday;

	if (end == NULL || *end != '\0' || strlen(text) != 10)
		return -1;
	seconds = timegm(&tm);
	if (seconds < 0 || gmtime_r(&seconds, &back) == NULL ||
	    back.tm_mday != month_day)
		return -1;
	*day = (int64_t)seconds;
	return 0;
}

void
cli_day_print(int64_t seconds, struct strbuf *out)
{
	time_t t = (time_t)seconds;
	struct tm utc;

	if (gmtime_r(&t, &utc) == NULL)
		strbuf_add_char(out, '?');
	else
		strbuf_addf(out, "%04d-%02d-%02d", utc.tm_year + 1900,
		    utc.tm_mon + 1, utc.tm_mday);
}

void
cli_time_print(int64_t seconds, struct strbuf *out)
{
	int64_t minutes = seconds % CLI_DAY / 60;

	cli_day_print(seconds, out);
	strbuf_addf(
	    out, " %02d:%02d", (int)(minutes / 60), (int)(minutes % 60));
}
