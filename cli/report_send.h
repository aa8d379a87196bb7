/*
 * The sending of aggregate reports: to whom (RFC 9990 section 4), each
 * address once, and what came of it into the database.
 */
#ifndef CLI_REPORT_SEND_H
#define CLI_REPORT_SEND_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/kit/resolve.h"
#include "proxy/settings/config.h"
#include "record/report.h"
#include "record/store.h"

/* All borrowed. Zeroed but for these; report_send_end() it. */
struct report_send {
	const struct proxy_config *config;
	const struct cli_dns *dns;
	struct record_store *store; /* to write */
	bool again;		    /* what was sent, too */
	bool quiet;		    /* tells of failures alone */

	struct cli_resolver *resolver;
	int lock;	  /* one run at a time; -1: not taken */
	unsigned silent;  /* failures without an answer, one after another */
	unsigned waiting; /* reports that are to be sent later */
};

/* Only one run sends at a time. CLI_OK; or how to end, with a message on
 * stderr. */
int report_send_begin(struct report_send *);

/* One report, packed; day: its first second. CLI_OK; or how to end at once,
 * where the database does not take what is sent. */
int report_send_report(struct report_send *, int64_t day,
    const struct record_report *, struct slice gzip);

/* CLI_OK, or CLI_TEMPORARY where some wait. */
int report_send_end(struct report_send *);

#endif
