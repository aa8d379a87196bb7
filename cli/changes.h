/*
 * Settings whose default or meaning another version changed: what an upgrade
 * has a postmaster look at.
 */
#ifndef CLI_CHANGES_H
#define CLI_CHANGES_H

#include <stdbool.h>

#include "base/slice.h"

struct cli_change {
	const char *version; /* the first with it: "0.1.0" */
	const char *section, *name;
	bool meaning;	  /* it means something else; else its default is new */
	const char *what; /* half a sentence, for people */
};

/* Is that a version: numbers with dots between, then perhaps a Debian revision
 * ("-1") or what stands before a release ("~rc1")? */
bool cli_version_is(struct slice);

/* <0, 0, >0; by their numbers, of which those that are missing are 0. */
int cli_version_compare(struct slice, struct slice);

/*
 * Calls `found` for each change since that version (later than it) that touches
 * a configuration with this text: a new default only where the text does not
 * set it, a new meaning only where it does.
 */
void cli_changes_since(struct slice version, struct slice text,
    void (*found)(void *ctx, const struct cli_change *), void *ctx);

#endif
