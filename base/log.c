/* One line per event; see log.h. */
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "base/xalloc.h"

enum { LOG_LINE_MAX = 16 * 1024 };

struct log {
	char *ident;
	enum log_target target;
	enum log_level least;
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
	if (target == LOGGING_SYSLOG)
		openlog(log->ident, LOG_PID, LOG_MAIL);
	return log;
}

void
log_free(struct log *log)
{
	if (log == NULL)
		return;
	if (log->target == LOGGING_SYSLOG)
		closelog();
	free(log->ident);
	free(log);
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

static void
add_json_head(const struct log *log, enum log_level level, struct strbuf *out)
{
	struct timespec now;
	struct tm utc;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	(void)strbuf_addf(out,
	    "{\"time\":\"%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ\","
	    "\"level\":\"%s\",\"ident\":",
	    utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour,
	    utc.tm_min, utc.tm_sec, now.tv_nsec / 1000000, level_words[level]);
	(void)escape_json(slice_str(log->ident), out);
	(void)strbuf_addf(out, ",\"pid\":%ld,", (long)getpid());
}

/* One write, so that lines of several processes do not mix. */
static void
write_stderr(struct strbuf *line)
{
	ssize_t ignored;

	if (line->full) {
		strbuf_truncate(line, line->cap - 1);
		line->full = false;
	}
	(void)strbuf_add_char(line, '\n');
	ignored = write(STDERR_FILENO, line->p, line->n);
	(void)ignored;
}

void
log_event(struct log *log, enum log_level level, struct slice text)
{
	struct strbuf line;

	if (!log_wants(log, level))
		return;
	text = slice_first(text, LOG_LINE_MAX / 2);
	if (log->target == LOGGING_SYSLOG) {
		syslog(priorities[level], "%.*s", (int)text.n, text.p);
		return;
	}
	strbuf_init(&line, LOG_LINE_MAX);
	if (log->target == LOGGING_JSON) {
		add_json_head(log, level, &line);
		(void)strbuf_add(&line, text);
		(void)strbuf_add_char(&line, '}');
	} else {
		(void)strbuf_addf(
		    &line, "%s[%ld]: ", log->ident, (long)getpid());
		(void)strbuf_add(&line, text);
	}
	write_stderr(&line);
	strbuf_clear(&line);
}

void
log_printf(struct log *log, enum log_level level, const char *fmt, ...)
{
	struct strbuf text, json;
	va_list ap;

	if (!log_wants(log, level))
		return;
	strbuf_init(&text, LOG_LINE_MAX / 2);
	va_start(ap, fmt);
	(void)strbuf_addv(&text, fmt, ap);
	va_end(ap);
	if (log->target == LOGGING_JSON) {
		strbuf_init(&json, LOG_LINE_MAX / 2);
		(void)strbuf_add_str(&json, "\"message\":");
		(void)escape_json(strbuf_slice(&text), &json);
		log_event(log, level, strbuf_slice(&json));
		strbuf_clear(&json);
	} else {
		log_event(log, level, strbuf_slice(&text));
	}
	strbuf_clear(&text);
}

int
log_level_parse(struct slice word, enum log_level *level)
{
	for (unsigned i = 0; i < 4; i++)
		if (slice_equal_nocase(word, slice_str(level_words[i]))) {
			*level = (enum log_level)i;
			return 0;
		}
	return -1;
}
