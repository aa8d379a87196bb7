/*
 * `signpost check`: the addresses by which mail leaves. Each of ours must have
 * a name that leads back to it (RFC 8601 section 3), for many receivers refuse
 * mail from others. Whether SPF names them is told with the domains.
 */
#ifndef CLI_CHECK_LEAVING_H
#define CLI_CHECK_LEAVING_H

#include "cli/check/report.h"
#include "cli/kit/leaving.h"

struct cli_resolver;

/* Finds the addresses of relay hosts, looks for the names, and tells. */
void check_leaving(
    struct cli_leaving *, struct cli_resolver *, struct check_report *);

#endif
