/* cli/check/postconf: what it is given ends and is shown harmless. Services,
 * a NUL, parameters. */
#include <stdlib.h>

#include "cli/check/fit.h"
#include "cli/check/postconf.h"
#include "t/fuzz/replay.h"

static const char settings[] =
    "[out]\nlisten = 127.0.0.1:10027\nrelay = 127.0.0.1:10028\n"
    "domain = example.org\nselector = s\nkeyfile = /k/$domain/$selector\n"
    "[in]\nlisten = unix:/run/in\nrelay = [::1]:25\n"
    "authserv_id = mx.example\n";

static void
assert_printable(const char *text)
{
	for (; text != NULL && *text != '\0'; text++)
		if (*text < ' ' || *text > '~')
			abort();
}

static void
fit(const struct proxy_config *config, const struct proxy_front *front,
    const struct cli_master *master)
{
	struct check_report report = {0};

	check_fit(config, front, master, &report, false);
	for (size_t i = 0; i < report.count; i++) {
		assert_printable(report.list[i].reason);
		assert_printable(report.list[i].todo);
	}
	check_report_clear(&report);
}

static void
search(const struct proxy_config *config, const struct proxy_front *front,
    struct slice in)
{
	size_t cut = slice_find(in, '\0');
	struct check_postconf found;
	static struct cli_master master;

	cli_master_read(
	    &master, slice_first(in, cut), slice_after(in, cut + 1));
	check_postconf_search(&found, front, config->hostname, &master);
	fit(config, front, &master);
	if (found.found != (found.who.n > 0) ||
	    (found.has_transport && found.transport.n == 0) ||
	    (found.loop.n > 0) != (found.loop_text.n > 0))
		abort();
	for (size_t i = 0; i < found.who.n; i++)
		if (found.who.p[i] < ' ' || found.who.p[i] > '~')
			abort();
	for (size_t i = 0; i < found.loop_text.n; i++)
		if (found.loop_text.p[i] < ' ' || found.loop_text.p[i] > '~')
			abort();
	check_postconf_clear(&found);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice in = slice_from((const char *)bytes, n);
	struct proxy_report report;
	struct proxy_config *config;

	proxy_report_init(&report);
	config = proxy_config_parse("conf", slice_str(settings), &report);
	if (config == NULL)
		abort();
	search(config, &config->fronts[0], in);
	search(config, &config->fronts[1], in);
	proxy_config_free(config);
	proxy_report_clear(&report);
	return 0;
}
