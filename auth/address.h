/* A client's address: text to octets. */
#ifndef AUTH_ADDRESS_H
#define AUTH_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

struct auth_address {
	size_t length; /* 4 or 16 */
	unsigned char octets[16];
};

/* 0; -1 where it is none. An IPv4-mapped IPv6 address is IPv4's (RFC 7208
 * section 5). */
int auth_address_parse(struct slice text, struct auth_address *);

/* Do the first `bits` agree? Both have the same length. */
bool auth_address_matches(
    const unsigned char *a, const unsigned char *b, unsigned bits);

#endif
