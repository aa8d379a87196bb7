/* ARC chains for tests; see letter_chain.h. */
#include "t/lib/letter_chain.h"
#include "t/lib/unit.h"

void
letter_chain_keys_init(struct letter_chain_keys *k)
{
	k->ed = letter_key("ed25519.pem");
	k->rsa = letter_key("rsa1024.pem");
	strbuf_init(&k->zone, 10000);
	letter_record(
	    k->ed, "ed._domainkey.example.net", "k=ed25519; ", &k->zone);
	letter_record(k->rsa, "rsa._domainkey.example.net", "", &k->zone);
}

void
letter_chain_keys_clear(struct letter_chain_keys *k)
{
	dkim_key_free(k->ed);
	dkim_key_free(k->rsa);
	strbuf_clear(&k->zone);
}

struct dkim_arc_sealing
letter_chain_sealing(
    const struct dkim_key *key, const char *selector, enum mail_verdict chain)
{
	return (struct dkim_arc_sealing){.domain = SLICE("example.net"),
	    .selector = slice_str(selector),
	    .algorithm = dkim_key_algorithm(key),
	    .results = SLICE(" mx.example.net; spf=pass\r\n\tsmtp.mailfrom=a"),
	    .chain = chain,
	    .time = LETTER_CHAIN_TIME};
}

const char *
letter_chain_seal(struct letter *l, const struct dkim_key *key,
    const char *selector, enum mail_verdict chain)
{
	struct dkim_arc_sealing sealing =
	    letter_chain_sealing(key, selector, chain);

	return letter_seal(l, &sealing, key);
}

void
letter_chain_init(
    struct letter *l, const struct letter_chain_keys *k, unsigned hops)
{
	letter_init(l, SLICE(LETTER_CHAIN_TEXT));
	for (unsigned i = 1; i <= hops; i++)
		assert_null(letter_chain_seal(l, i % 2 ? k->ed : k->rsa,
		    i % 2 ? "ed" : "rsa",
		    i == 1 ? MAIL_VERDICT_NONE : MAIL_VERDICT_PASS));
}
