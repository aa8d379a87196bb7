/*
 * Each process closes itself in, whoever started it ([signpost] sandbox): it
 * may make the system calls of its role (proxy/process/sandbox_calls), and
 * reach the files and TCP ports of its role (proxy/process/sandbox_files).
 * Entered when all that is opened late was opened, which is done here: the time
 * zone, the digests of libcrypto.
 *
 * With SIGNPOST_SANDBOX=death in the environment, for tests, a call that is not
 * listed ends its process, and what cannot be entered does, too. Where we were
 * built with a sanitizer, whose runtime makes calls of its own, `yes` is `log`.
 */
#ifndef PROXY_PROCESS_SANDBOX_H
#define PROXY_PROCESS_SANDBOX_H

#include "base/log.h"
#include "proxy/figures/role.h"
#include "proxy/settings/config.h"

#define PROXY_SANDBOX_VARIABLE "SIGNPOST_SANDBOX"

/* What this machine has of it is logged, and who forbids the rest: the kernel,
 * or whoever started us. Then it closes in the master, as far as one can be
 * that starts others. */
void proxy_sandbox_begin(const struct proxy_config *, struct log *);

/*
 * For the process of a role: for good. `tell` is where calls that are not
 * listed are told of (proxy/process/sandbox_filter.h). 0; or -1 where it must
 * not go on: the reason is logged. What this machine does not have is gone
 * without: the master has said so.
 */
int proxy_sandbox_enter(
    enum proxy_role, const struct proxy_config *, int tell, struct log *);

#endif
