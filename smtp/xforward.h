/*
 * XFORWARD (Postfix XFORWARD_README): who the client of our client is. The
 * values are xtext (RFC 3461 section 4). Attributes come in one command or
 * many, before MAIL, and are forgotten after the transaction.
 */
#ifndef SMTP_XFORWARD_H
#define SMTP_XFORWARD_H

#include <stdbool.h>

#include "base/slice.h"
#include "base/strbuf.h"

enum smtp_xforward_name {
	SMTP_XFORWARD_NAME,
	SMTP_XFORWARD_ADDR,
	SMTP_XFORWARD_PORT,
	SMTP_XFORWARD_PROTO,
	SMTP_XFORWARD_HELO,
	SMTP_XFORWARD_IDENT,
	SMTP_XFORWARD_SOURCE,
	SMTP_XFORWARD_NAMES
};

enum {
	SMTP_XFORWARD_ALL = (1 << SMTP_XFORWARD_NAMES) - 1,
	SMTP_XFORWARD_VALUE_MAX = 255, /* decoded; as in Postfix */
	SMTP_XFORWARD_LINE_MAX = 510,  /* of what we print, without CRLF */
};

enum smtp_xforward_state {
	SMTP_XFORWARD_UNSET, /* nothing was said of it */
	SMTP_XFORWARD_UNAVAILABLE,
	SMTP_XFORWARD_TEMPUNAVAIL, /* only NAME, by the README */
	SMTP_XFORWARD_KNOWN,
};

/* A plain value; zeroed it knows nothing. */
struct smtp_xforward {
	struct {
		enum smtp_xforward_state state;
		unsigned char n;
		char value[SMTP_XFORWARD_VALUE_MAX]; /* decoded */
	} attributes[SMTP_XFORWARD_NAMES];
};

/*
 * Reads the argument of one XFORWARD command into what is known already and
 * sets `*named` to the bits of the attributes it named. 0; or -1 with nothing
 * changed and the reason (NULL is fine; fit for a 501 reply): no attribute, one
 * that is not known, bad xtext, a control character, too long, an ADDR that is
 * no address, a PORT that is no port.
 */
int smtp_xforward_parse(struct smtp_xforward *, struct slice argument,
    unsigned *named, struct strbuf *reason);

/* The decoded value; empty where it is unknown. ADDR without its IPV6:. The
 * view lives as long as the struct is unchanged. */
struct slice smtp_xforward_get(
    const struct smtp_xforward *, enum smtp_xforward_name);

/*
 * Sets one (from a PROXY header, say); ADDR without IPV6:. An empty value
 * is UNAVAILABLE. 0, or -1 where it is too long or holds a control
 * character.
 */
int smtp_xforward_set(
    struct smtp_xforward *, enum smtp_xforward_name, struct slice value);

/*
 * Adds one XFORWARD command line, without CRLF, of as many of the `wanted`
 * attributes (bits) that are set as SMTP_XFORWARD_LINE_MAX holds, and
 * returns their bits (one whose xtext fills more than a line becomes
 * [UNAVAILABLE]): call again with `wanted` less these until it returns
 * 0. `out` needs a cap over SMTP_XFORWARD_LINE_MAX (assert).
 */
unsigned smtp_xforward_print(
    const struct smtp_xforward *, unsigned wanted, struct strbuf *out);

/* The bit of a name in an EHLO line or a command, case ignored; 0: none. */
unsigned smtp_xforward_bit(struct slice name);

/* "NAME" and so on; static. */
const char *smtp_xforward_word(enum smtp_xforward_name);

#endif
