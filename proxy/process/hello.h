/*
 * What the master hands a process while that runs, taken
 * (proxy/keys/hello_wire.h).
 */
#ifndef PROXY_PROCESS_HELLO_H
#define PROXY_PROCESS_HELLO_H

#include <stdbool.h>

#include "proxy/keys/hello_wire.h"

struct event;
struct proxy_shared;

/*
 * One, when the event of the wire says that there is one. A page is shown in
 * `shared` (NULL: who looks at none); of anything else the descriptor is the
 * caller's, and true. The event is deleted when the master has gone: the signal
 * of that comes too, and without this the closed socket would be ready for ever
 * and the loop would spin.
 */
bool proxy_hello_take(
    struct event *, struct proxy_shared *, struct proxy_hello *, int *fd);

#endif
