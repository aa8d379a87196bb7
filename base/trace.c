/*
 * Lines of one connection; see trace.h. Nothing is formatted unless the trace
 * is wanted, for it stands in paths that each command of each client goes.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "base/strbuf.h"
#include "base/trace.h"

enum { LINE_MAX_OCTETS = 1024 };

struct trace_text
trace_name(struct slice name)
{
	struct trace_text to;
	struct strbuf out;

	strbuf_init(&out, sizeof(to.text) - 1);
	escape_log(name, &out); /* what does not fit is left out */
	(void)snprintf(to.text, sizeof(to.text), "%s", strbuf_text(&out));
	strbuf_clear(&out);
	return to;
}

struct trace
trace_begin(struct log *log, unsigned long number)
{
	return (struct trace){
	    log_wants(log, LOGGING_DEBUG) ? log : NULL, number};
}

void
trace_print(const struct trace *trace, const char *fmt, ...)
{
	char line[LINE_MAX_OCTETS];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	log_printf(
	    trace->log, LOGGING_DEBUG, "session %lu: %s", trace->number, line);
}

void
trace_state(const struct trace *trace, const char *what, const char *old,
    const char *new)
{
	if (trace_wants(trace) && strcmp(old, new) != 0)
		trace_line(trace, "%s: %s -> %s", what, old, new);
}
