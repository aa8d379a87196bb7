/*
 * signpost: picks the subcommand from a table. What each takes is in its
 * own file and manual page.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/kit/cli.h"
#include "cli/kit/files.h"
#include "proxy/process/spawn.h"
#include "version.h"

static const struct cli_command *const commands[] = {
    &cli_serve,
    &cli_reload,
    &cli_status,
    &cli_setup,
    &cli_migrate,
    &cli_sign,
    &cli_verify,
    &cli_spf,
    &cli_forget,
    &cli_keygen,
    &cli_dns,
    &cli_rotate,
    &cli_check,
    &cli_results,
    &cli_dmarc_report,
    &cli_explain,
    &cli_demo,
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void
print_commands(FILE *to)
{
	fputs("usage: signpost COMMAND [OPTION]...\n\n", to);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(to, "  %-13s %s\n", commands[i]->name,
		    commands[i]->summary);
	fputs(
	    "\n`signpost COMMAND --help' or `signpost help COMMAND' says more, "
	    "signpost(8)\nmost; `signpost --version' says which it is.\n",
	    to);
}

static int
print_version(void)
{
	fputs("signpost " SIGNPOST_VERSION "\n"
	      "built with\n" SIGNPOST_BUILT_WITH
	      "Copyright (c) 2026 the signpost authors. Licence: ISC\n",
	    stdout);
	return cli_stdout_close(CLI_OK);
}

static const struct cli_command *
find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

/* Is that word among the arguments, before any "--"? */
static bool
has_word(int argc, char **argv, const char *word)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], word) == 0)
			return true;
	return false;
}

/* `help`, or `help COMMAND`. */
static int
help(int argc, char **argv)
{
	const struct cli_command *command = NULL;

	if (argc > 2) {
		command = find_command(argv[2]);
		if (command == NULL) {
			cli_error("%s: no such command (see signpost --help)",
			    argv[2]);
			return CLI_USAGE;
		}
		cli_print(slice_str(command->help));
	} else {
		print_commands(stdout);
	}
	return cli_stdout_close(CLI_OK);
}

int
main(int argc, char **argv)
{
	const struct cli_command *command;

	if (cli_files_fill_standard() != 0)
		return CLI_OS;
	/* A reader that went away is a write error like others. */
	(void)signal(SIGPIPE, SIG_IGN);
	/* Who started us may ignore it: then no child could be waited for. */
	(void)signal(SIGCHLD, SIG_DFL);
	if (argc < 2) {
		print_commands(stderr);
		return CLI_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0)
		return help(argc, argv);
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)
		return print_version();
	if (strcmp(argv[1], PROXY_SPAWN_COMMAND) == 0)
		return proxy_spawn_main(argc, argv);
	command = find_command(argv[1]);
	if (command == NULL) {
		cli_error("%s: no such command (see signpost --help)", argv[1]);
		return CLI_USAGE;
	}
	if (has_word(argc - 1, argv + 1, "--help")) {
		cli_print(slice_str(command->help));
		return cli_stdout_close(CLI_OK);
	}
	if (has_word(argc - 1, argv + 1, "--version"))
		return print_version();
	return command->run(argc - 1, argv + 1);
}
