/*
 * `signpost check --send`: a message of our own goes the way that mail of this
 * host goes, by Postfix's sendmail, and is verified where it comes out: in a
 * mailbox of this host. What leaves for another host is followed in the log as
 * far as that.
 */
#ifndef CLI_CHECK_SEND_H
#define CLI_CHECK_SEND_H

#include <stdint.h>

#include "base/slice.h"
#include "cli/check/report.h"
#include "proxy/settings/config.h"

struct cli_resolver;

struct check_send {
	const char *to;	     /* an address */
	const char *mailbox; /* where it comes out; NULL: found by itself */
	uint64_t wait;	     /* s, till it is there */
	struct slice domain; /* whose mail it is; empty: the first one signed */
};

void check_send(const struct check_send *, const struct proxy_config *,
    struct cli_resolver *, struct check_report *);

#endif
