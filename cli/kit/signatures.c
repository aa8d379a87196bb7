/* Signatures of one message; see signatures.h. */
#include <stdlib.h>

#include "base/xalloc.h"
#include "cli/kit/signatures.h"
#include "dkim/body_hashes.h"
#include "dkim/domainkeys.h"
#include "dkim/key.h"
#include "dkim/signer.h"

/* One of the two signers is there. */
struct making {
	struct dkim_signer *dkim;
	struct dkim_domainkeys_signer *domainkeys;
	enum dkim_algorithm algorithm;
	const struct dkim_key *key;
};

struct cli_signatures {
	struct dkim_body_hashes *body;
	int64_t time;
	uint64_t ttl;
	struct making list[CLI_SIGNATURES_MAX];
	size_t count;
};

struct cli_signatures *
cli_signatures_new(int64_t time, uint64_t ttl)
{
	struct cli_signatures *s = xcalloc(1, sizeof(*s));

	s->body = dkim_body_hashes_new();
	s->time = time;
	s->ttl = ttl;
	return s;
}

void
cli_signatures_free(struct cli_signatures *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->count; i++) {
		dkim_signer_free(s->list[i].dkim);
		dkim_domainkeys_signer_free(s->list[i].domainkeys);
	}
	dkim_body_hashes_free(s->body);
	free(s);
}

size_t
cli_signatures_count(const struct cli_signatures *s)
{
	return s->count;
}

static void
begin_dkim(struct cli_signatures *s, const struct cli_signature *wish,
    const struct mail_header *header, struct making *making,
    struct strbuf *reason)
{
	struct dkim_signing signing = {
	    .domain = wish->domain,
	    .selector = wish->selector,
	    .identity = wish->identity,
	    .algorithm = making->algorithm,
	    .header_canon = wish->header_canon,
	    .body_canon = wish->body_canon,
	    .fields = wish->fields,
	    .time = s->time,
	    .expire = s->ttl == 0 ? 0 : s->time + (int64_t)s->ttl,
	};

	making->dkim = dkim_signer_new(&signing, header, s->body, reason);
}

static void
begin_domainkeys(struct cli_signatures *s, const struct cli_signature *wish,
    const struct mail_header *header, struct making *making,
    struct strbuf *reason)
{
	struct dkim_domainkeys_signing signing = {
	    .domain = wish->domain,
	    .selector = wish->selector,
	    .canon = wish->header_canon,
	    .fields = wish->fields,
	};

	making->domainkeys =
	    dkim_domainkeys_signer_new(&signing, header, s->body, reason);
}

static enum dkim_algorithm
algorithm_of(const struct cli_signature *wish)
{
	if (wish->domainkeys)
		return DKIM_RSA_SHA1;
	if (wish->algorithm != DKIM_ALGORITHM_UNKNOWN)
		return wish->algorithm;
	return dkim_key_algorithm(wish->key);
}

int
cli_signature_fits_key(const struct cli_signature *wish, struct strbuf *reason)
{
	enum dkim_algorithm algorithm = algorithm_of(wish);

	if (dkim_key_fits(wish->key, algorithm))
		return 0;
	(void)strbuf_addf(reason, "the key is %s, the signature %s",
	    dkim_key_type_name(dkim_key_type(wish->key)),
	    wish->domainkeys ? "domainkeys, which takes rsa alone"
			     : dkim_algorithm_name(algorithm));
	return -1;
}

int
cli_signatures_add(struct cli_signatures *s, const struct cli_signature *wish,
    const struct mail_header *header, struct strbuf *reason)
{
	struct making *making = &s->list[s->count];

	if (s->count == CLI_SIGNATURES_MAX) {
		(void)strbuf_add_str(reason, "too many signatures");
		return -1;
	}
	*making =
	    (struct making){.algorithm = algorithm_of(wish), .key = wish->key};
	if (cli_signature_fits_key(wish, reason) != 0)
		return -1;
	if (wish->domainkeys)
		begin_domainkeys(s, wish, header, making, reason);
	else
		begin_dkim(s, wish, header, making, reason);
	if (making->dkim == NULL && making->domainkeys == NULL)
		return -1;
	s->count++;
	return 0;
}

void
cli_signatures_body(struct cli_signatures *s, struct slice chunk)
{
	dkim_body_hashes_write(s->body, chunk);
}

static int
seal(struct making *making, struct strbuf *fields, struct strbuf *reason)
{
	struct strbuf signature;
	struct slice digest = making->dkim != NULL
	    ? dkim_signer_digest(making->dkim)
	    : dkim_domainkeys_signer_digest(making->domainkeys);
	int outcome;

	strbuf_init(&signature, DKIM_KEY_SIGNATURE_MAX);
	outcome =
	    dkim_key_sign(making->key, making->algorithm, digest, &signature);
	if (outcome != 0)
		(void)strbuf_add_str(reason, "the key does not sign");
	else if (making->dkim != NULL)
		outcome = dkim_signer_seal(
		    making->dkim, strbuf_slice(&signature), fields);
	else
		outcome = dkim_domainkeys_signer_seal(
		    making->domainkeys, strbuf_slice(&signature), fields);
	if (fields->full)
		(void)strbuf_add_str(reason, "the signature is too long");
	strbuf_clear(&signature);
	return outcome;
}

int
cli_signatures_end(
    struct cli_signatures *s, struct strbuf *fields, struct strbuf *reason)
{
	dkim_body_hashes_end(s->body);
	for (size_t i = 0; i < s->count; i++)
		if (seal(&s->list[i], fields, reason) != 0)
			return -1;
	return 0;
}
