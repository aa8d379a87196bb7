/* dkim_key_parse() on anything: what is taken signs, and what is not has a
 * reason. */
#include <stdint.h>
#include <stdlib.h>

#include "dkim/key.h"
#include "t/fuzz/replay.h"

static void
sign(const struct dkim_key *key)
{
	static const char digest[32];
	struct strbuf signature;

	strbuf_init(&signature, DKIM_KEY_SIGNATURE_MAX);
	if (dkim_key_sign(key, dkim_key_algorithm(key),
		slice_from(digest, sizeof(digest)), &signature) != 0)
		abort();
	strbuf_clear(&signature);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct strbuf reason;
	struct dkim_key *key;

	strbuf_init(&reason, 1000);
	key = dkim_key_parse(slice_from((const char *)bytes, n), &reason);
	if (key != NULL)
		sign(key);
	if ((key == NULL) != (reason.n > 0))
		abort();
	dkim_key_free(key);
	strbuf_clear(&reason);
	return 0;
}
