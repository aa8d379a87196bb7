/*
 * What a process reads as the settings that its master packed, on anything: it is
 * a configuration, or it is said why it is none; no file is opened for it, and no
 * descriptor is left open. A configuration is packed again as the same texts, so
 * is one that the master reads from a file of the same bytes.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "proxy/settings/config.h"
#include "t/fuzz/must.h"
#include "t/fuzz/replay.h"

static void
pack_again(const struct proxy_config *config)
{
	struct strbuf stamp, again;
	struct proxy_report report;
	struct proxy_config *same;
	int fd = proxy_config_pack(config);

	must(fd >= 0);
	proxy_report_init(&report);
	strbuf_init(&stamp, 128);
	strbuf_init(&again, 128);
	same = proxy_config_unpack(fd, &report);
	must(same != NULL);
	proxy_config_stamp(config, &stamp);
	proxy_config_stamp(same, &again);
	must(slice_equal(strbuf_slice(&stamp), strbuf_slice(&again)));
	strbuf_clear(&stamp);
	strbuf_clear(&again);
	proxy_report_clear(&report);
	proxy_config_free(same);
	(void)close(fd);
}

/* What is no file has no settings. */
static void
load_none(const char *path)
{
	struct proxy_report report;

	proxy_report_init(&report);
	must(proxy_config_load(path, &report) == NULL && report.errors.n > 0);
	proxy_report_clear(&report);
}

static void
end_with(struct proxy_config *config, struct proxy_report *report)
{
	must((config == NULL) == (report->errors.n > 0));
	if (config != NULL)
		pack_again(config);
	proxy_config_free(config);
	proxy_report_clear(report);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice text = slice_from((const char *)bytes, n);
	int free_fd = next_descriptor();
	int fd = memfd_create("settings", MFD_CLOEXEC);
	struct proxy_report report;
	char path[32];

	must(fd >= 0 && write(fd, bytes, n) == (ssize_t)n);
	proxy_report_init(&report);
	end_with(proxy_config_unpack(fd, &report), &report);
	/* Files that it names are not for a fuzzer to open. */
	if (slice_search(text, SLICE("_map")) == text.n) {
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		proxy_report_init(&report);
		end_with(proxy_config_load(path, &report), &report);
	}
	(void)close(fd);
	load_none("/");
	load_none("/nonexistent/signpost.conf");
	must(next_descriptor() == free_fd);
	return 0;
}
