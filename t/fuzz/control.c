/* proxy/process/control_request on anything: a word of ours alone, or with a
 * domain that could stand in a path, with or without one line end; and of all else
 * it is said what is wrong. */
#include <stdint.h>

#include "proxy/process/control_request.h"
#include "t/fuzz/must.h"
#include "t/fuzz/replay.h"

static const struct slice words[] = {
    [PROXY_CONTROL_VERSION] = SLICE_INIT("version"),
    [PROXY_CONTROL_STATE] = SLICE_INIT("state"),
    [PROXY_CONTROL_RELOAD] = SLICE_INIT("reload"),
    [PROXY_CONTROL_KEY] = SLICE_INIT("key"),
    [PROXY_CONTROL_TRIAL] = SLICE_INIT("trial"),
};

static void
check_request(struct slice in, const struct proxy_control_request *request)
{
	struct slice word = words[request->verb], domain = request->domain;
	bool takes = request->verb == PROXY_CONTROL_KEY ||
	    request->verb == PROXY_CONTROL_TRIAL;

	must(slice_equal(slice_first(in, word.n), word));
	must(takes == (domain.n > 0));
	must(domain.n <= PROXY_CONTROL_DOMAIN_MAX);
	must(in.n - word.n == (takes ? 1 + domain.n : 0));
	must(slice_find(domain, '/') == domain.n);
	must(slice_find(domain, '\0') == domain.n);
	must(slice_search(domain, SLICE("..")) == domain.n);
	must(domain.n == 0 || domain.p[0] != '.');
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice in = slice_from((const char *)bytes, n);
	struct proxy_control_request request = {PROXY_CONTROL_RELOAD, {0}};
	struct strbuf why;

	strbuf_init(&why, 1000);
	if (proxy_control_request_parse(in, &request, &why) == 0) {
		must(n <= PROXY_CONTROL_REQUEST_MAX && why.n == 0);
		if (bytes[n - 1] == '\n')
			in.n--;
		check_request(in, &request);
	} else {
		must(why.n > 0);
		for (size_t i = 0; i < PROXY_CONTROL_KEY; i++)
			must(!slice_equal(words[i], in));
	}
	strbuf_clear(&why);
	return 0;
}
