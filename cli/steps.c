/*
 * Steps that change a machine; see steps.h. One engine tells, does or undoes
 * them, so what --dry-run shows is what would be done. Commands are told in
 * the words in which they are run, for whoever wants to do it by hand.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/slice.h"
#include "base/xalloc.h"
#include "cli/kit/capture.h"
#include "cli/kit/cli.h"
#include "cli/steps.h"

enum {
	LINE_MAX_BYTES = 32 * 1024,
	ARGS_MAX = 64,
	SAID_MAX = 64 * 1024,
	RUN_MS = 120 * 1000,
	INDENT = 20
};

static const char *const state_words[] = {
    [CLI_STEP_OK] = "ok",
    [CLI_STEP_DONE] = "done",
    [CLI_STEP_WOULD] = "would",
    [CLI_STEP_STOP] = "stop",
    [CLI_STEP_FAILED] = "failed",
};

__attribute__((format(printf, 4, 0))) static void
tell_step(struct cli_steps *steps, const char *what, enum cli_step_state state,
    const char *fmt, va_list args)
{
	steps->changed |= state == CLI_STEP_DONE;
	steps->stopped |= state == CLI_STEP_STOP;
	steps->failed |= state == CLI_STEP_FAILED;
	printf("%-13s %-5s ", what, state_words[state]);
	vprintf(fmt, args);
	putchar('\n');
	/* In order with what commands and tools of ours print. */
	(void)fflush(stdout);
}

void
cli_steps_tell(struct cli_steps *steps, const char *what,
    enum cli_step_state state, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	tell_step(steps, what, state, fmt, args);
	va_end(args);
}

void
cli_steps_todo(const char *fmt, ...)
{
	va_list args;

	printf("%*s", INDENT, "");
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
	(void)fflush(stdout);
}

/* The command as it runs: within the root, its program found. 0 or -1. */
static int
resolve(const struct cli_steps *steps, const char *const argv[],
    const char *to[ARGS_MAX], struct strbuf *path)
{
	size_t n = 0;

	if (steps->root != NULL) {
		to[n++] = "chroot";
		to[n++] = steps->root;
	}
	for (size_t i = 0; argv[i] != NULL; i++) {
		if (n + 1 == ARGS_MAX)
			return -1;
		to[n++] = argv[i];
	}
	to[n] = NULL;
	assert(n > 0);
	if (to[0][0] == '/')
		return 0;
	if (cli_program_find(to[0], path) != 0)
		return -1;
	to[0] = strbuf_text(path);
	return 0;
}

static void
tell_command(const char *const argv[])
{
	struct strbuf line;

	strbuf_init(&line, LINE_MAX_BYTES);
	for (size_t i = 0; argv[i] != NULL; i++) {
		if (i > 0)
			strbuf_add_char(&line, ' ');
		escape_shell(slice_str(argv[i]), &line);
	}
	cli_steps_todo("%s", strbuf_text(&line));
	strbuf_clear(&line);
}

/* Tells it as `state` where it is done. */
__attribute__((format(printf, 5, 0))) static int
run_step(struct cli_steps *steps, const char *what, const char *const argv[],
    enum cli_step_state state, const char *fmt, va_list args)
{
	const char *command[ARGS_MAX];
	struct strbuf path, said, reason;
	int outcome = 0;

	strbuf_init(&path, 4096);
	strbuf_init(&said, SAID_MAX);
	strbuf_init(&reason, 1000);
	if (!steps->dry) {
		outcome = resolve(steps, argv, command, &path);
		if (outcome != 0)
			strbuf_addf(&reason, "there is no program %s", argv[0]);
		else
			outcome =
			    cli_capture_both(command, RUN_MS, &said, &reason);
	}
	tell_step(
	    steps, what, outcome != 0 ? CLI_STEP_FAILED : state, fmt, args);
	if (outcome != 0 || state != CLI_STEP_OK)
		tell_command(argv);
	if (outcome != 0) {
		struct slice rest = strbuf_slice(&said), line;

		/* What a command said, a line each. */
		while (slice_cut(&rest, '\n', &line))
			if (slice_trim(line).n > 0)
				cli_steps_todo("%.*s", (int)line.n, line.p);
		cli_steps_todo("%s: %s", argv[0], strbuf_text(&reason));
	}
	strbuf_clear(&path);
	strbuf_clear(&said);
	strbuf_clear(&reason);
	return outcome;
}

int
cli_steps_run(struct cli_steps *steps, const char *what,
    const char *const argv[], const char *fmt, ...)
{
	va_list args;
	int outcome;

	va_start(args, fmt);
	outcome = run_step(steps, what, argv,
	    steps->dry ? CLI_STEP_WOULD : CLI_STEP_DONE, fmt, args);
	va_end(args);
	return outcome;
}

int
cli_steps_run_again(struct cli_steps *steps, const char *what,
    const char *const argv[], const char *fmt, ...)
{
	va_list args;
	int outcome;

	va_start(args, fmt);
	outcome = run_step(steps, what, argv, CLI_STEP_OK, fmt, args);
	va_end(args);
	return outcome;
}

void
cli_steps_took(struct cli_steps *steps, const char *what, int outcome,
    const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	tell_step(steps, what,
	    outcome != 0     ? CLI_STEP_FAILED
		: steps->dry ? CLI_STEP_WOULD
			     : CLI_STEP_DONE,
	    fmt, args);
	va_end(args);
}

int
cli_steps_ask(const struct cli_steps *steps, const char *const argv[],
    struct strbuf *out, struct strbuf *reason)
{
	const char *command[ARGS_MAX];
	struct strbuf path;
	int outcome;

	strbuf_init(&path, 4096);
	outcome = resolve(steps, argv, command, &path);
	if (outcome != 0)
		strbuf_addf(reason, "there is no program %s", argv[0]);
	else
		outcome = cli_capture(command, RUN_MS, out, reason);
	strbuf_clear(&path);
	return outcome;
}

int
cli_steps_lock(const char *config, const char *tool)
{
	char *folder = xstrdup(config);
	char *slash = strrchr(folder, '/');
	int fd;

	if (slash != NULL && slash != folder)
		*slash = '\0';
	fd = open(
	    slash == NULL ? "." : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		cli_error("%s: %s: %s; is signpost installed?", tool, folder,
		    strerror(errno));
	} else if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		cli_error("%s: another setup is at work", tool);
		(void)close(fd);
		fd = -1;
	}
	free(folder);
	return fd;
}

int
cli_steps_status(const struct cli_steps *steps)
{
	if (steps->failed)
		return CLI_UNWRITABLE;
	return steps->stopped ? CLI_FAILED : CLI_OK;
}
