/*
 * Levels and one line per event, to syslog, stderr, or stderr as JSON (one
 * object a line). The caller passes the log it was given; there is no
 * global one. Lines are bounded; what a peer sent must have gone through
 * base/escape.h before it comes here, save for the JSON writer, which
 * escapes what it is given.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdarg.h>

#include "base/slice.h"

enum log_level { LOGGING_ERROR, LOGGING_WARNING, LOGGING_INFO, LOGGING_DEBUG };
enum log_target { LOGGING_SYSLOG, LOGGING_STDERR, LOGGING_JSON };

/* How long a line waits for who reads a pipe or a socket that stderr is,
 * in ms. Then it is lost, and so are those after it, at no wait, until one
 * can be written again: it says how many were. */
#define LOG_WAIT_MS 100

struct log;

/* `ident` is what syslog and stderr lines begin with ("signpost/out"); it
 * is copied. Lines below `least` are dropped. */
struct log *log_new(const char *ident, enum log_target, enum log_level least);
/* Where each line goes as a datagram (base/log_wire.h) to a process that has a
 * log, for one that may open no socket; `fd` stays the caller's. */
struct log *log_new_by(int fd, enum log_level least);
void log_free(struct log *);

/* The other side: a line of `who` out of such a datagram, into a log. 0, or -1
 * where it is none. */
int log_take(struct log *, const char *who, struct slice datagram);

enum log_target log_target(const struct log *);
bool log_wants(const struct log *, enum log_level);

/* One line, without a line end in it. A NULL log takes and drops it. */
void log_printf(struct log *, enum log_level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for a line already made. For LOGGING_JSON, `line` must be the
 * members of an object without the braces ("\"queue_id\":\"3CF6\""). */
void log_event(struct log *, enum log_level, struct slice line);

#endif
