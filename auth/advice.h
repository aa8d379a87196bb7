/* What to do about a result that is no pass, for people who do not know the
 * RFCs. Private to the summary. */
#ifndef AUTH_ADVICE_H
#define AUTH_ADVICE_H

#include "auth/results.h"
#include "base/strbuf.h"

/* Adds the advice, wrapped at 76 columns and indented; nothing where there
 * is none to give. `client` may be empty. */
void auth_advice_print(
    const struct auth_result *, struct slice client, struct strbuf *out);

#endif
