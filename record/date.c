/* Dates as mail writes them; see date.h. */
#include <time.h>

#include "record/date.h"

/* Not strftime(): its names follow the locale. */
int
record_date_print(int64_t seconds, struct strbuf *out)
{
	static const char *const days[] = {
	    "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May",
	    "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	time_t t = (time_t)seconds;
	struct tm utc;

	(void)gmtime_r(&t, &utc);
	return strbuf_addf(out, "%s, %d %s %d %02d:%02d:%02d +0000",
	    days[utc.tm_wday], utc.tm_mday, months[utc.tm_mon],
	    utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
}
