/*
 * The DMARC record to publish (RFC 9989 section 4.7): what stands there, with
 * the policy and the address for reports that were told. Text in, text out.
 */
#ifndef CLI_PUBLISH_DMARC_PLAN_H
#define CLI_PUBLISH_DMARC_PLAN_H

#include "base/slice.h"
#include "base/strbuf.h"

enum { CLI_DMARC_PLAN_MAX = 4096 };

struct cli_dmarc_plan {
	struct slice existing; /* the record there; empty: none */
	const char *policy;    /* "reject"; NULL: as it stands, none else */
	const char *rua;       /* an address; NULL: as it stands */
	const char *fallback;  /* the address where neither names one */
};

/* Adds the record; where nothing changes, the very text that stands there. 0,
 * or -1 where it is too long. */
int cli_dmarc_plan_make(const struct cli_dmarc_plan *, struct strbuf *record);

/* May the address stand in rua=mailto: as it is (RFC 6068 section 2)? */
bool cli_dmarc_plan_takes(struct slice address);

#endif
