/*
 * What a taken-over signing worker may send the master: no bytes make a path
 * that leaves its template.
 */
#include <string.h>

#include "proxy/keys/key_wire.h"
#include "t/fuzz/replay.h"

static void
make_path(const struct proxy_key_request *request)
{
	static char file[] = "/keys/$domain/$selector.pem", selector[] = "s";
	const struct proxy_key_rule rule = {
	    .file = file, .selector = selector, .per_domain = true};
	struct strbuf path, reason;
	struct slice text;

	strbuf_init(&path, PROXY_KEY_PATH_MAX);
	strbuf_init(&reason, PROXY_KEY_REASON_MAX);
	if (proxy_key_path(&rule,
		slice_from(request->domain, request->domain_n), &path,
		&reason) == 0) {
		text = strbuf_slice(&path);
		if (slice_search(text, SLICE("..")) < text.n ||
		    slice_find(text, '\0') < text.n ||
		    strlen(path.p) != path.n ||
		    !slice_starts_nocase(text, SLICE("/keys/")) ||
		    slice_find(slice_after(text, 6), '/') != request->domain_n)
			__builtin_trap();
	}
	strbuf_clear(&path);
	strbuf_clear(&reason);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice text = slice_from((const char *)bytes, n);
	struct proxy_key_request request;
	struct proxy_key_reply reply;

	if (proxy_key_request_parse(text, &request) == 0)
		make_path(&request);
	(void)proxy_key_reply_parse(text, &reply);
	/* As a domain of any length, too. */
	if (n <= sizeof(request.domain)) {
		memset(&request, 0, sizeof(request));
		request.domain_n = (uint32_t)n;
		if (n > 0)
			memcpy(request.domain, bytes, n);
		if (proxy_key_request_parse(
			slice_from((const char *)&request, sizeof(request)),
			&request) == 0)
			make_path(&request);
	}
	return 0;
}
