/*
 * Who asks a front of ours by milter, by what postconf(1) prints: services with
 * smtpd_milters, and cleanup(8) with non_smtpd_milters for what comes by no
 * smtpd(8). Text in, findings out.
 */
#ifndef CLI_CHECK_ASKERS_H
#define CLI_CHECK_ASKERS_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/kit/master.h"
#include "proxy/settings/config.h"

/* More are not looked at. */
enum { CHECK_ASKERS_MAX = 64 };

struct check_asker {
	const struct cli_service *from; /* whose program connects to us */
	const char *name;		/* of its list */
	bool smtpd;			/* smtpd_milters, of an smtpd */
	struct slice list, milter; /* views: all of it; ours, as it stands */
	const struct proxy_listen *listen;
	bool reached; /* false: it is in a chroot, where that path is not */
};

/* Those of each listener of the front; how many. Where a service has milters
 * switched off it asks nobody. */
size_t check_askers_search(const struct proxy_front *, const char *hostname,
    const struct cli_master *, struct check_asker list[CHECK_ASKERS_MAX]);

#endif
