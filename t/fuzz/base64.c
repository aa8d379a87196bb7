/* base64_decode() on anything; what decodes survives another round. */
#include <stdint.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/strbuf.h"
#include "t/fuzz/replay.h"

#define DECODED_MAX 65536

static void
must(int outcome)
{
	if (outcome == -1)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice in = slice_from((const char *)bytes, n);
	struct strbuf once, text, twice;

	strbuf_init(&once, DECODED_MAX);
	strbuf_init(&text, (size_t)2 * DECODED_MAX);
	strbuf_init(&twice, DECODED_MAX);
	if (base64_decode(in, &once) == 0) {
		must(base64_encode(strbuf_slice(&once), &text));
		must(base64_decode(strbuf_slice(&text), &twice));
		if (!slice_equal(strbuf_slice(&once), strbuf_slice(&twice)))
			abort();
	}
	strbuf_clear(&once);
	strbuf_clear(&text);
	strbuf_clear(&twice);
	return 0;
}
