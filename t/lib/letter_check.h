/* A letter put to the DKIM verifier, with a zone to answer it. */
#ifndef T_LIB_LETTER_CHECK_H
#define T_LIB_LETTER_CHECK_H

#include <stdint.h>

#include "dkim/verifier.h"
#include "t/lib/letter.h"
#include "t/lib/zone.h"

struct letter_check {
	struct dkim_body_hashes *hashes;
	struct dkim_verifier *verifier;
	struct zone *zone;
	size_t asked;
};

/* Runs to the end; `weak` as in dkim_rules. */
void letter_check_init(struct letter_check *, const struct letter *,
    const char *zone, const struct dkim_rules *, int64_t now);
void letter_check_clear(struct letter_check *);

/* Finding `index` has that verdict; where it does not, says why. */
#define letter_check_verdict(check, index, verdict) \
	letter_check_verdict_at((check), (index), (verdict), __FILE__, __LINE__)
void letter_check_verdict_at(const struct letter_check *, size_t index,
    enum mail_verdict, const char *file, int line);

extern const struct zone_subject letter_check_subject;

#endif
