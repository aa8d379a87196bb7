/* RFC 8601 section 2.7: the words a check may end with. */
#ifndef MAIL_VERDICT_H
#define MAIL_VERDICT_H

#include "base/slice.h"

enum mail_verdict {
	MAIL_VERDICT_NONE,
	MAIL_VERDICT_PASS,
	MAIL_VERDICT_FAIL,
	MAIL_VERDICT_POLICY,
	MAIL_VERDICT_NEUTRAL,
	MAIL_VERDICT_SOFTFAIL,
	MAIL_VERDICT_TEMPERROR,
	MAIL_VERDICT_PERMERROR
};
enum { MAIL_VERDICT_COUNT = 8 };

/* The word; never NULL. */
const char *mail_verdict_word(enum mail_verdict);

/* The verdict of a word, ASCII case ignored; 0, or -1 on another word. */
int mail_verdict_parse(struct slice word, enum mail_verdict *);

#endif
