/* proxy/process/control_request on anything: it takes its words alone, with or
 * without one line end, and says of everything else what is wrong. */
#include <stdint.h>
#include <stdlib.h>

#include "proxy/process/control_request.h"
#include "t/fuzz/replay.h"

static const struct slice words[] = {
    [PROXY_CONTROL_VERSION] = SLICE_INIT("version"),
    [PROXY_CONTROL_STATE] = SLICE_INIT("state"),
    [PROXY_CONTROL_RELOAD] = SLICE_INIT("reload"),
};

static void
must(bool held)
{
	if (!held)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice in = slice_from((const char *)bytes, n);
	struct proxy_control_request request = {PROXY_CONTROL_RELOAD};
	struct strbuf why;
	bool line = n > 0 && bytes[n - 1] == '\n';

	strbuf_init(&why, 100);
	if (proxy_control_request_parse(in, &request, &why) == 0) {
		must(slice_equal(
		    words[request.verb], slice_first(in, n - line)));
	} else {
		must(why.n > 0);
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			must(!slice_equal(words[i], in));
	}
	strbuf_clear(&why);
	return 0;
}
