/*
 * `signpost check`: is there room on disk for mail in passing, for results, and
 * for Postfix's queue.
 */
#ifndef CLI_CHECK_DISK_H
#define CLI_CHECK_DISK_H

#include "cli/check/report.h"
#include "proxy/settings/config.h"

/* Fails where hardly a message has room. A folder that is not there is told of
 * elsewhere. */
void check_disk(const struct proxy_config *, struct check_report *);

#endif
