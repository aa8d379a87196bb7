/*
 * A client's address; see address.h. It comes as text, from a socket, from
 * XFORWARD or from a PROXY header, and the checks want octets: an IPv4 address
 * that was mapped into IPv6 is the IPv4 address, or no ip4: of an SPF record
 * would ever match on a socket that takes both.
 */
#include <arpa/inet.h>

#include "auth/address.h"

enum { ADDRESS_TEXT_MAX = 64 };

int
auth_address_parse(struct slice text, struct auth_address *address)
{
	static const unsigned char mapped[12] = {
	    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	char copy[ADDRESS_TEXT_MAX];

	if (text.n == 0 || text.n >= sizeof(copy) ||
	    memchr(text.p, '\0', text.n) != NULL)
		return -1;
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	*address = (struct auth_address){.length = 4};
	if (inet_pton(AF_INET, copy, address->octets) == 1)
		return 0;
	address->length = 16;
	if (inet_pton(AF_INET6, copy, address->octets) != 1)
		return -1;
	if (memcmp(address->octets, mapped, sizeof(mapped)) == 0) {
		memmove(address->octets, address->octets + 12, 4);
		address->length = 4;
	}
	return 0;
}

bool
auth_address_matches(
    const unsigned char *a, const unsigned char *b, unsigned bits)
{
	unsigned octets = bits / 8, rest = bits % 8;

	if (memcmp(a, b, octets) != 0)
		return false;
	return rest == 0 || (a[octets] ^ b[octets]) >> (8 - rest) == 0;
}
