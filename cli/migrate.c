/*
 * signpost migrate: theirs to ours. Reads files and asks postconf, and changes
 * nothing: it prints, or writes a folder.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/fd.h"
#include "cli/kit/capture.h"
#include "cli/kit/cli.h"
#include "cli/kit/files.h"
#include "cli/kit/options.h"
#include "cli/kit/settings.h"
#include "cli/migrate_keys.h"
#include "cli/migrate_plan.h"
#include "cli/migrate_postfix.h"
#include "cli/migrate_steps.h"
#include "proxy/settings/config.h"

enum { OUTPUT_MAX = 4 * 1024 * 1024, POSTCONF_MS = 20 * 1000, FILES_MAX = 16 };

static const char help[] =
    "usage: signpost migrate dkimproxy FILE... [-o DIR]\n"
    "       signpost migrate opendkim FILE [-o DIR]\n"
    "\n"
    "Makes our configuration of DKIMproxy's (dkimproxy_out.conf,\n"
    "dkimproxy_in.conf) or OpenDKIM's (/etc/opendkim.conf), and says of each\n"
    "of their options what became of it. Changes nothing: it prints\n"
    "signpost.conf, maps, a script with the steps to take, and a report.\n"
    "\n"
    "  -o DIR    write them there, into files that were not there before:\n"
    "            read report, then run steps as root\n";

/* What is made, a file each. */
struct making {
	struct migrate_plan plan;
	struct migrate_edits edits;
	struct migrate_texts texts;
	struct strbuf conf, sender_map, listid_map, steps, report;
	const char *folder; /* NULL: print */
};

/* --- reading --- */

static int
read_file(
    void *ctx, const char *path, struct strbuf *text, struct strbuf *reason)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	ssize_t got = 0;
	char *to;

	(void)ctx;
	if (fd < 0 || fstat(fd, &st) != 0) {
		strbuf_add_str(reason, strerror(errno));
		if (fd >= 0)
			(void)close(fd);
		return -1;
	}
	if (!S_ISREG(st.st_mode)) {
		strbuf_add_str(reason, "no regular file");
		(void)close(fd);
		return -1;
	}
	while ((to = strbuf_reserve(text, 65536)) != NULL &&
	    (got = read(fd, to, 65536)) > 0)
		text->n += (size_t)got;
	if (to == NULL)
		strbuf_add_str(reason, "too large");
	else if (got < 0)
		strbuf_add_str(reason, strerror(errno));
	(void)close(fd);
	return to == NULL || got < 0 ? -1 : 0;
}

static const struct migrate_files files = {read_file, NULL};

static int
read_all(struct making *m, int count, char *const paths[])
{
	for (int i = 0; i < count; i++) {
		struct strbuf text;
		int outcome;

		strbuf_init(&text, PROXY_CONFIG_FILE_MAX);
		outcome = cli_file_read(paths[i], &text);
		if (outcome == 0)
			migrate_plan_read(
			    &m->plan, paths[i], strbuf_slice(&text));
		strbuf_clear(&text);
		if (outcome != 0)
			return CLI_UNREADABLE;
	}
	migrate_plan_make(&m->plan);
	cli_config_tell(&m->plan.errors, cli_error);
	return m->plan.errors.n > 0 ? CLI_CONFIG : CLI_OK;
}

/* --- trying what was made --- */

/* A text that has a path, for as long as the descriptor is open. */
static int
as_file(struct slice text, char path[64])
{
	int fd = memfd_create("map", MFD_CLOEXEC);

	if (fd >= 0 && fd_write_all(fd, text) != 0) {
		(void)close(fd);
		return -1;
	}
	(void)snprintf(path, 64, "/proc/self/fd/%d", fd);
	return fd;
}

/* Where the map is read from now, and once the move was made; NULL where there
 * is none. */
static const char *
map_path(const struct migrate_map *map, bool made, const char *ours)
{
	return made ? ours : map->path;
}

static struct proxy_config *
parse(struct making *m, const char *sender_map, const char *listid_map,
    struct proxy_report *report)
{
	struct proxy_config *config;
	struct strbuf text;

	strbuf_init(&text, PROXY_CONFIG_FILE_MAX);
	migrate_plan_print_conf(&m->plan, sender_map, listid_map, &text);
	config =
	    proxy_config_parse("signpost.conf", strbuf_slice(&text), report);
	strbuf_clear(&text);
	return config;
}

/* --- Postfix --- */

static void
look_at_postfix(struct making *m)
{
	static const char *const options[] = {"-M", "-Mfx", "-n", "-x"};
	const char *argv[3] = {NULL};
	struct strbuf out[4], path, reason;
	struct slice *slices[4];
	struct migrate_postconf said = {.services = {NULL, 0}};
	int outcome = -1;

	slices[0] = &said.services;
	slices[1] = &said.services_expanded;
	slices[2] = &said.parameters;
	slices[3] = &said.parameters_expanded;
	strbuf_init(&path, 4096);
	strbuf_init(&reason, 1000);
	if (cli_program_find("postconf", &path) != 0)
		strbuf_add_str(&reason, "there is no program postconf");
	else
		outcome = 0;
	argv[0] = strbuf_text(&path);
	for (size_t i = 0; i < 4; i++) {
		strbuf_init(&out[i], OUTPUT_MAX);
		argv[1] = options[i];
		if (outcome == 0)
			outcome =
			    cli_capture(argv, POSTCONF_MS, &out[i], &reason);
		*slices[i] = strbuf_slice(&out[i]);
	}
	if (outcome == 0)
		migrate_postfix_run(&m->edits, &m->plan, &said);
	else
		strbuf_addf(&m->plan.todo,
		    "postfix: it could not be asked (%s): have mail handed to "
		    "signpost by signpost(8), WIRING POSTFIX or BY MILTER\n",
		    strbuf_text(&reason));
	for (size_t i = 0; i < 4; i++)
		strbuf_clear(&out[i]);
	strbuf_clear(&path);
	strbuf_clear(&reason);
}

/* --- what comes of it --- */

static int
put_file(
    struct making *m, const char *name, const struct strbuf *text, mode_t mode)
{
	struct strbuf path;
	int outcome;

	if (text->n == 0)
		return 0;
	if (m->folder == NULL) {
		printf("==> %s <==\n", name);
		cli_print(strbuf_slice(text));
		putchar('\n');
		return 0;
	}
	strbuf_init(&path, 4096);
	if (strbuf_addf(&path, "%s/%s", m->folder, name) != 0) {
		cli_error("-o: the name is too long");
		outcome = -1;
	} else {
		outcome =
		    cli_file_create(strbuf_text(&path), strbuf_slice(text));
	}
	if (outcome == 0 && chmod(strbuf_text(&path), mode) != 0) {
		cli_error("%s: %s", strbuf_text(&path), strerror(errno));
		outcome = -1;
	}
	strbuf_clear(&path);
	return outcome;
}

static int
put_all(struct making *m)
{
	if (put_file(m, "signpost.conf", &m->conf, 0644) != 0 ||
	    put_file(m, "sender_map", &m->sender_map, 0644) != 0 ||
	    put_file(m, "listid_map", &m->listid_map, 0644) != 0 ||
	    put_file(m, "steps", &m->steps, 0755) != 0 ||
	    put_file(m, "report", &m->report, 0644) != 0)
		return CLI_UNWRITABLE;
	if (m->plan.todo.n == 0)
		return CLI_OK;
	cli_warn("migrate: not everything could be carried over; %s says what "
		 "a person has to do",
	    m->folder == NULL ? "the report's end" : "the report");
	return CLI_FAILED;
}

static int
migrate(struct making *m, int count, char *const paths[])
{
	int status = read_all(m, count, paths);

	if (status == CLI_OK) {
		/* Reads ours as the daemon would; then looks at the keys
		 * that it names. */
		char sender[64], listid[64];
		struct proxy_report report;
		struct proxy_config *config;
		int maps[2];

		m->texts.sender_map =
		    migrate_plan_print_sender_map(&m->plan, &m->sender_map);
		m->texts.listid_map =
		    migrate_plan_print_listid_map(&m->plan, &m->listid_map);
		maps[0] = as_file(strbuf_slice(&m->sender_map), sender);
		maps[1] = as_file(strbuf_slice(&m->listid_map), listid);
		proxy_report_init(&report);
		config = parse(m,
		    map_path(&m->plan.sender_map, m->texts.sender_map, sender),
		    map_path(&m->plan.listid_map, m->texts.listid_map, listid),
		    &report);
		cli_config_tell(&report.errors, cli_error);
		proxy_report_clear(&report);
		for (size_t i = 0; i < 2; i++)
			if (maps[i] >= 0)
				(void)close(maps[i]);
		if (config == NULL) {
			cli_error(
			    "migrate: what was made of it is no configuration; "
			    "see above");
			status = CLI_CONFIG;
		} else {
			migrate_keys_look(&m->plan, config);
			proxy_config_free(config);
			status = CLI_OK;
		}
	}
	if (status != CLI_OK)
		return status;
	look_at_postfix(m);
	strbuf_reset(&m->sender_map);
	strbuf_reset(&m->listid_map);
	m->texts.sender_map =
	    migrate_plan_print_sender_map(&m->plan, &m->sender_map);
	m->texts.listid_map =
	    migrate_plan_print_listid_map(&m->plan, &m->listid_map);
	migrate_plan_print_conf(&m->plan,
	    map_path(&m->plan.sender_map, m->texts.sender_map,
		MIGRATE_FOLDER "/sender_map"),
	    map_path(&m->plan.listid_map, m->texts.listid_map,
		MIGRATE_FOLDER "/listid_map"),
	    &m->conf);
	migrate_steps_print(&m->plan, &m->edits, &m->texts, &m->steps);
	migrate_plan_print_report(&m->plan, &m->report);
	if (m->edits.found.n > 0) {
		strbuf_add_str(&m->report,
		    "\nWhere Postfix had it; steps has what is to be "
		    "there instead:\n\n");
		strbuf_add(&m->report, strbuf_slice(&m->edits.found));
	}
	return cli_stdout_close(put_all(m));
}

static int
run_program(struct making *m, enum migrate_program program, int count,
    char *const paths[])
{
	struct strbuf *const texts[] = {
	    &m->conf, &m->sender_map, &m->listid_map, &m->steps, &m->report};
	int status;

	migrate_plan_init(&m->plan, program, &files);
	migrate_edits_init(&m->edits);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		strbuf_init(texts[i], PROXY_CONFIG_MAP_MAX);
	status = migrate(m, count, paths);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		strbuf_clear(texts[i]);
	migrate_edits_clear(&m->edits);
	migrate_plan_clear(&m->plan);
	return status;
}

/* Options may stand before or behind the files. */
static int
sort_words(int argc, char **argv, struct making *m, char *operands[])
{
	int count = 0;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-o") == 0 && i + 1 < argc) {
			m->folder = argv[++i];
		} else if (argv[i][0] == '-' && argv[i][1] != '\0') {
			(void)cli_usage_error("migrate",
			    "no such option, or no value: %s", argv[i]);
			return -1;
		} else if (count == FILES_MAX) {
			(void)cli_usage_error("migrate", "too many files");
			return -1;
		} else {
			operands[count++] = argv[i];
		}
	}
	return count;
}

static int
run(int argc, char **argv)
{
	struct making m = {.folder = NULL};
	char *operands[FILES_MAX];
	int count = sort_words(argc, argv, &m, operands);

	if (count < 0)
		return CLI_USAGE;
	if (count >= 2 && strcmp(operands[0], "dkimproxy") == 0)
		return run_program(
		    &m, MIGRATE_DKIMPROXY, count - 1, operands + 1);
	if (count == 2 && strcmp(operands[0], "opendkim") == 0)
		return run_program(&m, MIGRATE_OPENDKIM, 1, operands + 1);
	(void)cli_usage_error("migrate",
	    "write `migrate dkimproxy FILE...' or `migrate opendkim FILE'");
	return CLI_USAGE;
}

const struct cli_command cli_migrate = {"migrate", run,
    "a configuration of DKIMproxy's or OpenDKIM's to ours", help};
