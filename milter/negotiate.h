/*
 * What a mail server offers and what we take of it: protocol versions 2 to 6.
 * Version 2 knows no leading space, no steps without a reply and no SKIP; where
 * they are not offered we do without.
 */
#ifndef MILTER_NEGOTIATE_H
#define MILTER_NEGOTIATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "base/strbuf.h"

enum { MILTER_VERSION_LEAST = 2, MILTER_VERSION_MOST = 6 };

/* What a filter may do to a message. */
enum milter_action {
	MILTER_ADDS_FIELDS = 0x01, /* and inserts them */
	MILTER_CHANGES_FIELDS = 0x10,
	MILTER_NAMES_MACROS = 0x100 /* says which of them are sent */
};

/* Steps that are left out, or get no reply; and two abilities. */
enum milter_step {
	MILTER_NO_UNKNOWN = 0x100,
	MILTER_NO_DATA = 0x200,
	MILTER_MAY_SKIP = 0x400,
	MILTER_QUIET_HEADER = 0x80,
	MILTER_QUIET_CONNECT = 0x1000,
	MILTER_QUIET_HELO = 0x2000,
	MILTER_QUIET_MAIL = 0x4000,
	MILTER_QUIET_RCPT = 0x8000,
	MILTER_QUIET_DATA = 0x10000,
	MILTER_QUIET_UNKNOWN = 0x20000,
	MILTER_QUIET_END_OF_HEADER = 0x40000,
	MILTER_QUIET_BODY = 0x80000,
	MILTER_LEADING_SPACE = 0x100000
};

/* What our filter is about. */
struct milter_wishes {
	bool changes;	   /* it deletes fields */
	bool answers_mail; /* it may refuse at MAIL */
	bool skips;	   /* it may come not to want the rest of a body */
};

/* What was agreed upon. */
struct milter_terms {
	uint32_t version, actions, steps;
};

/* From the mail server's packet. 0; or -1 and why not: it is none, or does not
 * offer what we cannot do without. */
int milter_negotiate(struct slice data, const struct milter_wishes *,
    struct milter_terms *, struct strbuf *reason);

/* Our packet, of what was agreed upon; where that may be said, of all macros
 * only the queue id and, at MAIL, who has logged in are asked for. 0, or -1
 * where `out` has no room. */
int milter_print_terms(const struct milter_terms *, struct strbuf *out);

/* Is an answer due to a packet of that code (enum milter_code)? */
bool milter_terms_want_answer(const struct milter_terms *, char code);

#endif
