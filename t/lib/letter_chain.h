/* A letter with an ARC chain: two keys of example.net, a set by each in turn. */
#ifndef T_LIB_LETTER_CHAIN_H
#define T_LIB_LETTER_CHAIN_H

#include "mail/verdict.h"
#include "t/lib/letter.h"

#define LETTER_CHAIN_TIME 1700000000

/* What such a letter is before its first set. */
#define LETTER_CHAIN_TEXT                 \
	"Received: from a by b\r\n"       \
	"From: Joe <joe@example.org>\r\n" \
	"To: a@example.net\r\n"           \
	"Subject: s\r\n"                  \
	"\r\n"                            \
	"Hello  there\r\n\r\n"

/* Selectors "ed" and "rsa", and their records. */
struct letter_chain_keys {
	struct dkim_key *ed, *rsa;
	struct strbuf zone;
};

void letter_chain_keys_init(struct letter_chain_keys *);
void letter_chain_keys_clear(struct letter_chain_keys *);

struct dkim_arc_sealing letter_chain_sealing(
    const struct dkim_key *, const char *selector, enum mail_verdict chain);

/* One more set on top; NULL, or why there is none. */
const char *letter_chain_seal(struct letter *, const struct dkim_key *,
    const char *selector, enum mail_verdict chain);

/* The letter with so many sets, each of which passed. */
void letter_chain_init(
    struct letter *, const struct letter_chain_keys *, unsigned hops);

#endif
