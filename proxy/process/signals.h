/*
 * Signals of a process that ends, master or child. It knows nothing of what the
 * process was for.
 */
#ifndef PROXY_PROCESS_SIGNALS_H
#define PROXY_PROCESS_SIGNALS_H

/* Behind the event loop, and before its signals' events are freed, which sets
 * back what the signals do: from here on none that somebody sends by intent cuts
 * short what is still to be done, nor decides the exit status. A second SIGTERM
 * is not rare, of a supervisor and of a person. Those of mistakes stay, and the
 * sandbox's SIGSYS, which would kill where it cannot be told of. */
void proxy_signals_block(void);

#endif
