/*
 * What a server can (RFC 5321 section 4.1.1.1) as a set: parse the relay's
 * reply to EHLO, cut it to what we can carry, print ours. An allowlist:
 * what stands not here does not exist (DESIGN, "SMTP, exactly").
 */
#ifndef SMTP_EHLO_H
#define SMTP_EHLO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "base/strbuf.h"
#include "smtp/reply.h"

enum smtp_extension {
	SMTP_EXT_PIPELINING = 1 << 0,	       /* RFC 2920 */
	SMTP_EXT_ENHANCEDSTATUSCODES = 1 << 1, /* RFC 2034 */
	SMTP_EXT_SIZE = 1 << 2,		       /* RFC 1870 */
	SMTP_EXT_8BITMIME = 1 << 3,	       /* RFC 6152 */
	SMTP_EXT_DSN = 1 << 4,		       /* RFC 3461 */
	SMTP_EXT_SMTPUTF8 = 1 << 5,	       /* RFC 6531 */
	SMTP_EXT_XFORWARD = 1 << 6,	       /* Postfix XFORWARD_README */
};

struct smtp_capabilities {
	unsigned extensions; /* enum smtp_extension */
	uint64_t size;	     /* most bytes of a message; 0: not said */
	unsigned xforward;   /* bits of enum smtp_xforward_name */
};

/*
 * Reads a relay's 250 to EHLO; any other reply, and one to HELO, gives the
 * empty set. Keywords are compared without case; unknown ones are skipped.
 * A SIZE without a usable number counts as offered with size 0.
 */
void smtp_ehlo_parse(const struct smtp_reply *, struct smtp_capabilities *);

/* The name the relay gives itself: first word of its reply; a view. */
struct slice smtp_ehlo_host(const struct smtp_reply *);

/*
 * What we offer in front of such a relay. `eight_bit` false withholds
 * 8BITMIME and SMTPUTF8. `size_max` is our own limit, 0 for none. XFORWARD
 * is always offered, with all attributes, as are PIPELINING,
 * ENHANCEDSTATUSCODES and SIZE.
 */
struct smtp_capabilities smtp_ehlo_offer(
    const struct smtp_capabilities *relay, bool eight_bit, uint64_t size_max);

/* Adds our whole reply to EHLO. 0, or -1 where `out` is full. */
int smtp_ehlo_print(
    struct slice host, const struct smtp_capabilities *, struct strbuf *out);

#endif
