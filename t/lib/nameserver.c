/* Name servers as children; see nameserver.h. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "t/lib/nameserver.h"
#include "t/lib/unit.h"

#define NAMESERVER_PY T_LIB "/nameserver.py"

struct nameserver {
	pid_t pid;
	int to; /* closed: it ends */
	char address[32];
};

static void
run_child(int in, int out, const char *kind, const char *file)
{
	(void)dup2(in, STDIN_FILENO);
	(void)dup2(out, STDOUT_FILENO);
	execl("/usr/bin/python3", "python3", NAMESERVER_PY, kind, file,
	    (char *)NULL);
	perror("python3");
	_exit(127);
}

static struct nameserver *
start(const char *kind, const char *file)
{
	struct nameserver *server = xcalloc(1, sizeof(*server));
	int to[2], from[2];
	unsigned port = 0;
	char line[16] = "";
	FILE *out;

	assert_int_equal(pipe2(to, O_CLOEXEC), 0);
	assert_int_equal(pipe2(from, O_CLOEXEC), 0);
	server->pid = fork();
	assert_true(server->pid >= 0);
	if (server->pid == 0) {
		(void)close(to[1]);
		(void)close(from[0]);
		run_child(to[0], from[1], kind, file);
	}
	(void)close(to[0]);
	(void)close(from[1]);
	server->to = to[1];
	out = fdopen(from[0], "r");
	assert_non_null(out);
	if (fgets(line, sizeof(line), out) != NULL)
		port = (unsigned)strtoul(line, NULL, 10);
	(void)fclose(out);
	assert_true(port > 0);
	snprintf(server->address, sizeof(server->address), "127.0.0.1:%u",
	    port & 0xffff);
	return server;
}

struct nameserver *
nameserver_start_nsd(const char *records)
{
	char path[] = "/tmp/signpost-records-XXXXXX";
	struct nameserver *server;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(
	    write(fd, records, strlen(records)), (ssize_t)strlen(records));
	(void)close(fd);
	server = start("nsd", path);
	(void)unlink(path);
	return server;
}

struct nameserver *
nameserver_start_hostile(void)
{
	return start("hostile", NULL);
}

void
nameserver_stop(struct nameserver *server)
{
	if (server == NULL)
		return;
	(void)close(server->to);
	(void)waitpid(server->pid, NULL, 0);
	free(server);
}

const char *
nameserver_address(const struct nameserver *server)
{
	return server->address;
}
