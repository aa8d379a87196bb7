/*
 * Public keys from key records, through EVP. One of the files that see
 * libcrypto.
 */
#include <stdlib.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

#include "base/xalloc.h"
#include "dkim/key.h"
#include "dkim/key_der.h"

#define ED25519_OCTETS 32
/* Octets of the exponent: those in use have three, and a long one makes the
 * check as slow as a signature. */
#define EXPONENT_MAX 8

struct dkim_public_key {
	enum dkim_key_type type;
	unsigned bits;
	EVP_PKEY *pkey;
};

/* OSSL_PARAM has unsigned integers in the machine's order. */
static OSSL_PARAM
number_param(const char *name, struct slice number, unsigned char *to)
{
	BIGNUM *n =
	    BN_bin2bn((const unsigned char *)number.p, (int)number.n, NULL);

	if (n == NULL || BN_bn2nativepad(n, to, (int)number.n) < 0)
		abort();
	BN_free(n);
	return OSSL_PARAM_construct_BN(name, to, number.n);
}

static unsigned
bits_of(struct slice number)
{
	unsigned bits = (unsigned)(number.n - 1) * 8;

	for (unsigned top = (unsigned char)number.p[0]; top > 0; top >>= 1)
		bits++;
	return bits;
}

static bool
is_odd(struct slice number)
{
	return (number.p[number.n - 1] & 1) != 0;
}

static enum mail_reason
parse_rsa(struct slice octets, struct dkim_public_key *k)
{
	struct dkim_rsa_numbers numbers;

	if (dkim_key_der_parse(octets, &numbers) < 0)
		return MAIL_REASON_KEY_NOT_RSA;
	if (numbers.modulus.n > DKIM_KEY_BITS_MAX / 8)
		return MAIL_REASON_KEY_OVER_4096;
	k->bits = bits_of(numbers.modulus);
	if (k->bits < DKIM_KEY_BITS_MIN_WEAK)
		return MAIL_REASON_KEY_UNDER_512;
	if (numbers.exponent.n > EXPONENT_MAX || !is_odd(numbers.exponent) ||
	    bits_of(numbers.exponent) < 2 || !is_odd(numbers.modulus))
		return MAIL_REASON_KEY_NUMBERS;
	unsigned char modulus[DKIM_KEY_BITS_MAX / 8], exponent[EXPONENT_MAX];
	OSSL_PARAM params[3];
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *pkey = NULL;

	params[0] =
	    number_param(OSSL_PKEY_PARAM_RSA_N, numbers.modulus, modulus);
	params[1] =
	    number_param(OSSL_PKEY_PARAM_RSA_E, numbers.exponent, exponent);
	params[2] = OSSL_PARAM_construct_end();
	if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) <= 0 ||
	    EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) <= 0)
		pkey = NULL;
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	k->pkey = pkey;
	return k->pkey == NULL ? MAIL_REASON_KEY_RSA_UNUSABLE
			       : MAIL_REASON_NONE;
}

static enum mail_reason
parse_ed25519(struct slice octets, struct dkim_public_key *k)
{
	if (octets.n != ED25519_OCTETS)
		return MAIL_REASON_KEY_NOT_ED25519;
	k->bits = ED25519_OCTETS * 8;
	k->pkey = EVP_PKEY_new_raw_public_key_ex(
	    NULL, "ED25519", NULL, (const unsigned char *)octets.p, octets.n);
	ERR_clear_error();
	return k->pkey == NULL ? MAIL_REASON_KEY_ED25519_UNUSABLE
			       : MAIL_REASON_NONE;
}

struct dkim_public_key *
dkim_public_key_parse(
    enum dkim_key_type type, struct slice octets, enum mail_reason *reason)
{
	struct dkim_public_key *k = xcalloc(1, sizeof(*k));

	k->type = type;
	*reason = type == DKIM_KEY_RSA ? parse_rsa(octets, k)
				       : parse_ed25519(octets, k);
	if (*reason == MAIL_REASON_NONE)
		return k;
	dkim_public_key_free(k);
	return NULL;
}

void
dkim_public_key_free(struct dkim_public_key *k)
{
	if (k == NULL)
		return;
	EVP_PKEY_free(k->pkey);
	free(k);
}

unsigned
dkim_public_key_bits(const struct dkim_public_key *k)
{
	return k->bits;
}

static int
verify_rsa(EVP_PKEY *pkey, const EVP_MD *md, struct slice digest,
    struct slice signature)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	int ok = 0;

	if (ctx != NULL && EVP_PKEY_verify_init(ctx) > 0 &&
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) > 0 &&
	    EVP_PKEY_CTX_set_signature_md(ctx, md) > 0)
		ok = EVP_PKEY_verify(ctx, (const unsigned char *)signature.p,
		    signature.n, (const unsigned char *)digest.p, digest.n);
	EVP_PKEY_CTX_free(ctx);
	return ok;
}

static int
verify_ed25519(EVP_PKEY *pkey, struct slice digest, struct slice signature)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int ok = 0;

	if (ctx != NULL &&
	    EVP_DigestVerifyInit_ex(ctx, NULL, NULL, NULL, NULL, pkey, NULL) >
		0)
		ok = EVP_DigestVerify(ctx, (const unsigned char *)signature.p,
		    signature.n, (const unsigned char *)digest.p, digest.n);
	EVP_MD_CTX_free(ctx);
	return ok;
}

bool
dkim_public_key_verify(const struct dkim_public_key *k, enum dkim_algorithm a,
    struct slice digest, struct slice signature)
{
	int ok;

	if (a == DKIM_ALGORITHM_UNKNOWN ||
	    dkim_algorithm_key_type(a) != k->type)
		return false;
	if (k->type == DKIM_KEY_ED25519)
		ok = verify_ed25519(k->pkey, digest, signature);
	else
		ok = verify_rsa(k->pkey,
		    dkim_algorithm_digest(a) == DKIM_SHA256 ? EVP_sha256()
							    : EVP_sha1(),
		    digest, signature);
	ERR_clear_error();
	return ok == 1;
}

bool
dkim_public_key_made(const struct dkim_public_key *k, struct slice signature)
{
	unsigned char digest_info[DKIM_KEY_BITS_MAX / 8];
	size_t n = sizeof(digest_info);
	EVP_PKEY_CTX *ctx;
	int ok = 0;

	if (k->type != DKIM_KEY_RSA)
		return false;
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, k->pkey, NULL);
	if (ctx != NULL && EVP_PKEY_verify_recover_init(ctx) > 0 &&
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) > 0)
		ok = EVP_PKEY_verify_recover(ctx, digest_info, &n,
		    (const unsigned char *)signature.p, signature.n);
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return ok == 1;
}
