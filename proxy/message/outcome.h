/*
 * What is to become of a message, as a filter settles it: a verdict and why,
 * in no protocol's words. The front that has the message spells it.
 */
#ifndef PROXY_MESSAGE_OUTCOME_H
#define PROXY_MESSAGE_OUTCOME_H

#include "base/strbuf.h"

enum proxy_verdict {
	PROXY_PASS,	      /* it goes on, edited */
	PROXY_REFUSE,	      /* it is refused for good */
	PROXY_REFUSE_FOR_NOW, /* and for now: it may come again */
	PROXY_VERDICTS
};

/* Why it is refused. */
enum proxy_cause {
	PROXY_CAUSE_NONE,
	PROXY_CAUSE_FORM, /* a header that nobody can read aright */
	PROXY_CAUSE_SPF,
	PROXY_CAUSE_DKIM,
	PROXY_CAUSE_DMARC,
	PROXY_CAUSE_KEY_UNKNOWN,    /* the key cannot be looked up now */
	PROXY_CAUSE_POLICY_UNKNOWN, /* nor the policy */
	PROXY_CAUSE_OURS,	    /* something is wrong here */
	PROXY_CAUSES
};

struct proxy_outcome {
	enum proxy_verdict verdict;
	enum proxy_cause cause;
	/* For people; NULL: it is not refused. Lives as long as the filter. */
	const char *text;
};

/* The cause as subject and detail of RFC 3463 and 7372: "7.23" of 5.7.23. The
 * class before it follows from the verdict. "" for none. */
const char *proxy_cause_code(enum proxy_cause);

/* A refusal in SMTP's words: the code, 550 or 451, is returned; an enhanced
 * code (RFC 3463) and the text are added. */
unsigned proxy_outcome_print(const struct proxy_outcome *, struct strbuf *text);

#endif
