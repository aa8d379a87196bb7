/* The end is not to be disturbed; see signals.h. */
#include <signal.h>
#include <stddef.h>

#include "proxy/process/signals.h"

void
proxy_signals_block(void)
{
	static const int sent[] = {
	    SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGQUIT};
	sigset_t set;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < sizeof(sent) / sizeof(sent[0]); i++)
		(void)sigaddset(&set, sent[i]);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
}
