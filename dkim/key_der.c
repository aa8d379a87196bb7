/* DER of public RSA keys and of Ed25519's private ones. Strict: definite,
 * shortest lengths only. */
#include <stdbool.h>

#include "dkim/key_der.h"

#define DER_INTEGER    0x02
#define DER_BIT_STRING 0x03
#define DER_OCTETS     0x04
#define DER_NULL       0x05
#define DER_OID	       0x06
#define DER_SEQUENCE   0x30
/* RFC 5958: the attributes and the public key, tagged in its module. */
#define DER_ATTRIBUTES 0xa0
#define DER_PUBLIC     0x81

/* 1.2.840.113549.1.1.1 */
static const char rsa_encryption[] = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";

/* 1.3.101.112 */
static const char ed25519[] = "\x2b\x65\x70";

static unsigned
octet(struct slice s, size_t i)
{
	return (unsigned char)s.p[i];
}

/* The length that stands at s.p[1], and where the value begins. */
static int
read_length(struct slice s, size_t *begin, size_t *length)
{
	if (s.n < 2)
		return -1;
	*length = octet(s, 1);
	*begin = 2;
	if (*length < 0x80)
		return 0;
	if (*length == 0x81 && s.n >= 3) {
		*length = octet(s, 2);
		*begin = 3;
		return *length < 0x80 ? -1 : 0;
	}
	if (*length == 0x82 && s.n >= 4) {
		*length = octet(s, 2) << 8 | octet(s, 3);
		*begin = 4;
		return *length < 0x100 ? -1 : 0;
	}
	return -1;
}

/* Takes one value of that tag off the front. */
static int
take_value(struct slice *in, unsigned tag, struct slice *value)
{
	size_t begin, length;

	if (in->n == 0 || octet(*in, 0) != tag ||
	    read_length(*in, &begin, &length) < 0 || length > in->n - begin)
		return -1;
	*value = slice_from(in->p + begin, length);
	*in = slice_from(in->p + begin + length, in->n - begin - length);
	return 0;
}

/* A positive INTEGER without its sign octet. */
static int
take_number(struct slice *in, struct slice *number)
{
	if (take_value(in, DER_INTEGER, number) < 0 || number->n == 0 ||
	    octet(*number, 0) >= 0x80)
		return -1;
	while (number->n > 0 && number->p[0] == '\0')
		*number = slice_from(number->p + 1, number->n - 1);
	return number->n == 0 ? -1 : 0;
}

static int
parse_numbers(struct slice der, struct dkim_rsa_numbers *numbers)
{
	struct slice body;

	if (take_value(&der, DER_SEQUENCE, &body) < 0 || der.n > 0 ||
	    take_number(&body, &numbers->modulus) < 0 ||
	    take_number(&body, &numbers->exponent) < 0)
		return -1;
	return body.n > 0 ? -1 : 0;
}

static bool
is_rsa_encryption(struct slice algorithm)
{
	struct slice oid, null;

	if (take_value(&algorithm, DER_OID, &oid) < 0 ||
	    !slice_equal(
		oid, slice_from(rsa_encryption, sizeof(rsa_encryption) - 1)))
		return false;
	return algorithm.n == 0 ||
	    (take_value(&algorithm, DER_NULL, &null) == 0 && null.n == 0 &&
		algorithm.n == 0);
}

int
dkim_key_der_parse(struct slice der, struct dkim_rsa_numbers *numbers)
{
	struct slice whole = der, info, algorithm, bits;

	if (take_value(&der, DER_SEQUENCE, &info) < 0 || der.n > 0)
		return -1;
	if (info.n > 0 && octet(info, 0) == DER_INTEGER)
		return parse_numbers(whole, numbers);
	if (take_value(&info, DER_SEQUENCE, &algorithm) < 0 ||
	    !is_rsa_encryption(algorithm) ||
	    take_value(&info, DER_BIT_STRING, &bits) < 0 || info.n > 0 ||
	    bits.n == 0 || bits.p[0] != '\0')
		return -1;
	return parse_numbers(slice_from(bits.p + 1, bits.n - 1), numbers);
}

int
dkim_key_der_ed25519(struct slice der, struct slice *seed, struct slice *public)
{
	struct slice body, version, algorithm, oid, octets;
	struct slice ignored;

	if (take_value(&der, DER_SEQUENCE, &body) < 0 || der.n > 0 ||
	    take_value(&body, DER_INTEGER, &version) < 0 || version.n != 1 ||
	    octet(version, 0) > 1 ||
	    take_value(&body, DER_SEQUENCE, &algorithm) < 0 ||
	    take_value(&algorithm, DER_OID, &oid) < 0 || algorithm.n > 0 ||
	    !slice_equal(oid, slice_from(ed25519, sizeof(ed25519) - 1)) ||
	    take_value(&body, DER_OCTETS, &octets) < 0 ||
	    take_value(&octets, DER_OCTETS, seed) < 0 || octets.n > 0 ||
	    seed->n != 32)
		return -1;
	/* A BIT STRING of the public key, whose first octet says that no
	 * bits are left over. */
	*public = slice_from(body.p, 0);
	if (body.n > 0 && octet(body, 0) == DER_ATTRIBUTES &&
	    take_value(&body, DER_ATTRIBUTES, &ignored) < 0)
		return -1;
	if (body.n == 0)
		return 0;
	if (take_value(&body, DER_PUBLIC, public) < 0 || public->n != 33 ||
	    public->p[0] != '\0')
		return -1;
	*public = slice_after(*public, 1);
	return body.n > 0 ? -1 : 0;
}
