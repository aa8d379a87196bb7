/*
 * A message at hand, to sign and to change: header and body apart, keys and
 * data from t/data/dkim, key records for t/lib/zone.h.
 */
#ifndef T_LIB_LETTER_H
#define T_LIB_LETTER_H

#include "base/slice.h"
#include "base/strbuf.h"
#include "dkim/arc.h"
#include "dkim/domainkeys.h"
#include "dkim/key.h"
#include "dkim/signer.h"
#include "mail/header.h"

struct letter {
	struct strbuf text; /* CRLF line ends */
	struct mail_header *header;
	struct slice body;
};

/* Of these bytes; LF becomes CRLF where `text` has no CR at all. */
void letter_init(struct letter *, struct slice text);
/* Of t/data/dkim/NAME. */
void letter_read(struct letter *, const char *name);
void letter_clear(struct letter *);

/* With `field` (CRLF at its end) above all else. */
void letter_put_on_top(struct letter *, struct slice field);
/* `other` is the letter with `what`, its n-th occurrence (0: the first), put
 * as `with`. */
void letter_replaced(const struct letter *, const char *what, unsigned nth,
    const char *with, struct letter *other);
/* With one octet changed. */
void letter_change(struct letter *, size_t at);

/* The octets of t/data/dkim/NAME. The caller clears the strbuf. */
void letter_data(const char *name, struct strbuf *);
struct dkim_key *letter_key(const char *name);

/* Adds a line to a zone: NAME TXT `tags` p=...; tags end with "; ". */
void letter_record(const struct dkim_key *, const char *name, const char *tags,
    struct strbuf *zone);

/* Signs, fails the test where that fails, and puts the field on top. The
 * body is hashed in chunks of `cut` octets (0: whole). */
void letter_sign(struct letter *, const struct dkim_signing *,
    const struct dkim_key *, size_t cut);
void letter_sign_domainkeys(struct letter *,
    const struct dkim_domainkeys_signing *, const struct dkim_key *);

/* Puts one more ARC set on top; the chain's verdict is the caller's. NULL,
 * or why there is none, until the next call. */
const char *letter_seal(
    struct letter *, const struct dkim_arc_sealing *, const struct dkim_key *);

#endif
