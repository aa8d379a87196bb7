/* record/http_request on anything: what is asked for is a path of the
 * input, and more input does not change an answer. */
#include <stdlib.h>

#include "record/http_request.h"
#include "t/fuzz/replay.h"

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice in = slice_from((const char *)bytes, n);
	struct record_http_wanted wanted, again;
	unsigned status = record_http_request_parse(in, &wanted);
	size_t k;

	if (status == 200 &&
	    (wanted.path.n == 0 || wanted.path.n > n ||
		wanted.path.p[0] != '/' ||
		slice_find(wanted.path, ' ') < wanted.path.n))
		abort();
	if (status == 200) {
		struct slice name = record_http_host_name(wanted.host), value;

		(void)record_http_host_is_local(name);
		(void)record_http_query_find(wanted.query, SLICE("a"), &value);
		if (name.n > wanted.host.n)
			abort();
	}
	for (k = 0; k < n && k < 512; k++)
		if (record_http_request_parse(slice_first(in, k), &again) !=
			0 &&
		    record_http_request_parse(slice_first(in, k), &again) !=
			status)
			abort();
	return 0;
}
