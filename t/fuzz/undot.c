/*
 * smtp/undot and smtp/dot on anything: however the bytes are cut, the same
 * comes out; only CRLF dot CRLF (or dot CRLF at the very begin) ends; and
 * what dot makes of the body undot takes back. The first byte says where
 * to cut.
 */
#include <stdint.h>

#include "base/strbuf.h"
#include "smtp/dot.h"
#include "smtp/undot.h"
#include "t/fuzz/must.h"
#include "t/fuzz/replay.h"

/* How much was used for a whole message; 0: it did not end. */
static size_t
undot_cut(struct slice in, size_t at, struct strbuf *out)
{
	struct strbuf_sink sink;
	struct smtp_undot undot;
	size_t used;

	at = at < in.n ? at : in.n;
	strbuf_sink_init(&sink, out);
	smtp_undot_init(&undot, &sink.sink);
	if (smtp_undot_write(&undot, slice_first(in, at), &used) == SMTP_DONE)
		return used;
	must(used == at);
	if (smtp_undot_write(&undot, slice_after(in, at), &used) == SMTP_DONE)
		return at + used;
	must(used == in.n - at);
	return 0;
}

static void
check_end(struct slice in, size_t end)
{
	size_t first = slice_search(in, SLICE("\r\n.\r\n"));

	if (slice_starts_nocase(in, SLICE(".\r\n")))
		must(end == 3);
	else
		must(end == (first < in.n ? first + 5 : 0));
}

static void
check_identity(struct slice body)
{
	struct strbuf wire, back;
	struct strbuf_sink sink;
	struct smtp_dot dot;

	strbuf_init(&wire, 3 * body.n + 16);
	strbuf_init(&back, 3 * body.n + 16);
	strbuf_sink_init(&sink, &wire);
	smtp_dot_init(&dot, &sink.sink);
	smtp_dot_write(&dot, body);
	smtp_dot_end(&dot);
	must(undot_cut(strbuf_slice(&wire), body.n, &back) == wire.n);
	must(slice_equal(slice_first(strbuf_slice(&back), body.n), body));
	must(back.n == body.n ||
	    slice_equal(
		slice_after(strbuf_slice(&back), body.n), SLICE("\r\n")));
	strbuf_clear(&wire);
	strbuf_clear(&back);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice in = slice_from((const char *)bytes, n);
	struct strbuf whole, cut;
	size_t at = n > 0 ? bytes[0] : 0, end;

	in = slice_after(in, 1);
	strbuf_init(&whole, n + 1);
	strbuf_init(&cut, n + 1);
	end = undot_cut(in, 0, &whole);
	check_end(in, end);
	must(undot_cut(in, at, &cut) == end);
	must(slice_equal(strbuf_slice(&whole), strbuf_slice(&cut)));
	check_identity(in);
	strbuf_clear(&whole);
	strbuf_clear(&cut);
	return 0;
}
