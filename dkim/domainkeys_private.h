/* What DomainKeys' signer and checker share. Private to the room. */
#ifndef DKIM_DOMAINKEYS_PRIVATE_H
#define DKIM_DOMAINKEYS_PRIVATE_H

#include "base/slice.h"
#include "base/strbuf.h"
#include "dkim/canon.h"
#include "mail/reason.h"

struct mail_field;
struct mail_header;

/*
 * The sending address (RFC 4870 section 3.4.1 step 1): the first of Sender,
 * else of From. Or why there is none; more than one
 * such field is one. Then `field` is the name of the field, the local part
 * goes to `local` and the domain, in A-labels, to `domain`.
 */
enum mail_reason dkim_domainkeys_sender(const struct mail_header *,
    struct slice *field, struct strbuf *local, struct strbuf *domain);

/* The canonical fields, in order, added to `out`. */
void dkim_domainkeys_canon(enum dkim_canon,
    const struct mail_field *const *fields, size_t count, struct strbuf *out);

/*
 * The fields below `index` that h= names (all, where its p is NULL), in the
 * order of the message; or those of one name together, in the order of h=,
 * as Mail::DKIM reads section 3.3. Fills `fields`, which has room for all of
 * the header's, and returns how many.
 */
size_t dkim_domainkeys_as_they_stand(struct slice names,
    const struct mail_header *, size_t index, const struct mail_field **fields);
size_t dkim_domainkeys_by_name(struct slice names, const struct mail_header *,
    size_t index, const struct mail_field **fields);

#endif
