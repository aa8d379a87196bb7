/* State machines under test; see steps.h. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "t/lib/steps.h"
#include "t/lib/unit.h"

enum { HEARD_MAX = 1 << 20 };

static int saved, file;

struct log *
steps_listen(void)
{
	char name[] = "/tmp/steps.XXXXXX";

	file = mkstemp(name);
	assert_true(file >= 0);
	assert_int_equal(unlink(name), 0);
	saved = dup(STDERR_FILENO);
	assert_true(dup2(file, STDERR_FILENO) >= 0);
	return log_new("steps", LOGGING_STDERR, LOGGING_DEBUG);
}

const char *
steps_heard(struct log *log)
{
	static char text[HEARD_MAX];
	ssize_t n;

	log_free(log);
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	n = pread(file, text, sizeof(text) - 1, 0);
	assert_true(n > 0 && n < HEARD_MAX - 1);
	text[n] = '\0';
	close(file);
	close(saved);
	return text;
}

/* Does the process end itself at that step? */
static bool
is_refused(const struct machine *machine, unsigned from, unsigned to)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		(void)signal(SIGABRT, SIG_DFL);
		(void)!freopen("/dev/null", "w", stderr);
		(void)machine_step(machine, NULL, from, to);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static bool
is_wanted(const char *const *wanted, const char *from, const char *to)
{
	char line[100];

	(void)snprintf(line, sizeof(line), "%s %s", from, to);
	for (; *wanted != NULL; wanted++)
		if (strcmp(*wanted, line) == 0)
			return true;
	return false;
}

void
steps_check_table(const struct machine *machine, const char *const *wanted)
{
	size_t found = 0, count = 0;

	while (wanted[count] != NULL)
		count++;
	for (unsigned from = 0; from < machine->count; from++)
		for (unsigned to = 0; to < machine->count; to++) {
			bool may = is_wanted(
			    wanted, machine->states[from], machine->states[to]);

			found += may;
			if (machine_may(machine, from, to) != may ||
			    is_refused(machine, from, to) == may)
				fail_msg("%s: %s -> %s is%s let through",
				    machine->name, machine->states[from],
				    machine->states[to], may ? " not" : "");
		}
	assert_int_equal(found, count); /* no name in it is a wrong one */
	assert_true(is_refused(machine, 0, machine->count));
	assert_true(is_refused(machine, machine->count, 0));
}

void
steps_check_taken(const struct machine *machine, const char *heard)
{
	char line[100];

	for (unsigned from = 0; from < machine->count; from++)
		for (unsigned to = 0; to < machine->count; to++) {
			if (from == to || !machine_may(machine, from, to))
				continue;
			(void)snprintf(line, sizeof(line), "%s: %s -> %s\n",
			    machine->name, machine->states[from],
			    machine->states[to]);
			if (strstr(heard, line) == NULL)
				fail_msg("never taken: %s", line);
		}
}
