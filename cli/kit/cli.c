/* What the subcommands share; see cli.h. */
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "base/strbuf.h"
#include "cli/kit/cli.h"

enum { WORDS_MAX = 7, LINE_MOST = 1 << 20 };

static void report_line(const char *before, const char *fmt, va_list)
    __attribute__((format(printf, 2, 0)));

/* What somebody typed, or what a file holds, is in it, and must not move the
 * cursor of a terminal. */
static void
report_line(const char *before, const char *fmt, va_list ap)
{
	struct strbuf text, safe;
	struct slice rest;

	strbuf_init(&text, LINE_MOST);
	if (strbuf_addv(&text, fmt, ap) != 0)
		strbuf_add_str(&text, "a message that is too long");
	strbuf_init(&safe, 4 * LINE_MOST);
	for (rest = strbuf_slice(&text); rest.n > 0;) {
		size_t end = slice_find(rest, '\n');

		escape_text(slice_first(rest, end), &safe);
		if (end < rest.n)
			strbuf_add_char(&safe, '\n');
		rest = slice_after(rest, end + 1);
	}
	fprintf(stderr, "%s%s", before, strbuf_text(&safe));
	strbuf_clear(&safe);
	strbuf_clear(&text);
}

void
cli_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report_line("signpost: ", fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

void
cli_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report_line("signpost: warning: ", fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

int
cli_usage_error(const char *command, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "signpost: %s: ", command);
	va_start(ap, fmt);
	report_line("", fmt, ap);
	va_end(ap);
	fprintf(stderr, " (see signpost %s --help)\n", command);
	return -1;
}

void
cli_print(struct slice bytes)
{
	if (bytes.n > 0 && !ferror(stdout))
		(void)fwrite(bytes.p, 1, bytes.n, stdout);
}

int
cli_stdout_close(int status)
{
	bool failed = ferror(stdout) != 0;

	if (fflush(stdout) == 0 && !failed)
		return status;
	/* Who reads no further has all that was wanted: `| head'. */
	if (errno != EPIPE)
		cli_error("standard output: %s", strerror(errno));
	return CLI_UNWRITABLE;
}

int
cli_command_run(const struct cli_command *tool, const char *const words[])
{
	char *argv[WORDS_MAX + 2] = {(char *)(uintptr_t)tool->name};
	int argc = 1;

	for (; words[argc - 1] != NULL; argc++) {
		assert(argc <= WORDS_MAX);
		argv[argc] = (char *)(uintptr_t)words[argc - 1];
	}
	(void)fflush(stdout);
	return tool->run(argc, argv);
}
