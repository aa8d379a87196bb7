/*
 * The files of the aggregate reports; see report_files.h. One process reads a
 * database that strangers had a hand in, another has the right to write;
 * between them goes the text of a report, bounded, and nothing else.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "cli/kit/cli.h"
#include "cli/kit/files.h"
#include "cli/report_files.h"

enum { NAME_LENGTH_MAX = 1024, PATH_LENGTH_MAX = 4000, FILE_MAX = 64 << 20 };

/* What goes before a name and its bytes. */
struct request {
	uint32_t name, bytes;
};

static int
write_file(const char *directory, struct slice name, struct slice bytes)
{
	struct strbuf path;
	int result = -1;

	strbuf_init(&path, PATH_LENGTH_MAX);
	strbuf_addf(&path, "%s/%.*s", directory, (int)name.n, name.p);
	if (path.full)
		cli_error("%s: path too long", directory);
	else
		result = cli_file_replace(strbuf_text(&path), bytes);
	strbuf_clear(&path);
	return result;
}

/* All of it, or -1. */
static int
receive_value(int fd, void *to, size_t n)
{
	char *p = to;

	while (n > 0) {
		ssize_t got = read(fd, p, n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return -1;
		p += got;
		n -= (size_t)got;
	}
	return 0;
}

static int
hand_over(int fd, const void *from, size_t n)
{
	const char *p = from;

	while (n > 0) {
		ssize_t given = send(fd, p, n, MSG_NOSIGNAL);

		if (given < 0 && errno == EINTR)
			continue;
		if (given < 0)
			return -1;
		p += given;
		n -= (size_t)given;
	}
	return 0;
}

/* --- the process that writes --- */

/* Whoever has taken the other process over can make files of reports, and
 * no others. */
static bool
is_reports_name(struct slice name)
{
	return name.n > 0 && name.p[0] != '.' &&
	    slice_find(name, '/') == name.n &&
	    memchr(name.p, '\0', name.n) == NULL &&
	    slice_ends_nocase(name, SLICE(".xml.gz"));
}

static int
serve_one(int fd, const char *directory)
{
	struct request request;
	struct slice name, bytes;
	char *text, answer;
	int result = -1;

	if (receive_value(fd, &request, sizeof(request)) != 0 ||
	    request.name > NAME_LENGTH_MAX || request.bytes > FILE_MAX)
		return -1;
	text = xmalloc((size_t)request.name + request.bytes + 1);
	name = slice_from(text, request.name);
	bytes = slice_from(text + request.name, request.bytes);
	if (receive_value(fd, text, name.n + bytes.n) == 0 &&
	    is_reports_name(name)) {
		answer = write_file(directory, name, bytes) == 0 ? 0 : 1;
		result = hand_over(fd, &answer, 1);
	}
	free(text);
	return result;
}

/* --- */

int
report_files_begin(struct report_files *files, const char *directory)
{
	int ends[2];

	*files = (struct report_files){.directory = directory, .fd = -1};
	if (directory == NULL || geteuid() != 0)
		return 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0) {
		files->child = fork();
		if (files->child == 0) {
			(void)close(ends[0]);
			while (serve_one(ends[1], directory) == 0)
				continue;
			_exit(0);
		}
		(void)close(ends[1]);
		files->fd = ends[0];
		if (files->child > 0)
			return 0;
		(void)close(ends[0]);
	}
	cli_error("cannot make a process: %s", strerror(errno));
	return -1;
}

int
report_files_put(
    struct report_files *files, struct slice name, struct slice bytes)
{
	struct request request = {(uint32_t)name.n, (uint32_t)bytes.n};
	char answer = 1;

	if (files->fd < 0)
		return write_file(files->directory, name, bytes);
	if (hand_over(files->fd, &request, sizeof(request)) != 0 ||
	    hand_over(files->fd, name.p, name.n) != 0 ||
	    hand_over(files->fd, bytes.p, bytes.n) != 0 ||
	    receive_value(files->fd, &answer, 1) != 0) {
		cli_error("%s: the process that writes there has ended",
		    files->directory);
		return -1;
	}
	return answer == 0 ? 0 : -1;
}

void
report_files_end(struct report_files *files)
{
	int status;

	if (files->fd < 0)
		return;
	(void)close(files->fd);
	while (waitpid(files->child, &status, 0) < 0 && errno == EINTR)
		continue;
}
