/*
 * A message on standard input; see message.h. What is written out again is
 * what came in, octet for octet, with fields on top: a tool that mends a
 * message in passing has made another one of it, whose signatures fail.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "cli/kit/cli.h"
#include "cli/kit/message.h"
#include "mail/newline.h"
#include "proxy/message/quota.h"
#include "proxy/message/spool.h"

enum {
	CHUNK = 65536,
	MEMORY_MARK = 1 << 20,
	/* Bytes of an mbox's From line; a longer one is of the message. */
	FROM_LINE_MAX = 2000
};

/* The newline stage writes to the sink, which feeds the reader. */
struct feed {
	struct sink sink;
	struct mail_newline newline;
	struct mail_reader *reader;
};

struct cli_message {
	struct feed feed;
	struct proxy_spool *spool; /* NULL: not kept */
	struct proxy_spool_files *files;
	struct proxy_quota quota;
	_Atomic uint64_t held;
	int dir;	      /* where the spool's file would be; -1: nowhere */
	bool any_line, crlf;  /* the first line's end was seen; was CRLF */
	char last;	      /* byte that was read */
	bool tolerant;	      /* a header over its bound is no error */
	bool begun;	      /* what may stand before the message is past */
	struct strbuf before; /* then the From line; till then what came */
};

static void
on_line_ends(struct sink *sink, struct slice bytes)
{
	struct feed *feed = (struct feed *)sink;

	(void)mail_reader_write(feed->reader, bytes);
}

static void
feed_begin(struct feed *feed, const struct mail_reader_ops *ops, void *ctx,
    size_t header_max)
{
	feed->sink.write = on_line_ends;
	mail_newline_init(&feed->newline, MAIL_NEWLINE_TEXT, &feed->sink);
	feed->reader = mail_reader_new(header_max, ops, ctx);
}

/* `last` is the last byte: a line without its end gets one. */
static int
feed_end(struct feed *feed, char last)
{
	mail_newline_end(&feed->newline);
	if (last != '\n')
		(void)mail_reader_write(
		    feed->reader, last == '\r' ? SLICE("\n") : SLICE("\r\n"));
	return mail_reader_end(feed->reader);
}

struct cli_message *
cli_message_new_bounded(
    const struct mail_reader_ops *ops, void *ctx, bool keep, size_t header_max)
{
	struct cli_message *m = xcalloc(1, sizeof(*m));

	m->last = '\n';
	m->dir = -1;
	m->tolerant = true;
	strbuf_init(&m->before, FROM_LINE_MAX + CHUNK);
	feed_begin(&m->feed, ops, ctx, header_max);
	if (keep) {
		const char *dir = getenv("TMPDIR");

		m->dir = open(dir != NULL && dir[0] != '\0' ? dir : "/tmp",
		    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		proxy_quota_init(&m->quota, &m->held, 0);
		m->files = proxy_spool_files_new(m->dir);
		m->spool = proxy_spool_new(MEMORY_MARK, m->files, &m->quota);
	}
	return m;
}

struct cli_message *
cli_message_new(const struct mail_reader_ops *ops, void *ctx, bool keep)
{
	struct cli_message *m =
	    cli_message_new_bounded(ops, ctx, keep, CLI_MESSAGE_HEADER_MAX);

	m->tolerant = false;
	return m;
}

void
cli_message_free(struct cli_message *m)
{
	if (m == NULL)
		return;
	mail_reader_free(m->feed.reader);
	if (m->spool != NULL)
		proxy_spool_free(m->spool);
	proxy_spool_files_free(m->files);
	strbuf_clear(&m->before);
	if (m->dir >= 0)
		(void)close(m->dir);
	free(m);
}

/* Of the message itself. */
static int
take_message(struct cli_message *m, struct slice chunk)
{
	size_t at;

	if (chunk.n == 0)
		return CLI_OK;
	/* What the first line ends with is what our fields will end with. */
	at = slice_find(chunk, '\n');
	if (at < chunk.n && !m->any_line) {
		m->any_line = true;
		m->crlf = (at > 0 ? chunk.p[at - 1] : m->last) == '\r';
	}
	m->last = chunk.p[chunk.n - 1];
	mail_newline_write(&m->feed.newline, chunk);
	if (m->spool == NULL ||
	    proxy_spool_append(m->spool, chunk) == PROXY_SPOOL_OK)
		return CLI_OK;
	cli_error("temporary file: %s", proxy_spool_reason(m->spool));
	return CLI_UNWRITABLE;
}

/* "From ", as mbox has it, and not a field From with white space before its
 * colon. */
static bool
is_from_line(struct slice line)
{
	size_t quoted = line.n > 0 && line.p[0] == '>';

	line = slice_after(line, quoted);
	if (!slice_equal(slice_first(line, 5), SLICE("From ")))
		return false;
	line = slice_trim(slice_after(line, 5));
	return line.n > 0 && line.p[0] != ':';
}

/* Keeps the From line, passes on what follows. */
static int
begin_body_of_message(struct cli_message *m)
{
	static const struct slice mark = SLICE_INIT("\xef\xbb\xbf");
	struct strbuf came = m->before;
	struct slice text = strbuf_slice(&came);
	size_t n;
	int status;
	size_t end;

	m->begun = true;
	if (slice_starts_nocase(text, mark))
		text = slice_after(text, mark.n);
	/* How much of the beginning stands before the message; all of it
	 * may. */
	end = slice_find(text, '\n');
	if (end < text.n && end < FROM_LINE_MAX &&
	    is_from_line(slice_first(text, end)))
		n = end + 1;
	else
		n = 0;
	strbuf_init(&m->before, FROM_LINE_MAX + 1);
	strbuf_add(&m->before, slice_first(text, n));
	status = take_message(m, slice_after(text, n));
	strbuf_clear(&came);
	return status;
}

/* The beginning is held back till its first line, or more, is there. */
static int
take_chunk(struct cli_message *m, struct slice chunk)
{
	if (m->begun)
		return take_message(m, chunk);
	strbuf_add(&m->before, chunk);
	if (slice_find(chunk, '\n') == chunk.n && m->before.n < FROM_LINE_MAX)
		return CLI_OK;
	return begin_body_of_message(m);
}

static int
read_message(struct cli_message *m, int fd)
{
	char *chunk = xmalloc(CHUNK);
	int status = CLI_OK;

	while (status == CLI_OK) {
		ssize_t n = read(fd, chunk, CHUNK);

		if (n == 0)
			break;
		if (n < 0 && errno != EINTR) {
			cli_error("standard input: %s", strerror(errno));
			status = CLI_UNREADABLE;
		}
		if (n > 0)
			status = take_chunk(m, slice_from(chunk, (size_t)n));
	}
	free(chunk);
	return status;
}

int
cli_message_read(struct cli_message *m, int fd)
{
	int status = read_message(m, fd);

	if (status == CLI_OK && !m->begun)
		status = begin_body_of_message(m);
	if (status != CLI_OK)
		return status;
	if (feed_end(&m->feed, m->last) != 0) {
		if (m->tolerant)
			return CLI_OK;
		cli_error(
		    "standard input: %s", mail_reader_reason(m->feed.reader));
		return CLI_NO_MESSAGE;
	}
	if (mail_header_count(mail_reader_header(m->feed.reader)) > 0)
		return CLI_OK;
	cli_error("standard input: no message: no header field at all");
	return CLI_NO_MESSAGE;
}

const char *
cli_message_no_header(const struct cli_message *m)
{
	return mail_reader_reason(m->feed.reader);
}

const struct mail_header *
cli_message_header(const struct cli_message *m)
{
	return mail_reader_header(m->feed.reader);
}

void
cli_message_print_from_line(const struct cli_message *m)
{
	cli_print(strbuf_slice(&m->before));
}

void
cli_message_print_fields(const struct cli_message *m, struct slice fields)
{
	struct slice line;

	if (m->crlf) {
		cli_print(fields);
		return;
	}
	while (slice_cut(&fields, '\n', &line)) {
		if (fields.p == NULL)
			return;
		cli_print(slice_first(line, line.n - 1));
		cli_print(SLICE("\n"));
	}
}

int
cli_message_replay(
    const struct cli_message *m, const struct mail_reader_ops *ops, void *ctx)
{
	char *chunk = xmalloc(CHUNK);
	struct feed feed;
	uint64_t at = 0;
	ssize_t n;

	feed_begin(&feed, ops, ctx, CLI_MESSAGE_HEADER_MAX);
	while ((n = proxy_spool_read(m->spool, at, chunk, CHUNK)) > 0) {
		mail_newline_write(&feed.newline, slice_from(chunk, (size_t)n));
		at += (uint64_t)n;
	}
	(void)feed_end(&feed, m->last);
	if (n < 0)
		cli_error("temporary file: %s", strerror(errno));
	mail_reader_free(feed.reader);
	free(chunk);
	return n < 0 ? CLI_UNREADABLE : CLI_OK;
}

int
cli_message_print(const struct cli_message *m)
{
	char *chunk = xmalloc(CHUNK);
	uint64_t at = 0;
	ssize_t n;

	while ((n = proxy_spool_read(m->spool, at, chunk, CHUNK)) > 0) {
		cli_print(slice_from(chunk, (size_t)n));
		at += (uint64_t)n;
	}
	free(chunk);
	if (n < 0) {
		cli_error("temporary file: %s", strerror(errno));
		return CLI_UNREADABLE;
	}
	if (m->last != '\n')
		cli_print(
		    m->crlf && m->last != '\r' ? SLICE("\r\n") : SLICE("\n"));
	return CLI_OK;
}
