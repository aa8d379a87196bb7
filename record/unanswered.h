/*
 * Which mail the reflector does not answer, whoever its sender is proven to
 * be: RFC 3834 section 2 as arithmetic.
 */
#ifndef RECORD_UNANSWERED_H
#define RECORD_UNANSWERED_H

#include "base/slice.h"
#include "mail/header.h"

/*
 * Why a message with that envelope sender (without <>) gets no answer from
 * the reflector at `own`: a bounce or a report, mail of a list, another
 * automatic message, a sender that is a role of mail itself, or mail of the
 * reflector's own. Every field of the header counts, wherever it stands.
 * NULL: it gets one. Static text, fit for "no answer to ...: ".
 */
const char *record_unanswered_why(
    const struct mail_header *, struct slice sender, struct slice own);

#endif
