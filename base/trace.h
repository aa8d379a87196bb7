/*
 * What happens on one connection, line by line, for a person who looks for a
 * fault: `log_level = debug`. Each line begins with the connection's name.
 *
 * A trace shows names, states and codes, and never what stands in a message.
 * What a peer chose (a domain, a selector) is given as %s only through
 * trace_name(), which escapes it.
 */
#ifndef BASE_TRACE_H
#define BASE_TRACE_H

#include <stdbool.h>

#include "base/log.h"
#include "base/slice.h"

enum { TRACE_NAME_MAX = 256 };

struct trace {
	struct log *log; /* NULL: nobody looks */
	unsigned long number;
};

/* What a peer chose, escaped and cut to TRACE_NAME_MAX octets. */
struct trace_text {
	char text[TRACE_NAME_MAX];
};
struct trace_text trace_name(struct slice);

/* That of a connection, looked at where the log takes what is of
 * LOGGING_DEBUG; the log stays the caller's. */
struct trace trace_begin(struct log *, unsigned long number);

/* Is it looked at? False of NULL too. Here, as the next one, for the paths that
 * each command of each client goes. */
static inline bool
trace_wants(const struct trace *trace)
{
	return trace != NULL && trace->log != NULL;
}

/* One line; nothing, and nothing is evaluated, where it is not looked at. */
#define trace_line(trace, ...) \
	(trace_wants(trace) ? trace_print((trace), __VA_ARGS__) : (void)0)

/* The line itself, of a trace that is looked at. */
void trace_print(const struct trace *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* "WHAT: OLD -> NEW", where the two are not the same words. */
void trace_state(
    const struct trace *, const char *what, const char *old, const char *new);

#endif
