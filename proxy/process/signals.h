/*
 * Signals of a process that ends, master or child. It knows nothing of what the
 * process was for.
 */
#ifndef PROXY_PROCESS_SIGNALS_H
#define PROXY_PROCESS_SIGNALS_H

/* Behind the event loop, and before its signals' events are freed, which sets
 * back what the signals do: from here on none that can be blocked cuts short
 * what is still to be done, nor decides the exit status. A second SIGTERM is
 * not rare, of a supervisor and of a person. */
void proxy_signals_block(void);

#endif
