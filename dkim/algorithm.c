/* The names of a=, h= and k=: RFC 6376 section 3.3, RFC 8463 section 3. */
#include <assert.h>

#include "dkim/algorithm.h"

static const struct {
	const char *name;
	enum dkim_digest digest;
	enum dkim_key_type key_type;
} algorithms[] = {
    [DKIM_RSA_SHA256] = {"rsa-sha256", DKIM_SHA256, DKIM_KEY_RSA},
    [DKIM_ED25519_SHA256] = {"ed25519-sha256", DKIM_SHA256, DKIM_KEY_ED25519},
    [DKIM_RSA_SHA1] = {"rsa-sha1", DKIM_SHA1, DKIM_KEY_RSA},
};

enum dkim_algorithm
dkim_algorithm_parse(struct slice word)
{
	for (int i = DKIM_RSA_SHA256; i <= DKIM_RSA_SHA1; i++)
		if (slice_equal_nocase(word, slice_str(algorithms[i].name)))
			return (enum dkim_algorithm)i;
	return DKIM_ALGORITHM_UNKNOWN;
}

const char *
dkim_algorithm_name(enum dkim_algorithm a)
{
	return a == DKIM_ALGORITHM_UNKNOWN ? "unknown" : algorithms[a].name;
}

enum dkim_digest
dkim_algorithm_digest(enum dkim_algorithm a)
{
	assert(a != DKIM_ALGORITHM_UNKNOWN);
	return algorithms[a].digest;
}

enum dkim_key_type
dkim_algorithm_key_type(enum dkim_algorithm a)
{
	assert(a != DKIM_ALGORITHM_UNKNOWN);
	return algorithms[a].key_type;
}

const char *
dkim_key_type_name(enum dkim_key_type t)
{
	return t == DKIM_KEY_RSA ? "rsa" : "ed25519";
}
