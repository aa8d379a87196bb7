/*
 * The SPF record to publish (RFC 7208; RFC 4406 for spf2.0): what stands there,
 * and what it lacks. Text in, text out; nothing is asked.
 */
#ifndef CLI_PUBLISH_SPF_PLAN_H
#define CLI_PUBLISH_SPF_PLAN_H

#include <stddef.h>

#include "base/slice.h"
#include "base/strbuf.h"

enum { CLI_SPF_PLAN_MAX = 4096, CLI_SPF_PLAN_RECORDS_MAX = 8 };

struct cli_spf_plan {
	const char *version;	      /* "v=spf1", "spf2.0/pra": of a new one */
	const struct slice *existing; /* records of that version */
	size_t existing_count;
	struct slice told;    /* terms of the user; may be empty */
	struct slice missing; /* terms that this machine needs */
};

/*
 * Adds the record: of several that are there one, each term once; new terms
 * before `all`, or before all others where one of those keeps hosts out. It
 * ends with the `all` that was told, else the one that stands there, else ~all;
 * one that lets every host pass becomes ~all. 0; or -1 and the reason, where a
 * record or a term cannot be read, or the user wants what must not be.
 */
int cli_spf_plan_make(
    const struct cli_spf_plan *, struct strbuf *record, struct strbuf *reason);

/* Have two records the same terms behind their versions? */
bool cli_spf_plan_same(struct slice, struct slice);

#endif
