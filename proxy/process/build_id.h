/* Which program runs: the linker's own digest of it (--build-id), by which two
 * are told apart that call themselves the same version. */
#ifndef PROXY_PROCESS_BUILD_ID_H
#define PROXY_PROCESS_BUILD_ID_H

#include "base/strbuf.h"

/* Adds it in hexadecimal digits; nothing where the linker gave none. */
void proxy_build_id(struct strbuf *);

#endif
