/* Public keys as p= of a record holds them, decoded: the first byte says of
 * which kind. What is taken has bits within bounds, and judges any signature
 * without believing it. */
#include <stdlib.h>

#include "dkim/key.h"
#include "t/fuzz/replay.h"

static void
use(const struct dkim_public_key *key, struct slice octets)
{
	static const char digest[32];
	unsigned bits = dkim_public_key_bits(key);
	struct slice signature = slice_first(octets, (bits + 7) / 8);

	if (bits > DKIM_KEY_BITS_MAX)
		abort();
	(void)dkim_public_key_verify(key, DKIM_RSA_SHA256,
	    slice_from(digest, sizeof(digest)), signature);
	(void)dkim_public_key_verify(key, DKIM_ED25519_SHA256,
	    slice_from(digest, sizeof(digest)), slice_first(octets, 64));
	(void)dkim_public_key_made(key, signature);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice octets = slice_from((const char *)bytes, n);
	enum dkim_key_type type =
	    n > 0 && bytes[0] == 'e' ? DKIM_KEY_ED25519 : DKIM_KEY_RSA;
	enum mail_reason reason;
	struct dkim_public_key *key;

	octets = slice_after(octets, 1);
	key = dkim_public_key_parse(type, octets, &reason);
	if (key != NULL)
		use(key, octets);
	dkim_public_key_free(key);
	return 0;
}
