/*
 * Internationalized domain names (RFC 5890 and on; IDNA2008 by libidn2, no
 * transitional mapping): to A-labels for DNS, to U-labels for people. Both
 * check what DNS allows of the A-label form: labels of 1 to 63 bytes, 253 in
 * all, no final dot.
 */
#ifndef MAIL_IDN_H
#define MAIL_IDN_H

#include "base/slice.h"
#include "base/strbuf.h"

/* Bytes of a domain name as text, RFC 1035 section 2.3.4. */
enum { MAIL_IDN_NAME_MAX = 253, MAIL_IDN_LABEL_MAX = 63 };

/*
 * Adds the name in lower case A-labels. ASCII labels go through as they are
 * (letters, digits, hyphens and, since DNS has them, underscores). 0, or -1
 * with nothing added where it is no domain name.
 */
int mail_idn_to_ascii(struct slice domain, struct strbuf *out);

/* Is it ASCII only, with the lengths and characters said above? */
bool mail_idn_is_ascii_name(struct slice domain);

#endif
