/*
 * Base64; see base64.h. What is decoded comes out of signatures and keys of
 * strangers, so it is strict where leniency would let two texts stand for the
 * same octets, and lets through only the white space that folding puts into a
 * tag's value.
 */
#include <stdint.h>

#include "base/base64.h"

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int
base64_encode(struct slice in, struct strbuf *out)
{
	char *to = strbuf_reserve(out, (in.n + 2) / 3 * 4);

	if (to == NULL)
		return -1;
	for (size_t i = 0; i < in.n; i += 3) {
		size_t left = in.n - i;
		uint32_t b0 = (unsigned char)in.p[i];
		uint32_t b1 = left > 1 ? (unsigned char)in.p[i + 1] : 0;
		uint32_t b2 = left > 2 ? (unsigned char)in.p[i + 2] : 0;
		uint32_t bits = b0 << 16 | b1 << 8 | b2;

		*to++ = alphabet[bits >> 18];
		*to++ = alphabet[bits >> 12 & 63];
		*to++ = left > 1 ? alphabet[bits >> 6 & 63] : '=';
		*to++ = left > 2 ? alphabet[bits & 63] : '=';
	}
	*to = '\0';
	out->n = (size_t)(to - out->p);
	return 0;
}

struct decoder {
	uint32_t bits;
	unsigned digits; /* of the running group of four */
	unsigned padding;
};

static int
take_char(struct decoder *d, char c, struct strbuf *out)
{
	int value;

	if (c >= 'A' && c <= 'Z')
		value = c - 'A';
	else if (c >= 'a' && c <= 'z')
		value = c - 'a' + 26;
	else if (c >= '0' && c <= '9')
		value = c - '0' + 52;
	else
		value = c == '+' ? 62 : c == '/' ? 63 : -1;
	if (c == '=')
		return ++d->padding + d->digits > 4 ? -1 : 0;
	if (value < 0 || d->padding > 0)
		return -1;
	d->bits = d->bits << 6 | (uint32_t)value;
	if (++d->digits < 4)
		return 0;
	d->digits = 0;
	return strbuf_add(out,
	    slice_from((char[]){(char)(d->bits >> 16), (char)(d->bits >> 8),
			   (char)d->bits},
		3));
}

/* What stands after the last whole group: nothing, or one or two bytes. */
static int
take_rest(const struct decoder *d, struct strbuf *out)
{
	if (d->padding > 0 && d->digits + d->padding != 4)
		return -1;
	switch (d->digits) {
	case 0:
		return d->padding == 0 ? 0 : -1;
	case 2:
		if ((d->bits & 0xf) != 0)
			return -1;
		return strbuf_add_char(out, (char)(d->bits >> 4));
	case 3:
		if ((d->bits & 0x3) != 0)
			return -1;
		return strbuf_add(out,
		    slice_from(
			(char[]){(char)(d->bits >> 10), (char)(d->bits >> 2)},
			2));
	default:
		return -1;
	}
}

int
base64_decode(struct slice in, struct strbuf *out)
{
	struct decoder d = {0};
	size_t before = out->n;

	for (size_t i = 0; i < in.n; i++)
		if (!ascii_is_space(in.p[i]) &&
		    take_char(&d, in.p[i], out) != 0)
			goto bad;
	if (take_rest(&d, out) == 0)
		return 0;
bad:
	strbuf_truncate(out, before);
	return -1;
}
