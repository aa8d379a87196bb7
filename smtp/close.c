/* Names of the ways a connection ends; see close.h. */
#include "smtp/close.h"

const char *
smtp_close_name(enum smtp_close close)
{
	static const char *const names[] = {
	    [SMTP_CLOSE_DONE] = "done",
	    [SMTP_CLOSE_CONNECT] = "connect",
	    [SMTP_CLOSE_TIMEOUT] = "timeout",
	    [SMTP_CLOSE_EOF] = "eof",
	    [SMTP_CLOSE_RESET] = "reset",
	    [SMTP_CLOSE_PROTOCOL] = "protocol",
	    [SMTP_CLOSE_ALIEN] = "alien",
	};

	return names[close];
}
