/*
 * One line per event; see log.h. Standard error may be a pipe that nobody
 * reads any more: a worker must not stand still for that while clients wait.
 * So a line is waited for a moment at most, lines are lost after that, and the
 * first that gets through says how many.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/compat.h"
#include "base/escape.h"
#include "base/log.h"
#include "base/log_wire.h"
#include "base/strbuf.h"
#include "base/xalloc.h"

/* Of a line, and of the text that another process sent for one: what is longer
 * ends there, and does not take the rest of its line with it. */
enum { LOG_LINE_MAX = 16 * 1024, LOG_TAKEN_MAX = LOG_LINE_MAX / 2 - 256 };

struct log {
	char *ident;
	enum log_target target;
	enum log_level least;
	uint64_t lost; /* lines, since one was taken */
	bool torn;     /* a part of the first of them was taken */
	int fd;	       /* of log_new_by(); -1: it writes itself */
};

static const char *const level_words[] = {"error", "warning", "info", "debug"};
static const int priorities[] = {LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG};

struct log *
log_new(const char *ident, enum log_target target, enum log_level least)
{
	struct log *log = xcalloc(1, sizeof(*log));

	log->ident = xstrdup(ident);
	log->target = target;
	log->least = least;
	log->fd = -1;
	if (target == LOGGING_SYSLOG)
		openlog(log->ident, LOG_PID, LOG_MAIL);
	return log;
}

struct log *
log_new_by(int fd, enum log_level least)
{
	struct log *log = log_new("", LOGGING_STDERR, least);

	log->fd = fd;
	return log;
}

enum log_target
log_target(const struct log *log)
{
	return log->target;
}

bool
log_wants(const struct log *log, enum log_level level)
{
	return log != NULL && level <= log->least;
}

/* --- writing to stderr --- */

static bool
is_writable(int64_t ms)
{
	struct pollfd fd = {.fd = STDERR_FILENO, .events = POLLOUT};

	return poll(&fd, 1, ms < 0 ? 0 : (int)ms) == 1;
}

/* All of it by then, or -1 and in *torn whether a part was. */
static int
write_until(int64_t end, struct slice line, bool *torn)
{
	size_t before = line.n;
	ssize_t n;

	while (line.n > 0) {
		const char *p = line.p;
		size_t length = line.n;
		union {
			const char *from;
			void *base;
		} bytes = {.from = p};
		struct iovec piece = {
		    bytes.base, length < PIPE_BUF ? length : PIPE_BUF};
		ssize_t done = compat_write_nowait(STDERR_FILENO, &piece);

		/* A piece of it, or -1 and EAGAIN where that would wait. Not
		 * by O_NONBLOCK: others write through the same description.
		 * Where the kernel knows no RWF_NOWAIT of pipes (before
		 * 6.5), a pipe that takes anything takes PIPE_BUF, if nobody
		 * is faster. */
		if (done >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS))
			n = done;
		else if (is_writable(0))
			n = write(STDERR_FILENO, p, piece.iov_len);
		else {
			errno = EAGAIN;
			n = -1;
		}
		if (n > 0)
			line = slice_after(line, (size_t)n);
		else if (n == 0 || (errno != EAGAIN && errno != EINTR))
			break;
		else if (clock_ms() >= end)
			break;
		else if (errno == EAGAIN)
			(void)is_writable(end - clock_ms());
	}
	*torn = *torn || (line.n > 0 && line.n < before);
	return line.n == 0 ? 0 : -1;
}

/* In one write where it can be, so that lines of several processes do not
 * mix. */
static int
write_stderr(struct log *log, struct strbuf *line)
{
	ssize_t ignored;
	struct stat st;

	if (line->full) {
		strbuf_truncate(line, line->cap - 1);
		line->full = false;
	}
	strbuf_add_char(line, '\n');
	/* Where a write may wait for somebody. Who has lost lines is waited for
	 * no more. */
	if (fstat(STDERR_FILENO, &st) == 0 &&
	    (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)))
		return write_until(
		    clock_ms() + (log->lost > 0 ? 0 : LOG_WAIT_MS),
		    strbuf_slice(line), &log->torn);
	ignored = write(STDERR_FILENO, line->p, line->n);
	(void)ignored;
	return 0;
}

static void
add_log_line(const struct log *log, enum log_level level, struct slice text,
    struct strbuf *line)
{
	if (log->target == LOGGING_JSON) {
		int64_t ms = clock_wall_ms();
		time_t now = (time_t)(ms / 1000);
		struct tm utc;

		(void)gmtime_r(&now, &utc);
		strbuf_addf(line,
		    "{\"time\":\"%04d-%02d-%02dT%02d:%02d:%02d.%03dZ\","
		    "\"level\":\"%s\",\"ident\":",
		    utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
		    utc.tm_hour, utc.tm_min, utc.tm_sec, (int)(ms % 1000),
		    level_words[level]);
		escape_json(slice_str(log->ident), line);
		strbuf_addf(line, ",\"pid\":%ld,", (long)getpid());
		strbuf_add(line, text);
		strbuf_add_char(line, '}');
	} else {
		strbuf_addf(line, "%s[%ld]: ", log->ident, (long)getpid());
		strbuf_add(line, text);
	}
}

/* Says first what was lost, on a line of its own. */
static int
tell_lost(struct log *log)
{
	bool json = log->target == LOGGING_JSON;
	struct strbuf line, text;
	int result;

	if (log->lost == 0)
		return 0;
	strbuf_init(&line, LOG_LINE_MAX);
	strbuf_init(&text, LOG_LINE_MAX);
	strbuf_addf(&text,
	    "%s%llu lines are lost here: who reads this log did not take "
	    "them%s",
	    json ? "\"message\":\"" : "", (unsigned long long)log->lost,
	    json ? "\"" : "");
	if (log->torn)
		strbuf_add_char(&line, '\n');
	add_log_line(log, LOGGING_WARNING, strbuf_slice(&text), &line);
	result = write_stderr(log, &line);
	if (result == 0) {
		log->lost = 0;
		log->torn = false;
	}
	strbuf_clear(&line);
	strbuf_clear(&text);
	return result;
}

void
log_free(struct log *log)
{
	if (log == NULL)
		return;
	if (log->target == LOGGING_SYSLOG)
		closelog();
	(void)tell_lost(log);
	free(log->ident);
	free(log);
}

int
log_take(struct log *log, const char *who, struct slice datagram)
{
	enum log_level level;
	struct strbuf text;
	int outcome;

	strbuf_init(&text, LOG_WIRE_TEXT_MAX);
	outcome = log_wire_read(datagram, &level, &text);
	if (outcome == 0)
		log_printf(log, level, "%s: %.*s", who, LOG_TAKEN_MAX,
		    strbuf_text(&text));
	strbuf_clear(&text);
	return outcome;
}

void
log_event(struct log *log, enum log_level level, struct slice text)
{
	struct strbuf line;

	if (!log_wants(log, level))
		return;
	text = slice_first(text, LOG_LINE_MAX / 2);
	if (log->fd >= 0) {
		struct strbuf row;

		/* Whoever does not take it has enough. */
		strbuf_init(&row, LOG_DATAGRAM_MAX);
		log_wire_print(level, text, &row);
		(void)send(log->fd, row.p, row.n, MSG_DONTWAIT | MSG_NOSIGNAL);
		strbuf_clear(&row);
		return;
	}
	if (log->target == LOGGING_SYSLOG) {
		syslog(priorities[level], "%.*s", (int)text.n, text.p);
		return;
	}
	strbuf_init(&line, LOG_LINE_MAX);
	add_log_line(log, level, text, &line);
	if (tell_lost(log) != 0 || write_stderr(log, &line) != 0)
		log->lost++;
	strbuf_clear(&line);
}

void
log_printf(struct log *log, enum log_level level, const char *fmt, ...)
{
	struct strbuf text, json;
	struct slice part;
	va_list ap;

	if (!log_wants(log, level))
		return;
	strbuf_init(&text, LOG_LINE_MAX / 2);
	va_start(ap, fmt);
	strbuf_addv(&text, fmt, ap);
	va_end(ap);
	if (log->target == LOGGING_JSON) {
		/* Of what is too long so much that it stays JSON. */
		strbuf_init(&json, LOG_LINE_MAX / 2);
		part = strbuf_slice(&text);
		do {
			strbuf_reset(&json);
			strbuf_add_str(&json, "\"message\":");
			escape_json(part, &json);
			part = slice_first(part, part.n / 2);
		} while (json.full);
		log_event(log, level, strbuf_slice(&json));
		strbuf_clear(&json);
	} else {
		log_event(log, level, strbuf_slice(&text));
	}
	strbuf_clear(&text);
}
