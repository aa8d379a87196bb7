/* To the background, with errors still shown; the pid file. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/number.h"
#include "base/xalloc.h"
#include "proxy/process/master_private.h"

/* Before the first worker is there to inherit what the starter gave us. */
static int
leave_terminal(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), result;

	if (null < 0)
		return -1;
	result = dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0
	    ? -1
	    : 0;
	(void)close(null);
	return result;
}

int
proxy_daemon_begin(struct strbuf *reason)
{
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) != 0 || (child = fork()) < 0)
		return strbuf_fail(
		    reason, "cannot go to the background: %s", strerror(errno));
	if (child > 0) {
		int from;
		char byte;
		ssize_t n;

		(void)close(ends[1]);
		/* The parent: ends when the child serves, or with it. */
		from = ends[0];
		do
			n = read(from, &byte, 1);
		while (n < 0 && errno == EINTR);
		_exit(n == 1 ? EX_OK : EX_OSERR);
	}
	(void)close(ends[0]);
	(void)setsid();
	if (leave_terminal() != 0) {
		strbuf_addf(reason, "/dev/null: %s", strerror(errno));
		(void)close(ends[1]);
		return -1;
	}
	return ends[1];
}

void
proxy_daemon_done(int *tell, bool keep_stderr)
{
	ssize_t n;

	if (*tell < 0)
		return;
	if (!keep_stderr)
		(void)dup2(STDOUT_FILENO, STDERR_FILENO);
	do
		n = write(*tell, "r", 1);
	while (n < 0 && errno == EINTR);
	(void)close(*tell);
	*tell = -1;
}

int
proxy_pidfile_write(const char *path, struct strbuf *reason)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	int fd = open(
	    path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, text, (size_t)n) != n) {
		strbuf_addf(reason, "pid file %s: %s", path, strerror(errno));
		if (fd >= 0)
			(void)close(fd);
		return -1;
	}
	(void)close(fd);
	return 0;
}

void
proxy_pidfile_remove(const char *path)
{
	char text[32] = "";
	uint64_t pid;
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return;
	n = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	if (n > 0 &&
	    number_parse(slice_trim(slice_from(text, (size_t)n)), INT32_MAX,
		&pid) == 0 &&
	    pid == (uint64_t)getpid())
		(void)unlink(path);
}

int
proxy_pidfile_move(char **path, const char *to, struct strbuf *reason)
{
	struct strbuf ignored;

	if (*path == NULL ? to == NULL : to != NULL && strcmp(*path, to) == 0)
		return 0;
	/* In this order: two names may be one file, as in /run and /var/run. */
	if (*path != NULL)
		proxy_pidfile_remove(*path);
	if (to != NULL && proxy_pidfile_write(to, reason) != 0) {
		strbuf_init(&ignored, PATH_MAX);
		if (*path != NULL)
			(void)proxy_pidfile_write(*path, &ignored);
		strbuf_clear(&ignored);
		return -1;
	}
	free(*path);
	*path = to == NULL ? NULL : xstrdup(to);
	return 0;
}
