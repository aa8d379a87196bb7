/* What is to become of a message; see outcome.h. */
#include "proxy/message/outcome.h"

const char *
proxy_cause_code(enum proxy_cause cause)
{
	static const char *const codes[PROXY_CAUSES] = {
	    [PROXY_CAUSE_NONE] = "",
	    [PROXY_CAUSE_FORM] = "6.0",
	    [PROXY_CAUSE_SPF] = "7.23",
	    [PROXY_CAUSE_DKIM] = "7.20",
	    [PROXY_CAUSE_DMARC] = "7.26",
	    [PROXY_CAUSE_KEY_UNKNOWN] = "7.5",
	    [PROXY_CAUSE_POLICY_UNKNOWN] = "4.3",
	    [PROXY_CAUSE_OURS] = "3.0",
	};

	return codes[cause];
}

unsigned
proxy_outcome_print(const struct proxy_outcome *outcome, struct strbuf *text)
{
	bool for_good = outcome->verdict == PROXY_REFUSE;

	strbuf_addf(text, "%u.%s %s", for_good ? 5 : 4,
	    proxy_cause_code(outcome->cause), outcome->text);
	return for_good ? 550 : 451;
}
