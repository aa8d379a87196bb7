/*
 * Private keys through EVP. One of the files that see libcrypto.
 *
 * Setting up a context takes a few microseconds beside a signature's thirty
 * (Ed25519) or some hundreds (RSA), so each key keeps what it needs set up.
 */
#include <assert.h>
#include <stdlib.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/xalloc.h"
#include "dkim/key.h"
#include "dkim/key_form.h"

struct dkim_key {
	enum dkim_key_type type;
	unsigned bits;
	EVP_PKEY *pkey;
	EVP_PKEY_CTX *rsa[2]; /* by enum dkim_digest; RSA only */
	EVP_MD_CTX *ed25519;  /* to be copied; Ed25519 only */
};

/* Never ask on a terminal: an encrypted key is one we cannot use. */
static int
no_password(char *to, int room, int writing, void *seen)
{
	(void)to;
	(void)room;
	(void)writing;
	*(bool *)seen = true;
	return -1;
}

/* What libcrypto makes of it; Ed25519 it is not asked about, for what it takes
 * there, a public key that is another one's too, depends on its version. */
static EVP_PKEY *
read_pem(struct slice pem, bool *encrypted)
{
	EVP_PKEY *pkey = NULL;
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);

	if (bio != NULL)
		pkey =
		    PEM_read_bio_PrivateKey(bio, NULL, no_password, encrypted);
	BIO_free(bio);
	ERR_clear_error();
	if (pkey != NULL && EVP_PKEY_is_a(pkey, "ED25519")) {
		EVP_PKEY_free(pkey);
		pkey = NULL;
	}
	return pkey;
}

/* Is the public key that goes with a seed the one that the file has? */
static bool
is_public_of(EVP_PKEY *pkey, struct slice public)
{
	unsigned char raw[DKIM_KEY_SEED];
	size_t n = sizeof(raw);

	return public.n == 0 ||
	    (EVP_PKEY_get_raw_public_key(pkey, raw, &n) == 1 &&
		slice_equal(public, slice_from((const char *)raw, n)));
}

/* NULL, with a reason where it is a seed all the same. */
static EVP_PKEY *
read_seed(struct slice text, struct strbuf *reason)
{
	struct dkim_key_seed seed;
	struct strbuf octets;
	EVP_PKEY *pkey = NULL;

	/* All its room at once: one that grows leaves copies behind. */
	strbuf_init(&octets, text.n + 1);
	(void)strbuf_reserve(&octets, text.n);
	if (dkim_key_form_seed(text, &octets, &seed))
		pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL,
		    (const unsigned char *)seed.seed.p, seed.seed.n);
	if (pkey != NULL && !is_public_of(pkey, seed.public)) {
		strbuf_add_str(reason,
		    "the Ed25519 key is damaged: the public key in the file "
		    "is not that of the private one");
		EVP_PKEY_free(pkey);
		pkey = NULL;
	}
	strbuf_wipe(&octets);
	ERR_clear_error();
	return pkey;
}

static EVP_PKEY *
read_private_key(struct slice text, struct strbuf *reason)
{
	bool encrypted = false;
	size_t before = reason->n;
	EVP_PKEY *pkey;

	if (text.n == 0 || text.n > DKIM_KEY_PEM_MAX) {
		strbuf_add_str(reason,
		    text.n == 0 ? "the key file is empty"
				: "the key file is too big");
		return NULL;
	}
	pkey = read_seed(text, reason);
	if (pkey == NULL && reason->n == before)
		pkey = read_pem(text, &encrypted);
	if (pkey == NULL && encrypted)
		strbuf_add_str(reason,
		    "the key is encrypted (openssl pkey -in FILE -out NEW "
		    "decrypts it)");
	else if (pkey == NULL && reason->n == before)
		strbuf_addf(reason, "no usable key: the file holds %s",
		    dkim_key_form_name(text));
	return pkey;
}

static EVP_PKEY_CTX *
rsa_context(EVP_PKEY *pkey, const EVP_MD *md)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);

	if (ctx != NULL && EVP_PKEY_sign_init(ctx) > 0 &&
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) > 0 &&
	    EVP_PKEY_CTX_set_signature_md(ctx, md) > 0)
		return ctx;
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return NULL;
}

static int
set_up_key(struct dkim_key *k, struct strbuf *reason)
{
	k->bits = (unsigned)EVP_PKEY_get_bits(k->pkey);
	if (EVP_PKEY_is_a(k->pkey, "RSA")) {
		k->type = DKIM_KEY_RSA;
		if (k->bits < DKIM_KEY_BITS_MIN || k->bits > DKIM_KEY_BITS_MAX)
			return strbuf_fail(reason,
			    "the RSA key has %u bits, not between %d and %d",
			    k->bits, DKIM_KEY_BITS_MIN, DKIM_KEY_BITS_MAX);
		k->rsa[DKIM_SHA256] = rsa_context(k->pkey, EVP_sha256());
		k->rsa[DKIM_SHA1] = rsa_context(k->pkey, EVP_sha1());
		if (k->rsa[DKIM_SHA256] == NULL || k->rsa[DKIM_SHA1] == NULL)
			return strbuf_fail(
			    reason, "libcrypto does not take the RSA key");
		return 0;
	}
	if (EVP_PKEY_is_a(k->pkey, "ED25519")) {
		k->type = DKIM_KEY_ED25519;
		k->ed25519 = EVP_MD_CTX_new();
		if (k->ed25519 == NULL ||
		    EVP_DigestSignInit_ex(
			k->ed25519, NULL, NULL, NULL, NULL, k->pkey, NULL) <= 0)
			return strbuf_fail(
			    reason, "libcrypto does not take the Ed25519 key");
		return 0;
	}
	return strbuf_fail(reason, "DKIM has no use for a key of type %s",
	    EVP_PKEY_get0_type_name(k->pkey));
}

/* Takes the key over. */
static struct dkim_key *
new_key(EVP_PKEY *pkey, struct strbuf *reason)
{
	struct dkim_key *k = xcalloc(1, sizeof(*k));

	k->pkey = pkey;
	if (set_up_key(k, reason) == 0) {
		static const char zeros[DKIM_DIGEST_MAX];
		enum dkim_algorithm algorithm = dkim_key_algorithm(k);
		struct slice digest = slice_from(zeros, DKIM_DIGEST_MAX);
		struct strbuf octets, signature;
		struct dkim_public_key *its_public = NULL;
		enum mail_reason why;
		bool does;

		/* What it signs, its public half verifies: with a damaged
		 * file libcrypto signs without complaint, and nobody could
		 * verify that mail. */
		strbuf_init(&octets, DKIM_KEY_PUBLIC_MAX);
		strbuf_init(&signature, DKIM_KEY_SIGNATURE_MAX);
		if (dkim_key_public(k, &octets) == 0)
			its_public = dkim_public_key_parse(
			    k->type, strbuf_slice(&octets), &why);
		does = its_public != NULL &&
		    dkim_key_sign(k, algorithm, digest, &signature) == 0 &&
		    dkim_public_key_verify(its_public, algorithm, digest,
			strbuf_slice(&signature));
		dkim_public_key_free(its_public);
		strbuf_clear(&octets);
		strbuf_clear(&signature);
		if (does)
			return k;
		strbuf_add_str(reason,
		    "the key is damaged: what it signs its own public half "
		    "does not verify");
	}
	dkim_key_free(k);
	return NULL;
}

struct dkim_key *
dkim_key_parse(struct slice pem, struct strbuf *reason)
{
	EVP_PKEY *pkey = read_private_key(pem, reason);

	return pkey == NULL ? NULL : new_key(pkey, reason);
}

struct dkim_key *
dkim_key_generate(enum dkim_key_type type, unsigned bits, struct strbuf *reason)
{
	EVP_PKEY *pkey;

	if (type == DKIM_KEY_ED25519) {
		pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	} else if (bits < DKIM_KEY_BITS_MIN || bits > DKIM_KEY_BITS_MAX) {
		strbuf_addf(reason, "%u bits are not between %d and %d", bits,
		    DKIM_KEY_BITS_MIN, DKIM_KEY_BITS_MAX);
		return NULL;
	} else {
		pkey = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits);
	}
	ERR_clear_error();
	if (pkey == NULL) {
		strbuf_add_str(reason, "libcrypto makes no key");
		return NULL;
	}
	return new_key(pkey, reason);
}

void
dkim_key_free(struct dkim_key *k)
{
	if (k == NULL)
		return;
	EVP_PKEY_CTX_free(k->rsa[DKIM_SHA256]);
	EVP_PKEY_CTX_free(k->rsa[DKIM_SHA1]);
	EVP_MD_CTX_free(k->ed25519);
	EVP_PKEY_free(k->pkey); /* overwrites the private numbers */
	free(k);
}

enum dkim_key_type
dkim_key_type(const struct dkim_key *k)
{
	return k->type;
}

unsigned
dkim_key_bits(const struct dkim_key *k)
{
	return k->bits;
}

bool
dkim_key_fits(const struct dkim_key *k, enum dkim_algorithm a)
{
	return a != DKIM_ALGORITHM_UNKNOWN &&
	    dkim_algorithm_key_type(a) == k->type;
}

enum dkim_algorithm
dkim_key_algorithm(const struct dkim_key *k)
{
	return k->type == DKIM_KEY_RSA ? DKIM_RSA_SHA256 : DKIM_ED25519_SHA256;
}

/* With a copy, for later versions of libcrypto let a context sign but once. */
static int
sign_ed25519(
    const EVP_MD_CTX *ready, struct slice digest, unsigned char *to, size_t *n)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int ok = ctx == NULL ? 0 : EVP_MD_CTX_copy_ex(ctx, ready);

	if (ok > 0)
		ok = EVP_DigestSign(
		    ctx, to, n, (const unsigned char *)digest.p, digest.n);
	EVP_MD_CTX_free(ctx);
	return ok;
}

int
dkim_key_sign(const struct dkim_key *k, enum dkim_algorithm a,
    struct slice digest, struct strbuf *signature)
{
	unsigned char bytes[DKIM_KEY_SIGNATURE_MAX];
	size_t n = sizeof(bytes);
	int ok;

	if (!dkim_key_fits(k, a))
		return -1;
	if (k->type == DKIM_KEY_RSA) {
		EVP_PKEY_CTX *ctx = k->rsa[dkim_algorithm_digest(a)];

		ok = EVP_PKEY_sign(
		    ctx, bytes, &n, (const unsigned char *)digest.p, digest.n);
	} else
		ok = sign_ed25519(k->ed25519, digest, bytes, &n);
	if (ok <= 0) {
		ERR_clear_error();
		return -1;
	}
	return strbuf_add(signature, slice_from((const char *)bytes, n));
}

int
dkim_key_print(const struct dkim_key *k, struct strbuf *pem)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	char *text;
	long n;
	int result = -1;

	if (bio != NULL &&
	    PEM_write_bio_PKCS8PrivateKey(
		bio, k->pkey, NULL, NULL, 0, NULL, NULL) > 0) {
		n = BIO_get_mem_data(bio, &text);
		if (n > 0)
			result = strbuf_add(pem, slice_from(text, (size_t)n));
	}
	BIO_free(bio);
	ERR_clear_error();
	return result;
}

int
dkim_key_public(const struct dkim_key *k, struct strbuf *octets)
{
	unsigned char raw[32];
	size_t n = sizeof(raw);

	if (k->type == DKIM_KEY_RSA) {
		unsigned char *der = NULL;
		int length = i2d_PUBKEY(k->pkey, &der), result = -1;

		if (length > 0)
			result = strbuf_add(
			    octets, slice_from((char *)der, (size_t)length));
		OPENSSL_free(der);
		return result;
	}
	if (EVP_PKEY_get_raw_public_key(k->pkey, raw, &n) != 1)
		return -1;
	return strbuf_add(octets, slice_from((const char *)raw, n));
}
