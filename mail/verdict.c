/*
 * RFC 8601's words; see verdict.h. One table for both ways, for what is
 * printed into a field of ours is read again by whoever checks our seal.
 */
#include <assert.h>

#include "mail/verdict.h"

static const char *const words[MAIL_VERDICT_COUNT] = {
    [MAIL_VERDICT_NONE] = "none",
    [MAIL_VERDICT_PASS] = "pass",
    [MAIL_VERDICT_FAIL] = "fail",
    [MAIL_VERDICT_POLICY] = "policy",
    [MAIL_VERDICT_NEUTRAL] = "neutral",
    [MAIL_VERDICT_SOFTFAIL] = "softfail",
    [MAIL_VERDICT_TEMPERROR] = "temperror",
    [MAIL_VERDICT_PERMERROR] = "permerror",
};

const char *
mail_verdict_word(enum mail_verdict verdict)
{
	assert((unsigned)verdict < MAIL_VERDICT_COUNT);
	return words[verdict];
}

int
mail_verdict_parse(struct slice word, enum mail_verdict *verdict)
{
	for (unsigned i = 0; i < MAIL_VERDICT_COUNT; i++)
		if (slice_equal_nocase(word, slice_str(words[i]))) {
			*verdict = (enum mail_verdict)i;
			return 0;
		}
	return -1;
}
