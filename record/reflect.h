/*
 * The reflector's arithmetic: which mail is answered (RFC 3834), and the
 * answer as a message. No socket, clock or file.
 */
#ifndef RECORD_REFLECT_H
#define RECORD_REFLECT_H

#include <stdint.h>

#include "base/slice.h"
#include "base/strbuf.h"
#include "mail/header.h"

/* Octets of the original's header that are quoted; what is over is cut. */
#define RECORD_REFLECT_HEADER_MAX (32 * 1024)
#define RECORD_REFLECT_MAIL_MAX	  (256 * 1024)

/*
 * Why a message with that envelope sender (without <>) gets no answer: a
 * bounce, a list, another automatic message, a sender that is a role of
 * mail itself. NULL: it gets one. Static text.
 */
const char *record_reflect_refuses(
    const struct mail_header *, struct slice sender);

struct record_reflection {
	struct slice from;	 /* the reflector's address */
	struct slice to;	 /* the envelope sender */
	struct slice summary;	 /* the report, LF or CRLF line ends */
	struct slice spam;	 /* "ham (...)"; empty: no line */
	struct slice header;	 /* the original's, quoted below */
	struct slice message_id; /* the original's, with <>; may be empty */
	struct slice id;	 /* left of our own Message-ID's @ */
	int64_t now;		 /* seconds since 1970 */
};

/* The whole message, CRLF line ends, every line short enough. The line
 * "SpamAssassin check: " is put behind the summary's last line that ends
 * in " check: WORD". 0, or -1 where the strbuf is full or a value holds what
 * would break the header. */
int record_reflect_print(const struct record_reflection *, struct strbuf *);

#endif
