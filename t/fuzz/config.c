/* A whole configuration, packed for a worker where it is taken. */
#include <assert.h>
#include <unistd.h>

#include "proxy/settings/config.h"
#include "t/fuzz/replay.h"

/* What a worker reads is the same configuration. */
static void
through_a_pack(const struct proxy_config *config)
{
	struct proxy_report report;
	struct proxy_config *again;
	int fd = proxy_config_pack(config);

	proxy_report_init(&report);
	assert(fd >= 0);
	again = proxy_config_unpack(fd, &report);
	if (again == NULL ||
	    again->signing.key_count != config->signing.key_count)
		__builtin_trap();
	proxy_config_free(again);
	proxy_report_clear(&report);
	close(fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice text = slice_from((const char *)bytes, n);
	struct proxy_report report;
	struct proxy_config *config;

	/* Files are not for a fuzzer to open. */
	if (slice_search(text, SLICE("_map")) < text.n)
		return 0;
	proxy_report_init(&report);
	config = proxy_config_parse("conf", text, &report);
	if ((config == NULL) != (report.errors.n > 0))
		__builtin_trap();
	if (config != NULL)
		through_a_pack(config);
	proxy_config_free(config);
	proxy_report_clear(&report);
	return 0;
}
