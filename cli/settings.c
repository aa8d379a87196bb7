/* The configuration as a tool needs it; see settings.h. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/settings.h"

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
cli_config_load(const char *path, struct proxy_config **config)
{
	struct proxy_report report;

	*config = NULL;
	if (access(path, R_OK) != 0) {
		cli_error("%s: %s", path, strerror(errno));
		return CLI_UNREADABLE;
	}
	proxy_report_init(&report);
	*config = proxy_config_load(path, &report);
	cli_config_tell(&report.warnings, cli_warn);
	cli_config_tell(&report.errors, cli_error);
	proxy_report_clear(&report);
	return *config == NULL ? CLI_CONFIG : CLI_OK;
}
