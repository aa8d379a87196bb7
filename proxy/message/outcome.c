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
