/*
 * `signpost check`: keys that follow each other by files of selectors. Does
 * each domain have one that signs, does the daemon sign with that, and do
 * records stay for as long as mail may be on its way.
 */
#ifndef CLI_CHECK_ROTATION_H
#define CLI_CHECK_ROTATION_H

#include "cli/check/keys.h"
#include "cli/check/report.h"
#include "cli/kit/postfix.h"

/* Keys of which the daemon is asked. */
enum { CHECK_ROTATION_ASKED = 100 };

void check_rotation(const struct check_keys *, const struct proxy_config *,
    const struct cli_postfix *, struct check_report *);

#endif
