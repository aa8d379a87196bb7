/* The configuration as a tool needs it; see settings.h. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/escape.h"
#include "cli/kit/cli.h"
#include "cli/kit/settings.h"

void
cli_config_tell(const struct strbuf *lines,
    void (*print)(const char *fmt, ...) __attribute__((format(printf, 1, 2))))
{
	struct slice rest = strbuf_slice(lines), line;

	while (slice_cut(&rest, '\n', &line))
		if (line.n > 0)
			print("%.*s", (int)line.n, line.p);
}

int
cli_config_read(
    const char *path, struct proxy_config **config, struct proxy_report *report)
{
	int why;
	struct stat st;

	/* 0, or errno of why it cannot be read. */
	if (stat(path, &st) != 0 || access(path, R_OK) != 0)
		why = errno;
	else
		why = S_ISDIR(st.st_mode) ? EISDIR : 0;
	*config = NULL;
	if (why != 0) {
		cli_error("%s: %s", path, strerror(why));
		return CLI_UNREADABLE;
	}
	*config = proxy_config_load(path, report);
	return *config == NULL ? CLI_CONFIG : CLI_OK;
}

int
cli_config_load(const char *path, struct proxy_config **config)
{
	struct proxy_report report;
	int status;

	proxy_report_init(&report);
	status = cli_config_read(path, config, &report);
	cli_config_tell(&report.warnings, cli_warn);
	cli_config_tell(&report.errors, cli_error);
	proxy_report_clear(&report);
	return status;
}

void
cli_config_option(const char *path, struct strbuf *to)
{
	if (strcmp(path, PROXY_CONFIG_PATH) == 0)
		return;
	strbuf_add_str(to, " -c ");
	escape_shell(slice_str(path), to);
}
