/*
 * mail/newline on anything: after NORMALIZE no bare CR or LF is left, what
 * was clean stays as it was, and a second pass changes nothing.
 */
#include <stdint.h>

#include "base/strbuf.h"
#include "mail/newline.h"
#include "t/fuzz/must.h"
#include "t/fuzz/replay.h"

/* Returns whether the input was clean. */
static bool
normalize(struct slice in, struct strbuf *out)
{
	struct mail_newline newline;
	struct strbuf_sink sink;

	strbuf_init(out, 2 * in.n + 2);
	strbuf_sink_init(&sink, out);
	mail_newline_init(&newline, MAIL_NEWLINE_NORMALIZE, &sink.sink);
	mail_newline_write(&newline, in);
	mail_newline_end(&newline);
	must(!out->full);
	return !mail_newline_is_bare(&newline);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice in = slice_from((const char *)bytes, n);
	struct strbuf once, twice;

	if (normalize(in, &once))
		must(slice_equal(in, strbuf_slice(&once)));
	must(normalize(strbuf_slice(&once), &twice));
	must(slice_equal(strbuf_slice(&once), strbuf_slice(&twice)));
	strbuf_clear(&once);
	strbuf_clear(&twice);
	return 0;
}
