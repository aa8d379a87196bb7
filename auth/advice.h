/* What to do about a result that is no pass, for people who do not know the
 * RFCs. Private to the summary. */
#ifndef AUTH_ADVICE_H
#define AUTH_ADVICE_H

#include "auth/results.h"
#include "auth/summary.h"
#include "base/strbuf.h"

/* The text, not expanded; NULL where there is nothing to do, or nothing but
 * what is said of another result that this one follows from. */
const char *auth_advice_find(
    const struct auth_summary *, const struct auth_result *);

/* The same for the result alone, whatever else was found. */
const char *auth_advice_text(const struct auth_result *);

/* Adds the advice, wrapped at 76 columns and indented; nothing where there
 * is none to give. */
void auth_advice_print(const struct auth_summary *, const struct auth_result *,
    struct strbuf *out);

/* Likewise what could be better, though nothing fails: of a result; of HELO. */
void auth_advice_remark(const struct auth_summary *, const struct auth_result *,
    struct strbuf *out);
void auth_advice_remark_helo(const struct auth_summary *, struct strbuf *out);

/* Adds the words on lines of their own, indented, where they fit. */
void auth_advice_wrap(struct slice text, struct strbuf *out);

/* A domain name without room for words; an address as numbers. */
bool auth_summary_is_name(struct slice);
bool auth_summary_is_address(struct slice);

#endif
