/* The end is not to be disturbed; see signals.h. */
#include <signal.h>

#include "proxy/process/signals.h"

void
proxy_signals_block(void)
{
	sigset_t all;

	(void)sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, NULL);
}
