/* dkim_signed_text_read() on anything: what it takes is a whole text with the
 * three names in it, and has nothing that could be read in another way. */
#include <stdint.h>

#include "dkim/signed_text.h"
#include "t/fuzz/must.h"
#include "t/fuzz/replay.h"

static void
check_inside(struct slice piece, struct slice text)
{
	must(piece.n > 0 && piece.p > text.p &&
	    piece.p + piece.n < text.p + text.n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice text = slice_from((const char *)bytes, n);
	struct dkim_signed_text read;

	if (dkim_signed_text_read(text, &read) != NULL)
		return 0;
	check_inside(read.domain, text);
	check_inside(read.selector, text);
	must(read.algorithm == DKIM_RSA_SHA256 ||
	    read.algorithm == DKIM_ED25519_SHA256);
	must(slice_ends_nocase(text, SLICE("b=")));
	must(slice_find(text, '\0') == n);
	for (size_t i = 0; i < n; i++)
		must((text.p[i] == '\n') == (i > 0 && text.p[i - 1] == '\r'));
	return 0;
}
